"""Plots as the templates draw them: sizes, words and links; the drawing itself is SVG, made on the server."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailmine.model.facts import ANSWER, ANSWERS, HOUR, HOURS, UNANSWERED
from mailmine.web.asked import ANSWER_WORDS, Asked, hour_words, value_of
from mailmine.web.language import N_, _
from mailmine.web.words import day

_STEPS = (
    (N_("minute"), timedelta(minutes=1)),
    (N_("10 minutes"), timedelta(minutes=10)),
    (N_("hour"), timedelta(hours=1)),
    (N_("6 hours"), timedelta(hours=6)),
    (N_("day"), timedelta(days=1)),
    (N_("week"), timedelta(weeks=1)),
    (N_("4 weeks"), timedelta(weeks=4)),
    (N_("quarter of 13 weeks"), timedelta(weeks=13)),
    (N_("year of 52 weeks"), timedelta(weeks=52)),
    (N_("4 years"), timedelta(weeks=208)),
    (N_("decade"), timedelta(weeks=520)),
)
MOST_BARS = 60
SHADES = 5
"""Of the plot by hour, besides none."""
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a link."""

    words: str
    count: int
    share: float
    """Of the highest, 0 to 100; what is there at all is seen."""
    query: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """How many there are over time."""

    step: str
    """Of what a bar is."""
    bars: Sequence[Bar]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the week: a link."""

    words: str
    count: int
    shade: int
    query: str
    is_chosen: bool


def edges(
    first: datetime, last: datetime, *, since: datetime | None, until: datetime | None
) -> tuple[str, list[datetime]]:
    """Part the time from `first` to `last`, both included, at round moments, and name the step.

    Nothing before `since` or from `until` on is within a part.
    """
    name, step = next(
        ((name, step) for name, step in _STEPS if (last - first) / step < MOST_BARS - 2), _STEPS[-1]
    )
    at = _MONDAY + (first - _MONDAY) // step * step
    found = [at]
    while found[-1] <= last and len(found) <= MOST_BARS * 16:
        found.append(found[-1] + step)
    if since is not None:
        found[0] = max(found[0], since)
    if until is not None:
        found[-1] = min(found[-1], until)
    return _(name), found


def timeline(asked: Asked, step: str, parts: Sequence[datetime], counts: Sequence[int]) -> Timeline:
    """Draw counts over time."""
    highest = max(counts, default=0)
    is_short = any(part.hour or part.minute for part in parts)
    bars = [
        Bar(_span(since, until, is_short=is_short), count, _share(count, highest), asked.between(since, until))
        for since, until, count in zip(parts, parts[1:], counts, strict=False)
    ]  # fmt: skip
    return Timeline(step, bars, parts[0], parts[-1])


def counted(times: Sequence[int], parts: Sequence[datetime]) -> list[int]:
    """Count moments, seconds since 1970, by the parts of time they fall into."""
    starts = [int(part.timestamp()) for part in parts]
    found = Counter(bisect_right(starts, at) - 1 for at in times)
    return [found[number] for number in range(len(parts) - 1)]


def values(asked: Asked, name: str, counts: Counter[str], most: int) -> list[Bar]:
    """Draw the most frequent values of a fact; those that are chosen come along."""
    shown = counts.most_common(most)
    there = {value for value, _count in shown}
    shown += [
        (value, counts[value])
        for kind, value in asked.chosen
        if kind == name and value not in there
    ]
    highest = max((count for _value, count in shown), default=0)
    return [
        Bar(
            value_of(name, value),
            count,
            _share(count, highest),
            asked.without(name, value) if asked.has(name, value) else asked.also(name, value),
            asked.has(name, value),
        )
        for value, count in shown
    ]


def answers(asked: Asked, counts: Counter[str]) -> list[Bar]:
    """Draw response times, quickest first."""
    names = [*ANSWERS, UNANSWERED]
    highest = max((counts[name] for name in names), default=0)
    return [
        Bar(
            _(ANSWER_WORDS[name]),
            counts[name],
            _share(counts[name], highest),
            asked.without(ANSWER, name) if asked.has(ANSWER, name) else asked.also(ANSWER, name),
            asked.has(ANSWER, name),
        )
        for name in names
    ]


def hours(asked: Asked, counts: Sequence[int]) -> list[Hour]:
    """Draw the hours of the week."""
    highest = max(counts, default=0)
    return [
        Hour(
            hour_words(hour),
            counts[hour],
            -(-counts[hour] * SHADES // highest) if highest else 0,
            asked.without(HOUR, str(hour))
            if asked.has(HOUR, str(hour))
            else asked.also(HOUR, str(hour)),
            asked.has(HOUR, str(hour)),
        )
        for hour in range(HOURS)
    ]


def _share(count: int, highest: int) -> float:
    return round(max(100 * count / highest, 2), 1) if count else 0.0


def _span(since: datetime, until: datetime, *, is_short: bool) -> str:
    if is_short:
        end = f"{until:%H:%M}" if until.date() == since.date() else _moment(until)
        return _("%(begin)s to %(end)s") % {"begin": _moment(since), "end": end}
    last = until - timedelta(days=1)
    if last <= since:
        return day(since)
    return _("%(begin)s to %(end)s") % {"begin": day(since), "end": day(last)}


def _moment(at: datetime) -> str:
    return f"{day(at)}, {at:%H:%M}"
