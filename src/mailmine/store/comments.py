"""Comments: what clients read, ready-made as JSON.

`arrival` is the order in which comments became visible within a source, and `revision` the order in which their
text did last. Writers of one source take turns until they commit (`_take_turn`), since PostgreSQL shows rows by their
commit and not by their numbers: so who reads a source on from the highest number seen never skips a late commit.
Both are the microsecond of writing, or the next that is free in the source.

`time_key` sorts comments by their timestamp: seconds since 1970 times 2^20, plus the microseconds, plus one for as
long as another comment has that number. It is unique, so pages neither skip nor repeat a comment
while others arrive; in SQLite it is also the row number in the search index.
"""

import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    delete,
    func,
    literal,
    select,
    text,
    update,
)

from mailmine import tracing
from mailmine.model import wire
from mailmine.model.comment import Comment
from mailmine.model.ids import BucketId, CommentId, EmailKey, SourceId, ThreadId
from mailmine.store import amounts, comment_attachments, many, search_index, traces
from mailmine.store.among import among, of_one
from mailmine.store.amounts import Amount
from mailmine.store.schema import comments, projects, sources
from mailmine.store.text import clean_all
from mailmine.store.types import EPOCH, microseconds

SLOTS = 1 << 20
"""Numbers for the comments of one second; the first million is their microseconds."""

SECOND = timedelta(seconds=1)

