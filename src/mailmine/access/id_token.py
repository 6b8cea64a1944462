"""ID tokens: what a provider says of a person, signed (OpenID Connect Core 1.0, section 3.1.3.7)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import jwt

Claims = Mapping[str, Any]

KINDS: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
"""The signatures that are taken, and the kind of key of each. `none` is none, and a key of HS256 is no public one."""

LEEWAY = timedelta(minutes=2)
"""By so much the clocks may differ."""

WANTED = ["iss", "sub", "aud", "exp", "iat", "nonce"]


class InvalidIdToken(Exception):
    """The token is not to be believed; the message says why, for the log, and holds nothing of the token's secrets."""


class KeyUnknown(InvalidIdToken):
    """None of the keys is the one that signed it: the provider may have changed its keys."""


class ClocksDiffer(InvalidIdToken):
    """It is over already, or not yet valid: it was made just now, so a clock is wrong."""


def verify(
    token: str, keys: Sequence[Mapping[str, Any]], *, issuer: str, client_id: str, nonce: str
) -> Claims:
    """Check a token by the provider's `keys` (JWKs), and give what it says. Raises InvalidIdToken."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm = str(header.get("alg"))
        if algorithm not in KINDS:
            raise InvalidIdToken(f"a signature by {algorithm[:20]!r} is not taken")
        claims: Claims = jwt.decode(
            token,
            _key(keys, header.get("kid"), algorithm).key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY,
            options={"require": WANTED, "enforce_minimum_key_length": True},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        raise ClocksDiffer(str(error)) from None
    except jwt.PyJWTError as error:
        # Of a key that cannot be read the words would show the key.
        reason = str(error) if isinstance(error, jwt.InvalidTokenError) else type(error).__name__
        raise InvalidIdToken(reason[:200]) from None
    _check_rest(claims, client_id=client_id, nonce=nonce)
    return claims


def _key(keys: Sequence[Mapping[str, Any]], kid: object, algorithm: str) -> jwt.PyJWK:
    """Find the key that signed. Without `kid` there must be no choice (OpenID Connect Core, 10.1)."""
    fitting = [
        key
        for key in keys
        if key.get("kty") == KINDS[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and kid in (None, key.get("kid"))
    ]
    if len(fitting) != 1:
        raise KeyUnknown(f"{len(fitting)} keys fit its signature")
    return jwt.PyJWK(dict(fitting[0]), algorithm)


def _check_rest(claims: Claims, *, client_id: str, nonce: str) -> None:
    """Check what the library does not know: that it was made for us, and for this sign-in."""
    for_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if for_others else client_id) != client_id:
        raise InvalidIdToken("it was made for another client (azp)")
    if claims["nonce"] != nonce:
        raise InvalidIdToken("it was made for another sign-in (nonce)")
    if not claims["sub"]:
        raise InvalidIdToken("it names nobody (sub)")
