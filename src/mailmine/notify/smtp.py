"""E-mail by SMTP."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from enum import StrEnum

from mailmine.notify.channel import Message, NotDelivered

TIMEOUT = 30.0
"""Seconds for each step."""


class Security(StrEnum):
    """How the way to the server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """Sends by one server. The certificate of the server is always checked."""

    host: str
    sender: str
    security: Security = Security.STARTTLS
    port: int | None = None
    """None: the usual one."""
    user: str = ""
    """Empty: without signing in."""
    password: str = field(default="", repr=False)

    async def send(self, message: Message) -> None:
        """Send a message. Raises NotDelivered."""
        await asyncio.to_thread(self._send, message)

    def _send(self, message: Message) -> None:
        mail = self._mail(message)
        try:
            with self._open() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail, self.sender, [message.to])
        except smtplib.SMTPRecipientsRefused as error:
            # Only one was named.
            code, words = error.recipients.get(message.to, (0, b""))
            raise NotDelivered(
                f"{self.host} does not take mail to this address: {code} {_text(words)}",
                is_final=code >= 500,  # noqa: PLR2004 - RFC 5321, 4.2.1
            ) from error
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(
                f"{self.host} refused: {error.smtp_code} {_text(error.smtp_error)}"
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(f"{self.host} cannot be reached or used: {error}") from error

    def _open(self) -> smtplib.SMTP:
        port = self.port or PORTS[self.security]
        if self.security is Security.TLS:
            return smtplib.SMTP_SSL(
                self.host, port, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        server = smtplib.SMTP(self.host, port, timeout=TIMEOUT)
        if self.security is Security.STARTTLS:
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = message.letter.title
        mail["From"] = self.sender
        try:
            mail["To"] = message.to
        except (ValueError, IndexError, HeaderParseError) as error:
            raise NotDelivered(
                "The address is not one that mail can be sent to.", is_final=True
            ) from error
        mail["Date"] = format_datetime(localtime())
        # The same at each try: many mail systems show a repetition once only.
        mail["Message-ID"] = f"<{message.delivery}@{self.sender.rpartition('@')[2].strip('> ')}>"
        mail["X-Mailmine-Delivery"] = message.delivery
        # Nobody's absence note is to answer (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.letter.text)
        return mail


def _text(words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return " ".join(text.split())[:500]
