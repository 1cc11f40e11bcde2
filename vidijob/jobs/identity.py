"""Site ids: ``VX-80`` is the job 80 of the site VX (contract 6)."""

from __future__ import annotations

import re

from vidijob.errors import Invalid, NotFound
from vidijob.jobs.model import JobId

_SITE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,9}")
_JOB = re.compile(r"(?:JOB-)?(?P<site>[A-Za-z_][A-Za-z0-9_]*)-(?P<number>[0-9]{1,32})")
_LARGEST = 2**63 - 1


class MalformedId(NotFound):
    """An id that no job can have."""


def check_site(site: str) -> str:
    """Return a site name that can be taken, or raise ``Invalid``."""
    if not _SITE.fullmatch(site):
        raise Invalid("site", "A site is a letter or _, then letters, digits or _; at most 10 characters.", value=site)
    return site


def job_name(site: str, job: JobId) -> str:
    """Return the id as users know it."""
    return f"{site}-{job}"


def parse_job(site: str, text: str) -> JobId:
    """Read a job's id, in the short or the full form; raises ``NotFound`` for what no job here can have as its id."""
    match = _JOB.fullmatch(text)
    if match is None:
        raise MalformedId("Job", text)
    number = int(match["number"])
    if match["site"] != site or not 0 < number <= _LARGEST:
        raise NotFound("Job", text)
    return JobId(number)