NUL = b"\\u0000"
"""As JSON writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewComment:
    """A comment to keep."""

    comment: Comment
    email_key: EmailKey | None
    refined: int
    """Which refinement made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredComment:
    """A comment that was kept."""

    seq: int
    time_key: int
    source_id: SourceId
    json: bytes
    """For the API, ready-made."""
    email_key: EmailKey | None
    refined: int
    created_at: datetime
    updated_at: datetime

    @property
    def comment(self) -> Comment:
        """The same, to work with; decoded anew each time."""
        return wire.decode(self.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the comments of one `put`."""

    new: int
    updated: int
    unchanged: int


def put(tx: Connection, source_id: SourceId, new: Sequence[NewComment], *, at: datetime) -> Counts:
    """Insert comments, or replace those with the same id; keeps the search index in step.

    A comment that says the same as before stays as it is, its `updated_at` too. Of several with one
    id the last counts.
    """
    wanted = {one.comment.id: one for one in new}
    fits = [_fit(one, source_id, at) for one in wanted.values()]
    _take_turn(tx, source_id)
    place = _next_place(tx, source_id, at)
    here = {
        row.comment_id: row
        for row in tx.execute(
            select(comments).where(
                of_one(tx, comments.c.source_id, source_id),
                among(tx, comments.c.comment_id, [one.comment.id for one, _ in fits]),
            )
        )
    }
    fresh = [fit for fit in fits if fit[0].comment.id not in here]
    changed: list[tuple[NewComment, Row[Any]]] = []
    restamped: list[tuple[NewComment, Row[Any]]] = []
    for one, _ in fits:
        row = here.get(one.comment.id)
        if row is None:
            continue
        if _encode(one.comment, source_id, row.created_at, row.updated_at) != row.json:
            changed.append((one, row))
        elif (one.refined, one.email_key) != (row.refined, row.email_key):
            restamped.append((one, row))
    _insert(tx, source_id, fresh, at, place)
    _replace(tx, source_id, changed, at, place + len(fresh))
    if fresh or changed:
        last = place + len(fresh) + len(changed) - 1
        _keep_place(tx, source_id, last)
        if (parent := tracing.current()) is not None:
            traces.note(tx, source_id, parent, first=place, last=last, at=at)
    if restamped:
        tx.execute(
            update(comments)
            .where(comments.c.seq == bindparam("row"))
            .values(refined=bindparam("stamp"), email_key=bindparam("email")),
            [
                {"row": row.seq, "stamp": one.refined, "email": one.email_key}
                for one, row in restamped
            ],
        )
    return Counts(new=len(fresh), updated=len(changed), unchanged=len(here) - len(changed))


def get(tx: Connection, source_id: SourceId, comment_id: CommentId) -> StoredComment | None:
    """Find a comment of a source by its id."""
    mine = (comments.c.source_id == source_id) & (comments.c.comment_id == comment_id)
    row = tx.execute(select(*COLUMNS).where(mine)).one_or_none()
    return None if row is None else StoredComment(**row._asdict())


def of_ids(
    tx: Connection, source_id: SourceId, ids: Collection[CommentId]
) -> tuple[StoredComment, ...]:
    """List those of these comments that a source has."""
    if not ids:
        return ()
    mine = of_one(tx, comments.c.source_id, source_id) & among(tx, comments.c.comment_id, ids)
    return stored(tx.execute(select(*COLUMNS).where(mine)))


def by_keys(
    tx: Connection, source_id: SourceId, keys: Collection[int]
) -> tuple[StoredComment, ...]:
    """List the comments of a source that have these time keys, newest first."""
    mine = of_one(tx, comments.c.source_id, source_id) & among(tx, comments.c.time_key, keys)
    return stored(tx.execute(select(*COLUMNS).where(mine).order_by(comments.c.time_key.desc())))


def of_emails(tx: Connection, keys: Collection[EmailKey]) -> tuple[StoredComment, ...]:
    """List the comments of these emails in all sources."""
    mine = among(tx, comments.c.email_key, keys)
    return stored(tx.execute(select(*COLUMNS).where(mine).order_by(comments.c.seq)))


def page(
    tx: Connection,
    source_id: SourceId,
    *,
    newest_first: bool,
    after: int | None,
    limit: int,
    since: datetime | None,
    until: datetime | None,
) -> tuple[StoredComment, ...]:
    """List the next `limit` comments of a source in the order of time.

    `after` is the `time_key` of the last comment of the page before. Both bounds are inclusive.
    """
    query = _paging(
        whole=True,
        newest_first=newest_first,
        since=since is not None,
        until=until is not None,
        after=after is not None,
    )
    return stored(tx.execute(query, _bounds(source_id, after, limit, since, until)))


def json_page(
    tx: Connection,
    project: str,
    source: str,
    *,
    after: int | None,
    limit: int,
    since: datetime | None,
    until: datetime | None,
) -> Sequence[tuple[int, bytes]]:
    """List the next `limit` comments, oldest first, as time key and JSON: all that a list for clients shows.

    Nothing as well where there is no such source: to find it first would cost as much again as the page.
    """
    query = _paging(
        whole=False,
        newest_first=False,
        since=since is not None,
        until=until is not None,
        after=after is not None,
    )
    bounds = _bounds(None, after, limit, since, until) | {"project": project, "source": source}
    return tx.execute(query, bounds).all()


@functools.cache
def _paging(
    *, whole: bool, newest_first: bool, since: bool, until: bool, after: bool
) -> Select[Any]:
    """Make the query of a page, once: making it costs more than running it."""
    key = comments.c.time_key
    query = select(*COLUMNS) if whole else select(key, comments.c.json)
    query = query.where(comments.c.source_id == (bindparam("source_id") if whole else _named()))
    # The keys bound the search to the second, the timestamps decide within it.
    if since:
        since_at = bindparam("since", type_=comments.c.timestamp.type)
        query = query.where(key >= bindparam("first"), comments.c.timestamp >= since_at)
    if until:
        until_at = bindparam("until", type_=comments.c.timestamp.type)
        query = query.where(key < bindparam("end"), comments.c.timestamp <= until_at)
    if after:
        query = query.where(key < bindparam("after") if newest_first else key > bindparam("after"))
    return query.order_by(key.desc() if newest_first else key).limit(bindparam("most"))


def _named() -> ScalarSelect[SourceId]:
    """Find the id of a source by the names that its address has."""
    mine = (projects.c.name == bindparam("project")) & (sources.c.name == bindparam("source"))
    return select(sources.c.id).join(projects).where(mine).scalar_subquery()


def _bounds(
    source_id: SourceId | None,
    after: int | None,
    limit: int,
    since: datetime | None,
    until: datetime | None,
) -> dict[str, Any]:
    bounds: dict[str, Any] = {"source_id": source_id, "most": limit}
    if since is not None:
        bounds |= {"since": since, "first": first_slot(since)}
    if until is not None:
        bounds |= {"until": until, "end": first_slot(until) + SLOTS}
    if after is not None:
        bounds["after"] = after
    return bounds


def span(tx: Connection, source_id: SourceId) -> tuple[int, int] | None:
    """Give the first and the last time key of a source; None where it has no comments."""
    key = comments.c.time_key
    query = select(func.min(key), func.max(key)).where(comments.c.source_id == source_id)
    first, last = tx.execute(query).one()
    return None if first is None else (first, last)


def thread(
    tx: Connection, source_id: SourceId, thread_id: ThreadId, *, limit: int = 500
) -> tuple[StoredComment, ...]:
    """List the comments of one conversation, oldest first."""
    mine = (comments.c.source_id == source_id) & (comments.c.thread_id == thread_id)
    query = select(*COLUMNS).where(mine).order_by(comments.c.time_key)
    return stored(tx.execute(query.limit(limit)))


def of_threads(
    tx: Connection, source_id: SourceId, threads: Collection[ThreadId]
) -> tuple[StoredComment, ...]:
    """List the comments of these conversations."""
    if not threads:
        return ()
    mine = of_one(tx, comments.c.source_id, source_id) & among(tx, comments.c.thread_id, threads)
    return stored(tx.execute(select(*COLUMNS).where(mine).order_by(comments.c.seq)))


def leads(
    tx: Connection, source_id: SourceId, ids: Collection[CommentId]
) -> dict[CommentId, CommentId]:
    """Tell of comments that are there in which conversation each is, by the comment after which it is named.

    To write what follows from it: nobody else writes to the source until the transaction ends.
    """
    _take_turn(tx, source_id)
    if not ids:
        return {}
    mine = of_one(tx, comments.c.source_id, source_id) & among(tx, comments.c.comment_id, ids)
    query = select(comments.c.comment_id, comments.c.thread_id).where(mine)
    return {CommentId(own): CommentId(thread or own) for own, thread in tx.execute(query)}


def take_turns(tx: Connection, bucket_id: BucketId) -> None:
    """Let nobody else write to the sources of a bucket until the transaction ends.

    Before comments are written anew, and before that is read which they are made of: else two that are made at once
    each lack what the other knew, and the second stays.
    """
    mine = select(sources.c.id).where(sources.c.bucket_id == bucket_id)
    for source_id in tx.execute(mine.order_by(sources.c.id)).scalars().all():
        _take_turn(tx, source_id)


def thread_sizes(
    tx: Connection, source_id: SourceId, threads: Collection[ThreadId]
) -> dict[ThreadId, int]:
    """Count the comments of each conversation, for a page of a list."""
    if not threads:
        return {}
    mine = of_one(tx, comments.c.source_id, source_id) & among(tx, comments.c.thread_id, threads)
    query = select(comments.c.thread_id, func.count()).where(mine).group_by(comments.c.thread_id)
    return {ThreadId(thread): size for thread, size in tx.execute(query)}


class Order(StrEnum):
    """The order in which a stream reads the comments of a source."""

    ARRIVAL = "arrival"
    """Each comment once."""
    REVISION = "revision"
    """A comment once more whenever its text changed."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A comment and its place in an order."""

    place: int
    source_id: SourceId
    json: bytes


def following(
    tx: Connection, source_id: SourceId, order: Order, *, after: int, limit: int
) -> tuple[Placed, ...]:
    """List the next `limit` comments of a source behind the place `after`; what commits later comes later."""
    rows = tx.execute(_FOLLOWING[order], {"source": source_id, "after": after, "most": limit})
    return tuple(Placed(row[0], source_id, row[1]) for row in rows)


_FOLLOWING = {
    order: select(comments.c[order], comments.c.json)
    .where(comments.c.source_id == bindparam("source"), comments.c[order] > bindparam("after"))
    .order_by(comments.c[order])
    .limit(bindparam("most"))
    for order in Order
}


def count_following(
    tx: Connection, source_id: SourceId, order: Order, *, after: int, most: int | None = None
) -> int:
    """Count the comments of a source behind the place `after`; no further than `most`."""
    mine = (comments.c.source_id == source_id) & (comments.c[order] > after)
    counted = select(literal(1)).select_from(comments).where(mine).limit(most).subquery()
    return tx.execute(select(func.count()).select_from(counted)).scalar_one()


def existing(
    tx: Connection, source_id: SourceId, ids: Collection[CommentId]
) -> frozenset[CommentId]:
    """Tell which of `ids` the source has already."""
    query = select(comments.c.comment_id).where(
        of_one(tx, comments.c.source_id, source_id), among(tx, comments.c.comment_id, ids)
    )
    return frozenset(map(CommentId, tx.execute(query).scalars()))


def remove(tx: Connection, source_id: SourceId, ids: Collection[CommentId]) -> int:
    """Forget comments of a source, and say how many there were."""
    mine = of_one(tx, comments.c.source_id, source_id) & among(tx, comments.c.comment_id, ids)
    return _remove(tx, source_id, select(*COLUMNS).where(mine))


def remove_some(tx: Connection, source_id: SourceId, *, limit: int) -> int:
    """Forget any `limit` comments of a source, and say how many there were."""
    query = select(*COLUMNS).where(comments.c.source_id == source_id)
    return _remove(tx, source_id, query.order_by(comments.c.time_key).limit(limit))


def remove_before(tx: Connection, source_id: SourceId, before: datetime, *, limit: int) -> int:
    """Forget at most `limit` comments of a source that are dated before, the oldest; how many there were."""
    query = select(*COLUMNS).where(_dated_before(source_id, before))
    return _remove(tx, source_id, query.order_by(comments.c.time_key).limit(limit))


def count_before(tx: Connection, source_id: SourceId, before: datetime, *, most: int) -> int:
    """Count the comments of a source that are dated before, up to `most`."""
    rows = select(comments.c.seq).where(_dated_before(source_id, before)).limit(most).subquery()
    return tx.execute(select(func.count()).select_from(rows)).scalar_one()


def _dated_before(source_id: SourceId, before: datetime) -> ColumnElement[bool]:
    # The key bounds the search, the timestamp decides within its second.
    return (
        (comments.c.source_id == source_id)
        & (comments.c.time_key < first_slot(before) + SLOTS)
        & (comments.c.timestamp < before)
    )


def _remove(tx: Connection, source_id: SourceId, query: Select[Any]) -> int:
    _take_turn(tx, source_id)  # what two take away at once is gone once, and as it was last
    gone = stored(tx.execute(query))
    if gone:
        octets = sum(len(one.json) for one in gone)
        amounts.note_in_source(tx, source_id, -Amount(len(gone), octets))
        search_index.remove(tx, source_id, [(one.time_key, one.comment) for one in gone])
        tx.execute(delete(comments).where(among(tx, comments.c.seq, [one.seq for one in gone])))
        comment_attachments.remove(tx, source_id, [one.comment.id for one in gone])
    return len(gone)


def count(tx: Connection, source_id: SourceId) -> int:
    """Count the comments of a source."""
    return amounts.in_source(tx, source_id).comments


_NOT_SHOWN = {"comment_id", "timestamp", "thread_id", "arrival", "revision"}

COLUMNS = [column for column in comments.c if column.name not in _NOT_SHOWN]
"""What a `StoredComment` is made of."""


def stored(rows: Iterable[Row[Any]]) -> tuple[StoredComment, ...]:
    """Make comments of rows of `COLUMNS`."""
    return tuple(StoredComment(**row._asdict()) for row in rows)


def _take_turn(tx: Connection, source_id: SourceId) -> None:
    """Wait until no other transaction writes to this source, or takes something away."""
    if tx.dialect.name == "postgresql":
        tx.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('mailmine.comments'), hashtext(:source))"),
            {"source": source_id},
        )


