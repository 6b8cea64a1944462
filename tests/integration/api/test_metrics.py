"""What is measured is there, true, cheap, and for whom it is meant."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from starlette.types import ASGIApp, Receive, Scope, Send

from mailmine.api import app as api
from mailmine.model.ids import ItemId
from mailmine.store import failures, folders, integrations, leases, mailboxes
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.leases import Release
from tests.integration.api.client import Answer, Client
from tests.integration.api.conftest import KEYRING, ClientOf
from tests.integration.api.town import NOON, Town

TOKEN = "scrape-me"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(answer: Answer) -> Samples:
    """Read what Prometheus would."""
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def in_sales(mailbox: str, **more: str) -> dict[str, str]:
    return {"project": "sales", "integration": "exchange", "mailbox": mailbox, **more}


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect what is asked of the database."""
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    engines = {database._reader, database._writer}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield asked
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


def seen_from(app: ASGIApp, host: str) -> ASGIApp:
    async def moved(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": (host, 1)}, receive, send)

    return moved


@pytest.mark.usefixtures("sales")
async def test_the_town(client_of: ClientOf) -> None:
    samples = read(await client_of(None).get("/metrics"))
    assert value(samples, "mailmine_store_up") == 1
    assert (value(samples, "mailmine_store_bytes") or 0) > 100_000
    assert value(samples, "mailmine_mailboxes", state="waiting") == 3
    assert value(samples, "mailmine_mailboxes", state="disabled") == 1
    assert value(samples, "mailmine_mailboxes", state="off") == 0
    gone, orders = "gone@example.com", "orders@example.com"
    assert value(samples, "mailmine_mailbox_state", **in_sales(gone, state="disabled")) == 1
    assert value(samples, "mailmine_mailbox_state", **in_sales(orders, state="waiting")) == 1
    name = "mailmine_mailbox_synced_timestamp_seconds"
    assert value(samples, name, **in_sales(orders)) is not None
    assert value(samples, name, **in_sales(gone)) is None
    assert (
        value(
            samples,
            "mailmine_integration_state",
            project="sales",
            integration="exchange",
            state="running",
        )
        == 1
    )
    assert value(samples, "mailmine_queue_length", queue="attachments") == 0


async def test_a_mailbox_as_it_goes(fresh: tuple[Database, Blobs, Town]) -> None:
    database, blobs, _ = fresh
    now = NOON
    with database.write() as tx:
        orders, troubled = (
            next(one for one in mailboxes.list_all(tx) if one.address == "orders@example.com"),
            integrations.get(tx, "finance", "exchange"),
        )
        assert troubled is not None
        late = leases.claim(
            tx, [orders.id], owner="a", now=now, until=now + timedelta(minutes=1)
        ).get(orders.id)
        assert late is not None
        leases.release(
            tx, Release(lease=late, next_due_at=now - timedelta(minutes=7), round_ended_at=now)
        )
        mailboxes.set_enabled(tx, mailboxes.list_all(tx)[0].id, enabled=False)
        folder = folders.save_tree(
            tx,
            orders.id,
            [folders.SeenFolder(folder_id="F", path=("F",), total=1, well_known=None)],  # type: ignore[arg-type]
            is_complete=False,
        )[0]
        failures.record(
            tx,
            orders.id,
            folder.key,
            ItemId("i"),
            code="c",
            message="Words of a subject",
            at=now,
            next_try_at=None,
        )
        project = next(
            one.project for one in integrations.list_all(tx) if one.id == orders.integration_id
        )
    app = api.create(database, blobs, KEYRING, clock=lambda: now)
    answer = await Client(app).get("/metrics")
    samples = read(answer)
    labels = {"project": project, "integration": "exchange", "mailbox": orders.address}
    synced = value(samples, "mailmine_mailbox_synced_timestamp_seconds", **labels)
    assert synced == now.timestamp()
    failed = value(samples, "mailmine_mailbox_failed_items", **labels, kind="given_up")
    assert failed == 1
    assert value(samples, "mailmine_mailbox_failed_items", **labels, kind="retried") is None
    assert value(samples, "mailmine_round_delay_seconds") == 7 * 60
    assert value(samples, "mailmine_rounds_due") == 1
    assert value(samples, "mailmine_rounds_running") == 0
    assert value(samples, "mailmine_mailboxes", state="off") == 1
    assert b"Words of a subject" not in answer.body


@pytest.mark.usefixtures("sales")
async def test_it_costs_four_queries(app: FastAPI, database: Database) -> None:
    with statements(database) as asked:
        read(await Client(app).get("/metrics"))
    assert len(asked) == 4


async def test_it_costs_four_queries_however_many_mailboxes_there_are(
    fresh: tuple[Database, Blobs, Town],
) -> None:
    database, blobs, _ = fresh
    client = Client(api.create(database, blobs, KEYRING, clock=lambda: NOON))
    with statements(database) as few:
        read(await client.get("/metrics"))
    with database.write() as tx:
        orders = mailboxes.list_all(tx)[0]
        for number in range(200):
            mailboxes.save(
                tx, orders.integration_id, f"{number}@example.com", bucket_id=orders.bucket_id
            )
    with statements(database) as many:
        samples = read(await client.get("/metrics"))
    assert len(few) == len(many) == 4
    assert sum(name == "mailmine_mailbox_state" for name, _ in samples) == 204


async def test_without_the_database_the_counters_are_there(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'mailmine.db'}")
    database.migrate()
    client = Client(api.create(database, Blobs.open(tmp_path / "b"), KEYRING))
    samples = read(await client.get("/metrics"))
    assert value(samples, "mailmine_store_up") == 1
    assert (value(samples, "mailmine_store_free_bytes", of="database") or 0) > 0
    assert (value(samples, "mailmine_store_free_bytes", of="blobs") or 0) > 0
    database.close()
    (tmp_path / "mailmine.db").write_bytes(b"no database" * 1000)
    samples = read(await client.get("/metrics"))
    assert value(samples, "mailmine_store_up") == 0
    assert value(samples, "mailmine_rounds_running") is None
    assert any(name == "mailmine_exchange_throttled_seconds_total" for name, _ in samples)
    database.close()


async def test_requests_are_counted_by_status(client_of: ClientOf, reader: Client) -> None:
    def counted(samples: Samples, code: str) -> float:
        return value(samples, "mailmine_api_requests_total", code=code) or 0

    before = read(await client_of(None).get("/metrics"))
    assert (await reader.get("/api/v1/sources")).status == 200
    assert (await client_of(None).get("/api/v1/sources")).status == 401
    after = read(await client_of(None).get("/metrics"))
    assert counted(after, "200") >= counted(before, "200") + 1
    assert counted(after, "401") >= counted(before, "401") + 1


@pytest.mark.usefixtures("sales")
@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.8.8.8", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.1", {}, 403),
        ("10.0.0.1", {}, 403),
        ("", {}, 403),
        ("unix:", {}, 403),
        # A proxy on this machine brings whoever asks it.
        ("127.0.0.1", {"x_forwarded_for": "127.0.0.1"}, 403),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, 403),
        ("127.0.0.1", {"x_real_ip": "127.0.0.1"}, 403),
        ("127.0.0.1", {"via": "1.1 proxy"}, 403),
        ("127.0.0.1", {"host": "localhost:8450"}, 200),
        ("::1", {"host": "[::1]:8450"}, 200),
        # A website whose name leads here has a browser on this machine ask.
        ("127.0.0.1", {"host": "website.example:8450"}, 403),
        ("127.0.0.1", {"host": "127.0.0.1.website.example"}, 403),
        ("127.0.0.1", {"host": "[website"}, 403),
    ],
)
async def test_without_a_token_for_this_machine_alone(
    app: FastAPI, host: str, headers: dict[str, str], status: int
) -> None:
    answer = await Client(seen_from(app, host)).get("/metrics", **headers)
    assert answer.status == status
    if status == 403:
        assert "MAILMINE_METRICS_TOKEN" in answer.json["message"]


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        ("Bearer other", 401),
        ("Bearer ", 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}é", 401),
        ("", 401),
    ],
)
async def test_with_a_token_for_whoever_sends_it(
    fresh: tuple[Database, Blobs, Town], host: str, sent: str, status: int
) -> None:
    database, blobs, _ = fresh
    app = api.create(database, blobs, KEYRING, metrics_token=TOKEN)
    answer = await Client(seen_from(app, host)).get("/metrics", authorization=sent)
    assert answer.status == status


async def test_a_users_token_is_none(fresh: tuple[Database, Blobs, Town]) -> None:
    database, blobs, town = fresh
    app = api.create(database, blobs, KEYRING, metrics_token=TOKEN)
    assert (await Client(app, town.tokens["root"]).get("/metrics")).status == 401


async def test_no_secret_is_measured(client_of: ClientOf, sales: Town) -> None:
    answer = await client_of(None).get("/metrics")
    for secret in ("hush", "svc", *sales.tokens.values()):
        assert secret.encode() not in answer.body
    assert not re.search(rb"Order \d", answer.body)
