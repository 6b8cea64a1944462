"""Where a list goes on: an opaque token that says it."""

import base64
import binascii

from mailmine.api.errors import BadRequestError

_PLACES = range(-(2**63), 2**63)
"""What a database can count."""


def write(place: int) -> str:
    """Make the token for what comes after `place`."""
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def read(token: str | None) -> int | None:
    """Give the place that a token names; None = the beginning. Raises BadRequestError for what is no token."""
    if token is None:
        return None
    try:
        written = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        place = int(written)
    except (binascii.Error, ValueError):
        place = None
    if place is None or place not in _PLACES or write(place) != token:
        raise BadRequestError(
            "The continuation is not one that mailmine gave. Begin without it, and pass on what you are given."
        )
    return place
