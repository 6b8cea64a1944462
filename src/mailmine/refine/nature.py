"""What kind of email it is by its headers: an answer, passed on, written by a machine, sent to many."""

from enum import StrEnum
from typing import Final

from mailmine.model.email import Email
from mailmine.refine import labels


class EmailKind(StrEnum):
    """Whether an email begins a conversation."""

    NEW = "New"
    REPLY = "Reply"
    FORWARD = "Forward"


class Automatic(StrEnum):
    """What a machine wrote (RFC 3834)."""

    REPLY = "Reply"
    """An absence notice, the confirmation of a receipt."""
    GENERATED = "Generated"
    """A message of a system that nobody asked."""


_OUT_OF_OFFICE: Final = "ipm.note.rules."
"""The item classes of what Exchange answers by itself: OofTemplate, ReplyTemplate."""
_REPORT: Final = "report.ipm."
_REPLYING: Final = frozenset({"auto-reply", "auto_reply", "autoreply"})
_TO_MANY: Final = frozenset({"bulk", "list", "junk"})
_OF_LISTS: Final = ("list-id", "list-unsubscribe", "list-post")
_ANSWERED_BY: Final = ("x-autoreply", "x-autorespond")


def kind(email: Email) -> EmailKind:
    """Tell by the subject and by what it refers to whether it answers another or passes it on."""
    if labels.prefix("forward").match(email.subject):
        return EmailKind.FORWARD
    if email.in_reply_to or email.references or labels.prefix("reply").match(email.subject):
        return EmailKind.REPLY
    return EmailKind.NEW


def headers(email: Email) -> dict[str, str]:
    """Give the headers by their names in lower case, the first of each."""
    found: dict[str, str] = {}
    for name, value in email.headers:
        found.setdefault(name.lower(), value)
    return found


def automatic(email: Email, headers: dict[str, str]) -> Automatic | None:
    """Tell whether a machine wrote it, and whether as an answer; None: a person did, as far as is told."""
    item_class = email.item_class.lower()
    said = headers.get("auto-submitted", "").partition(";")[0].strip().lower()
    precedence = headers.get("precedence", "").strip().lower()
    if (
        said.startswith("auto-replied")
        or item_class.startswith((_OUT_OF_OFFICE, _REPORT))
        or precedence in _REPLYING
        or any(name in headers for name in _ANSWERED_BY)
    ):
        return Automatic.REPLY
    return Automatic.GENERATED if said not in ("", "no") else None


def is_bulk(headers: dict[str, str]) -> bool:
    """Tell whether it was sent to a list, or to many."""
    return headers.get("precedence", "").strip().lower() in _TO_MANY or any(
        name in headers for name in _OF_LISTS
    )
