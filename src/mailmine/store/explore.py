"""Explores a source: the newest comments that somebody wants, and how many of them there are of each kind.

Only what the search index or the order of time answers is found at once; everything else is decided by looking at
comments, newest first, and at no more than `MOST_LOOKED_AT` for one page. So counts are those of the newest, and say so.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Connection, bindparam, func, literal, select, union_all

from mailmine.model import facts as known
from mailmine.model.comment_filter import Value
from mailmine.model.facts import ANSWER, DOMAIN, HOUR, HOURS, SENDER, Facts, Wanted, answer
from mailmine.model.ids import SourceId
from mailmine.store import search
from mailmine.store.comments import SECOND, SLOTS, first_slot
from mailmine.store.schema import comments
from mailmine.store.types import EPOCH

MOST_LOOKED_AT = 10_000
"""Comments that one page looks at; a page may hold fewer than were asked for, or none, and still go on."""
NEAR = 2_000
"""Comments that are looked at for the neighbour of one."""
MOST_THREADS = 1_000
"""Comments whose answers are looked for where not all of a source is read."""
MOST_NAMES = 48
"""User properties that are counted; clients may send any number."""
PIECE = 500

_UNIQUE = frozenset(
    {
        "string:Message ID",
        "string:Thread",
        "string:Conversation ID",
        "string:Conversation Topic",
        "string:Received At",
        "string:Sender",
        "string:Sender Domain",
        known.HAS_ATTACHMENTS,
        "number:Size",
        "number:Messages",
    }
)
"""Properties that tell comments apart, or say again what is counted already."""

Row = tuple[int, Facts, str | None]
"""The time key of a comment, what it is found by, and its conversation."""

_ADDRESS = re.compile(r"[a-z0-9@._+-]{1,200}")
"""An address that the search index splits into words as we do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of those that were looked at are wanted, in all and of each kind."""

    times: Sequence[int]
    """Seconds since 1970 of each, newest first."""
    names: frozenset[str]
    """Of all facts that any of them has."""
    facets: Mapping[str, Counter[str]]
    """By the name of a fact. Where values of it are chosen, the others are counted as if none were."""
    hours: Sequence[int]
    """By the hour of the week."""
    answers: Counter[str]
    """By how long the answer took; where not all of a source was read, of the newest of them alone."""

    @property
    def matched(self) -> int:
        """How many are wanted."""
        return len(self.times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A page of what is wanted."""

    keys: tuple[int, ...]
    """Time keys, newest first."""
    following: int | None
    """Where the next page begins."""
    looked_at: int
    is_all: bool
    """Whether everything that could be wanted was looked at."""
    counts: Counts | None


