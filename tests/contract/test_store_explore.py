"""Exploring a source: what is found and what is counted is the same in both databases, and never too much at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailmine.model.facts import ANSWER, DOMAIN, FOLDER, HOUR, SENDER, Wanted, hour_of
from mailmine.store import comments, explore, sources
from mailmine.store.comments import NewComment
from mailmine.store.database import Database
from tests.contract.store_world import MINUTE, NOW, World, build, comment, comment_id

ANA = "García, Ana <Ana@Example.com>"
BEN = "Ben <ben@acme.example>"
INBOX, DONE = "Inbox (/ Inbox)", "Done (/ Inbox / Done)"


def filed(one: NewComment, folder: str) -> NewComment:
    return replace(one, comment=replace(one.comment, user_properties={FOLDER: folder}))


MAIL = {
    "asked": filed(comment("asked", "Where is order 4711?", from_=ANA, thread="t", at=NOW), INBOX),
    "again": filed(comment("again", "Hello?", from_=ANA, thread="t", at=NOW + 5 * MINUTE), INBOX),
    "answered": filed(
        comment("answered", "On its way.", from_=BEN, thread="t", at=NOW + 90 * MINUTE), DONE
    ),
    "offer": filed(
        comment("offer", "Order now", from_=BEN, at=NOW + timedelta(days=2), attachment="a.pdf"),
        DONE,
    ),
    "bare": comment("bare", "No author, no folder", at=NOW + timedelta(days=3)),
}
NAMES = {comment_id(name): name for name in MAIL}


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as tx:
        world = build(tx)
        comments.put(tx, world.source.id, list(MAIL.values()), at=NOW)
        # The same words elsewhere are nobody's business here.
        other = sources.ensure(tx, world.project.id, "other")
        comments.put(tx, other.id, list(MAIL.values()), at=NOW)
    return world


def by(name: str, *values: str) -> Wanted:
    return Wanted(chosen={name: frozenset(values)})


def look(
    database: Database, world: World, wanted: Wanted, *, before: int | None = None, limit: int = 9
) -> explore.Seen:
    with database.read() as tx:
        return explore.look(
            tx, world.source.id, wanted, before=before, limit=limit, counting=before is None
        )


def named(database: Database, world: World, keys: tuple[int, ...]) -> list[str]:
    with database.read() as tx:
        found = comments.by_keys(tx, world.source.id, keys)
    return [NAMES[one.comment.id] for one in found]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), ["bare", "offer", "answered", "again", "asked"]),
        (Wanted(words="order"), ["offer", "asked"]),
        (Wanted(words="order", chosen={FOLDER: frozenset({INBOX})}), ["asked"]),
        (Wanted(words="?!"), []),
        (by(FOLDER, INBOX), ["again", "asked"]),
        (by(FOLDER, INBOX, DONE), ["offer", "answered", "again", "asked"]),
        (by(SENDER, "ana@example.com"), ["again", "asked"]),
        (by(DOMAIN, "example.com"), ["again", "asked"]),
        (by(DOMAIN, "example.com", "acme.example"), ["offer", "answered", "again", "asked"]),
        (by("attachments", "Yes"), ["offer"]),
        (by("string:None", "x"), []),
        (by(HOUR, str(hour_of(NOW + 90 * MINUTE))), ["answered"]),
        (by(ANSWER, "4h"), ["again", "asked"]),
        (by(ANSWER, "none"), ["bare", "offer", "answered"]),
        (Wanted(words="4711", chosen={ANSWER: frozenset({"4h"})}), ["asked"]),
        (Wanted(since=NOW + timedelta(days=1)), ["bare", "offer"]),
        (Wanted(until=NOW + timedelta(minutes=4)), ["asked"]),
        (Wanted(until=NOW + timedelta(minutes=4), chosen={ANSWER: frozenset({"4h"})}), ["asked"]),
    ],
)
def test_what_is_wanted_is_found_newest_first(
    database: Database, world: World, wanted: Wanted, names: list[str]
) -> None:
    seen = look(database, world, wanted)
    assert named(database, world, seen.keys) == names
    assert seen.following is None
    assert seen.is_all
    assert seen.counts is not None
    assert seen.counts.matched == len(names)


@pytest.mark.parametrize(
    "wanted", [Wanted(), Wanted(words="order"), by(FOLDER, DONE), by(ANSWER, "none")]
)
def test_pages_neither_skip_nor_repeat(database: Database, world: World, wanted: Wanted) -> None:
    whole = look(database, world, wanted).keys
    found: tuple[int, ...] = ()
    place: int | None = None
    while True:
        seen = look(database, world, wanted, before=place, limit=1)
        found += seen.keys
        if seen.following is None:
            break
        place = seen.following
    assert found == whole


def test_no_more_is_looked_at_than_is_said(database: Database, world: World) -> None:
    with database.read() as tx:
        wanted = by("string:None", "x")
        seen = explore.look(
            tx, world.source.id, wanted, before=None, limit=9, counting=True, most=2
        )
        assert (seen.keys, seen.looked_at, seen.is_all) == ((), 2, False)
        assert seen.following is not None
        rest = explore.look(
            tx, world.source.id, wanted, before=seen.following, limit=9, counting=False
        )
    assert (rest.looked_at, rest.is_all, rest.following) == (3, True, None)


def test_values_that_were_not_chosen_are_counted_as_if_none_were(
    database: Database, world: World
) -> None:
    counts = look(database, world, by(FOLDER, INBOX)).counts
    assert counts is not None
    assert counts.facets[FOLDER] == {INBOX: 2, DONE: 2}
    assert counts.facets[DOMAIN] == {"example.com": 2}


def test_it_is_counted_when_and_how_quickly(database: Database, world: World) -> None:
    counts = look(database, world, Wanted()).counts
    assert counts is not None
    assert counts.answers == {"4h": 2, "none": 3}
    assert counts.hours[hour_of(NOW)] == 2
    assert sum(counts.hours) == len(MAIL)
    # By the index of words, answers are looked for apart: they need not hold the words.
    found = look(database, world, Wanted(words="4711")).counts
    assert found is not None
    assert found.answers == {"4h": 1}


@pytest.mark.usefixtures("world")
def test_several_sources_are_counted_together(database: Database) -> None:
    with database.read() as tx:
        ids = [one.id for one in sources.list_all(tx, "acme")]
        seen = explore.look_all(tx, ids, by(FOLDER, INBOX))
    assert seen.counts is not None
    assert (seen.counts.matched, seen.looked_at, seen.is_all) == (4, 10, True)
    assert seen.counts.facets[FOLDER] == {INBOX: 4, DONE: 4}


@pytest.mark.parametrize(
    ("wanted", "here", "near"),
    [
        (Wanted(), "answered", ["offer", "again"]),
        (Wanted(), "bare", [None, "offer"]),
        (Wanted(), "asked", ["again", None]),
        (by(FOLDER, DONE), "offer", [None, "answered"]),
        (Wanted(words="order"), "asked", ["offer", None]),
        (by(ANSWER, "4h"), "asked", ["again", None]),
        (by(DOMAIN, "acme.example"), "bare", [None, "offer"]),
    ],
)
def test_neighbours_are_those_of_the_list(
    database: Database,
    world: World,
    wanted: Wanted,
    here: str,
    near: list[str | None],
) -> None:
    with database.read() as tx:
        stored = comments.get(tx, world.source.id, comment_id(here))
        assert stored is not None
        keys = explore.neighbours(tx, world.source.id, wanted, stored.time_key)
        found = {
            one.time_key: NAMES[one.comment.id]
            for one in comments.by_keys(tx, world.source.id, [key for key in keys if key])
        }
    assert [key and found[key] for key in keys] == near


def test_all_of_a_source_is_counted_over_time(database: Database, world: World) -> None:
    days = [NOW.replace(hour=0, minute=0) + timedelta(days=day) for day in range(5)]
    with database.read() as tx:
        assert explore.volume(tx, world.source.id, days) == (3, 0, 1, 1)
        span = explore.span(tx, world.source.id, days[0], days[3])
        assert span == (
            NOW.replace(microsecond=0),
            (NOW + timedelta(days=2)).replace(microsecond=0),
        )
        assert explore.span(tx, world.source.id, days[4], days[4] + MINUTE) is None
