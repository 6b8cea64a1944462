"""What the address of a page says, how plots are parted, and that an export does no harm."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from starlette.datastructures import QueryParams

from mailmine.model.comment import Comment, CommentAttachment, Message
from mailmine.model.ids import CommentId, SourceId
from mailmine.model.wire import encode
from mailmine.store.comments import StoredComment
from mailmine.web import export, plots
from mailmine.web.asked import Asked

MIN, MAX = (datetime(year, 1, 1) for year in (1980, 2040))  # noqa: DTZ001 - hypothesis wants them so
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(query: str) -> Asked:
    return Asked.read(QueryParams(query))


def test_an_address_says_what_is_wanted() -> None:
    asked = read(
        "q=order&folder=Inbox&folder=Done&string:Kind=visit&since=2026-01-01&until=2026-01-31&x=1"
    )
    wanted = asked.wanted
    assert wanted.words == "order"
    assert wanted.chosen == {
        "string:Folder": frozenset({"Inbox", "Done"}),
        "string:Kind": frozenset({"visit"}),
    }
    assert (wanted.since, wanted.until) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    )
    assert read(asked.query[1:]) == asked


@pytest.mark.parametrize(
    "query",
    ["since=soon", "until=9999-12-31", "since=0001-01-01T00:00%2B14:00", "folder=", "before=1", ""],
)
def test_what_makes_no_sense_is_not_asked(query: str) -> None:
    assert not read(query)


def test_a_filter_is_typed_as_people_write_it() -> None:
    assert read("by=hour&is=Mon+14:00").chosen == (("hour", "14"),)
    assert read("by=sender&is=Ana@Example.com").chosen == (("sender", "ana@example.com"),)
    assert read("by=answer&is=within+a+day").chosen == (("answer", "1d"),)
    assert read("by=attachments&is=yes").chosen == (("attachments", "Yes"),)
    assert not read("by=nonsense&is=1")


def test_each_chip_is_taken_off_alone() -> None:
    asked = read("q=order&folder=A&folder=B&since=2026-01-01")
    assert [(chip.label, chip.text) for chip in asked.chips] == [
        ("Words", "order"),
        ("From", "1 Jan 2026"),
        ("Folder", "A"),
        ("Folder", "B"),
    ]
    assert asked.chips[2].without == "?q=order&since=2026-01-01&folder=B"


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_value_survives_the_address(name: str, value: str) -> None:
    asked = Asked(chosen=((f"string:{name}", f"x{value}"),))
    assert read(asked.query[1:]) == asked


@given(
    st.datetimes(MIN, MAX, timezones=st.just(UTC)),
    st.timedeltas(timedelta(0), timedelta(days=20_000)),
)
def test_time_is_parted_without_gaps_and_not_too_finely(first: datetime, length: timedelta) -> None:
    first = first.replace(microsecond=0)
    last = first + timedelta(seconds=int(length.total_seconds()))
    _, parts = plots.edges(first, last, since=None, until=None)
    assert parts[0] <= first <= last < parts[-1]
    assert parts == sorted(set(parts))
    assert len(parts) - 1 <= plots.MOST_BARS
    seconds = [int(first.timestamp()), int(last.timestamp())]
    assert sum(plots.counted(seconds, parts)) == 2


def test_a_part_of_time_leads_to_exactly_its_comments() -> None:
    parts = [AT, AT + timedelta(minutes=10), AT + timedelta(minutes=20)]
    line = plots.timeline(Asked(), "10 minutes", parts, [3, 1])
    wanted = read(line.bars[0].query[1:]).wanted
    assert (wanted.since, wanted.until) == (parts[0], parts[1])
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 8)]
    bar = plots.timeline(Asked(), "week", days, [1]).bars[0]
    assert bar.words == "1 Mar 2026 to 7 Mar 2026"
    assert read(bar.query[1:]).wanted.until == days[1]


def test_a_chosen_value_is_shown_though_nothing_has_it() -> None:
    asked = read("folder=Gone")
    bars = plots.values(asked, "string:Folder", Counter({"Here": 2}), 5)
    assert [(bar.words, bar.count, bar.is_chosen) for bar in bars] == [
        ("Here", 2, False),
        ("Gone", 0, True),
    ]
    assert bars[1].query == ""


def stored(comment: Comment) -> StoredComment:
    return StoredComment(
        seq=1,
        time_key=1,
        source_id=SourceId("0" * 16),
        json=encode(comment, source_id=SourceId("0" * 16), created_at=AT, updated_at=AT),
        email_key=None,
        refined=0,
        created_at=AT,
        updated_at=AT,
    )


@pytest.mark.parametrize(
    "formula",
    ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", " =1"],
)
def test_no_cell_of_an_export_is_a_formula(formula: str) -> None:
    comment = Comment(
        id=CommentId("a"),
        timestamp=AT,
        messages=(Message(body=formula, subject=formula, from_=formula, to=(formula,)),),
        user_properties={"string:Folder": formula},
        attachments=(CommentAttachment(name=formula, size=1, content_type="a/b"),),
    )
    written = b"".join(export.comma_separated([(stored(comment),)])).decode()
    rows = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline="")))
    assert tuple(rows[0]) == export.COLUMNS
    row = dict(zip(rows[0], rows[1], strict=True))
    assert len(rows) == 2
    for name in ("from", "to", "subject", "body", "folder", "attachments"):
        assert row[name].endswith(formula)
        assert row[name].startswith(("'", " "))


def test_lines_of_json_are_what_the_api_gives() -> None:
    comment = Comment(id=CommentId("a"), timestamp=AT, messages=(Message(body="a\nb\u2028c"),))
    one = stored(comment)
    assert b"".join(export.json_lines([(one,), (one,)])) == (one.json + b"\n") * 2
