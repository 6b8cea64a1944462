"""Integrations made and changed through the API: what stays, what goes, and that no secret comes back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from mailmine.access import credentials
from mailmine.api import app as api
from mailmine.exchange.check import Name, Outcome, Step, Steps
from mailmine.exchange.faults import Fault, Scope, Where
from mailmine.model.ids import IntegrationId, ItemId
from mailmine.model.integration import (
    AccessType,
    AuthType,
    Backend,
    Connection,
    DisabledReason,
    Trouble,
)
from mailmine.store import buckets, failures, folders, integrations, mailboxes, sources, warnings
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync import recognition
from tests.integration.api.client import Client
from tests.integration.api.conftest import KEYRING
from tests.integration.api.test_rights import token_of
from tests.integration.api.town import NOON, Town

HERE = "/api/_private/integrations/sales/office"
GRAPH = {"type": "client_secret", "tenant_id": "t", "client_id": "c", "secret": "hush"}
SECRET = "hush"


def box(email: str, bucket: str = "inbox", **fields: Any) -> dict[str, Any]:
    return {
        "email": email,
        "bucket_specification": {"project_name": "sales", "name": bucket},
        **fields,
    }


def body(*boxes: dict[str, Any], auth: Any = None, **fields: Any) -> dict[str, Any]:
    configuration: dict[str, Any] = {"auth": auth, "mailboxes": list(boxes)}
    return {"integration": {"configuration": configuration, **fields}}


GONE = Fault(
    where=Where.EWS,
    code="ErrorNonExistentMailbox",
    message="There is no such mailbox.",
    scope=Scope.MAILBOX,
    server="exchange.example.com",
    request_id="77",
)


async def try_out(connection: Connection, secret: str, boxes: Sequence[str]) -> Steps:
    """Find all well, but mailboxes whose address begins with `gone`."""
    del connection, secret
    for address in boxes:
        fault = GONE if address.startswith("gone") else None
        outcome = Outcome.FAILED if fault else Outcome.OK
        yield Step(name=Name.FOLDERS, outcome=outcome, words="", mailbox=address, fault=fault)


def stopped(database: Database, integration_id: str) -> None:
    """Let trouble have stopped all mailboxes of an integration."""
    with database.write() as tx:
        for mailbox in mailboxes.of_integration(tx, IntegrationId(integration_id)):
            mailboxes.set_enabled(
                tx,
                mailbox.id,
                enabled=False,
                reason=DisabledReason.SYNC_ERROR,
                trouble=Trouble(code="http_403", message="No.", since=NOON),
            )


@pytest.fixture
def app(fresh: tuple[Database, Blobs, Town]) -> FastAPI:
    database, blobs, _ = fresh
    return api.create(database, blobs, KEYRING, clock=lambda: NOON, try_out=try_out)


@pytest.fixture
def root(app: FastAPI, fresh: tuple[Database, Blobs, Town]) -> Client:
    return Client(app, fresh[2].tokens["root"])


@pytest.fixture
def database(fresh: tuple[Database, Blobs, Town]) -> Database:
    return fresh[0]


async def made(root: Client, wanted: dict[str, Any]) -> dict[str, Any]:
    answer = await root.put(HERE, wanted)
    assert answer.status == 200, answer.json
    told: dict[str, Any] = answer.json["integration"]
    return told


async def test_one_for_exchange_online_by_graph(root: Client, database: Database) -> None:
    told = await made(root, body(box("a@example.com"), auth=GRAPH, backend="graph", title="Office"))

    assert (told["enabled"], told["disabled_reason"], told["backend"]) == (True, None, "graph")
    auth = told["configuration"]["auth"]
    assert auth["has_secret"]
    assert auth["endpoint"] == "https://graph.microsoft.com"
    assert "secret" not in auth
    with database.read() as tx:
        kept = integrations.get(tx, "sales", "office")
        assert kept is not None
        assert (kept.connection.backend, kept.connection.auth) == (
            Backend.GRAPH,
            AuthType.CLIENT_SECRET,
        )
        assert credentials.of(tx, KEYRING, kept.id) == SECRET
        # Whoever wants comments of the bucket makes a source.
        assert [one.name for one in sources.list_all(tx, "sales")] == ["mail"]


async def test_an_application_by_ews_impersonates(root: Client) -> None:
    told = await made(root, body(auth=GRAPH))
    auth = told["configuration"]["auth"]
    assert auth["access"] == AccessType.IMPERSONATION
    assert auth["endpoint"] == "https://outlook.office365.com/EWS/Exchange.asmx"


async def test_one_that_was_never_told_how_it_signs_in_is_changed_all_the_same(
    root: Client,
) -> None:
    """Clients of Communications Mining make such: they cannot say most ways of signing in."""
    await made(root, {"integration": {"title": "Office", "configuration": {"mailboxes": []}}})
    renamed = await root.post(HERE, {"integration": {"title": "Head office"}})
    assert renamed.json["integration"]["title"] == "Head office"
    filled = await root.post(HERE, body(box("a@example.com"), enabled=True))
    (mailbox,) = filled.json["integration"]["configuration"]["mailboxes"]
    assert mailbox["email"] == "a@example.com"
    # As it was told, with all that says nothing.
    sent_back = await root.post(HERE, {"integration": renamed.json["integration"]})
    assert sent_back.status == 200
    # But there is nothing to switch on yet.
    for answer in (filled, await root.post(f"{HERE}/enable", {})):
        assert not answer.json["integration"]["enabled"]
        (obstacle,) = answer.json["obstacles"]
        assert obstacle["code"] == "not_configured"
        assert "configuration.auth" in obstacle["message"]
    # A secret alone says not for whom it is.
    refused = await root.post(HERE, body(auth={"secret": SECRET}))
    assert (refused.status, "username" in refused.json["message"]) == (422, True)


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"type": "client_secret", "secret": "x"}, "tenant and client_id"),
        ({"type": "basic", "endpoint": "https://e.example.com/EWS"}, "username"),
        ({"type": "password"}, "configuration.auth.type"),
        ({**GRAPH, "type": "ntlm", "username": "u", "backend": "graph"}, None),
        ({"type": "basic", "username": "u", "endpoint": "ftp://e"}, "endpoint"),
        ({"type": "basic", "username": "u", "endpoint": "https://u:p@e/EWS"}, "names an account"),
    ],
)
async def test_what_cannot_be_meant_is_told(
    auth: dict[str, Any], words: str | None, root: Client, database: Database
) -> None:
    wanted = body(auth=auth)
    if backend := auth.pop("backend", None):
        wanted["integration"]["backend"] = backend
    answer = await root.put(HERE, wanted)
    assert answer.status == 422
    assert (words or "Microsoft Graph takes no auth") in answer.json["message"]
    with database.read() as tx:
        assert integrations.get(tx, "sales", "office") is None


@pytest.mark.parametrize("email", ["a@example.com\n", "a", "a b@example.com", ""])
async def test_what_is_no_address_is_no_mailbox(email: str, root: Client) -> None:
    refused = await root.put(HERE, body(box(email), auth=GRAPH))
    assert refused.status == 422
    assert "mailboxes[0].email" in refused.json["message"]


async def test_a_mailbox_that_is_not_in_the_list_is_read_no_more(
    root: Client, database: Database
) -> None:
    await made(root, body(box("a@example.com"), box("b@example.com", "new"), auth=GRAPH))
    with database.read() as tx:
        assert buckets.get(tx, "sales", "new") is not None
    answer = await root.post(HERE, body(box("B@example.com", "new", folder_denylist=[["Junk"]])))
    (left,) = answer.json["integration"]["configuration"]["mailboxes"]
    assert (left["email"], left["folder_denylist"]) == ("B@example.com", [["Junk"]])

    only_title = await root.post(HERE, {"integration": {"title": "Office"}})
    told = only_title.json["integration"]
    assert (told["title"], len(told["configuration"]["mailboxes"])) == ("Office", 1)


async def test_keys_that_a_client_does_not_know_stay(root: Client) -> None:
    first = await made(
        root, body(box("a@example.com", sync_attachments=True), auth=GRAPH, backend="graph")
    )
    # As clients of Communications Mining send back what they know of it.
    known = {
        "title": first["title"],
        "enabled": first["enabled"],
        "configuration": {
            "mailboxes": [
                {
                    key: first["configuration"]["mailboxes"][0][key]
                    for key in ("email", "enabled", "bucket_specification")
                }
            ]
        },
    }
    second = (await root.post(HERE, {"integration": known})).json["integration"]
    assert second["backend"] == "graph"
    assert second["configuration"] == first["configuration"]
    # And as it is shown.
    third = (await root.post(HERE, {"integration": second})).json["integration"]
    assert third["configuration"] == first["configuration"]


async def test_a_secret_is_not_sent_where_it_was_not_meant_for(
    root: Client, database: Database
) -> None:
    await made(
        root,
        body(
            auth={"type": "basic", "username": "u", "secret": "hush", "endpoint": "https://a.x/EWS"}
        ),
    )
    moved = body(auth={"endpoint": "https://b.x/EWS"})
    answer = await root.post(HERE, moved)
    assert (answer.status, "secret" in answer.json["message"]) == (422, True)
    with database.read() as tx:
        kept = integrations.get(tx, "sales", "office")
        assert kept is not None
        assert kept.connection.endpoint == "https://a.x/EWS"

    moved["integration"]["configuration"]["auth"]["secret"] = "other"
    assert (await root.post(HERE, moved)).status == 200
    with database.read() as tx:
        assert credentials.of(tx, KEYRING, kept.id) == "other"


async def test_without_a_secret_it_stays_off_until_there_is_one(root: Client) -> None:
    auth = {name: value for name, value in GRAPH.items() if name != "secret"}
    told = await made(root, body(auth=auth, enabled=True))
    assert (told["enabled"], told["disabled_reason"]) == (False, "sync_error")
    assert "secret" in told["disabled_detail"]["message"]

    mended = await root.post(HERE, {"integration": {"configuration": {"auth": {"secret": "hush"}}}})
    told = mended.json["integration"]
    assert (told["enabled"], told["disabled_reason"], told["trouble"]) == (True, None, None)


async def test_off_and_on_again(root: Client, database: Database) -> None:
    told = await made(root, body(box("a@example.com"), auth=GRAPH))
    off = (await root.post(HERE, {"integration": {"enabled": False}})).json["integration"]
    assert (off["enabled"], off["disabled_reason"]) == (False, "user")
    on = (await root.post(HERE, {"integration": {"enabled": True}})).json["integration"]
    assert (on["enabled"], on["disabled_reason"]) == (True, None)

    with database.write() as tx:
        (mailbox,) = mailboxes.of_integration(tx, IntegrationId(told["id"]))
        mailboxes.set_enabled(
            tx,
            mailbox.id,
            enabled=False,
            reason=DisabledReason.SYNC_ERROR,
            trouble=Trouble(code="ErrorNonExistentMailbox", message="Gone.", since=NOON),
        )
    kept = await root.post(HERE, body(box("a@example.com", enabled=False)))
    (told,) = kept.json["integration"]["configuration"]["mailboxes"]
    assert (told["enabled"], told["disabled_reason"]) == (False, "sync_error")
    again = await root.post(HERE, body(box("a@example.com", enabled=True)))
    (told,) = again.json["integration"]["configuration"]["mailboxes"]
    assert (told["enabled"], told["disabled_reason"], told["trouble"]) == (True, None, None)


async def test_what_would_be_stopped_again_stays_off_and_says_why(
    root: Client, database: Database
) -> None:
    told = await made(root, body(box("a@example.com"), box("gone@example.com"), auth=GRAPH))
    stopped(database, told["id"])
    wanted = {"mailboxes": ["a@example.com", "GONE@example.com"]}
    answer = await root.post(f"{HERE}/enable", wanted)
    assert answer.json["obstacles"] == [
        {
            "mailbox": "gone@example.com",
            "code": "ErrorNonExistentMailbox",
            "message": "There is no such mailbox.",
            "commands": [],
            "reason": "no-mailbox",
        }
    ]
    well, gone = answer.json["integration"]["configuration"]["mailboxes"]
    assert (well["enabled"], well["trouble"]) == (True, None)
    assert (gone["enabled"], gone["disabled_reason"]) == (False, "sync_error")
    assert gone["disabled_detail"]["last_error"]["request_id"] == "77"
    assert gone["disabled_detail"]["code"] == "ErrorNonExistentMailbox"

    listed = await root.post(HERE, body(box("gone@example.com", enabled=True)))
    assert [one["mailbox"] for one in listed.json["obstacles"]] == ["gone@example.com"]
    answer = await root.post(f"{HERE}/enable", {**wanted, "insist": True})
    assert answer.status == 422
    assert "a@example.com" in answer.json["message"]
    answer = await root.post(f"{HERE}/enable", {"mailboxes": ["gone@example.com"], "insist": True})
    (gone,) = answer.json["integration"]["configuration"]["mailboxes"]
    assert (answer.json["obstacles"], gone["enabled"]) == ([], True)


async def test_an_integration_is_switched_on_by_itself(root: Client, database: Database) -> None:
    told = await made(root, body(box("a@example.com"), auth=GRAPH))
    with database.write() as tx:
        integrations.set_enabled(
            tx,
            IntegrationId(told["id"]),
            enabled=False,
            reason=DisabledReason.SYNC_ERROR,
            trouble=Trouble(code="http_401", message="No.", since=NOON),
        )
    answer = await root.post(f"{HERE}/enable", {})
    assert (answer.json["integration"]["enabled"], answer.json["obstacles"]) == (True, [])


async def test_who_fills_a_bucket_must_be_allowed_to(
    app: FastAPI, fresh: tuple[Database, Blobs, Town]
) -> None:
    database, _, _ = fresh
    token = token_of(database, frozenset({"integrations-write"}), frozenset())
    client = Client(app, token)
    answer = await client.put(HERE, body(box("a@example.com"), auth=GRAPH))
    assert (answer.status, "buckets-append" in answer.json["message"]) == (403, True)
    foreign = box("a@example.com")
    foreign["bucket_specification"]["project_name"] = "finance"
    answer = await client.put(HERE, body(foreign, auth=GRAPH))
    # To him that project does not exist.
    assert (answer.status, "no project finance" in answer.json["message"]) == (404, True)


async def test_removing_one_leaves_its_emails(root: Client, database: Database) -> None:
    told = await made(root, body(box("a@example.com"), auth=GRAPH))
    assert (await root.delete(HERE)).status == 200
    assert (await root.get(HERE)).status == 404
    with database.read() as tx:
        assert not credentials.is_given(tx, IntegrationId(told["id"]))
        assert buckets.get(tx, "sales", "inbox") is not None


async def test_what_could_not_be_read_is_listed_and_tried_again(
    root: Client, database: Database
) -> None:
    base = "/api/_private/integrations/sales/exchange"
    with database.write() as tx:
        exchange = integrations.get(tx, "sales", "exchange")
        assert exchange is not None
        (orders,) = (
            one
            for one in mailboxes.of_integration(tx, exchange.id)
            if one.address == "orders@example.com"
        )
        inbox = folders.of_mailbox(tx, orders.id)[0]
        failures.record(
            tx,
            orders.id,
            inbox.key,
            ItemId("AAA="),
            code="ErrorItemCorrupt",
            message="Exchange cannot convert it.",
            at=NOON,
            next_try_at=None,
        )
    told = (await root.get(base)).json["integration"]["configuration"]["mailboxes"]
    assert {one["email"]: one["failed_items"] for one in told} == {
        "orders@example.com": 1,
        "gone@example.com": 0,
    }
    (item,) = (await root.get(f"{base}/failed-items")).json["failed_items"]
    assert (item["mailbox"], item["folder_path"]) == ("orders@example.com", ["Inbox"])
    assert (item["code"], item["attempts"], item["next_try_at"]) == ("ErrorItemCorrupt", 1, None)
    nobody = await root.get(f"{base}/failed-items?mailbox=nobody@example.com")
    assert (nobody.status, "nobody@example.com" in nobody.json["message"]) == (422, True)

    retried = await root.post(f"{base}/failed-items", {"mailbox": "Orders@example.com"})
    assert retried.json["retried"] == 1
    (item,) = (await root.get(f"{base}/failed-items?mailbox=orders@example.com")).json[
        "failed_items"
    ]
    assert item["next_try_at"] == "2026-03-01T12:00:00.000000Z"
    with database.read() as tx:
        again = mailboxes.by_id(tx, orders.id)
    assert again is not None
    assert again.next_due_at == NOON


async def test_the_password_of_a_proxy_is_kept_and_never_shown(
    root: Client, database: Database
) -> None:
    address = "http://svc@proxy.example.com:3128"
    auth = {**GRAPH, "proxy": address, "proxy_secret": "hush hush"}
    told = await made(root, body(auth=auth))

    def kept() -> str | None:
        with database.read() as tx:
            return credentials.of(tx, KEYRING, IntegrationId(told["id"]), credentials.PROXY)

    shown = told["configuration"]["auth"]
    assert (shown["proxy"], shown["has_proxy_secret"]) == (address, True)
    assert "hush" not in str(told)
    assert kept() == "hush hush"
    # What comes back as it was shown changes nothing.
    again = {name: shown[name] for name in ("type", "proxy", "tenant_id", "client_id")}
    assert (await root.post(HERE, body(auth=again))).status == 200
    assert kept() == "hush hush"
    written = {**GRAPH, "proxy": "http://svc:other@proxy.example.com:3128"}
    answer = await root.post(HERE, body(auth=written))
    assert answer.json["integration"]["configuration"]["auth"]["proxy"] == address
    assert kept() == "other"
    assert (await root.post(HERE, body(auth={**GRAPH, "proxy": None}))).status == 200
    assert kept() is None


async def test_a_password_of_a_proxy_needs_its_user(root: Client) -> None:
    for address in ({}, {"proxy": "http://proxy.example.com"}):
        answer = await root.put(HERE, body(auth={**GRAPH, **address, "proxy_secret": "hush"}))
        assert (answer.status, "name the user" in answer.json["message"]) == (422, True)


async def test_warnings_are_told_of_what_they_are_about(root: Client, database: Database) -> None:
    told = await made(root, body(box("a@example.com"), box("b@example.com"), auth=GRAPH))
    assert told["warnings"] == []
    with database.write() as tx:
        of_all = warnings.StandingWarning(
            integration_id=IntegrationId(told["id"]),
            mailbox_id=None,
            code="secret_ends",
            message="It ends.",
            since=NOON,
            ends_at=NOON,
            told_at=NOON,
        )
        (first, _) = mailboxes.of_integration(tx, of_all.integration_id)
        warnings.put(tx, of_all)
        warnings.put(tx, replace(of_all, mailbox_id=first.id, code="falling_behind"))
    told = (await root.get(HERE)).json["integration"]
    said = {"message": "It ends.", "since": "2026-03-01T12:00:00.000000Z"}
    assert told["warnings"] == [{"code": "secret_ends", **said}]
    assert [one["warnings"] for one in told["configuration"]["mailboxes"]] == [
        [{"code": "falling_behind", **said}],
        [],
    ]


async def test_the_day_on_which_a_secret_ends_is_kept_until_another_is_said(root: Client) -> None:
    ends = {"secret_ends": "2027-03-01T00:00:00+01:00"}
    told = await made(root, body(box("a@example.com"), auth=GRAPH | ends))
    assert told["configuration"]["auth"]["secret_ends"] == "2027-02-28T23:00:00.000000Z"
    for auth, expected in (
        ({}, "2027-02-28T23:00:00.000000Z"),
        ({"secret_ends": "2028-01-01T00:00:00Z"}, "2028-01-01T00:00:00.000000Z"),
        ({"secret_ends": None}, None),
    ):
        answer = await root.post(HERE, {"integration": {"configuration": {"auth": auth}}})
        assert answer.json["integration"]["configuration"]["auth"]["secret_ends"] == expected
    answer = await root.post(
        HERE,
        {"integration": {"configuration": {"auth": {"secret_ends": "0001-01-01T00:00:00+02:00"}}}},
    )
    assert (answer.status, "secret_ends" in str(answer.json)) == (422, True)


async def test_another_way_of_reading_keeps_what_was_read_this_way(
    root: Client, database: Database
) -> None:
    await made(root, body(box("a@example.com"), auth={**GRAPH, "username": "u", "type": "ntlm"}))
    for backend in ("graph", "ews", "graph"):
        auth = GRAPH if backend == "graph" else {**GRAPH, "username": "u", "type": "ntlm"}
        changed = await root.post(HERE, body(box("a@example.com"), auth=auth, backend=backend))
        assert changed.status == 200, changed.json
        with database.read() as tx:
            (mailbox,) = [one for one in mailboxes.list_all(tx) if one.address == "a@example.com"]
            assert recognition.ids_of(tx, mailbox.id) == recognition.Ids(backend=Backend.EWS)
