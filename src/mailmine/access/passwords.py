"""Passwords, kept as Argon2id hashes (RFC 9106, its second recommended choice: 64 MiB of memory)."""

import functools
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()

AT_ONCE = 2
"""So many are hashed at once: each takes 64 MiB and four threads, and anybody may ask for it."""

_turns = threading.BoundedSemaphore(AT_ONCE)


@functools.cache
def _nobody() -> str:
    """Give the hash that is checked in place of a user who does not exist, so that time does not tell who exists."""
    return _hasher.hash(secrets.token_hex())


def generate() -> str:
    """Make a password that can be copied by hand: 100 random bits in five groups of digits and letters."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(5))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """Hash a password for keeping. Takes some 50 ms, as it shall."""
    with _turns:
        return _hasher.hash(password)


def is_right(password: str, password_hash: str | None) -> bool:
    """Check a password; None (no such user, or one without a password) takes as long and is never right."""
    try:
        with _turns:
            _hasher.verify(password_hash or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
