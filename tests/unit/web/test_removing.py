"""Buckets and sources go by their name, and only where nothing needs them."""

from datetime import UTC, datetime
from http import HTTPStatus

from mailmine.access import csrf
from mailmine.store import buckets, comments, events, integrations, projects, sources
from mailmine.sync import making
from tests.browser.server import Served
from tests.unit.web.conftest import SignIn
from tests.unit.web.test_people import post

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_a_bucket_that_a_mailbox_fills_is_refused(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    with served.database.read() as tx:
        shared = buckets.get(tx, "nordwind", "shared")
    assert shared is not None
    page = f"/buckets/{shared.id}/retention"
    async with ann.get(page) as answer:
        text = await answer.text()
    assert "orders@nordwind.example" in text
    assert 'name="confirmed"' not in text
    proof = text.partition(f'name="{csrf.FIELD}"')[2].partition('value="')[2].partition('"')[0]
    form = {csrf.FIELD: proof, "confirmed": "shared"}
    async with ann.post(f"{page}/remove", data=form) as answer:
        assert answer.status == HTTPStatus.CONFLICT
    with served.database.read() as tx:
        assert buckets.count_emails(tx, shared.id)


async def test_a_bucket_goes_by_its_name(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    with served.database.write() as tx:
        project = projects.ensure(tx, "nordwind")
        made = making.bucket(tx, project, "leaving", title="", at=NOW)
    page = f"/buckets/{made.id}/retention"
    status, shown = await post(ann, page, "/remove", confirmed="Leaving")
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert shown.xpath("//input[@name='confirmed']/@aria-invalid") == ["true"]
    status, _ = await post(ann, page, "/remove", confirmed=" leaving ")
    assert status == HTTPStatus.SEE_OTHER
    async with ann.get("/buckets") as answer:
        assert "Being removed: 0 of 0" in await answer.text()
    served.remove()
    with served.database.read() as tx:
        assert buckets.by_id(tx, made.id) is None
        (event,) = events.page(tx, before=None, limit=1)
    assert (event.kind, event.detail["name"]) == ("bucket_removed", "leaving")


async def test_an_integration_goes_in_the_background(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    with served.database.write() as tx:
        project = projects.ensure(tx, "nordwind")
        connection = integrations.list_all(tx)[0].connection
        made = integrations.save(tx, project.id, "leaving", title="", connection=connection)
    page = "/integrations/nordwind/leaving"
    status, _ = await post(ann, page, "/delete", confirmed="leaving")
    assert status == HTTPStatus.SEE_OTHER
    for shows in ("/integrations", page):
        async with ann.get(shows) as answer:
            text = await answer.text()
        assert "Being removed: 0 of 0" in text
        assert f'value="{made.id}"' not in text, "it cannot be switched on"
    with served.database.read() as tx:
        left = integrations.by_id(tx, made.id)
        (event,) = events.page(tx, before=None, limit=1)
    assert left is not None
    assert not left.enabled
    assert (event.kind, event.detail["name"]) == ("integration_removed", "leaving")
    served.remove()
    with served.database.read() as tx:
        assert integrations.by_id(tx, made.id) is None


async def test_a_source_goes_with_its_comments(served: Served, sign_in: SignIn) -> None:
    with served.database.read() as tx:
        support = sources.get(tx, "nordwind", "support")
        assert support is not None
        held = comments.count(tx, support.id)
    page = "/sources/nordwind/support/settings"
    ben = await sign_in("ben")
    async with ben.get(page) as answer:
        assert "Remove this source" not in await answer.text()
    ann = await sign_in("ann")
    status, shown = await post(ann, page, "/remove", confirmed="")
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f"{held} comment" in shown.get_element_by_id("remove").text_content()
    status, _ = await post(ann, page, "/remove", confirmed="support")
    assert status == HTTPStatus.SEE_OTHER
    for shows in ("/sources", page):
        async with ann.get(shows) as answer:
            text = await answer.text()
        assert f"Being removed: 0 of {held}" in text
        assert 'action="/sources/nordwind/support/settings' not in text
    served.remove()
    with served.database.read() as tx:
        assert sources.get(tx, "nordwind", "support") is None
        assert comments.count(tx, support.id) == 0
        (event,) = events.page(tx, before=None, limit=1)
    assert (event.kind, event.detail["name"]) == ("source_removed", "support")
