"""Datasets and their streams, as programs ask for them that nobody here wrote."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from mailmine.api import app as api
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from tests.integration.api.client import Client
from tests.integration.api.conftest import KEYRING
from tests.integration.api.town import NOON, Town

DATASET = "/api/v1/datasets/sales/all"
STREAM = f"{DATASET}/streams/new"
QUERY = "/api/_private/datasets/sales/all/query"


@pytest.fixture
def app(fresh: tuple[Database, Blobs, Town]) -> FastAPI:
    database, blobs, _ = fresh
    return api.create(database, blobs, KEYRING, clock=lambda: NOON)


@pytest.fixture
def root(app: FastAPI, fresh: tuple[Database, Blobs, Town]) -> Client:
    return Client(app, fresh[2].tokens["root"])


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"version": 2**64}},
        {"model": {"label_thresholds": deep(250)}},
        {"comment_filter": {"annotations": {"labels": deep(250)}}},
    ],
)
async def test_a_stream_that_could_not_be_told_is_not_made(
    settings: dict[str, Any], root: Client
) -> None:
    refused = await root.send("POST", STREAM, json.dumps({"stream": settings}).encode())
    assert refused.status == 422
    assert "stream." in refused.json["message"]
    # Kept, it would break the list of all streams of the dataset.
    (stream,) = (await root.get(f"{DATASET}/streams")).json["streams"]
    assert "model" not in stream


@pytest.mark.parametrize(
    "continuation",
    [
        "",
        "1",
        "x",
        "-",
        "1-",
        "99999999999999999999-a",
        "9223372036854775807-0",
        "-9223372036854775809-a",
    ],
)
async def test_a_continuation_that_was_never_given_is_refused(
    continuation: str, root: Client
) -> None:
    refused = await root.post(QUERY, {"continuation": continuation})
    assert refused.status == 400
    assert "continuation" in refused.json["message"]


async def test_a_stream_is_not_renamed_to_what_cannot_stand_in_an_address(root: Client) -> None:
    for name in ("new\n", "new/er", ""):
        assert (await root.post(STREAM, {"stream": {"name": name}})).status == 422
    assert (await root.get(STREAM)).json["stream"]["name"] == "new"


PEOPLE = dict.fromkeys(("one_of", "not_one_of", "domain_one_of", "domain_not_one_of"))
NULLS: dict[str, Any] = {
    "timestamp": {"minimum": None, "maximum": None},
    "reviewed": None,
    "sources": None,
    "messages": {"from": PEOPLE, "to": PEOPLE | {"one_of": ["orders@example.com"]}, "cc": None},
    "user_properties": {"number:Pieces": {"one_of": None, "not_one_of": None, "minimum": None}},
    "annotations": {"labels": None},
    "trigger_exceptions": None,
}


async def test_null_is_absence_in_what_clients_write_of_a_filter(root: Client) -> None:
    assert (await root.post(STREAM, {"stream": {"comment_filter": NULLS}})).status == 200
    kept = (await root.get(STREAM)).json["stream"]["comment_filter"]
    assert kept["messages"]["to"] == {"one_of": ["orders@example.com"]}
    assert "null" not in json.dumps(kept)

    nothing = dict.fromkeys(("filter", "order", "limit", "continuation", "attribute_filters"))
    every = (await root.post(QUERY, {})).json
    assert (await root.post(QUERY, nothing)).json == every
    sample = {"order": {"kind": "sample", "seed": None}, "filter": {"user_properties": None}}
    assert (await root.post(QUERY, sample)).status == 200
    assert (await root.post(f"{STREAM}/fetch", {"size": None, "max_filtered": None})).status == 200


async def test_null_stays_what_it_means_where_it_means_something(root: Client) -> None:
    source = "/api/v1/sources/sales/mail"
    settings = {"bucket_id": None, "title": "Mail", "email_transform_tag": None}
    told = await root.post(source, {"source": settings})
    assert told.json["source"]["bucket_id"] is None
    for body in ({"dataset": None}, {"dataset": {"source_ids": [None]}}):
        refused = await root.post(DATASET, body)
        assert (refused.status, "got `null`" in refused.json["message"]) == (422, True)
    both = {"dataset": {"source_ids": None, "title": 7}}
    assert "dataset.title" in (await root.post(DATASET, both)).json["message"]


async def test_a_model_as_deep_as_may_be_is_kept_and_told(root: Client) -> None:
    model = {"version": 2**63 - 1, "label_thresholds": deep(230)}
    assert (await root.post(STREAM, {"stream": {"model": model}})).status == 200
    (stream,) = (await root.get(f"{DATASET}/streams")).json["streams"]
    assert stream["model"] == model
