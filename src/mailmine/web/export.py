"""What was selected, to take away: JSON lines for programs, CSV for spreadsheets. Sent piece by piece, newest first."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from mailmine.model.facts import Wanted
from mailmine.model.ids import SourceId
from mailmine.model.wire import without_markup
from mailmine.store import comments, explore
from mailmine.store.comments import StoredComment
from mailmine.store.database import Database
from mailmine.web.asked import Asked
from mailmine.web.comments import Told
from mailmine.web.site import Site
from mailmine.web.visit import Visit, page

PIECE = 500
"""Comments that are in memory at a time."""

COLUMNS = (
    "id",
    "timestamp",
    "from",
    "to",
    "cc",
    "subject",
    "body",
    "signature",
    "language",
    "mailbox",
    "folder",
    "thread_id",
    "attachments",
    "user_properties",
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With these a cell begins that a spreadsheet takes for a formula (OWASP, CSV injection)."""

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the country."""


@page
def show(visit: Visit) -> Response:
    """Answer `/sources/{owner}/{name}/export.{form}?q=…`: what the list shows under the same filters."""
    source = visit.source()
    form = visit.request.path_params["form"]
    if form not in FORMS:
        raise HTTPException(404)
    site: Site = visit.request.app.state.site
    write, media_type = FORMS[form]
    wanted = Asked.read(visit.request.query_params).wanted
    return StreamingResponse(
        write(_pieces(site.database, source.id, wanted)),
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{source.project}-{source.name}.{form}"',
            "Cache-Control": "no-store",
        },
    )


def _pieces(
    database: Database, source_id: SourceId, wanted: Wanted
) -> Iterator[tuple[StoredComment, ...]]:
    """Read on, each piece in a transaction of its own: one that lasted would keep the database from tidying up."""
    before: int | None = None
    while True:
        with database.browse() as tx:
            seen = explore.look(tx, source_id, wanted, before=before, limit=PIECE, counting=False)
            found = comments.by_keys(tx, source_id, seen.keys)
        if found:
            yield found
        if seen.following is None:
            return
        before = seen.following


def json_lines(pieces: Iterable[tuple[StoredComment, ...]]) -> Iterator[bytes]:
    """Write one comment a line, as the API gives it."""
    for piece in pieces:
        yield b"".join(without_markup(one.json) + b"\n" for one in piece)


def comma_separated(pieces: Iterable[tuple[StoredComment, ...]]) -> Iterator[bytes]:
    """Write one comment a row (RFC 4180)."""
    yield (BYTE_ORDER_MARK + _lines([COLUMNS])).encode()
    for piece in pieces:
        yield _lines(map(_row, piece)).encode()


def harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _row(stored: StoredComment) -> list[str]:
    told = Told.of(stored)
    comment, message = told.comment, told.message
    properties = comment.user_properties
    cells = (
        comment.id,
        comment.timestamp.isoformat(),
        message.from_ or "",
        "; ".join(message.to),
        "; ".join(message.cc),
        message.subject or "",
        message.body,
        message.signature or "",
        message.language or "",
        str(properties.get("string:Mailbox", "")),
        str(properties.get("string:Folder", "")),
        comment.thread_id or "",
        "; ".join(attachment.name for attachment in comment.attachments),
        orjson.dumps(properties).decode(),
    )
    return [harmless(cell) for cell in cells]


def _lines(rows: Iterable[Iterable[str]]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue()


Write = Callable[[Iterable[tuple[StoredComment, ...]]], Iterator[bytes]]

FORMS: dict[str, tuple[Write, str]] = {
    "jsonl": (json_lines, "application/jsonl"),
    "csv": (comma_separated, "text/csv; charset=utf-8"),
}
