"""`mailmine refine FILE`: what one raw email becomes: its zones in colour with why they were cut, or the comment."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console
from rich.text import Text

from mailmine.cli.errors import Failed
from mailmine.model import wire
from mailmine.model.email import Email, Metadata
from mailmine.model.ids import SourceId
from mailmine.refine import (
    MEANINGS,
    Kind,
    Posting,
    Refined,
    comment,
    identity,
    mime,
    refine as refine_email,
)

COLOURS: Final = {
    Kind.NEW: "bold",
    Kind.CLOSING: "bold green",
    Kind.SIGNATURE: "green",
    Kind.DEVICE_LINE: "green",
    Kind.DISCLAIMER: "magenta",
    Kind.CAUTION: "magenta",
    Kind.LIST_FOOTER: "magenta",
    Kind.HEADER_BLOCK: "cyan",
    Kind.ATTRIBUTION: "cyan",
    Kind.DIVIDER: "cyan",
    Kind.QUOTED: "yellow",
    Kind.FORWARDED: "blue",
}

_POSTINGS: Final = {
    Posting.ALONE: "Nothing is quoted",
    Posting.TOP: "The new words stand above what is quoted",
    Posting.BOTTOM: "The new words stand below what is quoted",
    Posting.BETWEEN: "The new words stand between what is quoted",
    Posting.NONE: "There are no new words",
}


def refine(
    file: Annotated[Path, typer.Argument(help="An .eml file; - reads standard input.")],
    zones: Annotated[
        bool,
        typer.Option(
            "--zones", help="Show each part of the body in colour, and why it was cut or kept."
        ),
    ] = False,
) -> None:
    """Show the comment that one raw email becomes, as JSON; or with --zones what was cut off it."""
    raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    if not raw.strip():
        raise Failed(f"{file} is empty: give a raw email (RFC 5322), as an .eml file holds it")
    email = mime.parse(raw).email
    if not email.headers:
        raise Failed(
            f"{file} is not an email: it has no headers. Give a raw email (RFC 5322), as an .eml file holds it"
        )
    refined = refine_email(email)
    if zones:
        _show(Console(highlight=False), refined)
    else:
        sys.stdout.buffer.write(
            orjson.dumps(_json(email, refined), option=orjson.OPT_INDENT_2) + b"\n"
        )


def _show(console: Console, refined: Refined) -> None:
    """Print the zones one below the other, each with its name beside it."""
    width = max(map(len, MEANINGS.values()))
    for zone in refined.zones:
        name = MEANINGS[zone.kind] if zone.text.strip() else ""
        for line in zone.text.split("\n"):
            beside, words = (f"{name:>{width}} \u2502 ", "dim"), (_plain(line), COLOURS[zone.kind])
            console.print(Text.assemble(beside, words), soft_wrap=True)
            name = ""
    facts = [f"Language: {refined.language or 'und'}", _POSTINGS[refined.posting]]
    if refined.is_forward:
        facts.append("A forward")
    if refined.shows_forwarded:
        facts.append(
            "The comment shows what was passed on or quoted, as there are no words of its own"
        )
    console.print(Text(f"\n{'. '.join(facts)}.", style="dim"), soft_wrap=True)
    for number, message in enumerate(refined.messages, 1):
        told = f"{number}. {message.from_ or '?'}, {message.date or '?'}: {message.subject}"
        console.print(Text(_plain(told), style="dim"), soft_wrap=True)


def _plain(text: str) -> str:
    """Leave out what would steer the terminal."""
    return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)


def _json(email: Email, refined: Refined) -> dict[str, Any]:
    made = comment.make(
        email,
        refined,
        Metadata(),
        mailbox="",
        comment_id=identity.of(email),
        references={},
    )
    now = datetime.now(UTC)
    json = wire.encode(made, source_id=SourceId("0" * 16), created_at=now, updated_at=now)
    return {
        name: value
        for name, value in orjson.loads(json).items()
        if name not in {"uid", "source_id", "created_at", "updated_at"}
    }