def _next_place(tx: Connection, source_id: SourceId, at: datetime) -> int:
    """Tell where the next comment of a source comes in the orders of `arrival` and `revision`.

    Behind all that were ever given, also those of comments that are gone: a stream may have passed them.
    """
    last = tx.execute(select(sources.c.last_place).where(sources.c.id == source_id)).scalar()
    return max(microseconds(at), (last or 0) + 1)


def _keep_place(tx: Connection, source_id: SourceId, last: int) -> None:
    tx.execute(update(sources).where(sources.c.id == source_id).values(last_place=last))


def _encode(
    comment: Comment, source_id: SourceId, created_at: datetime, updated_at: datetime
) -> bytes:
    return wire.encode(comment, source_id=source_id, created_at=created_at, updated_at=updated_at)


def _fit(new: NewComment, source_id: SourceId, at: datetime) -> tuple[NewComment, bytes]:
    """Encode a comment; without what no database takes, should it hold such (see `text`)."""
    try:
        json = _encode(new.comment, source_id, at, at)
    except TypeError:
        json = NUL
    if NUL not in json:
        return new, json
    cleaned = msgspec.convert(clean_all(msgspec.to_builtins(new.comment)), Comment)
    return replace(new, comment=cleaned), _encode(cleaned, source_id, at, at)


