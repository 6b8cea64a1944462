"""The search index of comments: what of a comment is found, and how the index keeps in step.

SQLite's index keeps no text: to take a comment out, its words are made once more from its JSON. A change
to `searchable` or `words` therefore needs a migration that fills the index anew.

PostgreSQL takes longer to index a comment than for all else of it. There a few comments are indexed at once, and
many, as a mailbox is read for the first time, are lined up in `unindexed` until somebody has time for them (`catch_up`).
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection, text

from mailmine.model import wire
from mailmine.model.comment import Comment
from mailmine.model.ids import SourceId
from mailmine.store.words import plain, spaced

MAX_TEXT = 200_000
"""Characters of a comment that are indexed; a body has at most 65,536."""

AT_ONCE: Final = 20
"""Comments that PostgreSQL indexes in the transaction that brings them: new mail is found as soon as it is there."""

_ADD = text("INSERT INTO comment_words (rowid, source, words) VALUES (:key, :source, :words)")
_ADD_ALL = text(
    "INSERT INTO comment_words (source_id, time_key, words) SELECT :source, key, to_tsvector('simple', words) "
    "FROM unnest(CAST(:keys AS BIGINT[]), CAST(:words AS TEXT[])) AS each (key, words) ON CONFLICT DO NOTHING"
)
_REMOVE = text(
    "INSERT INTO comment_words (comment_words, rowid, source, words) "
    "VALUES ('delete', :key, :source, :words)"
)
_REMOVE_EACH = tuple(
    # The line first: who is indexing a comment that stands there has indexed it before its words are removed.
    text(f"DELETE FROM {table} WHERE source_id = :source AND time_key = ANY(:keys)")  # noqa: S608 - ours
    for table in ("unindexed", "comment_words")
)
_LINE_UP = text(
    "INSERT INTO unindexed (source_id, time_key) SELECT :source, unnest(CAST(:keys AS BIGINT[])) "
    "ON CONFLICT DO NOTHING"
)
_TAKE = text(
    "WITH taken AS (DELETE FROM unindexed WHERE (source_id, time_key) IN "
    "(SELECT source_id, time_key FROM unindexed ORDER BY source_id DESC, time_key DESC LIMIT :most FOR UPDATE SKIP LOCKED) "
    "RETURNING source_id, time_key) "
    "SELECT source_id, time_key, json FROM taken LEFT JOIN comments USING (source_id, time_key)"
)


def add(tx: Connection, source_id: SourceId, comments: Sequence[tuple[int, Comment]]) -> None:
    """Index comments under their time keys; in PostgreSQL soon, where they are many."""
    if tx.dialect.name == "postgresql" and len(comments) > AT_ONCE:
        tx.execute(_LINE_UP, {"source": source_id, "keys": [key for key, _ in comments]})
    else:
        index(tx, source_id, comments)


def index(tx: Connection, source_id: SourceId, comments: Sequence[tuple[int, Comment]]) -> None:
    """Index comments under their time keys now."""
    if tx.dialect.name == "sqlite":
        tx.execute(_ADD, _rows(source_id, comments))
        return
    keys = [key for key, _ in comments]
    words = [plain(searchable(comment)) for _, comment in comments]
    tx.execute(_ADD_ALL, {"source": source_id, "keys": keys, "words": words})


def catch_up(tx: Connection, *, most: int) -> int:
    """Index comments that are lined up, at most so many; how many there were. Several may do so at a time."""
    if tx.dialect.name == "sqlite":
        return len(tx.execute(text("SELECT 1 FROM unindexed")).all())  # there never is one
    taken = tx.execute(_TAKE, {"most": most}).all()
    found: dict[SourceId, list[tuple[int, Comment]]] = {}
    for source_id, key, json in taken:
        if json is not None:
            found.setdefault(SourceId(source_id), []).append((key, wire.decode(json)))
    for source_id, comments in found.items():
        index(tx, source_id, comments)
    return len(taken)


def remove(tx: Connection, source_id: SourceId, comments: Sequence[tuple[int, Comment]]) -> None:
    """Take comments out of the index; they must be as they were when they were added."""
    if tx.dialect.name == "sqlite":
        tx.execute(_REMOVE, _rows(source_id, comments))
        return
    keys = [key for key, _ in comments]
    for statement in _REMOVE_EACH:
        tx.execute(statement, {"source": source_id, "keys": keys})


def searchable(comment: Comment) -> str:
    """Everything of a comment that is found: subject, people, names of attachments, body."""
    pieces: list[str] = []
    for message in comment.messages:
        pieces += (message.subject or "", message.from_ or "", *message.to, *message.cc)
        pieces += message.bcc
    pieces += (attachment.name for attachment in comment.attachments)
    pieces += (message.body for message in comment.messages)
    return "\n".join(pieces)[:MAX_TEXT]


def _rows(source_id: SourceId, comments: Sequence[tuple[int, Comment]]) -> list[dict[str, object]]:
    # SQLite's tokenizer folds by itself, and faster.
    return [
        {"source": source_id, "key": key, "words": spaced(searchable(comment))}
        # FTS5 writes out what it has gathered whenever a row number is not higher than the last.
        for key, comment in sorted(comments, key=itemgetter(0))
    ]
