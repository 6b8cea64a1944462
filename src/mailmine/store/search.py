"""Full-text search of comments, alike in both databases.

A query is made of words that must all occur, in any order and case, with or without accents:
`"several words"` in a row, `word*` as a beginning, `-word` not at all. Whatever else it holds is a gap
between words; no query is an error. Hits come newest first, as the index gives them without sorting
(spec/performance.md, section 4); snippets are cut from the comment, since the index keeps no text.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select, text

from mailmine.model.comment import Comment
from mailmine.model.ids import SourceId
from mailmine.store.comments import COLUMNS, StoredComment, stored
from mailmine.store.schema import comments
from mailmine.store.search_index import searchable
from mailmine.store.text import clean
from mailmine.store.words import WORD, fold, fold_in_place, is_cjk

MAX_TERMS = 32
"""Words and phrases of a query; what comes after is not looked at."""
MAX_WORDS = 64
"""Words of a phrase."""
MAX_WORD = 256
"""Characters of a word; PostgreSQL refuses one of more than 2 KB."""

SNIPPET_BEFORE = 60
SNIPPET_LENGTH = 240
"""Characters around the first match."""

MAX_KEY = (1 << 63) - 1

NEAR = 5_000
"""Comments that PostgreSQL looks through before it asks the index of words."""
NEAR_EACH, MOST_NEAR = 100, 200_000
"""How many more, for each hit that is wanted and in all, where the first ones promise that there are enough hits among them."""

_MATCHING = {
    "sqlite": (
        "SELECT rowid FROM comment_words WHERE comment_words MATCH :match "
        "AND rowid >= :first AND rowid < :end ORDER BY rowid {order} LIMIT :limit"
    ),
    # What many comments have is found soon by going through them in their order, and only so without sorting.
    "near": (
        "SELECT time_key FROM (SELECT time_key, words FROM comment_words WHERE source_id = :source "
        "AND time_key >= :first AND time_key < :end ORDER BY time_key {order} LIMIT :near) AS near "
        "WHERE words @@ to_tsquery('simple', :match) ORDER BY time_key {order} LIMIT :limit"
    ),
    "number near": (
        "SELECT count(*) FROM (SELECT 1 FROM comment_words WHERE source_id = :source "
        "AND time_key >= :first AND time_key < :end LIMIT :near) AS near"
    ),
    # What few have is found by the index of words, and only so without going through all. PostgreSQL cannot know which it
    # is, so the other index is kept from it: `source_id || ''`, `time_key + 0`.
    "far": (
        "SELECT time_key FROM comment_words WHERE words @@ to_tsquery('simple', :match) AND source_id || '' = :source "
        "AND time_key + 0 >= :first AND time_key + 0 < :end ORDER BY time_key {order} LIMIT :limit"
    ),
}
_FIND = {
    (way, newest_first): text(query.format(order="DESC" if newest_first else "ASC"))
    for way, query in _MATCHING.items()
    for newest_first in (True, False)
}

Snippet = tuple[tuple[str, bool], ...]
"""Runs of text; True = matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A comment that was found, and where in it."""

    comment: StoredComment
    snippet: Snippet


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Words in a row that must occur, or must not."""

    words: tuple[str, ...]
    """Folded."""
    is_prefix: bool
    """The last word need only begin so."""
    is_excluded: bool


def find(
    tx: Connection, source_id: SourceId, query: str, *, before: int | None, limit: int
) -> tuple[Hit, ...]:
    """Find the newest `limit` comments of a source that match `query`.

    `before` is the `time_key` of the last hit of the page before. A query without any word finds nothing.
    """
    terms = parse(query)
    if not terms:
        return ()
    end = MAX_KEY if before is None else before
    found_keys = keys(tx, source_id, terms, first=-MAX_KEY, end=end, limit=limit, newest_first=True)
    mine = (comments.c.source_id == source_id) & comments.c.time_key.in_(found_keys)
    found = tx.execute(select(*COLUMNS).where(mine).order_by(comments.c.time_key.desc()))
    return tuple(Hit(comment=one, snippet=snippet(one.comment, terms)) for one in stored(found))


