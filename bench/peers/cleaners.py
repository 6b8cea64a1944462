"""Peers, each in the words of the scorer of email cleaners. Runs in the environment of one of them, so imports are late.

Peers that read only text are given that of the HTML by inscriptis.
"""

import contextlib
import email
import email.policy
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent


def talon(raw: bytes) -> dict[str, Any]:
    """Clean with talon, without its trained model."""
    from talon import quotations

    # The package loads a trained model, which current scikit-learn cannot read; this part of it needs none.
    package = ModuleType("talon.signature")
    package.__path__ = [str(Path(quotations.__file__).parent / "signature")]
    sys.modules.setdefault("talon.signature", package)
    from talon.signature import bruteforce

    text, html = _bodies(raw)
    if html is not None:
        return {"html": quotations.extract_from_html(html)}
    reply = quotations.extract_from_plain(text)
    words, signature = bruteforce.extract_signature(reply)
    return {"reply": reply, "text": words, "signature": signature or ""}


def mail_parser_reply(raw: bytes) -> dict[str, Any]:
    """Clean with mail-parser-reply, in all of its languages."""
    from mailparser_reply import EmailReplyParser
    from mailparser_reply.constants import MAIL_LANGUAGES

    read = EmailReplyParser(languages=list(MAIL_LANGUAGES)).read(_text(raw))
    latest = read.replies[0]
    older = "\n".join(reply.content for reply in read.replies[1:])
    return {
        "reply": latest.full_body,
        "text": latest.body,
        "signature": latest.signatures,
        "quoted": older,
    }


def email_reply_parser(raw: bytes) -> dict[str, Any]:
    """Clean with email-reply-parser, a port of GitHub's."""
    from email_reply_parser import EmailReplyParser

    return {"text": EmailReplyParser.parse_reply(_text(raw))}


def quotequail(raw: bytes) -> dict[str, Any]:
    """Clean with quotequail."""
    import quotequail as peer

    text, html = _bodies(raw)
    parts = peer.quote_html(html) if html is not None else peer.quote(text)
    words = "\n".join(part for is_own, part in parts if is_own)
    unwrapped = (peer.unwrap_html(html) if html is not None else peer.unwrap(text)) or None
    return {"html" if html is not None else "text": words, "forwarded": unwrapped}


def unquotemail(raw: bytes) -> dict[str, Any]:
    """Clean with unquotemail."""
    from unquotemail import Unquote

    text, html = _bodies(raw)
    read = Unquote(html, text if html is None else None)
    read.parse()
    return {"html": read.get_html()} if html is not None else {"text": read.get_text()}


def planer(raw: bytes) -> dict[str, Any]:
    """Clean with planer, a port of talon."""
    text, html = _bodies(raw)
    answer = _Node.of("planer").ask({"text": text, "html": html})
    return {"html": answer} if html is not None else {"text": answer}


def crisp(raw: bytes) -> dict[str, Any]:
    """Clean with the email-reply-parser of Crisp."""
    return {"text": _Node.of("crisp").ask({"text": _text(raw), "html": None})}


class _Node:
    """A process of Node that answers a line of JSON by another; one that hangs is ended with the question."""

    _running: "_Node | None" = None

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            ["node", str(HERE / "cleaner.cjs"), name, str(Path(sys.prefix))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @classmethod
    def of(cls, name: str) -> "_Node":
        if cls._running is None:
            cls._running = cls(name)
        return cls._running

    def ask(self, question: dict[str, Any]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            answer: str = json.loads(self._process.stdout.readline())
        except BaseException:
            self._process.kill()
            _Node._running = None
            raise
        return answer


def _bodies(raw: bytes) -> tuple[str, str | None]:
    """Give the text, and the HTML if there is any."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    found: dict[str, str] = {}
    for part in message.walk():
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and kind not in found:
            with contextlib.suppress(Exception):
                found[kind] = part.get_content()
    return found.get("text/plain", "").replace("\r\n", "\n"), found.get("text/html")


def _text(raw: bytes) -> str:
    text, html = _bodies(raw)
    if html is None:
        return text
    from inscriptis import get_text

    return str(get_text(html))