def _insert(
    tx: Connection,
    source_id: SourceId,
    fresh: Sequence[tuple[NewComment, bytes]],
    at: datetime,
    place: int,
) -> None:
    if not fresh:
        return
    keys = _time_keys(tx, source_id, [one.comment.timestamp for one, _ in fresh])
    octets = sum(len(json) for _, json in fresh)
    amounts.note_in_source(tx, source_id, Amount(len(fresh), octets))
    many.copy(
        tx,
        comments,
        [
            _columns(one, key)
            | {"source_id": source_id, "comment_id": one.comment.id, "json": json}
            | {"created_at": at, "updated_at": at, "arrival": number, "revision": number}
            for number, ((one, json), key) in enumerate(zip(fresh, keys, strict=True), place)
        ],
    )
    search_index.add(
        tx, source_id, [(key, one.comment) for (one, _), key in zip(fresh, keys, strict=True)]
    )


def _replace(
    tx: Connection,
    source_id: SourceId,
    changed: Sequence[tuple[NewComment, Row[Any]]],
    at: datetime,
    place: int,
) -> None:
    if not changed:
        return
    before = [(row.time_key, wire.decode(row.json)) for _, row in changed]
    search_index.remove(tx, source_id, before)
    moved = [(one, row) for one, row in changed if one.comment.timestamp != row.timestamp]
    keys = {row.seq: row.time_key for _, row in changed}
    moved_keys = _time_keys(tx, source_id, [one.comment.timestamp for one, _ in moved])
    keys |= {row.seq: key for (_, row), key in zip(moved, moved_keys, strict=True)}
    jsons = [_encode(one.comment, source_id, row.created_at, at) for one, row in changed]
    octets = sum(map(len, jsons)) - sum(len(row.json) for _, row in changed)
    amounts.note_in_source(tx, source_id, Amount(0, octets))
    tx.execute(
        update(comments).where(comments.c.seq == bindparam("row")),
        [
            _columns(one, keys[row.seq])
            | {"row": row.seq, "updated_at": at, "json": json}
            | {"revision": row.revision if old.messages == one.comment.messages else number}
            for number, ((one, row), (_, old), json) in enumerate(
                zip(changed, before, jsons, strict=True), place
            )
        ],
    )
    search_index.add(tx, source_id, [(keys[row.seq], one.comment) for one, row in changed])


