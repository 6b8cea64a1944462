"""What a bucket keeps, on its page: tried out, refused, set."""

from typing import Any

from lxml import html

from mailmine.store import buckets, events, retentions
from mailmine.store.retentions import Retention
from tests.browser.server import Served
from tests.unit.web.conftest import SignIn
from tests.unit.web.test_people import post


async def test_limits_are_tried_out_first_and_then_set(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    async with ann.get("/buckets") as answer:
        tree: Any = html.fromstring(await answer.text())
    page = str(tree.xpath("//a[text()='what it keeps']/@href")[0])
    bucket_id = page.split("/")[-2]
    status, shown = await post(ann, page, "/retention", comments="soon")
    assert status == 422
    assert shown.xpath("//input[@name='comments']/@aria-invalid") == ["true"]
    status, shown = await post(ann, page, "/retention", comments="1", act="try")
    assert (status, len(shown.xpath("//*[@role='status']//b"))) in {(200, 3), (200, 0)}
    with served.database.read() as tx:
        assert bucket_id not in retentions.list_all(tx)
    status, _ = await post(ann, page, "/retention", comments="3650", emails="", act="save")
    assert status == 303
    with served.database.read() as tx:
        (kept,) = (one for one in retentions.list_all(tx).values() if one.bucket_id == bucket_id)
        (event, *_) = events.page(tx, before=None, limit=1)
    assert kept == Retention(bucket_id=kept.bucket_id, comments_days=3650)
    assert (event.kind, event.detail["comments"], event.detail["emails"]) == (
        "retention_changed",
        "3650",
        "for good",
    )


async def test_who_sees_no_buckets_sees_no_limits(served: Served, sign_in: SignIn) -> None:
    with served.database.read() as tx:
        bucket_id = buckets.list_all(tx)[0].id
    for name, status in (("ann", 200), ("ben", 404)):
        session = await sign_in(name)
        async with session.get(f"/buckets/{bucket_id}/retention") as answer:
            assert answer.status == status
