"""What refining gives."""

from dataclasses import dataclass
from enum import StrEnum

VERSION = 6
"""Raised whenever refining the same email may give another result."""


class Kind(StrEnum):
    """What a run of lines is, and so why it was cut or kept."""

    NEW = "new"
    HEADER_BLOCK = "header_block"
    """From, Sent, To, Subject as a client writes them above what it quotes."""
    ATTRIBUTION = "attribution"
    """`On Monday, Ann wrote:`"""
    DIVIDER = "divider"
    QUOTED = "quoted"
    FORWARDED = "forwarded"
    CLOSING = "closing"
    """`Thanks, Ann`: the author wrote it, so `text` keeps it, and it signs an email that has no other signature."""
    SIGNATURE = "signature"
    DEVICE_LINE = "device_line"
    """`Sent from my phone`"""
    DISCLAIMER = "disclaimer"
    CAUTION = "caution"
    """`This email came from outside`, as a server on the way wrote above it."""
    LIST_FOOTER = "list_footer"


MEANINGS = {
    Kind.NEW: "New words",
    Kind.HEADER_BLOCK: "Header of a quoted email",
    Kind.ATTRIBUTION: "Who wrote what follows",
    Kind.DIVIDER: "Divider",
    Kind.QUOTED: "Quoted",
    Kind.FORWARDED: "Forwarded",
    Kind.CLOSING: "Closing",
    Kind.SIGNATURE: "Signature",
    Kind.DEVICE_LINE: "Appended by a device",
    Kind.DISCLAIMER: "Legal notice",
    Kind.CAUTION: "Warning of a mail server",
    Kind.LIST_FOOTER: "Footer of a mailing list",
}
"""What each kind is, for people."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A run of lines of one kind; all zones in order are the whole body."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An email that stands below the new words: replied to, or passed on; as its header block says."""

    from_: str
    to: str
    cc: str
    reply_to: str
    subject: str
    date: str
    text: str


class Posting(StrEnum):
    """Where the new words stand."""

    ALONE = "alone"
    """Nothing is quoted or passed on."""
    TOP = "top"
    BOTTOM = "bottom"
    BETWEEN = "between"
    """Below parts of what is quoted, each answered where it stands."""
    NONE = "none"
    """There are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """The words of an email's author, and what was cut off them."""

    text: str
    """The new words, without signature: the body of the comment."""
    reply: str
    """The new words with the author's own signature."""
    signature: str
    language: str | None
    """ISO 639-1 of `text`; None where it cannot be told."""
    zones: tuple[Zone, ...]
    is_forward: bool = False
    """Somebody else's email is passed on."""
    shows_forwarded: bool = False
    """The author wrote no words: `text` is what was passed on or quoted."""
    earlier: Earlier | None = None
    """The email directly below with all that stands below it, where a header block tells of it."""
    messages: tuple[Earlier, ...] = ()
    """The conversation below the new words, the latest first: each email with its own words alone."""
    posting: Posting = Posting.ALONE
    tail: tuple[int, ...] = ()
    """Hashes of its last lines, and of all its `lines`, for other emails to be refined by (`learning`)."""
    lines: tuple[int, ...] = ()
    version: int = VERSION
