"""The class of an error and its status; and that the face can say every error in every form."""

from __future__ import annotations

import asyncio
import json as standard_json
from typing import Any

import pytest
from aiohttp import web
from lxml import etree

from vidijob import errors, resources
from vidijob.api.vidispine.documents import ExceptionDocument
from vidijob.api.vidispine.translate.faults import exception_document, exception_text
from vidijob.binding import json, xml
from vidijob.jobs.identity import MalformedId
from vidijob.web.failures import STATUS, status

#: One of each class, and the status it has.
SAMPLES: list[tuple[Exception, int]] = [
    (errors.VidijobError("boom"), 500),
    (errors.CallerError("boom"), 400),
    (errors.NotFound("Job", "VX-1"), 404),
    (MalformedId("Job", "1"), 404),
    (errors.Invalid("type", "It is missing."), 400),
    (errors.Invalid("type", "It is wrong.", value="x", id="VX-1"), 400),
    (errors.Unreadable("SimpleMetadataDocument", "It is not well-formed."), 400),
    (errors.Refused("job", "VX-1", "It runs."), 400),
    (errors.TransitionRefused("job", "VX-1", "It has ended."), 400),
    (errors.Conflict("jobtype", "ACME_HELLO", "It is taken."), 409),
    (errors.NotImplementedHere("Graphviz is not installed."), 501),
    (errors.TooLarge("It is too large."), 413),
    (errors.TooSlow("It stood still."), 408),
    (errors.Denied("boom"), 403),
    (errors.NotAuthenticated("A login is needed."), 401),
    (errors.RoleMissing("someone", "_job_read"), 403),
    (errors.NotReady("boom"), 503),
    (errors.Unavailable("The database", "connection refused"), 503),
    (errors.TookTooLong(15), 503),
    (errors.OutOfStorage("There is no room."), 507),
    (errors.LeaseLost(1, 100, 7), 503),
    (errors.Unreachable("There is no connection."), 503),
    (errors.NoAnswer("There is no answer."), 503),
    (errors.SetupError("boom"), 500),
    # What is not ours.
    (KeyError("boom"), 500),
    (Exception(), 500),
    (OSError(28, "boom"), 500),
    (web.HTTPNotFound(), 404),
    (web.HTTPMethodNotAllowed("PATCH", ["GET"]), 405),
    (web.HTTPNotAcceptable(reason="The answer can be had as application/xml."), 406),
    (web.HTTPRequestEntityTooLarge(10, 11), 413),
    (web.HTTPUnsupportedMediaType(), 415),
]
#: Caller's values that no encoding likes.
HOSTILE = "<&>\"'\x00\x01\x0b\x7f\ud800\ufffe]]>\r\nSet-Cookie: a=b\t\U0001f4a5"
_SCHEMA = etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd"))


def ours() -> list[type[Exception]]:
    """Return every class that errors.py defines."""
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    return [cls for cls in found if cls.__module__ == errors.__name__]


def test_every_error_is_in_the_tree() -> None:
    assert len(ours()) > 10
    assert all(issubclass(cls, errors.VidijobError) for cls in ours())


def test_there_is_a_sample_of_every_error() -> None:
    assert set(ours()) <= {type(error) for error, _ in SAMPLES}


def test_the_drawing_names_every_error() -> None:
    drawing = (errors.__doc__ or "").split()
    assert {cls.__name__ for cls in ours()} <= set(drawing)


@pytest.mark.parametrize("cls", ours())
def test_every_error_of_ours_has_a_status_by_its_own_branch(cls: type[Exception]) -> None:
    known = [base for base in cls.__mro__ if base in STATUS]
    assert known and known[0] is not Exception


@pytest.mark.parametrize(("error", "expected"), SAMPLES, ids=lambda value: type(value).__name__)
def test_the_status(error: Exception, expected: int) -> None:
    assert status(error) == expected


def test_the_status_of_a_class_that_nobody_entered_is_that_of_its_parent() -> None:
    class Gone(errors.NotFound):
        """A kind of missing thing."""

    assert status(Gone("Job", "VX-1")) == 404
    assert status(asyncio.CancelledError()) == 500


def forms(document: ExceptionDocument, code: int) -> tuple[etree._Element, dict[str, Any], str]:
    """Return a document in every form, read again by somebody else's reader."""
    tree = etree.fromstring(xml.write(document))
    _SCHEMA.assertValid(tree)
    return tree, standard_json.loads(json.write(document)), exception_text(code, document)


@pytest.mark.parametrize(("error", "code"), SAMPLES, ids=lambda value: type(value).__name__)
def test_every_error_can_be_said_in_every_form(error: Exception, code: int) -> None:
    tree, read, text = forms(exception_document(error, "/API/job"), code)
    assert len(tree) == 1, "one kind of fault"
    kind = etree.QName(tree[0]).localname
    assert [name for name, fault in read.items() if fault is not None] == [kind]
    assert list(read) == [
        "notFound", "internalServer", "forbidden", "notYetImplemented", "conflict", "invalidInput", "licenseFault",
        "fileAlreadyExists", "notAuthorized",
    ]  # fmt: skip
    assert text.startswith(f"{code} ") and text.endswith("\r\n")
    said = {etree.QName(element).localname: element.text for element in tree[0]}
    assert said == {name: value for name, value in read[kind].items() if value is not None}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotFound("Job", HOSTILE), 404),
        (MalformedId("Job", HOSTILE), 404),
        (errors.Invalid(HOSTILE, HOSTILE, value=HOSTILE, id=HOSTILE), 400),
        (errors.Refused("job", HOSTILE, HOSTILE), 400),
        (errors.NotAuthenticated(HOSTILE), 401),
        (errors.RoleMissing(HOSTILE, "_job_read"), 403),
        (errors.Unavailable(HOSTILE, HOSTILE), 503),
        (web.HTTPNotFound(), 404),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_hostile_value_spoils_no_form(error: Exception, code: int) -> None:
    tree, read, text = forms(exception_document(error, HOSTILE), code)
    assert len(tree) == 1 and sum(fault is not None for fault in read.values()) == 1
    lines = text.split("\r\n")
    assert "\n" not in "".join(lines) and "\r" not in "".join(lines)
    assert not any(line.startswith("Set-Cookie") for line in lines)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("secret"),
        ValueError("secret"),
        errors.Unavailable("The database", "secret"),
        errors.SetupError("secret"),
        errors.VidijobError("secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_our_fault_is_not_told_in_detail(error: Exception) -> None:
    document = exception_document(error, "/API/job")
    code = status(error)
    assert b"secret" not in xml.write(document) + json.write(document) + exception_text(code, document).encode()
    assert document.internal_server is not None