def _columns(new: NewComment, time_key: int) -> dict[str, Any]:
    return {
        "time_key": time_key,
        "timestamp": new.comment.timestamp,
        "thread_id": new.comment.thread_id,
        "email_key": new.email_key,
        "refined": new.refined,
    }


def first_slot(at: datetime) -> int:
    """Give the first time key of the second of `at`."""
    return (at - EPOCH) // SECOND * SLOTS


def _time_keys(
    tx: Connection, source_id: SourceId, timestamps: Sequence[datetime]
) -> Sequence[int]:
    """Choose a free time key for each timestamp."""
    wished = [first_slot(at) + at.microsecond for at in timestamps]
    taken = set(
        tx.execute(_keys(tx, source_id).where(among(tx, comments.c.time_key, wished))).scalars()
    )
    highest: dict[int, int] = {}
    keys = []
    for wish in wished:
        key = wish if wish not in taken else _next_free(tx, source_id, wish, taken, highest)
        taken.add(key)
        keys.append(key)
    return keys


def _next_free(
    tx: Connection,
    source_id: SourceId,
    wish: int,
    taken: Collection[int],
    highest: dict[int, int],
) -> int:
    """Find a free time key behind all others of the same second; on an overfull one, of the next.

    `highest` remembers, by the end of the second, the last that was found: many may wish for the same.
    """
    while True:
        end = (wish // SLOTS + 1) * SLOTS
        last = highest.get(end)
        if last is None:
            within = comments.c.time_key.between(wish, end - 1)
            query = _keys(tx, source_id, func.max(comments.c.time_key)).where(within)
            last = tx.execute(query).scalar() or wish
        key = max(wish, last) + 1
        while key in taken:
            key += 1
        if key < end:
            highest[end] = key
            return key
        wish = end


def _keys(tx: Connection, source_id: SourceId, what: Any = comments.c.time_key) -> Select[Any]:
    """Select time keys that must not be used twice: of the source, in SQLite of all sources."""
    query = select(what)
    is_shared = tx.dialect.name == "sqlite"
    return query if is_shared else query.where(of_one(tx, comments.c.source_id, source_id))