def keys(
    tx: Connection,
    source_id: SourceId,
    terms: Sequence[Term],
    *,
    first: int,
    end: int,
    limit: int,
    newest_first: bool,
) -> Sequence[int]:
    """Find the time keys of comments that match `terms`, from `first` on and before `end`."""
    bounds: dict[str, Any] = {"first": first, "end": end, "limit": limit}
    if tx.dialect.name == "sqlite":
        bounds["match"] = _match_sqlite(terms, source_id)
        return tx.execute(_FIND["sqlite", newest_first], bounds).scalars().all()
    bounds |= {"match": _match_postgresql(terms), "source": source_id}
    near = NEAR
    while near <= max(4 * NEAR, min(NEAR_EACH * limit, MOST_NEAR)):
        bounds["near"] = near
        found = tx.execute(_FIND["near", newest_first], bounds).scalars().all()
        if len(found) == limit:
            return found
        if tx.execute(_FIND["number near", newest_first], bounds).scalar_one() < near:
            return found  # these were all
        if near > NEAR:
            break
        near = max(near + 1, near * limit * 3 // (2 * max(1, len(found))))
    return tx.execute(_FIND["far", newest_first], bounds).scalars().all()


_TERM = re.compile(r'(?P<not>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))(?P<prefix>\*?)')


def parse(query: str) -> tuple[Term, ...]:
    """Read what a person typed; never fails."""
    terms = []
    for match in _TERM.finditer(clean(query)):
        chunk = match["phrase"] if match["phrase"] is not None else match["word"]
        words = tuple(word[:MAX_WORD] for word in WORD.findall(fold(chunk))[:MAX_WORDS])
        if words:
            terms.append(
                Term(
                    words=words,
                    is_prefix=bool(match["prefix"]) or chunk.endswith("*"),
                    is_excluded=bool(match["not"]),
                )
            )
    return tuple(terms[:MAX_TERMS])


def snippet(comment: Comment, terms: Sequence[Term]) -> Snippet:
    """Cut the first match out of a comment: of its body, else of all that is searched."""
    wanted = [_pattern(term) for term in terms if not term.is_excluded]
    body = comment.messages[0].body if comment.messages else ""
    if wanted:
        pattern = re.compile("|".join(wanted))
        for whole in (body, searchable(comment)):
            composed = unicodedata.normalize("NFC", whole)
            first = pattern.search(fold_in_place(composed))
            if first is not None:
                return _cut(composed, first.start(), pattern)
    return _cut(body or searchable(comment), 0, None)


def marked(whole: str, terms: Sequence[Term]) -> Snippet:
    """Mark in a whole text what a query found."""
    wanted = [_pattern(term) for term in terms if not term.is_excluded]
    if not wanted:
        return ((whole, False),)
    composed = unicodedata.normalize("NFC", whole)
    runs: list[tuple[str, bool]] = []
    end = 0
    for match in re.finditer("|".join(wanted), fold_in_place(composed)):
        runs += [
            (composed[end : match.start()], False),
            (composed[match.start() : match.end()], True),
        ]
        end = match.end()
    runs.append((composed[end:], False))
    return tuple(run for run in runs if run[0])


def _pattern(term: Term) -> str:
    """Match a term in folded text."""
    pieces = [] if is_cjk(term.words[0]) else [r"(?<![^\W_])"]
    for before, word in pairwise(("", *term.words)):
        if before:
            pieces.append(r"[\W_]*" if is_cjk(before) or is_cjk(word) else r"[\W_]+")
        pieces.append(re.escape(word))
    if term.is_prefix:
        pieces.append(r"[^\W_]*")
    elif not is_cjk(term.words[-1]):
        pieces.append(r"(?![^\W_])")
    return "".join(pieces)


def _cut(whole: str, at: int, pattern: re.Pattern[str] | None) -> Snippet:
    """Take the surroundings of `at`, from gap to gap, and mark what `pattern` matches."""
    start = whole.find(" ", max(0, at - SNIPPET_BEFORE), at) + 1 if at > SNIPPET_BEFORE else 0
    start = start or max(0, at - SNIPPET_BEFORE)
    piece = whole[start : start + SNIPPET_LENGTH]
    runs: list[tuple[str, bool]] = [("…", False)] if start else []
    end = 0
    for match in pattern.finditer(fold_in_place(piece)) if pattern else ():
        runs += [(piece[end : match.start()], False), (piece[match.start() : match.end()], True)]
        end = match.end()
    runs.append((piece[end:], False))
    if start + SNIPPET_LENGTH < len(whole):
        runs.append(("…", False))
    return tuple((_GAPS.sub(" ", run), is_match) for run, is_match in runs if run)


_GAPS = re.compile(r"\s+")


def _match_sqlite(terms: Sequence[Term], source_id: SourceId) -> str:
    """Write terms as FTS5 wants them; each word in quotes, so that none is an operator."""
    wanted = [f'source : "{source_id}"']
    excluded: list[str] = []
    for term in terms:
        phrase = f'words : "{" ".join(term.words)}"{" *" if term.is_prefix else ""}'
        (excluded if term.is_excluded else wanted).append(phrase)
    return " NOT ".join([f"({' AND '.join(wanted)})", *excluded])


def _match_postgresql(terms: Sequence[Term]) -> str:
    """Write terms as `to_tsquery` wants them; it splits them into words as it did the comments."""
    return " & ".join(
        f"{'!' if term.is_excluded else ''}'{' '.join(term.words)}'{':*' if term.is_prefix else ''}"
        for term in terms
    )
