"""What is typed into the forms of sources, datasets and streams is kept, or shown again with what is wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

from mailmine.model.ids import SourceId
from mailmine.store import datasets, projects, sources, streams
from mailmine.sync import making
from tests.browser.server import Served
from tests.unit.web.conftest import SignIn
from tests.unit.web.test_people import post

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTINGS = "/sources/nordwind/orders/settings"


def description(served: Served) -> str:
    with served.database.read() as tx:
        found = sources.get(tx, "nordwind", "orders")
    assert found is not None
    return found.description


def dataset(served: Served, name: str, *source_ids: SourceId) -> None:
    with served.database.write() as tx:
        project = projects.ensure(tx, "nordwind")
        making.dataset(tx, project, name, title="", source_ids=source_ids, at=NOW)


def orders(served: Served) -> SourceId:
    with served.database.read() as tx:
        found = sources.get(tx, "nordwind", "orders")
    assert found is not None
    return found.id


async def test_a_long_description_is_kept_as_it_was_typed(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    words = "\n".join(f"Line {number} of what this source is for." for number in range(100))
    fields = {"title": "Orders", "description": words.replace("\n", "\r\n"), "bucket": ""}
    status, _ = await post(ann, SETTINGS, "/settings", **fields)
    assert status == HTTPStatus.SEE_OTHER
    assert description(served) == words
    # Whoever changes something else does not lose it.
    async with ann.get(SETTINGS) as answer:
        assert f">\n{words}</textarea>" in await answer.text()


async def test_a_description_that_is_too_long_is_refused_and_the_one_before_stays(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    before = description(served)
    for length, refusal in ((20_000, 422), (100_000, 413)):
        fields = {"title": "Orders", "description": "x" * length, "bucket": ""}
        status, _ = await post(ann, SETTINGS, "/settings", **fields)
        assert status == refusal
        assert description(served) == before


async def test_what_was_typed_into_a_source_is_shown_again_with_what_is_wrong(
    sign_in: SignIn,
) -> None:
    ann = await sign_in("ann")
    fields = {"title": "o" * 200, "description": "words that took a while", "bucket": ""}
    status, page = await post(ann, SETTINGS, "/settings", **fields)
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert page.xpath("//input[@name='title']/@value") == ["o" * 200]
    assert "words that took a while" in page.xpath("string(//textarea[@name='description'])")


async def test_a_stream_has_the_whole_of_a_long_filter(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    dataset(served, "long", orders(served))
    senders = [f"somebody.with.a.long.name.{number}@customers.example" for number in range(40)]
    page = f"/streams/nordwind/long/new?{urlencode([('sender', one) for one in senders])}"
    status, _ = await post(ann, page, "/new", name="robot")
    assert status == HTTPStatus.SEE_OTHER
    with served.database.read() as tx:
        found = datasets.get(tx, "nordwind", "long")
        assert found is not None
        made = streams.get(tx, found.id, "robot")
    assert made is not None
    assert set(senders) == set(_senders(made.comment_filter))


def _senders(comment_filter: Mapping[str, object]) -> list[str]:
    messages = comment_filter["messages"]
    assert isinstance(messages, dict)
    found: list[str] = messages["from"]["one_of"]
    return found


async def test_a_dataset_is_made_of_as_many_sources_as_there_are(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    with served.database.write() as tx:
        project = projects.ensure(tx, "nordwind")
        made = [
            making.source(
                tx,
                project,
                f"team-{number}",
                title="",
                description="",
                language="",
                bucket_id=None,
                at=NOW,
            )
            for number in range(120)
        ]
    ticked = {f"source-{one.id}": "on" for one in made}
    status, _ = await post(ann, "/streams", "/datasets", project="nordwind", name="all", **ticked)
    assert status == HTTPStatus.SEE_OTHER
    with served.database.read() as tx:
        found = datasets.get(tx, "nordwind", "all")
    assert found is not None
    assert len(found.source_ids) == len(made)
