"""Comments: what clients read, ready-made as JSON.

`seq` is the order in which comments became visible within a source. PostgreSQL hands out a number
before its commit, so writers of one source take turns (`_take_turn`): a reader never skips a late commit.

`time_key` sorts comments by their timestamp: seconds since 1970 times 2^20, plus the microseconds, plus one for as
long as another comment has that number. It is unique, so pages neither skip nor repeat a comment
while others arrive; in SQLite it is also the row number in the search index.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, text, update

from mailmine.model import wire
from mailmine.model.comment import Comment
from mailmine.model.ids import CommentId, EmailKey, SourceId, ThreadId
from mailmine.store import search_index
from mailmine.store.schema import comments
from mailmine.store.text import clean_all
from mailmine.store.types import EPOCH

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
    here = {
        row.comment_id: row
        for row in tx.execute(
            select(comments).where(
                comments.c.source_id == source_id,
                comments.c.comment_id.in_([one.comment.id for one, _ in fits]),
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
    _insert(tx, source_id, fresh, at)
    _replace(tx, source_id, changed, at)
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


def of_emails(tx: Connection, keys: Collection[EmailKey]) -> tuple[StoredComment, ...]:
    """List the comments of these emails in all sources."""
    mine = comments.c.email_key.in_(keys)
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
    key = comments.c.time_key
    query = select(*COLUMNS).where(comments.c.source_id == source_id)
    # The keys bound the search to the second, the timestamps decide within it.
    if since is not None:
        query = query.where(key >= _first_slot(since), comments.c.timestamp >= since)
    if until is not None:
        query = query.where(key < _first_slot(until) + SLOTS, comments.c.timestamp <= until)
    if after is not None:
        query = query.where(key < after if newest_first else key > after)
    query = query.order_by(key.desc() if newest_first else key).limit(limit)
    return stored(tx.execute(query))


def thread(
    tx: Connection, source_id: SourceId, thread_id: ThreadId, *, limit: int = 500
) -> tuple[StoredComment, ...]:
    """List the comments of one conversation, oldest first."""
    mine = (comments.c.source_id == source_id) & (comments.c.thread_id == thread_id)
    query = select(*COLUMNS).where(mine).order_by(comments.c.time_key)
    return stored(tx.execute(query.limit(limit)))


def thread_sizes(
    tx: Connection, source_id: SourceId, threads: Collection[ThreadId]
) -> dict[ThreadId, int]:
    """Count the comments of each conversation, for a page of a list."""
    if not threads:
        return {}
    mine = (comments.c.source_id == source_id) & comments.c.thread_id.in_(threads)
    query = select(comments.c.thread_id, func.count()).where(mine).group_by(comments.c.thread_id)
    return {ThreadId(thread): size for thread, size in tx.execute(query)}


def count(tx: Connection, source_id: SourceId) -> int:
    """Count the comments of a source."""
    counted = select(func.count()).select_from(comments).where(comments.c.source_id == source_id)
    return tx.execute(counted).scalar_one()


COLUMNS = [
    column for column in comments.c if column.name not in {"comment_id", "timestamp", "thread_id"}
]
"""What a `StoredComment` is made of."""


def stored(rows: Iterable[Row[Any]]) -> tuple[StoredComment, ...]:
    """Make comments of rows of `COLUMNS`."""
    return tuple(StoredComment(**row._asdict()) for row in rows)


def _take_turn(tx: Connection, source_id: SourceId) -> None:
    """Wait until no other transaction writes to this source."""
    if tx.dialect.name == "postgresql":
        tx.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('mailmine.comments'), hashtext(:source))"),
            {"source": source_id},
        )


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
) -> None:
    if not fresh:
        return
    keys = _time_keys(tx, source_id, [one.comment.timestamp for one, _ in fresh])
    tx.execute(
        insert(comments),
        [
            _columns(one, key)
            | {"source_id": source_id, "comment_id": one.comment.id, "json": json}
            | {"created_at": at, "updated_at": at}
            for (one, json), key in zip(fresh, keys, strict=True)
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
) -> None:
    if not changed:
        return
    search_index.remove(
        tx, source_id, [(row.time_key, wire.decode(row.json)) for _, row in changed]
    )
    moved = [(one, row) for one, row in changed if one.comment.timestamp != row.timestamp]
    keys = {row.seq: row.time_key for _, row in changed}
    moved_keys = _time_keys(tx, source_id, [one.comment.timestamp for one, _ in moved])
    keys |= {row.seq: key for (_, row), key in zip(moved, moved_keys, strict=True)}
    tx.execute(
        update(comments).where(comments.c.seq == bindparam("row")),
        [
            _columns(one, keys[row.seq])
            | {"row": row.seq, "updated_at": at}
            | {"json": _encode(one.comment, source_id, row.created_at, at)}
            for one, row in changed
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


def _first_slot(at: datetime) -> int:
    return (at - EPOCH) // SECOND * SLOTS


def _time_keys(
    tx: Connection, source_id: SourceId, timestamps: Sequence[datetime]
) -> Sequence[int]:
    """Choose a free time key for each timestamp."""
    wished = [_first_slot(at) + at.microsecond for at in timestamps]
    taken = set(tx.execute(_keys(tx, source_id).where(comments.c.time_key.in_(wished))).scalars())
    keys = []
    for wish in wished:
        key = wish if wish not in taken else _next_free(tx, source_id, wish, taken)
        taken.add(key)
        keys.append(key)
    return keys


def _next_free(tx: Connection, source_id: SourceId, wish: int, taken: Collection[int]) -> int:
    """Find a free time key behind all others of the same second; on an overfull one, of the next."""
    while True:
        end = (wish // SLOTS + 1) * SLOTS
        within = comments.c.time_key.between(wish, end - 1)
        last = tx.execute(
            _keys(tx, source_id, func.max(comments.c.time_key)).where(within)
        ).scalar()
        key = max([wish, last or wish, *(key for key in taken if wish <= key < end)]) + 1
        if key < end:
            return key
        wish = end


def _keys(tx: Connection, source_id: SourceId, what: Any = comments.c.time_key) -> Select[Any]:
    """Select time keys that must not be used twice: of the source, in SQLite of all sources."""
    query = select(what)
    return query if tx.dialect.name == "sqlite" else query.where(comments.c.source_id == source_id)
