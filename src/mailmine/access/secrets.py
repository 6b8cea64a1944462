"""Secrets at rest: AES-256-GCM, with a key that is not in the database.

The keys are in the file `secret.key` of the data folder, made at the first start, or in the environment variable
`MAILMINE_SECRET_KEY`: one key a line (or separated by spaces), 32 bytes each as URL-safe base64. The first seals; the
others still open what they sealed, so that a key is replaced by putting a new one before it.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection as Transaction

from mailmine.store import lasting, secrets as stored

FILE = "secret.key"
ENVIRONMENT = "MAILMINE_SECRET_KEY"

_KEY_BYTES = 32
_NONCE_BYTES = 12


class SecretsError(Exception):
    """A key or a secret cannot be used; the message says which one and what to do."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys, newest first."""

    keys: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> "Keyring":
        """Read the keys from the environment, or from the file in `folder`, which is made if it is missing.

        Raises SecretsError if there is something else in their place.
        """
        place = place_of(folder)
        if written := os.environ.get(ENVIRONMENT):
            return cls.parse(written, place)
        path = folder / FILE
        try:
            _make(path)
        except OSError as error:
            raise SecretsError(
                f"The key of all secrets cannot be made in {folder}: {error.strerror}. "
                "The folder has to be writable, or named anew by --data"
            ) from error
        try:
            return cls.parse(path.read_text(encoding="ascii"), place)
        except (OSError, UnicodeDecodeError) as error:
            raise SecretsError(f"The key of all secrets cannot be read: {error}") from error

    @classmethod
    def parse(cls, written: str, place: str) -> "Keyring":
        """Read keys as they are written; `place` tells a person where that is. Raises SecretsError."""
        try:
            keys = tuple(base64.urlsafe_b64decode(word) for word in written.split())
        except (binascii.Error, ValueError):
            keys = ()
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise SecretsError(
                f"There is no usable key in {place}: it needs {_KEY_BYTES} bytes as URL-safe base64. "
                "Put the former key back; without it the passwords of integrations have to be entered again."
            )
        return cls(keys)

    @classmethod
    def generate(cls) -> "Keyring":
        """Make a keyring with one new key."""
        return cls((secrets.token_bytes(_KEY_BYTES),))

    @property
    def key_id(self) -> str:
        """Name of the key that seals now."""
        return _key_id(self.keys[0])

    def opens(self, key_id: str) -> bool:
        """Tell whether the key of this id is here."""
        return any(_key_id(key) == key_id for key in self.keys)

    def derive(self, purpose: str) -> bytes:
        """Make a key for one purpose, from which the keys here cannot be found."""
        return hmac.digest(self.keys[0], f"mailmine:{purpose}".encode(), "sha256")

    def seal(self, name: str, text: str) -> tuple[bytes, str]:
        """Encrypt `text`, so that it opens under this `name` only; gives the ciphertext and the key's id."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.keys[0]).encrypt(nonce, text.encode(), name.encode())
        return nonce + sealed, self.key_id

    def open(self, name: str, ciphertext: bytes, key_id: str) -> str:
        """Decrypt what was sealed under `name`. Raises SecretsError if the key is not here or it was tampered with."""
        key = next((key for key in self.keys if _key_id(key) == key_id), None)
        if key is None:
            raise SecretsError(
                f"The secret {name} was sealed with the key {key_id}, which is not in {FILE} or {ENVIRONMENT}. "
                "Put that key back, or enter the secret again."
            )
        nonce, sealed = ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, name.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SecretsError(
                f"The secret {name} was changed in the database. Enter it again."
            ) from error


def place_of(folder: Path) -> str:
    """Tell a person where the keys of the installation in `folder` are."""
    if os.environ.get(ENVIRONMENT):
        return f"the environment variable {ENVIRONMENT}"
    return f"the file {folder / FILE}"


def put(tx: Transaction, keyring: Keyring, name: str, text: str, *, at: datetime) -> None:
    """Keep a secret, in place of the one that had this name."""
    ciphertext, key_id = keyring.seal(name, text)
    stored.put(tx, name, ciphertext, key_id, at=at)


def get(tx: Transaction, keyring: Keyring, name: str) -> str | None:
    """Read a secret; None if there is none of this name. Raises SecretsError if it cannot be opened."""
    kept = stored.get(tx, name)
    return None if kept is None else keyring.open(name, *kept)


def reseal(tx: Transaction, keyring: Keyring, *, at: datetime) -> int:
    """Encrypt with the first key what was with another; tells how many. Raises SecretsError, and then nothing is changed."""
    old = [name for name, key_id in stored.names(tx).items() if key_id != keyring.key_id]
    for name in old:
        put(tx, keyring, name, get(tx, keyring, name) or "", at=at)
    return len(old)


def sealed_by_others(tx: Transaction, keyring: Keyring) -> tuple[str, ...]:
    """Name the secrets that none of these keys opens."""
    return tuple(name for name, key_id in stored.names(tx).items() if not keyring.opens(key_id))


def _make(path: Path) -> None:
    """Write a new key where there is none, readable by its owner alone.

    It appears whole or not at all: of two processes that start at once, both use the one that was first.
    """
    if path.exists():
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".secret") as file:  # mode 0600
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
    lasting.sync_folder(path.parent)  # what it seals outlasts a power cut, so it has to as well


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"mailmine key id" + key).hexdigest()[:16]
