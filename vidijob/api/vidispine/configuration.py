"""Configuration over HTTP: read the call, ask the engine, answer (contract 1.7)."""

from __future__ import annotations

from typing import TypeVar

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import (
    ConfigurationPropertyDocument,
    ConfigurationPropertyListDocument,
    CORSConfigurationDocument,
    DatabasePurgingConfigurationDocument,
    JobPoolListDocument,
    JobPriorityConfigurationDocument,
    URIListDocument,
    VidispineDocument,
)
from vidijob.api.vidispine.translate import configuration as translate
from vidijob.binding import text
from vidijob.errors import Invalid, Unreadable
from vidijob.jobs.model import Priority
from vidijob.web.negotiate import Form
from vidijob.web.parameters import one_of

D = TypeVar("D", bound=VidispineDocument)

_RESOURCES = ("cors", "job-pool", "job-priority", "properties", "purging")


async def listing(call: Call) -> Answer:
    """GET /configuration: what can be configured, as URLs."""
    urls = [call.url(f"/configuration/{name}") for name in _RESOURCES]
    return Answer(lambda: URIListDocument(uri=tuple(urls)), lambda: text.lines(urls))


async def properties(call: Call) -> Answer:
    """GET /configuration/properties: all properties."""
    found = await call.services.configuration.properties()
    return Answer(lambda: translate.property_list(found), lambda: text.lines([(one.key, one.value) for one in found]))


async def set_properties(call: Call) -> Answer:
    """PUT /configuration/properties: give one property a value, or several."""
    values = {}
    for one in await _properties(call):
        if one.value is None:
            raise Invalid("value", f"The value of {one.key} is missing.", value=one.key)
        values[one.key] = one.value
    await call.services.configuration.set_properties(values)
    return Answer()


async def property(call: Call) -> Answer:
    """GET /configuration/properties/{key}: one property; as text only its value."""
    found = await call.services.configuration.property(call.path["key"])
    return Answer(lambda: translate.property_document(found), lambda: found.value)


async def set_property(call: Call) -> Answer:
    """PUT /configuration/properties/{key}: give a property a value, which is the body as text, or in a document."""
    key = call.path["key"]
    if call.sends in (Form.XML, Form.JSON):
        document = await _document(call, ConfigurationPropertyDocument)
        if document.key != key or document.value is None:
            raise Invalid("key", f"The document is about {key} and has a value.", value=document.key)
        value = document.value
    else:
        value = await call.text()
    await call.services.configuration.set_properties({key: value})
    return Answer()


async def delete_property(call: Call) -> Answer:
    """DELETE /configuration/properties/{key}: take the value from a property."""
    await call.services.configuration.delete_property(call.path["key"])
    return Answer()


async def job_pools(call: Call) -> Answer:
    """GET /configuration/job-pool: how many jobs run at once, and the pools."""
    found = await call.services.configuration.job_pools()
    return Answer(lambda: translate.job_pools(found))


async def set_job_pools(call: Call) -> Answer:
    """PUT /configuration/job-pool: set both; pools that are not given go."""
    document = await _document(call, JobPoolListDocument)
    await call.services.configuration.set_job_pools(document.concurrent_jobs, translate.pools(document), replace=True)
    return Answer()


async def change_job_pools(call: Call) -> Answer:
    """PATCH /configuration/job-pool: set what is given; the rest stays."""
    document = await _document(call, JobPoolListDocument)
    await call.services.configuration.set_job_pools(document.concurrent_jobs, translate.pools(document), replace=False)
    return Answer()


async def delete_job_pools(call: Call) -> Answer:
    """DELETE /configuration/job-pool: take the pools out; how many jobs run at once stays."""
    await call.services.configuration.delete_job_pools()
    return Answer()


async def delete_job_pool(call: Call) -> Answer:
    """DELETE /configuration/job-pool/{priority}: take one pool out."""
    await call.services.configuration.delete_job_pool(one_of("priority", call.path["priority"], Priority))
    return Answer()


async def job_priorities(call: Call) -> Answer:
    """GET /configuration/job-priority: the default priorities of job types."""
    found = await call.services.configuration.type_priorities()
    return Answer(lambda: translate.job_priorities(found))


async def set_job_priorities(call: Call) -> Answer:
    """PUT /configuration/job-priority: give job types a default priority; types that are not given keep theirs."""
    document = await _document(call, JobPriorityConfigurationDocument)
    await call.services.configuration.set_type_priorities(translate.priorities(document))
    return Answer()


async def delete_job_priorities(call: Call) -> Answer:
    """DELETE /configuration/job-priority: MEDIUM for all types again."""
    await call.services.configuration.delete_type_priorities()
    return Answer()


async def cors(call: Call) -> Answer:
    """GET /configuration/cors: which pages of other origins a browser lets use this server."""
    found = await call.services.configuration.stored_cors()
    return Answer(lambda: translate.cors_document(found))


async def set_cors(call: Call) -> Answer:
    """PUT /configuration/cors: set which."""
    await call.services.configuration.set_cors(translate.cors(await _document(call, CORSConfigurationDocument)))
    return Answer()


async def delete_cors(call: Call) -> Answer:
    """DELETE /configuration/cors: none but those of the setting."""
    await call.services.configuration.delete_cors()
    return Answer()


async def purging(call: Call) -> Answer:
    """GET /configuration/purging: for how long ended jobs are kept."""
    kept = await call.services.configuration.keep_jobs()
    return Answer(lambda: translate.purging_document(kept))


async def set_purging(call: Call) -> Answer:
    """PUT /configuration/purging: say for how long; without a job element they are kept for ever."""
    days = translate.purging(await _document(call, DatabasePurgingConfigurationDocument))
    await call.services.configuration.set_keep_jobs(days)
    return Answer()


async def delete_purging(call: Call) -> Answer:
    """DELETE /configuration/purging: as the setting says."""
    await call.services.configuration.delete_keep_jobs()
    return Answer()


async def _document(call: Call, cls: type[D]) -> D:
    document = await call.document(cls)
    if document is None:
        raise Invalid(cls.__name__, "The body holds what is to be set; it is missing.")
    return document


async def _properties(call: Call) -> tuple[ConfigurationPropertyDocument, ...]:
    """Read one property, as old servers take it, or a list of them."""
    try:
        return (await _document(call, ConfigurationPropertyDocument),)
    except Unreadable as error:
        try:
            return (await _document(call, ConfigurationPropertyListDocument)).property
        except Unreadable:
            raise error from None
