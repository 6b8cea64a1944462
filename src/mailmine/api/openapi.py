"""The description of the API (OpenAPI 3.1), made of what the routes take, answer and ask for."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from msgspec import Struct

import mailmine
from mailmine.access import sessions
from mailmine.access.permissions import GlobalPermission
from mailmine.api import uploads
from mailmine.api.bodies import taken_by
from mailmine.api.examples import example
from mailmine.api.queries import asked_by
from mailmine.api.rights import RIGHTS, Open
from mailmine.api.shapes import ANSWERS, Failure, envelope

_REF = "#/components/schemas/{name}"
_NULL = {"type": "null"}
_ADDRESS = re.compile(r"\{(\w+):address\}")
_RAW: Mapping[str, tuple[str, type[Struct]]] = {
    "CommentsBody": ("comments", uploads.NewComment),
    "EmailsBody": ("emails", uploads.NewEmail),
    "DocumentsBody": ("documents", uploads.Document),
}
"""Fields that are looked at piece by piece, and what each piece is."""

_ABOUT = """\
The API of mailmine, which clients of UiPath Communications Mining can use unchanged.

Every answer in JSON has a `status`: `ok`, or `error` with a `message`. A thing of a project is named by
`owner/name` in a path, where `owner%2Fname` is the same, or by `id:<id>`; one trailing slash is tolerated.
What is under `/streams` is also there under its old name `/triggers`. Times are RFC 3339; one without an
offset is taken as UTC. Bodies may be packed (`Content-Encoding: gzip`). 503 and 409 may be tried again after
some seconds.
"""

_FAILURES = {
    400: "The request is not understood.",
    401: "No valid token.",
    403: "A permission is missing.",
    404: "There is no such thing, or none that exists for who asks.",
    409: "It is there already, or in use, or was changed at the same time.",
    413: "The body is too long.",
    415: "The body is in a form that is not read.",
    416: "The range lies outside the content.",
    422: "Something in the request cannot be.",
    503: "The database cannot be reached at the moment.",
}
_READY = "GET /readyz"
_NOT_READY = "Requests cannot be served now."
_ATTACHMENT = "GET /api/v1/attachments/{reference}"


def document(routers: Sequence[APIRouter]) -> dict[str, Any]:
    """Describe the routes of `routers`, as far as they are to be seen."""
    routes = {f"{method} {route.path}": route for method, route in _routes(routers)}
    bodies = {name: shape for name, route in routes.items() if (shape := _body(route))}
    answers = {
        name: envelope(f"{_operation_id(route)}_answer", ANSWERS[name])
        for name, route in routes.items()
        if name in ANSWERS
    }
    taken: list[Any] = [*dict.fromkeys(bodies.values()), *(shape for _, shape in _RAW.values())]
    shapes = [Failure, *answers.values(), *taken]
    _, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    for component in components.values():
        # There may be more one day; clients are to expect that.
        component.pop("additionalProperties", None)
    for name in msgspec.json.schema_components(taken, ref_template=_REF)[1]:
        _let_be_null(components[name])
    for name, (field, piece) in _RAW.items():
        items = {"$ref": _REF.format(name=piece.__name__)}
        components[name]["properties"][field]["items"] = items
    # The framework knows the parameters and nothing else.
    known = get_openapi(
        title="mailmine",
        version=mailmine.__version__,
        routes=[route for router in routers for route in router.routes],
    )
    paths: dict[str, dict[str, Any]] = {}
    for name, route in routes.items():
        method, path = name.split(" ")
        plain = known["paths"][route.path_format][method.lower()]
        operation = {
            "tags": plain["tags"],
            "operationId": _operation_id(route),
            **_words(name, route),
            **_parameters(name, plain, _query(route)),
            **_request(plain, bodies.get(name)),
            "responses": dict(_responses(name, route, bodies.get(name), answers.get(name))),
        }
        if RIGHTS[name] is Open.TO_ALL:
            operation["security"] = []
        paths.setdefault(_ADDRESS.sub("{owner}/{name}", path), {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "mailmine", "version": mailmine.__version__, "description": _ABOUT},
        "security": [{"token": []}, {"old_token": []}, {"session": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "old_token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": sessions.COOKIE,
                    "description": "Of the pages; for reading only.",
                },
            },
        },
    }


def _routes(routers: Iterable[APIRouter]) -> Iterator[tuple[str, APIRoute]]:
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                for method in sorted(route.methods or ()):
                    yield method, route


def _body(route: APIRoute) -> type[Struct] | None:
    for dependency in route.dependant.dependencies:
        if shape := taken_by(dependency.call):
            return shape
    return None


def _operation_id(route: APIRoute) -> str:
    """Name an operation by what it does: `sources_read_all`."""
    room = str(route.tags[0]).replace(" ", "_")
    return f"{room}_{route.endpoint.__name__}"


def _words(name: str, route: APIRoute) -> dict[str, str]:
    """Take the words from the endpoint; they are for whoever reads the code, and for whoever calls it."""
    summary, _, rest = " ".join((route.endpoint.__doc__ or "").split()).partition(". ")
    right = RIGHTS[name]
    if isinstance(right, Open):
        needs = "" if right is Open.TO_ALL else "Every user may."
    elif isinstance(right, GlobalPermission):
        needs = f"Needs the permission `{right}` of the tenant."
    else:
        rights = right if isinstance(right, tuple) else (right,)
        needs = f"Needs {' and '.join(f'`{one}`' for one in rights)} in the project."
    return {
        "summary": summary.rstrip("."),
        "description": " ".join(filter(None, (rest, needs))),
    }


def _query(route: APIRoute) -> list[dict[str, Any]]:
    """Describe the fields of a query that is read by `queries.asks`."""
    for dependency in route.dependant.dependencies:
        if shape := asked_by(dependency.call):
            (schema,), defined = msgspec.json.schema_components([shape], ref_template=_REF)
            del schema
            return [
                {
                    "name": field,
                    "in": "query",
                    "required": False,
                    "description": told.get("description", ""),
                    "schema": _without_null(told),
                }
                for field, told in defined[shape.__name__]["properties"].items()
            ]
    return []


def _let_be_null(component: dict[str, Any]) -> None:
    """Say of what may be left out of a body that it may be null as well (`nulls`)."""
    may_be_left_out = component.get("properties", {}).keys() - component.get("required", ())
    for name in may_be_left_out:
        told = component["properties"][name]
        kind = {key: value for key, value in told.items() if key not in {"default", "description"}}
        choices = kind.pop("anyOf", None) or ([kind] if kind else [])
        if choices and _NULL not in choices:
            about = {key: value for key, value in told.items() if key in {"default", "description"}}
            component["properties"][name] = {"anyOf": [*choices, _NULL], **about}


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Leave null out: a query has none, it does not say what it does not want."""
    told = {key: value for key, value in schema.items() if key not in {"description", "anyOf"}}
    for choice in schema.get("anyOf", ()):
        if choice != _NULL:
            told |= choice
    return {key: value for key, value in told.items() if value is not None}


