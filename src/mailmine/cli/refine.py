"""`mailmine refine FILE`: the comment of one raw email."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from mailmine.cli.errors import Failed
from mailmine.model import wire
from mailmine.model.email import Metadata
from mailmine.model.ids import SourceId
from mailmine.refine import comment, identity, mime, refine as refine_email


def refine(
    file: Annotated[Path, typer.Argument(help="An .eml file; - reads standard input.")],
) -> None:
    """Show the comment that one raw email becomes, as JSON."""
    raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    if not raw.strip():
        raise Failed(f"{file} is empty: give a raw email (RFC 5322), as an .eml file holds it")
    email = mime.parse(raw).email
    if not email.headers:
        raise Failed(
            f"{file} is not an email: it has no headers. Give a raw email (RFC 5322), as an .eml file holds it"
        )
    made = comment.make(
        email,
        refine_email(email),
        Metadata(),
        mailbox="",
        comment_id=identity.of(email),
        references={},
    )
    now = datetime.now(UTC)
    json = wire.encode(made, source_id=SourceId("0" * 16), created_at=now, updated_at=now)
    shown = {
        name: value
        for name, value in orjson.loads(json).items()
        if name not in {"uid", "source_id", "created_at", "updated_at"}
    }
    sys.stdout.buffer.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2) + b"\n")
