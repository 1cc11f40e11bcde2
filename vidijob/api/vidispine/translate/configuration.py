"""Configuration ⇄ documents, both ways, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from vidijob.api.vidispine import documents as wire
from vidijob.engine.configuration import JobPools
from vidijob.engine.origins import HEADERS, METHODS, Condition, Entry, Permission
from vidijob.errors import Invalid, NotImplementedHere
from vidijob.jobs.model import Priority
from vidijob.jobs.pools import Pool
from vidijob.store.configuration import Property
from vidijob.web.parameters import one_of


def property_document(given: Property) -> wire.ConfigurationPropertyDocument:
    """Return one property."""
    return wire.ConfigurationPropertyDocument(key=given.key, value=given.value, last_change=given.changed_at)


def property_list(given: Sequence[Property]) -> wire.ConfigurationPropertyListDocument:
    """Return properties."""
    return wire.ConfigurationPropertyListDocument(property=tuple(property_document(one) for one in given))


def job_pools(given: JobPools) -> wire.JobPoolListDocument:
    """Return how many jobs run at once, and the pools."""
    return wire.JobPoolListDocument(
        concurrent_jobs=given.concurrent_jobs,
        pool=tuple(wire.JobPool(priority_threshold=pool.threshold.value, size=pool.size) for pool in given.pools),
    )


def pools(document: wire.JobPoolListDocument) -> list[Pool]:
    """Read the pools of a document."""
    return [Pool(one_of("priorityThreshold", pool.priority_threshold, Priority), pool.size) for pool in document.pool]


def job_priorities(given: Mapping[str, Priority]) -> wire.JobPriorityConfigurationDocument:
    """Return the default priorities of job types."""
    return wire.JobPriorityConfigurationDocument(
        job=tuple(wire.JobTypePriority(type=type, value=priority.value) for type, priority in given.items())
    )


def priorities(document: wire.JobPriorityConfigurationDocument) -> dict[str, Priority | None]:
    """Read the default priorities of job types; ``None`` takes a type's own away."""
    return {job.type: one_of("value", job.value, Priority) if job.value else None for job in document.job}


def purging_document(kept: timedelta | None) -> wire.DatabasePurgingConfigurationDocument:
    """Return for how long ended jobs are kept."""
    return wire.DatabasePurgingConfigurationDocument(
        job=wire.DatabasePurgingJob(age=kept.days) if kept is not None else None
    )


def purging(document: wire.DatabasePurgingConfigurationDocument) -> int | None:
    """Read for how many days ended jobs are kept; ``None``: for ever."""
    if document.job is None:
        return None
    if document.job.uri or document.job.compress:
        raise NotImplementedHere(
            "This server does not write jobs to a file before it deletes them: leave out uri and compress."
        )
    if document.job.age is None:
        raise Invalid("age", "The age of a job in days, after which it is deleted, is missing.")
    return document.job.age


def cors_document(entries: Sequence[Entry]) -> wire.CORSConfigurationDocument:
    """Return what is said to pages of other origins."""
    return wire.CORSConfigurationDocument(
        entry=tuple(
            wire.CORSEntry(
                request=tuple(
                    wire.CORSRequest(
                        method=one.methods,
                        origin=one.origins,
                        origin_regex=one.origin_patterns,
                        path_regex=one.path_patterns,
                        header_regex=_pairs(one.header_patterns),
                    )
                    for one in entry.conditions
                ),
                response=wire.CORSResponse(
                    allow_origin=entry.permission.origin,
                    allow_methods=entry.permission.methods,
                    allow_headers=entry.permission.headers,
                    allow_max_age=entry.permission.max_age,
                    allow_other_header=_pairs(entry.permission.others),
                ),
            )
            for entry in entries
        )
    )


def cors(document: wire.CORSConfigurationDocument) -> list[Entry]:
    """Read what is to be said to pages of other origins."""
    entries = []
    for entry in document.entry:
        age = entry.response.allow_max_age
        if age is not None and age < 0:
            raise Invalid("allowMaxAge", "It is a number of seconds from 0.", value=str(age))
        entries.append(
            Entry(
                tuple(
                    Condition(
                        methods=tuple(method.upper() for method in _words(one.method)),
                        origins=one.origin,
                        origin_patterns=one.origin_regex,
                        path_patterns=one.path_regex,
                        header_patterns=tuple((pair.key, pair.value) for pair in one.header_regex),
                    )
                    for one in entry.request
                ),
                Permission(
                    origin=entry.response.allow_origin.strip(),
                    methods=tuple(method.upper() for method in _words(entry.response.allow_methods)) or METHODS,
                    headers=tuple(header.lower() for header in _words(entry.response.allow_headers)) or HEADERS,
                    max_age=age,
                    others=tuple((pair.key.lower(), pair.value) for pair in entry.response.allow_other_header),
                ),
            )
        )
    return entries


def _words(given: Sequence[str]) -> list[str]:
    """Take lists apart that were written as one value, separated by commas."""
    return [word for text in given for part in text.split(",") if (word := part.strip())]


def _pairs(given: Sequence[tuple[str, str]]) -> tuple[wire.KeyValue, ...]:
    return tuple(wire.KeyValue(key=key, value=value) for key, value in given)
