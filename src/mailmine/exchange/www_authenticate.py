"""WWW-Authenticate: the ways of signing in that a server offers (RFC 9110, 11.6.1)."""

import re
from collections.abc import Sequence
from typing import Final

_PARTS: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')


def offered(challenges: Sequence[str]) -> list[tuple[str, str]]:
    """Take the values of WWW-Authenticate apart: each way of signing in, in small letters, and what the server says to it.

    There may be a header for each, or one for all of them (RFC 9110, 11.6.1): a comma stands between two ways, and also between
    what is said to one of them.
    """
    found: list[tuple[str, str]] = []
    for part in _PARTS.findall(",".join(challenges)):
        scheme, _, said = part.strip().partition(" ")
        if "=" in scheme or said.lstrip().startswith("="):
            if found:  # a parameter of the one before
                found[-1] = found[-1][0], f"{found[-1][1]}, {part.strip()}".removeprefix(", ")
        elif scheme:
            found.append((scheme.lower(), said.strip()))
    return found
