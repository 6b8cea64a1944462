"""Who may change integrations on the pages, and what is written down of it."""

from typing import Any

import aiohttp
import pytest
from lxml import html

from mailmine.access import credentials, csrf
from mailmine.access.permissions import Permission
from mailmine.exchange.endpoints import ews_online
from mailmine.model.integration import (
    AccessType,
    AuthType,
    Backend,
    Cloud,
    Connection,
    DisabledReason,
)
from mailmine.store import buckets, events, integrations, mailboxes, users
from tests.browser import seed
from tests.browser.server import Served
from tests.unit.web.conftest import SignIn

EXCHANGE = "/integrations/nordwind/exchange-2019"
SERVICE = f"{EXCHANGE}/mailboxes/service@nordwind.example"
LOOKED_AT = [EXCHANGE, SERVICE]
CHANGING = [
    f"{EXCHANGE}/edit",
    f"{EXCHANGE}/mailboxes/new",
    f"{EXCHANGE}/mailboxes/add",
    f"{SERVICE}/edit",
]
ACTS = [
    f"{EXCHANGE}/{act}"
    for act in (
        "start",
        "stop",
        "delete",
        "test",
        "test-edited",
        "edit",
        "mailboxes/new",
        "mailboxes/add",
    )
] + [f"{SERVICE}/{act}" for act in ("start", "stop", "retry", "read-anew", "delete", "edit")]


@pytest.fixture
async def vic(served: Served, sign_in: SignIn) -> aiohttp.ClientSession:
    """Let somebody in who may look at integrations only."""
    with served.database.write() as tx:
        if users.by_username(tx, "vic") is None:
            users.add(
                tx,
                username="vic",
                email="vic@nordwind.example",
                password_hash=seed.HASH,
                global_permissions=frozenset(),
                project_permissions={"nordwind": frozenset({str(Permission.INTEGRATIONS_READ)})},
            )
    return await sign_in("vic")


async def status(session: aiohttp.ClientSession, address: str) -> int:
    async with session.get(address) as answer:
        return answer.status


async def page_of(session: aiohttp.ClientSession, address: str) -> Any:
    async with session.get(address) as answer:
        assert answer.status == 200, address
        return html.fromstring(await answer.text())


