"""``vidijob metrics …``: what there is to watch, and the files for those who watch; no server is needed."""

from __future__ import annotations

from importlib.resources import files

import click

from vidijob.cli import showing
from vidijob.observability import metrics as declared
from vidijob.observability.recording import Metric


@click.group()
def metrics() -> None:
    """What /metrics tells, a dashboard for Grafana, rules for Prometheus."""


@metrics.command("list")
def list_metrics() -> None:
    """Show every metric: its kind, its labels, what it tells."""
    assert declared.JOBS in Metric.ALL
    showing.table(
        ("metric", "kind", "labels", "what it tells"),
        [(one.name, one.kind, ", ".join(one.labels), one.about) for one in Metric.ALL],
    )


@metrics.command()
def dashboard() -> None:
    """Print a dashboard, to be imported into Grafana."""
    click.echo(_file("grafana-dashboard.json"), nl=False)


@metrics.command()
def rules() -> None:
    """Print rules for alerts, to be named in rule_files of Prometheus."""
    click.echo(_file("prometheus-rules.yml"), nl=False)


def _file(name: str) -> str:
    return files("vidijob.observability").joinpath("files", name).read_text("utf-8")
