"""Many comments, quickly: PostgreSQL makes them itself, out of some that are put the usual way into another source."""

from typing import Final

from sqlalchemy import Connection, text

from mailmine.model.ids import SourceId
from mailmine.store import amounts
from mailmine.store.comments import SLOTS

PATTERNS: Final = 1_000
"""Different comments; the others are these with other ids and times."""

_COMMENTS: Final = """
INSERT INTO comments (source_id, comment_id, time_key, timestamp, thread_id, refined, arrival, revision,
    created_at, updated_at, json)
SELECT :into, made.id, (:began + n * 60) * :slots, (:began + n * 60) * 1000000, to_hex(n / 3), 1, n, n,
    of.created_at, of.updated_at,
    convert_to(replace(replace(replace(convert_from(of.json, 'UTF8'), :pattern_source, :into),
        of.comment_id, made.id), '"thread_id":"' || of.thread_id, '"thread_id":"' || to_hex(n / 3)), 'UTF8')
FROM generate_series(CAST(:first AS BIGINT), :last) AS n
CROSS JOIN LATERAL (SELECT encode(convert_to(n || '@made.example', 'UTF8'), 'hex') AS id) AS made
JOIN patterns AS of ON of.number = n % :patterns
"""
_WORDS: Final = """
INSERT INTO comment_words (source_id, time_key, words)
SELECT :into, (:began + n * 60) * :slots, of.words
FROM generate_series(CAST(:first AS BIGINT), :last) AS n
JOIN patterns AS of ON of.number = n % :patterns
"""
_PATTERNS: Final = """
CREATE TEMPORARY TABLE patterns ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY seq) - 1 AS number, comments.*, comment_words.words
FROM comments JOIN comment_words USING (source_id, time_key) WHERE source_id = :pattern_source
"""


def multiply(
    tx: Connection, pattern_source: SourceId, into: SourceId, number: int, *, began: int
) -> None:
    """Make `number` comments, one a minute from the second `began` on, of the `PATTERNS` of another source.

    Their JSON says the time of its pattern: nothing that is measured reads it.
    """
    values = {
        "into": into,
        "pattern_source": pattern_source,
        "began": began,
        "slots": SLOTS,
        "patterns": PATTERNS,
        "first": 1,
        "last": number,
    }
    # An index over all at once is quicker to make than to keep up.
    tx.execute(text("DROP INDEX comment_words_words"))
    for statement in (_PATTERNS, _COMMENTS, _WORDS):
        made = tx.execute(
            text(statement), {k: v for k, v in values.items() if f":{k}" in statement}
        )
    assert made.rowcount == number, "each pattern must be indexed"
    tx.execute(text("CREATE INDEX comment_words_words ON comment_words USING gin (words)"))
    tx.execute(
        text("UPDATE sources SET last_place = :last WHERE id = :into"),
        {"last": number, "into": into},
    )
    amounts.recount(tx)