async def post(
    session: aiohttp.ClientSession, where: str, page: str, **fields: str
) -> tuple[int, str]:
    """Send a form, with the proof that stands on `page`."""
    shown = await page_of(session, page)
    proof = shown.xpath(f"//input[@name='{csrf.FIELD}']/@value")[0]
    form = {csrf.FIELD: proof, **fields}
    async with session.post(where, data=form, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_who_may_only_look_sees_nothing_to_press(vic: aiohttp.ClientSession) -> None:
    for address in LOOKED_AT:
        page = await page_of(vic, address)
        assert (
            page.xpath("//main//form[@method='post'] | //main//a[contains(@href, '/edit')]") == []
        )
    for address in (*CHANGING, "/integrations/new"):
        assert await status(vic, address) == 403
    for address in (*ACTS, "/integrations/new", "/integrations/test"):
        assert (await post(vic, address, "/account"))[0] == 403


async def test_for_others_there_is_nothing(sign_in: SignIn) -> None:
    ben = await sign_in("ben")
    for address in (*LOOKED_AT, *CHANGING):
        assert await status(ben, address) == 404
    for address in ACTS:
        assert (await post(ben, address, "/account"))[0] == 404


async def test_no_form_of_another_page_is_taken(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    for address in (*ACTS, "/integrations/new", "/integrations/test"):
        async with ann.post(address, data={csrf.FIELD: "forged", "confirmed": "x"}) as answer:
            assert answer.status == 400, address


async def test_there_is_nothing_under_other_names(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    for address in (
        "/integrations/nordwind/none",
        "/integrations/none/exchange-2019",
        f"{EXCHANGE}/mailboxes/none@nordwind.example",
        "/integrations/nordwind/exchange-2010/mailboxes/service@nordwind.example",
    ):
        assert await status(ann, address) == 404


async def test_who_loads_what_was_done_again_comes_back_to_the_page(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    async with ann.get(f"{SERVICE}/delete") as answer:
        assert answer.status == 200
        assert answer.url.path == SERVICE


async def test_what_is_done_is_written_down(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    assert (await post(ann, f"{EXCHANGE}/stop", EXCHANGE))[0] == 303
    assert (await post(ann, f"{SERVICE}/retry", SERVICE))[0] == 303
    assert (await post(ann, f"{SERVICE}/stop", SERVICE))[0] == 303
    assert (await post(ann, f"{SERVICE}/start", SERVICE))[0] == 303
    with served.database.read() as tx:
        integration = integrations.get(tx, "nordwind", "exchange-2019")
        latest = events.page(tx, before=None, limit=4)
    assert integration is not None
    assert not integration.enabled
    assert [one.kind for one in reversed(latest)] == [
        "integration_stopped", "failed_items_retried", "mailbox_stopped", "mailbox_enabled",
    ]  # fmt: skip
    assert {one.integration_id for one in latest} == {integration.id}
    assert latest[0].detail["mailbox"] == "service@nordwind.example"
    # Nothing can be read without a secret: so it is not started either.
    code, page = await post(ann, f"{EXCHANGE}/start", EXCHANGE)
    assert code == 422
    assert "no secret to sign in with" in page


async def test_a_secret_is_kept_and_never_shown(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    form = await page_of(ann, "/integrations/new")
    values = {
        one.get("name"): one.get("value", "")
        for one in form.xpath(
            "//form[@data-connection]//input[@name and @type!='radio' and @type!='checkbox']"
        )
    }
    values |= {
        "owner": "nordwind", "name": "hidden", "kind": "graph", "auth": "client_secret", "tenant_id": "example.com",
        "client_id": "app", "client_secret": "top secret", "cloud": "worldwide", "tls_minimum": "1.2", "verify_tls": "on",
    }  # fmt: skip
    async with ann.post("/integrations/new", data=values, allow_redirects=False) as answer:
        assert answer.status == 303
    for address in ("", "/edit"):
        async with ann.get(f"/integrations/nordwind/hidden{address}") as answer:
            assert "top secret" not in await answer.text()
    with served.database.read() as tx:
        made = integrations.get(tx, "nordwind", "hidden")
        assert made is not None
        assert made.enabled
        assert credentials.is_given(tx, made.id)
        (event, *_) = events.page(tx, before=None, limit=1)
        assert event.kind == "integration_created"
        assert "top secret" not in str(event.detail)


async def test_what_cannot_be_saved_changes_nothing(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    address = f"{EXCHANGE}/mailboxes/new"
    # There is a source of this name, which shows another bucket.
    given = {
        "address": "new@nordwind.example",
        "bucket": "orders",
        "makes_source": "on",
        "enabled": "on",
    }
    code, page = await post(ann, address, address, **given)
    assert code == 422
    assert "does not show the bucket" in page
    with served.database.read() as tx:
        assert buckets.get(tx, "nordwind", "orders") is None
        assert "new@nordwind.example" not in {one.address for one in mailboxes.list_all(tx)}


async def test_an_integration_by_ews_online_is_moved_to_graph(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    with served.database.write() as tx:
        known = integrations.get(tx, "nordwind", "exchange-2019")
        assert known is not None
        online = Connection(
            endpoint=ews_online(Cloud.WORLDWIDE),
            auth=AuthType.CLIENT_SECRET,
            tenant_id="contoso.example",
            client_id="app-1",
            access=AccessType.IMPERSONATION,
        )
        made = integrations.save(tx, known.project_id, "online", title="Online", connection=online)
        credentials.put(tx, served.keyring, made.id, "its secret", at=made.created_at)
    page = await page_of(ann, "/integrations/nordwind/online")
    (link,) = page.xpath("//a[text()='Move to Microsoft Graph']/@href")
    form = await page_of(ann, str(link))
    assert "Every comment keeps its id" in form.xpath(
        "string(//*[@role='status'][contains(@class, 'notice')])"
    )
    assert form.xpath("//input[@name='kind'][@checked]/@value") == ["graph"]
    fields = {
        one.get("name"): one.get("value", "")
        for one in form.xpath("//form[@data-connection]//input[@name]")
        if one.get("type") not in {"radio", "checkbox", "file"} or one.get("checked") is not None
    }
    for one in form.xpath("//form[@data-connection]//select"):
        fields[one.get("name")] = str(one.xpath("string(option[@selected]/@value)"))
    fields["client_secret"] = "its secret"
    address = "/integrations/nordwind/online/edit"
    async with ann.post(address, data=fields, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
    with served.database.write() as tx:
        after = integrations.get(tx, "nordwind", "online")
        assert after is not None
        assert (after.connection.backend, after.connection.client_id) == (Backend.GRAPH, "app-1")
        integrations.remove(tx, after.id)


async def test_what_trouble_stopped_is_tried_before_it_starts(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    with served.database.write() as tx:
        known = integrations.get(tx, "nordwind", "exchange-2019")
        assert known is not None
        stopped = integrations.save(
            tx, known.project_id, "stopped", title="Stopped", connection=known.connection
        )
        reason = DisabledReason.SYNC_ERROR
        integrations.set_enabled(tx, stopped.id, enabled=False, reason=reason)
    page = await page_of(ann, f"/integrations/{stopped.project}/{stopped.name}")
    (form,) = page.xpath("//form[.//button[text()='Try and start']]")
    assert form.get("action") == "/integrations/enable"
    assert form.xpath(".//input[@name='subject']/@value") == [stopped.id]
    assert not page.xpath("//button[text()='Start']")
    with served.database.write() as tx:
        integrations.remove(tx, stopped.id)
