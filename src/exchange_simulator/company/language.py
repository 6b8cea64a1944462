"""What people say in each language, and how their mail programs say it: read from `texts/*.toml`."""

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = {"en": 28, "de": 22, "fr": 11, "es": 9, "nl": 8, "it": 7, "pl": 5, "pt": 4}
"""Language → its share of the mail in per cent; what is missing to 100 is `FAR_LANGUAGES`."""
FAR_LANGUAGES = {"ja": 2, "zh": 2, "ar": 2}


@dataclass(frozen=True, slots=True)
class Topic:
    """What one may write about; each field holds alternatives with `{slots}`."""

    subjects: tuple[str, ...]
    opening: tuple[str, ...]
    detail: tuple[str, ...]
    ask: tuple[str, ...]
    answer: tuple[str, ...]
    """The company's first answer."""
    resolve: tuple[str, ...]
    """The company's last word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Sentences and customs of one language. Fields with several texts hold alternatives."""

    code: str
    utc_offset: int = 1
    """Hours: where most who write in this language live."""
    space: str = " "
    """What stands between two sentences."""
    weekdays: tuple[str, ...]
    weekdays_short: tuple[str, ...]
    months: tuple[str, ...]
    months_short: tuple[str, ...]
    date: str
    amount: str
    reply_prefix: str
    forward_prefix: str
    header_names: tuple[str, str, str, str]
    """From, Sent, To, Subject, as Outlook writes them above a quoted message."""
    header_date: str
    gmail_wrote: str
    apple_wrote: str
    thunderbird_wrote: str
    original_message: str
    mobile: str
    disclaimer: str
    greetings: tuple[str, ...]
    greetings_by_name: tuple[str, ...]
    closings: tuple[str, ...]
    extras: tuple[str, ...]
    thanks: tuple[str, ...]
    follow_ups: tuple[str, ...]
    acknowledgements: tuple[str, ...]
    assurances: tuple[str, ...]
    forward_notes: tuple[str, ...]
    absence_subject: str
    absence: tuple[str, ...]
    meeting: tuple[str, ...]
    products: tuple[str, ...]
    topics: dict[str, Topic]

    def local(self, at: datetime) -> datetime:
        """Tell the same instant on a clock where the language is spoken."""
        return at.astimezone(timezone(timedelta(hours=self.utc_offset)))

    def dated(self, pattern: str, at: datetime, **slots: str) -> str:
        """Fill a pattern that names a moment, such as "On {day} {month}, {name} wrote:"."""
        local = self.local(at)
        return pattern.format(
            weekday=self.weekdays[local.weekday()],
            weekday_short=self.weekdays_short[local.weekday()],
            day=local.day,
            month=self.months[local.month - 1],
            month_short=self.months_short[local.month - 1],
            month_number=local.month,
            year=local.year,
            time=f"{local:%H:%M}",
            **slots,
        )


@cache
def language(code: str) -> Language:
    """Read the language of a two-letter code of `LANGUAGES` or `FAR_LANGUAGES`."""
    text = resources.files(__package__).joinpath("texts", f"{code}.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    topics = {
        name: Topic(**{key: tuple(value) for key, value in topic.items()})
        for name, topic in table.pop("topics").items()
    }
    said: dict[str, Any] = {key: _frozen(value) for key, value in table.items()}
    return Language(code=code, topics=topics, **said)


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
