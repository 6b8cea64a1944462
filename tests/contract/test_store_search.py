"""Search of comments, which is the same in both databases."""

import threading
import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from sqlalchemy import text

from mailmine.store import comments, search, search_index, sources
from mailmine.store.database import Database
from tests.contract.store_world import NOW, World, build, comment, comment_id

MAIL = {
    "invoice": comment(
        "invoice",
        "Please find the invoice 4711 attached.\nIt is overdue since last week.",
        subject="Invoice overdue",
        from_="Ana García <ana@example.com>",
        at=NOW,
    ),
    "transfer": comment(
        "transfer",
        "Die Überweisung der Rechnung ist unterwegs.",
        subject="AW: Rechnung",
        to=("Buchhaltung <konto@acme.example>",),
        at=NOW + timedelta(minutes=1),
    ),
    "order": comment(
        "order",
        "请帮我更新我的订单状态。订单号 4711",
        subject="订单",
        at=NOW + timedelta(minutes=2),
    ),
    "report": comment(
        "report",
        "The week was good, the last one better. Invoices follow.",
        attachment="Quarterly-Report_2024.pdf",
        at=NOW + timedelta(minutes=3),
    ),
    "russian": comment("russian", "Мой заказ не пришёл, ответьте", at=NOW + timedelta(minutes=4)),
}


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as tx:
        world = build(tx)
        comments.put(tx, world.source.id, list(MAIL.values()), at=NOW)
    return world


def found(database: Database, world: World, query: str) -> list[str]:
    """Name the comments found."""
    named = {comment_id(name): name for name in MAIL}
    with database.read() as tx:
        hits = search.find(tx, world.source.id, query, before=None, limit=9)
    return [named[hit.comment.comment.id] for hit in hits]


QUERIES: list[tuple[str, list[str]]] = [
    ("invoice", ["invoice"]),
    ("INVOICE", ["invoice"]),
    ("invoice*", ["report", "invoice"]),
    ("week", ["report", "invoice"]),
    ("overdue week", ["invoice"]),
    ("overdue good", []),
    ('"last week"', ["invoice"]),
    ('"week last"', []),
    ('"the last"', ["report"]),
    ('"last we"', []),
    ('"last we"*', ["invoice"]),
    ("week -invoice", ["report"]),
    ('week -"last week"', ["report"]),
    ("-week -rechnung", ["russian", "order"]),
    ("4711", ["order", "invoice"]),
    # Case, accents and forms of letters.
    ("uberweisung", ["transfer"]),
    ("ÜBERWEISUNG", ["transfer"]),
    ("u\u0308berweisung", ["transfer"]),
    ("garcia", ["invoice"]),
    ("МОЙ заказ", ["russian"]),
    ("мои", []),
    # People and attachments.
    ("ana@example.com", ["invoice"]),
    ("example", ["transfer", "invoice"]),
    ("buchhaltung", ["transfer"]),
    ("report_2024.pdf", ["report"]),
    ("quarterly-report", ["report"]),
    # Any part of what is written without gaps.
    ("订单", ["order"]),
    ("更新我的", ["order"]),
    ("新更", []),
    ("订单 4711", ["order"]),
    ("订单状*", ["order"]),
    # Not a word in it.
    ("", []),
    (" \t", []),
    ('"', []),
    ("-", []),
    ("*", []),
    ("?!", []),
    # What the databases would take for orders.
    ("week OR rechnung", []),
    ("NOT week", []),
    ("week AND", []),
    ("words : week", []),
    ("week)", ["report", "invoice"]),
    ("week'", ["report", "invoice"]),
    ("week:*", ["report", "invoice"]),
    ("week & !invoice", ["invoice"]),
    ("NEAR(week last)", []),
    ('week "last', ["report", "invoice"]),
    ("week\x00", ["report", "invoice"]),
]


@pytest.mark.parametrize(("query", "names"), QUERIES)
def test_a_query_finds(database: Database, world: World, query: str, names: list[str]) -> None:
    assert found(database, world, query) == names


