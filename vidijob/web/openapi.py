"""The OpenAPI document, made of the route tables of the faces and of what they say of their operations. Nothing is said
twice: paths, roles and forms come from the routes, sentences from the handlers' docstrings, schemas from the documents.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from vidijob.binding import json_schema
from vidijob.binding.fields import Document
from vidijob.web.negotiate import Form
from vidijob.web.operations import Kind, Operation, Operations, Parameter, Place
from vidijob.web.routing import Open, Route, RouteTable, role_named

Object = dict[str, Any]

_DOCUMENTS = (Form.XML, Form.JSON)
_REFERENCE = re.compile(r"\s*\((?:spec|contract) [^()]*\)")
#: What answers have beside their body, by status.
_HEADERS: Mapping[int, Object] = {
    401: {"WWW-Authenticate": "How to log in."},
    503: {"Retry-After": "After how many seconds to try again."},
}
_REFUSALS: Mapping[int, str] = {
    400: "Something that was sent cannot be taken; the answer says what and why.",
    401: "A login is needed, or it was wrong.",
    403: "The user lacks a role.",
    404: "Nothing has that id or name.",
    406: "The answer cannot be had in a form that the client accepts.",
    408: "The body did not come in time.",
    409: "It is taken, or something else stands against it.",
    413: "The body is too large.",
    415: "The body has a type that is not read here.",
    501: "This server cannot do that; the header Reason says why.",
    503: "The database, or the storage, cannot be reached at the moment.",
    507: "There is no room for what was sent.",
}


@dataclass(frozen=True, slots=True)
class Face:
    """What one face hands in."""

    #: Prefix → its routes.
    tables: Mapping[str, RouteTable[Any]]
    operations: Operations
    #: What names in paths are, by the segment before them: ``job/{id}``.
    places: Mapping[str, Place]
    #: What every error is.
    fault: type[Document]
    #: Where the XSD of its documents can be read.
    schema: str


def document(face: Face) -> Object:
    """Return the document without ``servers``; raises ``LookupError`` naming what a route lacks."""
    schemas: dict[str, Object] = {}
    refusals = {_phrase(code): _refusal(face, code, schemas) for code in _REFUSALS}
    paths: dict[str, Object] = {}
    for prefix, table in face.tables.items():
        for route in table.routes:
            described = _Described(face, prefix, route, schemas)
            paths.setdefault(described.path, {})[route.method.lower()] = described.operation()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vidijob",
            "version": version("vidijob"),
            "description": inspect.cleandoc(
                f"""
                The job API of Vidispine. Documents are XML or JSON, as `Accept` and `Content-Type` say; the XML is
                described by `{face.schema}`. Names of parameters may be written in any letter case and may stand in the
                path as well, as `/API/job;state=READY`. Where a document has an array, one value alone is read, too.
                The header `RunAs` names a user to act as, which needs the role `_administrator` or `_runas`.
                """
            ),
        },
        "security": [{"password": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": refusals,
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic"},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of GET /API/token; `token` may stand for `Bearer`.",
                },
            },
        },
    }


@dataclass(frozen=True, slots=True)
class _Described:
    """One route, on its way into the document."""

    face: Face
    prefix: str
    route: Route[Any]
    #: Of the components; grows.
    schemas: dict[str, Object]

    @property
    def path(self) -> str:
        return "/".join((self.prefix, *self.route.segments))

    def operation(self) -> Object:
        handler: Callable[..., Any] = inspect.unwrap(self.route.handler)
        said = self.face.operations.get(handler)
        if said is None:
            raise LookupError(
                f"Nobody says what {self.route.method} {self.path} takes and answers: "
                f"{handler.__module__}.{handler.__qualname__} is missing among the operations of its face."
            )
        parameters = [self._place(number) for number, part in enumerate(self.route.segments) if part[:1] == "{"]
        parameters += [_parameter(one) for one in said.takes]
        if said.repeatable:
            parameters.append(_IDEMPOTENCY_KEY)
        if said.tagged:
            parameters.append(_IF_NONE_MATCH)
        return {
            "operationId": self.route.method.lower() + "".join(_words(part) for part in self.path.split("/")),
            "tags": [self.route.segments[0] if self.route.segments else "initialise"],
            "summary": _summary(handler),
            **({"description": f"Role: {role}."} if (role := _role(self.route)) else {}),
            **({"security": []} if self.route.role is Open.TO_ALL else {}),
            **({"parameters": parameters} if parameters else {}),
            **({"requestBody": self._body(said)} if said.body else {}),
            **({"requestBody": _FILE} if said.takes_file else {}),
            "responses": {
                "200": self._answer(said),
                **({"304": _NOT_MODIFIED} if said.tagged else {}),
                **{
                    str(code): {"$ref": f"#/components/responses/{_phrase(code)}"}
                    for code in sorted(self._refusals(said))
                },
            },
        }

    def _place(self, number: int) -> Object:
        name = self.route.segments[number]
        key = f"{self.route.segments[number - 1]}/{name}"
        place = self.face.places.get(key)
        if place is None:
            raise LookupError(f"Nobody says what {key} is in {self.path}: it is missing among the places of its face.")
        return {
            "name": name[1:-1],
            "in": "path",
            "required": True,
            "description": place.about,
            "schema": {"type": "string", "minLength": 1, **_words_of(place.values)},
            "example": place.example,
        }

    def _refusals(self, said: Operation) -> set[int]:
        route, codes = self.route, {400, 503, *said.refuses}
        if route.role is not Open.TO_ALL:
            # 403 also where no role is needed: by RunAs.
            codes |= {401, 403}
        if any(part[:1] == "{" for part in route.segments) and not said.makes:
            codes.add(404)
        if route.produces:
            codes.add(406)
        if said.repeatable:
            codes.add(409)
        if said.takes_file:
            codes |= {408, 413, 507}
        if said.body:
            codes |= {408, 413}
            if not any(isinstance(one, Form) for one in said.body):
                codes.add(415)
        return codes

    def _answer(self, said: Operation) -> Object:
        answer: Object = {"description": "It is done." if not self.route.produces else "The answer."}
        if self.route.produces:
            # Where there is no document, whoever asks for one gets text.
            forms = [form for form in self.route.produces if said.answers is not None or form not in _DOCUMENTS]
            answer["content"] = {form.value: self._content(form, said.answers) for form in forms}
        return answer

    def _content(self, form: Form, answers: type[Document] | None) -> Object:
        match form:
            case Form.JSON if answers is not None:
                return {"schema": _refer(answers, json_schema.written, self.schemas)}
            case Form.XML if answers is not None:
                return {"schema": _by_xsd(self.face, answers)}
            case Form.SVG | Form.PNG:
                return {}
            case _:
                return {"schema": {"type": "string"}}

    def _body(self, said: Operation) -> Object:
        documents = [one for one in said.body if not isinstance(one, Form)]
        content: Object = {
            one.value: {"schema": {"type": "object" if one is Form.JSON else "string"}}
            for one in said.body
            if isinstance(one, Form)
        }
        for form in _DOCUMENTS if documents else ():
            schemas = [_refer(cls, json_schema.read, self.schemas) for cls in documents]
            content[form.value] = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
        if said.example is not None:
            content[Form.JSON.value]["example"] = said.example
        return {"required": said.needs_body, "content": content}


_FILE: Object = {
    "required": True,
    "description": "The file, of whatever type.",
    "content": {"application/octet-stream": {"schema": {}}},
}
_IF_NONE_MATCH: Object = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an answer that the client has: while nothing has changed, it is not sent again.",
    "schema": {"type": "string"},
}
_NOT_MODIFIED: Object = {
    "description": "The client has it already.",
    "headers": {"ETag": {"description": "Which version it is.", "required": True, "schema": {"type": "string"}}},
}
_IDEMPOTENCY_KEY: Object = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "However often a request with this key is sent, it is carried out once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "order-4711",
}


def _refer(cls: type, shape: Callable[[type, json_schema.Refer], Object], schemas: dict[str, Object]) -> Object:
    """Return a reference to the schema of a class, after it was put among the others."""
    suffix = "Input" if shape is json_schema.read else ""

    def refer(other: type) -> Object:
        return {"$ref": f"#/components/schemas/{other.__name__}{suffix}"}

    for nested in json_schema.reached(cls):
        made = shape(nested, refer)
        if schemas.setdefault(nested.__name__ + suffix, made) != made:
            raise LookupError(f"Two classes of documents are called {nested.__name__}.")
    return refer(cls)


def _by_xsd(face: Face, cls: type[Document]) -> Object:
    return {"description": f"A {cls.__name__}, as the schema {face.schema} describes it."}


def _parameter(one: Parameter) -> Object:
    word: Object = {"type": "string", **_words_of(one.values)}
    schema: Object
    match one.kind:
        case Kind.FLAG:
            schema = {"type": "boolean"} if not one.values else word
        case Kind.NUMBER:
            schema = {"type": "integer", "minimum": one.least} | ({"maximum": one.most} if one.most else {})
        case Kind.LIST | Kind.CHOICES | Kind.ALL:
            schema = {"type": "array", "items": word}
        case _:
            schema = word
    return {
        "name": one.name,
        "in": "query",
        "description": one.about,
        **({"required": True} if one.needed else {}),
        **({"style": "form", "explode": False} if one.kind in (Kind.LIST, Kind.CHOICES) else {}),
        "schema": schema | ({"default": one.default} if one.default is not None else {}),
        **({"example": one.example} if one.example is not None else {}),
    }


def _refusal(face: Face, code: int, schemas: dict[str, Object]) -> Object:
    headers = {
        name: {"description": about, "required": True, "schema": {"type": "string"}}
        for name, about in _HEADERS.get(code, {}).items()
    }
    return {
        "description": _REFUSALS[code],
        **({"headers": headers} if headers else {}),
        "content": {
            Form.XML.value: {"schema": _by_xsd(face, face.fault)},
            Form.JSON.value: {"schema": _refer(face.fault, json_schema.written, schemas)},
            Form.TEXT.value: {"schema": {"type": "string"}},
        },
    }


def _words_of(values: Sequence[str]) -> Object:
    return {"enum": list(values)} if values else {}


def _phrase(code: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(code).phrase.split())


def _words(part: str) -> str:
    """Return a part of a path as part of a name: ``re-run`` is ``ReRun``, ``{id}`` is ``ById``."""
    words = re.findall(r"\w+", part)
    return ("By" if part[:1] == "{" else "") + "".join(word[:1].upper() + word[1:] for word in words)


def _summary(handler: Callable[..., Any]) -> str:
    """Return what a handler's docstring says after the method and the path."""
    line = (inspect.getdoc(handler) or "").partition("\n")[0]
    said = _REFERENCE.sub("", line.partition(": ")[2])
    return said[:1].upper() + said[1:]


def _role(route: Route[Any]) -> str:
    return role_named(route.role)
