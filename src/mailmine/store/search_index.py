"""The search index of comments: what of a comment is found, and how the index keeps in step.

SQLite's index keeps no text: to take a comment out, its words are made once more from its JSON. A change
to `searchable` or `words` therefore needs a migration that fills the index anew.
"""

from collections.abc import Sequence
from operator import itemgetter

from sqlalchemy import Connection, text

from mailmine.model.comment import Comment
from mailmine.model.ids import SourceId
from mailmine.store.words import plain, spaced

MAX_TEXT = 200_000
"""Characters of a comment that are indexed; a body has at most 65,536."""

_ADD = {
    "sqlite": text(
        "INSERT INTO comment_words (rowid, source, words) VALUES (:key, :source, :words)"
    ),
    "postgresql": text(
        "INSERT INTO comment_words (source_id, time_key, words) "
        "VALUES (:source, :key, to_tsvector('simple', :words))"
    ),
}
_REMOVE = {
    "sqlite": text(
        "INSERT INTO comment_words (comment_words, rowid, source, words) "
        "VALUES ('delete', :key, :source, :words)"
    ),
    "postgresql": text("DELETE FROM comment_words WHERE source_id = :source AND time_key = :key"),
}


def add(tx: Connection, source_id: SourceId, comments: Sequence[tuple[int, Comment]]) -> None:
    """Index comments under their time keys."""
    tx.execute(_ADD[tx.dialect.name], _rows(tx, source_id, comments))


def remove(tx: Connection, source_id: SourceId, comments: Sequence[tuple[int, Comment]]) -> None:
    """Take comments out of the index; they must be as they were when they were added."""
    tx.execute(_REMOVE[tx.dialect.name], _rows(tx, source_id, comments))


def searchable(comment: Comment) -> str:
    """Everything of a comment that is found: subject, people, names of attachments, body."""
    pieces: list[str] = []
    for message in comment.messages:
        pieces += (message.subject or "", message.from_ or "", *message.to, *message.cc)
        pieces += message.bcc
    pieces += (attachment.name for attachment in comment.attachments)
    pieces += (message.body for message in comment.messages)
    return "\n".join(pieces)[:MAX_TEXT]


def _rows(
    tx: Connection, source_id: SourceId, comments: Sequence[tuple[int, Comment]]
) -> list[dict[str, object]]:
    # SQLite's tokenizer folds by itself, and faster.
    words = spaced if tx.dialect.name == "sqlite" else plain
    return [
        {"source": source_id, "key": key, "words": words(searchable(comment))}
        # FTS5 writes out what it has gathered whenever a row number is not higher than the last.
        for key, comment in sorted(comments, key=itemgetter(0))
    ]
