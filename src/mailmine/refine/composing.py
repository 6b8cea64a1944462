"""An email that was read by its properties is written as MIME again, for clients that want it so."""

from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime

from mailmine.model.email import Address, Email

_OF_THE_BODY = ("content-", "mime-version")
"""Headers that say how the body was written, which is written anew."""


def compose(email: Email) -> bytes:
    """Write headers and bodies; of attachments there is no content here, so they are left out."""
    bodies = [
        MIMEText(text, subtype, "utf-8")
        for subtype, text in (("plain", email.text), ("html", email.html))
        if text is not None
    ] or [MIMEText("", "plain", "utf-8")]
    message: Message = MIMEMultipart("alternative", None, bodies) if len(bodies) > 1 else bodies[0]
    for name, value in email.headers or _headers(email):
        if name.isascii() and name.isprintable() and not name.lower().startswith(_OF_THE_BODY):
            charset = None if value.isascii() else "utf-8"
            written = Header(" ".join(value.split()), charset, header_name=name).encode()
            message.add_header(name, written)
    return message.as_bytes()


def _headers(email: Email) -> list[tuple[str, str]]:
    """Write down those that we know, of an email without its own."""
    known = [
        ("Message-ID", email.message_id or ""),
        ("Date", format_datetime(email.sent_at) if email.sent_at else ""),
        ("Subject", email.subject),
        ("From", _shown(email.from_)),
        ("Sender", _shown(email.sender)),
        ("To", ", ".join(map(_shown, email.to))),
        ("Cc", ", ".join(map(_shown, email.cc))),
        ("Reply-To", ", ".join(map(_shown, email.reply_to))),
        ("In-Reply-To", email.in_reply_to or ""),
        ("References", " ".join(email.references)),
    ]
    return [(name, value) for name, value in known if value]


def _shown(someone: Address | None) -> str:
    if someone is None:
        return ""
    return f"{someone.name} <{someone.address}>" if someone.name else someone.address
