"""What a notice says to a person: what stopped, since when, why, what to do and where to look. Never words of an email."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailmine.model.notice import Notice, Topic

SHOWN: Final = 20
"""Mailboxes that are named; of more, only how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message in words."""

    title: str
    """On one line."""
    text: str
    link: str
    """Where to look; empty where nobody said what address mailmine has."""


def write(notices: Sequence[Notice], *, public_url: str) -> Letter:
    """Say it; several notices are summed up."""
    if len(notices) == 1:
        notice = notices[0]
        link = link_of(notice, public_url=public_url)
        return Letter(
            title=title(notice), text="\n\n".join([*_lines(notice), *_look(link)]), link=link
        )
    link = f"{public_url.rstrip('/')}/integrations" if public_url else ""
    counted = f"{len(notices)} more messages within an hour, summed up"
    lines = [f"- {title(notice)}. {_when(notice)}." for notice in notices]
    text = "\n\n".join(["There were too many to tell one by one:", "\n".join(lines), *_look(link)])
    return Letter(title=counted, text=text, link=link)


def title(notice: Notice) -> str:
    """Say in one line what happened."""
    match notice.mailboxes:
        case ():
            what, verb = f"The integration {notice.integration}", "was"
        case (address,):
            what, verb = f"The mailbox {address}", "was"
        case addresses:
            what, verb = f"{len(addresses)} mailboxes of {notice.integration}", "were"
    match notice.topic:
        case Topic.RESOLVED:
            said = f"{what} {'is' if verb == 'was' else 'are'} read again"
        case Topic.WARNING:
            said = f"{what} {'needs' if verb == 'was' else 'need'} attention"
        case _:
            said = f"{what} {verb} disabled"
    return " ".join(said.split())


def link_of(notice: Notice, *, public_url: str) -> str:
    """Give the address of the page that shows it; empty where mailmine's own is not known."""
    if not public_url:
        return ""
    page = f"{public_url.rstrip('/')}/integrations"
    if len(notice.mailbox_ids) != 1:
        return page
    return f"{page}?open={notice.mailbox_ids[0]}#m-{notice.mailbox_ids[0]}"


def _lines(notice: Notice) -> list[str]:
    where = f"Project {notice.project}, integration {notice.integration}"
    named = notice.mailboxes[:SHOWN]
    if len(notice.mailboxes) > 1:
        more = len(notice.mailboxes) - len(named)
        listed = "\n".join(f"- {address}" for address in named)
        where += ":\n" + listed + (f"\n- and {more} more" if more else "")
    else:
        where += "."
    lines = [f"{title(notice)}.", where, f"{_when(notice)}."]
    if notice.topic is not Topic.RESOLVED and notice.message:
        lines.append(f"{notice.message} [{notice.code}]" if notice.code else notice.message)
    if notice.topic in {Topic.INTEGRATION_DISABLED, Topic.MAILBOX_DISABLED}:
        lines.append(
            "Nothing is read there until that is mended; what arrives meanwhile is read then."
        )
    return lines


def _when(notice: Notice) -> str:
    since = f"Since {_time(notice.since)}"
    if notice.topic is not Topic.RESOLVED or notice.until is None:
        return since
    return f"It had stopped at {_time(notice.since)}, and goes on since {_time(notice.until)}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _look(link: str) -> list[str]:
    return [link] if link else []
