"""Forms are taken only from our own pages.

A form carries a signed token bound to the session of the page it stands on: the key of the signature is the
session's id, which another site can neither read nor set. So nothing is kept, and it works behind any proxy.
"""

import hashlib
from collections.abc import Mapping

from itsdangerous import BadSignature, Signer

FIELD = "csrf_token"
"""Name of the hidden field."""

_STATEMENT = b"form"


def token(session_token: str) -> str:
    """Make the value of the hidden field for the session whose id is `session_token`."""
    return _signer(session_token).get_signature(_STATEMENT).decode()


def is_valid(session_token: str, given: str | None) -> bool:
    """Whether a form with this value comes from a page of this session."""
    try:
        _signer(session_token).unsign(_STATEMENT + b"." + (given or "").encode())
    except (BadSignature, UnicodeEncodeError):
        return False
    return True


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that another site sent this: for the sign-in form, which has no session yet.

    Browsers say so to addresses of https and of this machine; elsewhere `Origin` remains, by which a page
    that hides where it is from (`null`) is taken for another. Names of `headers` are looked up in lower case.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    return headers.get("origin") == "null"


def _signer(session_token: str) -> Signer:
    return Signer(session_token, salt="mailmine.csrf", digest_method=hashlib.sha256)
