"""What is told of metrics is true: the page, the dashboard, the rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from click.testing import CliRunner

from tests.house.test_agreement import table
from vidijob import help
from vidijob.cli import commands
from vidijob.observability import metrics
from vidijob.observability.recording import Metric

FOLDER = files("vidijob.observability").joinpath("files")
DASHBOARD = json.loads(FOLDER.joinpath("grafana-dashboard.json").read_text("utf-8"))
RULES = yaml.safe_load(FOLDER.joinpath("prometheus-rules.yml").read_text("utf-8"))
PROMTOOL = shutil.which("promtool")


def names() -> dict[str, Metric]:
    """Return every name that Prometheus stores, with its metric."""
    assert metrics.JOBS in Metric.ALL
    found = {}
    for one in Metric.ALL:
        for suffix in ("_bucket", "_count", "_sum") if one.kind == "histogram" else ("",):
            found[one.name + suffix] = one
    return found


def alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return list(DASHBOARD["panels"])


def expressions() -> Iterator[tuple[str, str]]:
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield (
                f"{panel['title']} {target['refId']}",
                target["expr"].replace("$__rate_interval", "5m").replace("$job", "vidijob"),
            )


EXPRESSIONS = dict(expressions())
EACH = pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=list(EXPRESSIONS))


def test_every_metric_has_one_name_and_says_what_it_tells() -> None:
    assert len({one.name for one in Metric.ALL}) == len(Metric.ALL)
    for one in Metric.ALL:
        assert re.fullmatch(r"vidijob_[a-z_]+", one.name)
        assert (one.kind == "counter") == one.name.endswith("_total")
        assert (one.about.endswith(".") and one.about[0].isupper()) or one.about.startswith("1 if")
        assert not set(one.labels) & {"path", "id", "job", "user", "instance"}


def test_the_page_has_every_metric_with_its_labels_and_what_it_tells() -> None:
    rows = table(help.page("metrics").text, r"`vidijob_\w+`")
    assert rows == [
        [f"`{one.name}`", one.kind, ", ".join(one.labels) or "\N{EN DASH}", one.about] for one in Metric.ALL
    ]


@EACH
def test_an_expression_can_be_read_and_asks_for_what_there_is(expression: str) -> None:
    promql_parser.parse(expression)
    known = names()
    asked = re.findall(r"\bvidijob_[a-z_]+", expression)
    assert asked or expression.startswith("up{")
    for name in asked:
        assert name in known, name
        # A counter is only worth its rate; a gauge has none.
        inside = re.search(rf"(rate|increase)\({name}\b", expression)
        grows = known[name].kind in ("counter", "histogram")
        assert grows == (inside is not None), name
    for name, selector in re.findall(r"\b(vidijob_[a-z_]+)\{([^}]*)\}", expression):
        for label in re.findall(r"(\w+)(?:=~|!~|!=|=)", selector):
            assert label in {*known[name].labels, "job", "le"}, f"{name}{{{label}}}"
    for labels in re.findall(r"\bby \(([^)]*)\)", expression):
        possible = {label for name in asked for label in known[name].labels} | {"le", "instance"}
        assert set(re.split(r",\s*", labels)) <= possible, labels


def test_an_alert_says_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in alerts()}) == len(alerts()) > 10
    for rule in alerts():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "action"}
        assert all(text.endswith(".") for text in rule["annotations"].values())


def test_every_metric_is_watched() -> None:
    watched = " ".join(EXPRESSIONS.values())
    assert [one.name for one in Metric.ALL if one.name not in watched] == []


def test_the_panels_have_their_own_places_and_the_chosen_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["title"] and panel["description"] and panel["targets"]
            assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_the_command_prints_the_files() -> None:
    for command, name in (("dashboard", "grafana-dashboard.json"), ("rules", "prometheus-rules.yml")):
        ended = CliRunner().invoke(commands, ["metrics", command])
        assert (ended.exit_code, ended.output) == (0, FOLDER.joinpath(name).read_text("utf-8"))
    listed = CliRunner().invoke(commands, ["metrics", "list"]).output.splitlines()
    assert [line.split("\t")[0] for line in listed] == [one.name for one in Metric.ALL]


CASES = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'vidijob_scheduler_led{job="vidijob",instance="a"}', values: '1 1 0x10'}
      - {series: 'vidijob_problems{job="vidijob",instance="a",type="OUT_OF_STORAGE"}', values: '0 2x20'}
      - {series: 'vidijob_http_requests_total{job="vidijob",route="/API/job",method="GET",status="200"}', values: '0+100x20'}
      - {series: 'vidijob_http_requests_total{job="vidijob",route="/API/job",method="GET",status="500"}', values: '0+3x20'}
    alert_rule_test:
      - {eval_time: 1m, alertname: VidijobNoScheduler, exp_alerts: []}
      - eval_time: 5m
        alertname: VidijobNoScheduler
        exp_alerts:
          - exp_labels: {severity: critical}
            exp_annotations:
              summary: "No scheduler leads: no job is started."
              action: "Start a process with the role scheduler: vidijob serve --role scheduler."
      - eval_time: 5m
        alertname: VidijobOutOfStorage
        exp_alerts:
          - exp_labels: {severity: critical}
            exp_annotations:
              summary: "Jobs wait because a storage is full."
              action: "Make room; the jobs go on by themselves. vidijob problem list names the storage."
      - eval_time: 15m
        alertname: VidijobServerErrors
        exp_alerts:
          - exp_labels: {severity: critical}
            exp_annotations:
              summary: "2.913% of the requests end with an error of the server."
              action: "Look into the log for the ids of these requests."
"""


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_takes_the_rules_and_they_fire(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    shutil.copy(str(FOLDER.joinpath("prometheus-rules.yml")), tmp_path / "rules.yml")
    (tmp_path / "cases.yml").write_text(CASES)
    for words in (("check", "rules", "rules.yml"), ("test", "rules", "cases.yml")):
        ended = subprocess.run([PROMTOOL, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