def _parameters(name: str, plain: Mapping[str, Any], query: list[dict[str, Any]]) -> dict[str, Any]:
    """Name a thing of a project by two parts of the path."""
    address = _ADDRESS.search(name)
    parameters: list[dict[str, Any]] = []
    for one in plain.get("parameters", ()):
        if address and one["name"] == address.group(1) and one["in"] == "path":
            parameters += [
                _path("owner", "The project.", r"^[A-Za-z0-9_.-]+$", "support"),
                _path("name", "Its name in the project.", r"^[A-Za-z0-9_-]+$", "mail"),
            ]
        else:
            parameters.append(one)
    parameters += query
    return {"parameters": parameters} if parameters else {}


def _path(name: str, description: str, pattern: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


def _request(plain: Mapping[str, Any], shape: type[Struct] | None) -> dict[str, Any]:
    if shape is not None:
        content = {
            "schema": {"$ref": _REF.format(name=shape.__name__)},
            "example": example(shape, _SHAPES),
        }
        required = not _may_be_empty(shape)
        return {"requestBody": {"required": required, "content": {"application/json": content}}}
    return {"requestBody": plain["requestBody"]} if "requestBody" in plain else {}


def _may_be_empty(shape: type[Struct]) -> bool:
    """Whether nothing has to be said: then no body is as good as an empty one."""
    try:
        msgspec.convert({}, shape)
    except msgspec.ValidationError:
        return False
    return True


def _responses(
    name: str, route: APIRoute, body: type[Struct] | None, answer: type[Struct] | None
) -> Iterator[tuple[str, Any]]:
    """Tell every answer that a route may give."""
    if answer is not None:
        content = {
            "schema": {"$ref": _REF.format(name=answer.__name__)},
            "example": example(answer, _SHAPES),
        }
        described: dict[str, Any] = {"application/json": content}
        if name.endswith("/query") and "datasets" in name:
            described["text/csv"] = {"schema": {"type": "string"}}
        yield "200", {"description": "Done.", "content": described}
    if name == _ATTACHMENT:
        content = {"schema": {"type": "string", "format": "binary"}}
        for status, words in (("200", "The content."), ("206", "The range of it.")):
            yield status, {"description": words, "content": {"*/*": content}}
        yield "304", {"description": "The client has it already."}
    refused = {"$ref": _REF.format(name=Failure.__name__)}
    possible = set(_failures(name, route, body))
    for code, words in _FAILURES.items():
        if code in possible:
            told = {"application/json": {"schema": refused}}
            described_as = _NOT_READY if name == _READY else words
            yield str(code), {"description": described_as, "content": told}


def _failures(name: str, route: APIRoute, body: type[Struct] | None) -> Iterator[int]:
    right = RIGHTS[name]
    if name == _READY:
        yield 503
    if right is Open.TO_ALL:
        return
    yield from (401, 503)
    if not isinstance(right, Open):
        yield 403
    if "{" in route.path:
        yield from (403, 404)
    if body is not None or "PUT" in name:
        yield from (400, 413, 415, 422)
    if not name.startswith("GET "):
        yield from (400, 409, 422)
    if route.dependant.query_params or _query(route):
        yield from (400, 422)
    if name == _ATTACHMENT:
        yield 416


_SHAPES: dict[str, type[Struct]] = {shape.__name__: shape for _, shape in _RAW.values()}