def look(
    tx: Connection,
    source_id: SourceId,
    wanted: Wanted,
    *,
    before: int | None,
    limit: int,
    counting: bool,
    most: int = MOST_LOOKED_AT,
) -> Seen:
    """Find the newest `limit` comments before a time key that are wanted; with `counting`, go on and count."""
    index = _index(wanted)
    is_whole = not index and before is None and wanted.until is None
    wants_answer = ANSWER in wanted.chosen
    tally = _Tally() if counting else None
    answers = _Answers() if is_whole and (counting or wants_answer) else None
    found: list[int] = []
    last: int | None = None
    looked_at = 0
    is_all = False
    for piece in _pieces(tx, source_id, wanted, index, place=before, most=most):
        rows = [(key, *known.read(json, key // SLOTS)) for key, json in piece]
        if answers:
            answers.tell(rows)
        elif wants_answer:
            _look_for_answers(tx, source_id, rows)
        missed = [wanted.misses(facts) for _, facts, _ in rows]
        if tally is not None:
            tally.add(rows, missed)
        found += [key for (key, _, _), misses in zip(rows, missed, strict=True) if not misses]
        looked_at += len(rows)
        last = rows[-1][0]
        if len(found) > limit and tally is None:
            break
    else:
        is_all = looked_at < most
    following = found[limit - 1] if len(found) > limit else None if is_all else last
    counts = None
    if tally is not None:
        if answers is None and not wants_answer:
            _look_for_answers(tx, source_id, tally.sample)
            tally.count_answers(tally.sample)
        counts = tally.counts()
    return Seen(
        keys=tuple(found[:limit]),
        following=following,
        looked_at=looked_at,
        is_all=is_all,
        counts=counts,
    )


def look_all(tx: Connection, source_ids: Sequence[SourceId], wanted: Wanted) -> Seen:
    """Count the newest of several sources that are wanted; of each as many are looked at."""
    each = [
        look(
            tx,
            one,
            wanted,
            before=None,
            limit=0,
            counting=True,
            most=max(MOST_LOOKED_AT // len(source_ids), PIECE),
        )
        for one in source_ids
    ]
    counted = [seen.counts for seen in each if seen.counts is not None]
    names = sorted({name for counts in counted for name in counts.facets})
    return Seen(
        keys=(),
        following=None,
        looked_at=sum(seen.looked_at for seen in each),
        is_all=all(seen.is_all for seen in each),
        counts=Counts(
            times=[at for counts in counted for at in counts.times],
            names=frozenset[str]().union(*(counts.names for counts in counted)),
            facets={
                name: sum((counts.facets.get(name, Counter()) for counts in counted), Counter())
                for name in names
            },
            hours=[sum(hour) for hour in zip(*(counts.hours for counts in counted), strict=True)],
            answers=sum((counts.answers for counts in counted), Counter()),
        ),
    )


def neighbours(
    tx: Connection, source_id: SourceId, wanted: Wanted, key: int
) -> tuple[int | None, int | None]:
    """Give the time keys of the next newer and the next older comment that is wanted, as far as they are near."""
    older = look(tx, source_id, wanted, before=key, limit=1, counting=False, most=NEAR)
    newer = None
    for piece in _pieces(
        tx, source_id, wanted, _index(wanted), place=key, most=NEAR, newest_first=False
    ):
        rows = [(one, *known.read(json, one // SLOTS)) for one, json in piece]
        if ANSWER in wanted.chosen:
            _look_for_answers(tx, source_id, rows)
        newer = next((one for one, facts, _ in rows if not wanted.misses(facts)), None)
        if newer is not None:
            break
    return newer, older.keys[0] if older.keys else None


def span(
    tx: Connection, source_id: SourceId, since: datetime, until: datetime
) -> tuple[datetime, datetime] | None:
    """Tell when the first and the last comment within a time are, to the second; None where there is none."""
    key = comments.c.time_key
    within = select(key).where(
        comments.c.source_id == source_id, key >= first_slot(since), key < first_slot(until)
    )
    # Two queries: for both ends at once SQLite would read all that is between.
    first = tx.execute(within.order_by(key).limit(1)).scalar()
    last = tx.execute(within.order_by(key.desc()).limit(1)).scalar()
    if first is None or last is None:
        return None
    return EPOCH + first // SLOTS * SECOND, EPOCH + last // SLOTS * SECOND


def volume(tx: Connection, source_id: SourceId, edges: Sequence[datetime]) -> tuple[int, ...]:
    """Count all comments of a source from each moment to the next; the index of time knows."""
    key = comments.c.time_key
    slots = [first_slot(edge) for edge in edges]
    each = (
        select(literal(number), func.count())
        .select_from(comments)
        .where(comments.c.source_id == source_id, key >= first, key < end)
        for number, (first, end) in enumerate(pairwise(slots))
    )
    counted = dict(tx.execute(union_all(*each)).all())
    return tuple(counted[number] for number in range(len(edges) - 1))


class _Answers:
    """Told of all comments from the newest on, it knows when somebody else wrote in the same conversation."""

    def __init__(self) -> None:
        self._threads: dict[str, tuple[str, int, int | None]] = {}
        """Of each: who wrote the one before, when, and when the first after it by anybody else."""

    def tell(self, rows: Sequence[Row]) -> None:
        """Write into the facts of the next comments how long their answers took."""
        threads = self._threads
        for key, facts, thread in rows:
            took = None
            if thread is not None:
                seconds = key // SLOTS
                sender = str(facts.get(SENDER, ""))
                who, when, other = threads.get(thread, (sender, 0, None))
                answered = when if who != sender else other
                threads[thread] = (sender, seconds, answered)
                took = None if answered is None else answered - seconds
            facts[ANSWER] = answer(took)


class _Tally:
    """Counts, a piece at a time: what is done for each fact of each comment apart takes longest."""

    def __init__(self) -> None:
        self._facets: dict[str, Counter[Value]] = {}
        self._times: list[int] = []
        self._names: set[str] = set()
        self.sample: list[Row] = []
        """The first of those that are wanted, whose answers are to be looked for."""

    def add(self, rows: Sequence[Row], missed: Sequence[Sequence[str]]) -> None:
        """Count comments; one that misses a single fact counts for that fact alone."""
        matching = [row for row, misses in zip(rows, missed, strict=True) if not misses]
        self._times += [key // SLOTS for key, _, _ in matching]
        self.sample += matching[: MOST_THREADS - len(self.sample)]
        every = [facts for _, facts, _ in matching]
        names = set[str]().union(*every)
        if len(self._names) < MOST_NAMES:
            self._names |= names
        for name in names - _UNIQUE:
            self._count(name, [facts[name] for facts in every if name in facts])
        for (_, facts, _), misses in zip(rows, missed, strict=True):
            if len(misses) == 1 and misses[0] in facts:
                self._count(misses[0], [facts[misses[0]]])

    def count_answers(self, rows: Sequence[Row]) -> None:
        """Count how long the answers took, of these comments alone."""
        self._facets[ANSWER] = Counter(facts[ANSWER] for _, facts, _ in rows)

    def counts(self) -> Counts:
        """Sum up."""
        hours = self._facets.pop(HOUR, Counter())
        answers = self._facets.pop(ANSWER, Counter())
        return Counts(
            times=self._times,
            names=frozenset(self._names),
            facets={
                name: Counter({str(value): count for value, count in values.items()})
                for name, values in self._facets.items()
            },
            hours=[hours[hour] for hour in range(HOURS)],
            answers=Counter({str(value): count for value, count in answers.items()}),
        )

    def _count(self, name: str, values: Sequence[Value]) -> None:
        if name in self._facets or len(self._facets) < MOST_NAMES:
            self._facets.setdefault(name, Counter()).update(values)


def _index(wanted: Wanted) -> tuple[search.Term, ...]:
    """Say what the search index can narrow the comments down to: words, and the words of one sender or domain."""
    terms = search.parse(wanted.words)
    for name in (SENDER, DOMAIN):
        values = wanted.chosen.get(name, frozenset())
        if len(values) == 1:
            (value,) = values
            if _ADDRESS.fullmatch(value):
                terms += search.parse(f'"{value}"')
    return terms


_ROWS = select(comments.c.time_key, comments.c.json).where(
    comments.c.source_id == bindparam("source")
)
_NEWEST = (
    _ROWS.where(comments.c.time_key < bindparam("end"), comments.c.time_key >= bindparam("first"))
    .order_by(comments.c.time_key.desc())
    .limit(bindparam("most"))
)
_OLDEST = (
    _ROWS.where(comments.c.time_key < bindparam("end"), comments.c.time_key >= bindparam("first"))
    .order_by(comments.c.time_key)
    .limit(bindparam("most"))
)
_KEYED = _ROWS.where(comments.c.time_key.in_(bindparam("keys", expanding=True))).order_by(
    comments.c.time_key.desc()
)

_MOST_KEY = (1 << 62) - 1


def _pieces(
    tx: Connection,
    source_id: SourceId,
    wanted: Wanted,
    index: tuple[search.Term, ...],
    *,
    place: int | None,
    most: int,
    newest_first: bool = True,
) -> Iterator[Sequence[tuple[int, bytes]]]:
    """Give the comments before `place`, or behind it, that are to be looked at, piece by piece."""
    if wanted.words and not search.parse(wanted.words):
        return
    first = first_slot(wanted.since) if wanted.since else -_MOST_KEY
    end = first_slot(wanted.until) if wanted.until else _MOST_KEY
    if place is not None:
        first, end = (first, min(end, place)) if newest_first else (max(first, place + 1), end)
    if index:
        yield from _found(
            tx, source_id, index, first=first, end=end, most=most, newest_first=newest_first
        )
        return
    query = _NEWEST if newest_first else _OLDEST
    while most > 0:
        size = min(PIECE, most)
        bounds = {"source": source_id, "first": first, "end": end, "most": size}
        rows = tx.execute(query, bounds).all()
        if rows:
            yield rows
        if len(rows) < size:
            return
        most -= size
        last = rows[-1][0]
        first, end = (first, last) if newest_first else (last + 1, end)


def _found(
    tx: Connection,
    source_id: SourceId,
    index: tuple[search.Term, ...],
    *,
    first: int,
    end: int,
    most: int,
    newest_first: bool,
) -> Iterator[Sequence[tuple[int, bytes]]]:
    """Give those that the search index finds: as many as a page may want, and then all others at one blow."""
    for size in (min(PIECE, most), most - PIECE):
        if size <= 0:
            return
        keys = search.keys(
            tx, source_id, index, first=first, end=end, limit=size, newest_first=newest_first
        )
        for at in range(0, len(keys), PIECE):
            piece = {"source": source_id, "keys": keys[at : at + PIECE]}
            rows = tx.execute(_KEYED, piece).all()
            if rows:
                yield rows if newest_first else rows[::-1]
        if len(keys) < size:
            return
        first, end = (first, keys[-1]) if newest_first else (keys[-1] + 1, end)


def _look_for_answers(tx: Connection, source_id: SourceId, rows: Sequence[Row]) -> None:
    """Write into the facts of comments how long it took until somebody else wrote in their conversations."""
    threads = sorted({thread for _, _, thread in rows if thread})
    turns: dict[str, list[tuple[int, str]]] = {}
    # Not ordered there: to spare itself the sorting, SQLite would read all of the source in the order of time.
    query = select(comments.c.thread_id, comments.c.time_key, comments.c.json).where(
        comments.c.source_id == source_id,
        comments.c.thread_id.in_(bindparam("threads", expanding=True)),
    )
    for first in range(0, len(threads), PIECE):
        some = {"threads": threads[first : first + PIECE]}
        for thread, key, json in tx.execute(query, some):
            facts, _ = known.read(json, key // SLOTS)
            turns.setdefault(thread, []).append((key, str(facts.get(SENDER, ""))))
    for each in turns.values():
        each.sort()
    for key, facts, thread in rows:
        sender = str(facts.get(SENDER, ""))
        later = (at for at, who in turns.get(thread or "", ()) if at > key and who != sender)
        at = next(later, None)
        facts[ANSWER] = answer(None if at is None else at // SLOTS - key // SLOTS)
