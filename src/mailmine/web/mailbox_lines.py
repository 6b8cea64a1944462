"""Many mailboxes at once: lines that were pasted, or a CSV file. Pure.

A line is an address, and perhaps a bucket, a start and whether attachments are wanted. A first line with the names of the
columns may put them in another order.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailmine.sync.configure import is_address
from mailmine.web.language import _

COLUMNS = ("address", "bucket", "start", "attachments")
ALIASES = {"email": "address", "mailbox": "address", "start_timestamp": "start", "since": "start"}
YES = frozenset({"yes", "true", "on", "1", "y"})
NO = frozenset({"no", "false", "off", "0", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A mailbox as a line says it; None = as the rest of the form says."""

    number: int
    address: str
    bucket: str | None = None
    start_at: datetime | None = None
    attachments: bool | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """What was understood, and what was not."""

    good: tuple[Line, ...]
    wrong: tuple[str, ...]
    """Each names its line."""


def parse(text: str) -> Lines:
    """Read lines separated by commas, semicolons or tabs."""
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_delimiter(text)))
    numbered = [
        (number, [cell.strip() for cell in row])
        for number, row in enumerate(rows, 1)
        if any(cell.strip() for cell in row)
    ]
    order: Sequence[str] = COLUMNS
    if numbered and "@" not in "".join(numbered[0][1]):
        order = [ALIASES.get(cell.lower(), cell.lower()) for cell in numbered[0][1]]
        numbered = numbered[1:]
        if "address" not in order:
            return Lines((), (_("Line 1 names columns, but none of them is called address."),))
    good: list[Line] = []
    wrong: list[str] = []
    seen: dict[str, int] = {}
    for number, row in numbered:
        try:
            line = _line(number, dict(zip(order, row, strict=False)))
        except ValueError as error:
            wrong.append(wrong_line(number, str(error)))
            continue
        first = seen.setdefault(line.address.lower(), number)
        if first != number:
            wrong.append(
                _("Line %(number)d: %(address)s stands in line %(first)d already.")
                % {"number": number, "address": line.address, "first": first}
            )
            continue
        good.append(line)
    return Lines(tuple(good), tuple(wrong))


def moment(text: str) -> datetime | None:
    """Read a day or a moment, in UTC where no zone is said; None where there is none. Raises ValueError."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            _("%(text)s is no time: write it as 2026-01-31.") % {"text": repr(text)}
        ) from error


def wrong_line(number: int, fault: str) -> str:
    """Say what is wrong with which line."""
    return _("Line %(number)d: %(fault)s") % {"number": number, "fault": fault}


def _delimiter(text: str) -> str:
    """Tell by the first line that has more than an address what stands between its parts."""
    for line in text.splitlines():
        for delimiter in ("\t", ";", ","):
            if delimiter in line:
                return delimiter
    return ","


def _line(number: int, cells: Mapping[str, str]) -> Line:
    address = cells.get("address", "")
    if not is_address(address):
        raise ValueError(_("%(text)s is no address of a mailbox.") % {"text": repr(address)})
    attachments = cells.get("attachments", "").lower()
    if attachments and attachments not in YES | NO:
        raise ValueError(
            _("attachments are yes or no, not %(text)s.") % {"text": repr(attachments)}
        )
    return Line(
        number=number,
        address=address,
        bucket=cells.get("bucket") or None,
        start_at=moment(cells.get("start", "")),
        attachments=attachments in YES if attachments else None,
    )
