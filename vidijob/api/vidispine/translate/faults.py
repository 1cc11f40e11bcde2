"""Errors → documents, and plain text: how a refusal reads on this face's wire."""

from __future__ import annotations

from aiohttp import web

from vidijob import errors
from vidijob.api.vidispine import documents as wire
from vidijob.binding import text
from vidijob.jobs.identity import MalformedId


def exception_document(error: BaseException, path: str) -> wire.ExceptionDocument:
    """Return what the body of an answer says about an error (contract 3.8)."""
    match error:
        case MalformedId(id=id):
            return wire.ExceptionDocument(
                not_found=wire.NotFound(type="Job", id=id, context=f"{id} is no id of a job; they look like VX-80")
            )
        case errors.NotFound(kind=kind, id=id):
            return wire.ExceptionDocument(not_found=wire.NotFound(type=kind, id=id))
        case errors.Invalid(context=context, explanation=explanation, value=value, id=id):
            return wire.ExceptionDocument(
                invalid_input=wire.InvalidInput(context=context, id=id, explanation=explanation, value=value)
            )
        case errors.Conflict(context=context, id=id, explanation=explanation):
            return wire.ExceptionDocument(conflict=wire.Conflict(context=context, id=id, explanation=explanation))
        case errors.NotImplementedHere():
            return wire.ExceptionDocument(not_yet_implemented=wire.NotYetImplemented())
        case errors.Refused(context=context, id=id, explanation=explanation):
            return wire.ExceptionDocument(
                invalid_input=wire.InvalidInput(context=context, id=id, explanation=explanation)
            )
        case errors.NotAuthenticated(message=message):
            return wire.ExceptionDocument(not_authorized=wire.NotAuthorized(message=message))
        case errors.RoleMissing(user=user, role=role):
            return wire.ExceptionDocument(
                forbidden=wire.Forbidden(context="role", id=role, explanation=f"The user {user} lacks the role {role}.")
            )
        case errors.TookTooLong(seconds=seconds):
            return wire.ExceptionDocument(
                internal_server=wire.InternalServer(
                    message=f"This would take the database longer than {seconds:g} s; ask for less: of one user, of fewer "
                    "types or states, of a shorter time, without * in job data."
                )
            )
        case errors.Unavailable(what=what):
            return wire.ExceptionDocument(
                internal_server=wire.InternalServer(message=f"{what} is not available; try again in a moment.")
            )
        case errors.OutOfStorage():
            return wire.ExceptionDocument(internal_server=wire.InternalServer(message=str(error)))
        case errors.TooLarge() | errors.TooSlow():
            return wire.ExceptionDocument(invalid_input=wire.InvalidInput(context="body", explanation=str(error)))
        case web.HTTPNotFound():
            return wire.ExceptionDocument(not_found=wire.NotFound(type="resource", id=path))
        case web.HTTPException(reason=reason):
            return wire.ExceptionDocument(invalid_input=wire.InvalidInput(context="request", explanation=reason))
        case _:
            return wire.ExceptionDocument(
                internal_server=wire.InternalServer(message="The server has a fault; its log says more.")
            )


def exception_text(status: int, document: wire.ExceptionDocument) -> str:
    """Return an error as plain text, as real servers write it (contract 4.3)."""
    heads = {
        400: "An invalid parameter was entered",
        401: "A login is needed",
        403: "A role is missing",
        404: "A resource could not be found",
        408: "The request did not come in time",
        409: "The resource is taken",
        501: "This server cannot do that",
        503: "The server is not available",
        507: "The storage is full",
    }
    lines = [f"{status} {heads.get(status, 'The request could not be answered')}"]
    fault = document.not_found or document.invalid_input or document.forbidden or document.conflict
    if fault is not None:
        named = (
            ("Type", "type"),
            ("Context", "context"),
            ("ID", "id"),
            ("Value", "value"),
            ("Reason", "explanation"),
        )
        lines += [f"{head}: {value}" for head, name in named if (value := getattr(fault, name, None)) is not None]
    other = document.not_authorized or document.internal_server
    if other is not None and other.message is not None:
        lines.append(f"Reason: {other.message}")
    return text.lines([line.replace("\r", " ").replace("\n", " ") for line in lines])
