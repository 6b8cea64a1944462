"""The description of the API is true: complete, with examples that fit, and the one that is published."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailmine.api import app as api, bodies, uploads
from mailmine.api.app import GUARDED, describe
from mailmine.api.rights import RIGHTS, named
from mailmine.api.shapes import ANSWERS, envelope
from mailmine.api.watched import OPEN
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from tests.integration.api.client import Client
from tests.integration.api.conftest import KEYRING
from tests.integration.api.town import Town

PUBLISHED = Path(__file__).parents[3] / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(json.dumps(describe()))
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
SHAPES = {
    shape.__name__: shape
    for router in GUARDED
    for route in router.routes
    for dependency in getattr(route, "dependant").dependencies  # noqa: B009 - starlette's routes have none
    if (shape := bodies.taken_by(dependency.call))
}
PIECES = {
    "CommentsBody": ("comments", uploads.NewComment),
    "EmailsBody": ("emails", uploads.NewEmail),
    "DocumentsBody": ("documents", uploads.Document),
}


def test_what_is_published_is_what_is_there() -> None:
    """After a change that is meant: `mailmine openapi > docs/openapi.json`, and look at the difference."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == DOCUMENT


def test_every_route_is_described() -> None:
    visible = {name for name in RIGHTS if "/triggers" not in name}
    there = {
        re.sub(r"\{\w+:address\}", "{owner}/{name}", name)
        for router in (*OPEN, *GUARDED)
        for name in named(router)
        if name in visible
    }
    assert {name for name, _ in OPERATIONS} == there
    assert set(ANSWERS) == visible - {"GET /api/v1/attachments/{reference}"}
    ids = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_it_says_what_it_takes_and_answers(name: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    in_path = set(re.findall(r"\{(\w+)\}", name))
    parameters = operation.get("parameters", [])
    assert {one["name"] for one in parameters if one["in"] == "path"} == in_path
    assert any(status.startswith("2") for status in operation["responses"])
    if name.startswith(("PUT", "POST")):
        assert operation["requestBody"]
    for content in operation.get("requestBody", {"content": {}})["content"].values():
        assert "schema" in content
    if operation.get("security") != []:
        assert "401" in operation["responses"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (name, operation["requestBody"]["content"]["application/json"])
        for name, operation in OPERATIONS
        if "application/json" in operation.get("requestBody", {"content": {}})["content"]
    ],
)
def test_examples_of_bodies_fit(name: str, body: dict[str, Any]) -> None:
    del name
    shape = body["schema"]["$ref"].rpartition("/")[2]
    if shape in PIECES:
        field, piece = PIECES[shape]
        msgspec.json.decode(json.dumps(body["example"]), type=SHAPES[shape])
        assert msgspec.convert(body["example"][field], list[piece])  # type: ignore[valid-type]
    else:
        msgspec.convert(body["example"], SHAPES[shape], strict=True)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_examples_of_answers_fit(name: str) -> None:
    method, path = re.sub(r"\{\w+:address\}", "{owner}/{name}", name).split(" ")
    content = DOCUMENT["paths"][path][method.lower()]["responses"]["200"]["content"]
    shape = envelope("Answer", ANSWERS[name])
    msgspec.convert(content["application/json"]["example"], shape, strict=True)


def test_every_reference_leads_somewhere() -> None:
    written = json.dumps(DOCUMENT)
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', written))
    assert wanted <= set(DOCUMENT["components"]["schemas"])


@pytest.fixture
def anybody(fresh: tuple[Database, Blobs, Town]) -> Client:
    return Client(api.create(fresh[0], fresh[1], KEYRING))


async def test_it_is_there_for_programs_and_for_people(anybody: Client) -> None:
    document = await anybody.get("/api/openapi.json")
    assert json.loads(document.body) == DOCUMENT

    page = await anybody.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    text = page.body.decode()
    assert "<script" not in text
    for name, operation in OPERATIONS:
        assert name.split(" ")[1] in text
        assert f'id="{operation["operationId"]}"' in text