def test_all_is_found_by_the_index_alone_as_well(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL asks it only where the newest comments have not enough hits."""
    monkeypatch.setattr(search, "NEAR", 0)
    assert [(query, found(database, world, query)) for query, _ in QUERIES] == QUERIES
    with database.read() as tx:
        first, second = search.find(tx, world.source.id, "week", before=None, limit=9)
        assert search.find(tx, world.source.id, "week", before=None, limit=1) == (first,)
        rest = search.find(tx, world.source.id, "week", before=first.comment.time_key, limit=9)
    assert rest == (second,)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(query=st.one_of(st.text(), st.text(alphabet="\"'*-:&|!()<>\\ aæé订NOTAD.\x00\ud800")))
@example(query="x" * 100_000)
@example(query="x " * 50_000)
@example(query="订" * 10_000)
@example(query='"' * 999)
def test_no_query_is_an_error(database: Database, world: World, query: str) -> None:
    found(database, world, query)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(max_size=300), changed=st.text(max_size=300))
@example(text="x" * 70_000, changed="订" * 65_536)
@example(text=" ".join(map(str, range(13_000))), changed="é" * 5_000)
def test_no_text_is_refused_and_the_index_follows(
    database: Database, world: World, text: str, changed: str
) -> None:
    source = world.source.id
    with database.write() as tx:
        comments.put(tx, source, [comment("any", f"{text} alpha")], at=NOW)
        assert search.find(tx, source, "alpha -omega", before=None, limit=9)
        comments.put(tx, source, [comment("any", f"omega {changed}")], at=NOW)
        assert search.find(tx, source, "alpha", before=None, limit=9) == ()
        assert len(search.find(tx, source, "omega", before=None, limit=9)) == 1


def test_a_comment_that_moves_in_time_is_found_once(database: Database, world: World) -> None:
    later = comment("invoice", "Another invoice", at=NOW + timedelta(days=1))
    with database.write() as tx:
        comments.put(tx, world.source.id, [later], at=NOW)
    assert found(database, world, "invoice*") == ["invoice", "report"]
    assert found(database, world, "overdue") == []


def test_hits_are_paged_newest_first(database: Database, world: World) -> None:
    with database.read() as tx:
        first, second = search.find(tx, world.source.id, "week", before=None, limit=9)
        page = search.find(tx, world.source.id, "week", before=None, limit=1)
        rest = search.find(tx, world.source.id, "week", before=first.comment.time_key, limit=9)
    assert page == (first,)
    assert rest == (second,)


def test_only_the_source_is_searched(database: Database, world: World) -> None:
    with database.write() as tx:
        other = sources.ensure(tx, world.project.id, "other")
        comments.put(tx, other.id, [comment("elsewhere", "one week", at=NOW)], at=NOW)
        (hit,) = search.find(tx, other.id, "week", before=None, limit=9)
        assert hit.comment.comment.id == comment_id("elsewhere")
        assert search.find(tx, other.id, "invoice", before=None, limit=9) == ()
        assert search.find(tx, other.id, world.source.id, before=None, limit=9) == ()
    assert found(database, world, "week") == ["report", "invoice"]


@pytest.mark.parametrize(
    ("query", "snippet"),
    [
        (
            "overdue -4712",
            (
                ("Please find the invoice 4711 attached. It is ", False),
                ("overdue", True),
                (" since last week.", False),
            ),
        ),
        (
            "find last",
            (
                ("Please ", False),
                ("find", True),
                (" the invoice 4711 attached. It is overdue since ", False),
                ("last", True),
                (" week.", False),
            ),
        ),
    ],
)
def test_a_snippet_shows_the_match(
    database: Database, world: World, query: str, snippet: search.Snippet
) -> None:
    with database.read() as tx:
        hits = search.find(tx, world.source.id, query, before=None, limit=9)
    assert hits[-1].snippet == snippet


def test_a_snippet_of_a_long_text_is_short(database: Database, world: World) -> None:
    text = "some words before it " * 50 + "the näedle stands here " + "and more after it " * 50
    with database.write() as tx:
        comments.put(tx, world.source.id, [comment("long", text)], at=NOW)
        (hit,) = search.find(tx, world.source.id, "naedle", before=None, limit=9)
    shown = "".join(run for run, _ in hit.snippet)
    assert ("näedle", True) in hit.snippet
    assert len(shown) <= search.SNIPPET_LENGTH + 2
    assert shown.startswith("…")
    assert shown.endswith("…")


MANY = [
    comment(f"many-{number}", "a history", at=NOW) for number in range(search_index.AT_ONCE + 1)
]


def hits(database: Database, world: World, query: str) -> int:
    """Count what is found."""
    with database.read() as tx:
        return len(search.find(tx, world.source.id, query, before=None, limit=100))


def catch_up(database: Database, *, most: int = 100) -> int:
    """Index what is lined up; how many comments that were."""
    with database.write() as tx:
        return search_index.catch_up(tx, most=most)


def test_many_comments_are_found_once_the_index_caught_up(database: Database, world: World) -> None:
    with database.write() as tx:
        comments.put(tx, world.source.id, MANY, at=NOW)
    if database.dialect == "postgresql":
        assert hits(database, world, "history") == 0
        assert catch_up(database, most=20) == 20
        assert hits(database, world, "history") == 20
        assert catch_up(database, most=20) == len(MANY) - 20
    assert hits(database, world, "history") == len(MANY)
    assert catch_up(database) == 0


def test_what_changed_or_went_before_it_was_indexed_is_found_as_it_is(
    database: Database, world: World
) -> None:
    with database.write() as tx:
        comments.put(tx, world.source.id, MANY, at=NOW)
    with database.write() as tx:
        comments.put(tx, world.source.id, [comment("many-0", "the present", at=NOW)], at=NOW)
        comments.remove(tx, world.source.id, [comment_id("many-1")])
    catch_up(database)
    assert hits(database, world, "history") == len(MANY) - 2
    assert hits(database, world, "present") == 1


def test_what_another_process_is_indexing_is_taken_out_after_it(
    database: Database, world: World
) -> None:
    if database.dialect != "postgresql":
        return  # nothing is lined up there
    with database.write() as tx:
        comments.put(tx, world.source.id, MANY, at=NOW)
    removing = threading.Thread(target=_remove_all, args=(database, world))
    with database.write() as tx:
        assert search_index.catch_up(tx, most=100) == len(MANY)
        assert catch_up(database) == 0, "nothing waits for the other, nothing is indexed twice"
        removing.start()
        _wait_for_a_lock(database)
    removing.join()
    assert hits(database, world, "history") == 0
    with database.write() as tx:
        assert tx.execute(text("SELECT count(*) FROM comment_words")).scalar() == len(MAIL)


def _remove_all(database: Database, world: World) -> None:
    with database.write() as tx:
        comments.remove(tx, world.source.id, [one.comment.id for one in MANY])


def _wait_for_a_lock(database: Database) -> None:
    """Wait until a transaction waits for another."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with database.read() as tx:
            if tx.execute(waiting).scalar():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
