"""What a collector of traces sees of a running installation: from a poll of Exchange to a stream's fetch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange_simulator import Exchange
from tests.collector import Collector, Span, collecting
from tests.integration.cli.test_commands import mailmine, until
from tests.integration.cli.test_move import (
    ACCOUNT,
    CONFIGURATION,
    ORDERS,
    PASSWORD,
    letter,
    served,
)

MAILS = 3
STREAM = "/datasets/sales/all/streams"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ROUTE = "POST /api/v1/datasets/{dataset}/streams/{stream}/fetch"


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    exchange = Exchange(folder=tmp_path)
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.grant(ACCOUNT, mailbox=ORDERS)
    for number in range(MAILS):
        exchange.mailbox(ORDERS).deliver(letter(number))
    with exchange.serve() as address:
        (tmp_path / "sales.toml").write_text(CONFIGURATION.format(endpoint=address), "utf-8")
        yield exchange
    exchange.close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        yield collector


def logged(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "serve.output").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def fetched(client: httpx.Client) -> dict[str, Any]:
    """Fetch from the stream as part of a trace of the client's own."""
    sent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = client.post(f"{STREAM}/robot/fetch", json={"size": 10}, headers=sent)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


@pytest.mark.timeout(300)
def test_a_fetch_leads_to_the_rounds_that_brought_its_comments(
    exchange: Exchange, collector: Collector, tmp_path: Path
) -> None:
    with served(tmp_path, "--config", "sales.toml") as url:
        token = mailmine("token", "create", "admin", folder=tmp_path).stdout.strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers) as client:
            assert httpx.get(f"{url}/healthz").status_code == 200
            until(lambda: collector.named("round", new=MAILS))
            source = client.get("/sources/sales/mail").json()["source"]["id"]
            dataset = {"dataset": {"source_ids": [source]}}
            client.put("/datasets/sales/all", json=dataset).raise_for_status()
            client.put(STREAM, json={"stream": {"name": "robot"}}).raise_for_status()
            first = fetched(client)
            assert len(first["results"]) == MAILS
            place = {"sequence_id": first["sequence_id"]}
            client.post(f"{STREAM}/robot/advance", json=place).raise_for_status()
            exchange.mailbox(ORDERS).deliver(letter(MAILS))
            until(lambda: collector.named("round", new=1))
            assert len(fetched(client)["results"]) == 1
            until(lambda: len(collector.named("stream fetch")) == 2)
            until(lambda: len(collector.named(ROUTE)) == 2)

    (load,), (later,) = collector.named("round", new=MAILS), collector.named("round", new=1)
    assert load.trace != later.trace
    assert load.resource["service.name"] == "mailmine"
    assert load.resource["deployment.environment.name"] == "test"
    assert load.kind == "INTERNAL"
    assert not load.is_error
    assert load.values["mailmine.integration"] == "sales/exchange"
    assert load.values["mailmine.mailbox"] == ORDERS
    assert load.values["mailmine.outcome"] in {"done", "unfinished"}

    requests = within(load, collector, "exchange ")
    assert {"exchange SyncFolderItems", "exchange GetItem"} <= {one.name for one in requests}
    for request in requests:
        assert (request.kind, request.parent) == ("CLIENT", load.id)
        assert request.values["http.response.status_code"] == 200
        assert request.values["server.address"].startswith("127.0.0.1")
        assert request.values["mailmine.request_id"]

    for round_, fetch, number in zip(
        (load, later), collector.named("stream fetch"), (MAILS, 1), strict=True
    ):
        (store,) = (one for one in within(round_, collector, "store") if one.values["mailmine.new"])
        assert store.parent == round_.id
        assert fetch.values["mailmine.comments"] == number
        assert fetch.links == {(round_.trace, store.id)}
    answers = {one.id: one for one in collector.named(ROUTE)}
    for fetch in collector.named("stream fetch"):
        answer = answers.pop(fetch.parent)
        assert (answer.trace, answer.parent, answer.kind) == (TRACE, PARENT, "SERVER")
        assert answer.values["http.response.status_code"] == 200

    (line,) = (one for one in logged(tmp_path) if one.get("new") == MAILS)
    assert line["trace_id"] == load.trace
    assert not [one for one in collector.spans if "health" in one.name]
    # What hangs until something happens began in a round, and is none of it.
    assert not collector.named("exchange GetStreamingEvents")
    everything = b"".join(collector.raw)
    for secret in (b"Order 1", b"chairs", b"ann@", PASSWORD.encode(), token.encode()):
        assert secret not in everything


def within(span: Span, collector: Collector, name: str) -> list[Span]:
    return [one for one in collector.spans if one.trace == span.trace and one.name.startswith(name)]


@pytest.mark.timeout(300)
def test_a_round_that_failed_is_an_error(
    exchange: Exchange, collector: Collector, tmp_path: Path
) -> None:
    exchange.account(ACCOUNT, password="another")
    with served(tmp_path, "--config", "sales.toml"):
        until(lambda: collector.named("round"))
    round_, *_ = collector.named("round")
    assert round_.is_error
    assert round_.values["mailmine.outcome"] == "failed"
    assert round_.values["error.type"] == round_.values["mailmine.code"] == "http_401"
    assert {one.values["http.response.status_code"] for one in within(round_, collector, "ex")} == {
        401
    }
