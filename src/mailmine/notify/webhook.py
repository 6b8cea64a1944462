"""Any program by HTTP: JSON, signed, with an id by which a repetition is known. docs/notifications.md describes it."""

import hashlib
import hmac
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from mailmine.model.notice import Notice
from mailmine.notify import words
from mailmine.notify.channel import Message, NotDelivered

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Posts to one address."""

    url: str = field(repr=False)
    """It may hold a secret of its own."""
    secret: str = field(default="", repr=False)
    """Empty: nothing is signed."""

    async def send(self, message: Message) -> None:
        """Send a message. Raises NotDelivered."""
        body = orjson.dumps(_body(message))
        headers = {"Content-Type": "application/json", "X-Mailmine-Delivery": message.delivery}
        if self.secret:
            headers["X-Mailmine-Signature"] = f"sha256={signature(body, self.secret)}"
        try:
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT) as session,
                # A redirect would send the body to where nobody said it should go.
                session.post(self.url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            # Not the error's own words, which may hold the address.
            raise NotDelivered(f"The webhook cannot be reached ({type(error).__name__}).") from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise NotDelivered(f"The webhook answered {status}.")


def signature(body: bytes, secret: str) -> str:
    """Give the HMAC-SHA256 of the body, in hex (RFC 2104)."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _body(message: Message) -> dict[str, Any]:
    return {
        "delivery": message.delivery,
        "title": message.letter.title,
        "text": message.letter.text,
        "link": message.letter.link or None,
        "notices": [_notice(notice) for notice in message.notices],
    }


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "topic": notice.topic,
        "about": notice.about,
        "title": words.title(notice),
        "project": notice.project,
        "integration_id": notice.integration_id,
        "integration": notice.integration,
        "mailboxes": list(notice.mailboxes),
        "code": notice.code,
        "message": notice.message,
        "since": notice.since.isoformat(),
        "until": None if notice.until is None else notice.until.isoformat(),
    }
