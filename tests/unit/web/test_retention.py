"""What a bucket keeps, on its page: tried out, refused, set."""

from typing import Any

from lxml import html

from mailmine.store import amounts, buckets, events, quotas, retentions
from mailmine.store.quotas import OwnQuota
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


async def test_how_much_a_bucket_may_hold_is_set_on_its_page(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    with served.database.read() as tx:
        bucket = buckets.list_all(tx)[0]
        held = amounts.in_bucket(tx, bucket.id)
    page = f"/buckets/{bucket.id}"
    for wrong in ({"most_comments": "many"}, {"most_megabytes": "1e3"}):
        status, shown = await post(ann, f"{page}/retention", "/quota", **wrong)
        (name,) = wrong
        assert status == 422
        assert shown.xpath(f"//input[@name='{name}']/@aria-invalid") == ["true"]
    with served.database.read() as tx:
        assert quotas.of_buckets(tx) == {}
    wanted = {"most_comments": "20000", "most_megabytes": "1.5"}
    status, _ = await post(ann, f"{page}/retention", "/quota", **wanted)
    assert status == 303
    with served.database.read() as tx:
        assert quotas.of_buckets(tx) == {bucket.id: OwnQuota(comments=20_000, bytes=1_500_000)}
        (event, *_) = events.page(tx, before=None, limit=1)
    assert (event.kind, event.detail["name"], event.detail["bytes"]) == (
        "quota_changed",
        bucket.name,
        1_500_000,
    )
    async with ann.get(f"{page}/retention") as answer:
        tree: Any = html.fromstring(await answer.text())
    values = {one.get("name"): one.get("value") for one in tree.xpath("//input[@type='text']")}
    assert {name: values[name] for name in wanted} == wanted
    assert f"{held.comments:,} of 20,000" in tree.text_content()
    bars = [(one.get("value"), one.get("max")) for one in tree.xpath("//progress")]
    assert bars == [(str(held.comments), "20000"), (str(held.bytes), "1500000")]
    status, _ = await post(ann, f"{page}/retention", "/quota", most_comments="")
    with served.database.read() as tx:
        assert (status, quotas.of_buckets(tx)) == (303, {})
