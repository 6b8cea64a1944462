"""What people want to have synced, and how it gets into the store.

A configuration says what there shall be. What it does not name is left alone: integrations and mailboxes
that were made elsewhere, and the state of those that it names but does not change.
"""

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection as Transaction

from mailmine.model.integration import Connection, Filters


class ConfigurationError(Exception):
    """The configuration cannot be used; the message says what is wrong with it and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where the password of an account comes from; the first that is given counts."""

    value: str | None = field(default=None, repr=False)
    environment: str | None = None
    """Name of an environment variable."""
    file: Path | None = None
    """Its last line break does not count."""

    def read(self) -> str:
        """Give the secret. Raises ConfigurationError where it cannot be had."""
        if self.value is not None:
            return self.value
        if self.environment is not None:
            if secret := os.environ.get(self.environment):
                return secret
            raise ConfigurationError(
                f"The environment variable {self.environment}, which is to hold a password, is not set"
            )
        if self.file is not None:
            try:
                return self.file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"The file {self.file}, which is to hold a password, cannot be read: {error}"
                ) from error
        raise ConfigurationError("No password is given: name a file or an environment variable")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxConfiguration:
    """A mailbox to be synced, and where its mail goes."""

    address: str
    project: str
    """Holds the bucket and the source."""
    bucket: str
    source: str | None = None
    """Shows the emails of the bucket as comments; None = named like the bucket."""
    enabled: bool | None = None
    """None = as it is; a new one is on."""
    start_at: datetime | None = None
    filters: Filters = field(default_factory=Filters)
    sync_attachments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationConfiguration:
    """An Exchange to be read."""

    project: str
    name: str
    title: str = ""
    connection: Connection
    secret: SecretSource | None = None
    enabled: bool | None = None
    """None = as it is; a new one is on."""
    mailboxes: tuple[MailboxConfiguration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that one file says."""

    integrations: tuple[IntegrationConfiguration, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is new or different."""

    kind: str
    """`project`, `bucket`, `source`, `integration` or `mailbox`."""
    name: str
    """`project/name`; the address of a mailbox."""
    is_new: bool


def apply(tx: Transaction, configuration: Configuration, *, at: datetime) -> tuple[Change, ...]:
    """Make the store say what `configuration` says; done again, nothing changes.

    Raises ConfigurationError where the configuration contradicts itself.
    """
    raise NotImplementedError((tx, configuration, at))
