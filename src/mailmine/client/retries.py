"""Whether a call is tried again, and when: a pure decision on what became of it."""

from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

from mailmine.client import calls
from mailmine.client.calls import Call
from mailmine.client.errors import UnreachableError

T = TypeVar("T")

Outcome = httpx.Response | httpx.RequestError
"""What became of a try: an answer, or why there is none."""

TRIES = 4
FIRST_PAUSE = 1.0
"""Seconds before the second try; each later pause is twice as long."""
LONGEST_PAUSE = 120.0
"""Whoever asks for more patience than this is told to the caller instead."""

_PASSING = (
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
)


def pause(call: Call[Any], outcome: Outcome, tries: int) -> float | None:
    """Give the seconds to wait before the next try; None where this outcome is the last word."""
    if not call.may_repeat or tries >= TRIES:
        return None
    seconds = FIRST_PAUSE * 2 ** (tries - 1)
    if isinstance(outcome, httpx.RequestError):
        return seconds if isinstance(outcome, _PASSING) else None
    is_passing = outcome.status_code == HTTPStatus.TOO_MANY_REQUESTS or outcome.is_server_error
    if not is_passing:
        return None
    seconds = max(seconds, _retry_after(outcome.headers))
    return seconds if seconds <= LONGEST_PAUSE else None


def result(call: Call[T], outcome: Outcome) -> T:
    """Read the last outcome. Raises UnreachableError, ApiError, UnexpectedAnswerError."""
    if isinstance(outcome, httpx.RequestError):
        reason = str(outcome) or type(outcome).__name__
        raise UnreachableError(
            f"No answer to {call.method} {outcome.request.url}: {reason}"
        ) from outcome
    if not outcome.is_success:
        raise calls.refusal(outcome)
    return call.read(outcome)


def _retry_after(headers: httpx.Headers) -> float:
    """Read Retry-After (RFC 9110, 10.2.3): seconds, or a time, which is compared with the server's own clock."""
    written = headers.get("Retry-After", "").strip()
    if written.isdecimal():
        return float(written)
    try:
        until, now = (parsedate_to_datetime(each) for each in (written, headers.get("Date", "")))
        return (until - now).total_seconds()
    except (ValueError, TypeError):
        return 0.0
