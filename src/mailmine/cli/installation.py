"""One installation: its settings, its database, its blobs, its keys. Every command works on one."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection as Transaction

from mailmine.access import credentials
from mailmine.access.secrets import ENVIRONMENT, FILE, Keyring
from mailmine.cli.errors import Failed
from mailmine.cli.settings import Settings
from mailmine.model.ids import IntegrationId
from mailmine.model.integration import Connection, Integration
from mailmine.model.reach import Reach
from mailmine.store import integrations, moving
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync import configure
from mailmine.sync.configure import Change, Configuration
from mailmine.sync.credentials import welcome_new_proxy_secret, welcome_new_secrets


@dataclass(frozen=True, slots=True)
class Installation:
    """What is kept, ready for use."""

    settings: Settings
    database: Database
    blobs: Blobs
    keyring: Keyring

    def check_key(self) -> None:
        """Make sure that the key here opens all passwords in the database. Raises Failed.

        Whoever reads mailboxes with another would stop integrations whose passwords are well, for all processes.
        """
        with self.database.read() as tx:
            unopened = credentials.unopened(tx, self.keyring)
        if unopened:
            raise Failed(
                f"the database holds passwords that the key here does not open ({unopened[0]}): "
                f"give {ENVIRONMENT} or {FILE} (in {self.settings.data.resolve()}) as it was, or as the other "
                "processes have it. If it is lost, enter the passwords again: by `mailmine import --key-lost`, "
                "or on the pages of `mailmine serve --no-sync`"
            )

    def configure(self, configuration: Configuration) -> tuple[Change, ...]:
        """Take over a configuration with its secrets. Raises ConfigurationError, and then nothing is changed."""
        now = datetime.now(UTC)
        given = {
            (each.project, each.name): each.secret.read()
            for each in configuration.integrations
            if each.secret is not None
        }
        of_proxies = {
            (each.project, each.name): each.proxy_secret.read() if each.proxy_secret else None
            for each in configuration.integrations
        }
        with self.database.write() as tx:
            before = {(one.project, one.name): one.connection for one in integrations.list_all(tx)}
            changes = list(configure.apply(tx, configuration, at=now))
            for (project, name), secret in given.items():
                integration = integrations.get(tx, project, name)
                if integration is None:
                    continue
                is_first = not credentials.is_given(tx, integration.id)
                if credentials.keep(tx, self.keyring, integration.id, secret, at=now):
                    changes.append(Change("password", f"{project}/{name}", is_new=is_first))
            for place, password in of_proxies.items():
                integration = integrations.get(tx, *place)
                if integration and credentials.keep_for_proxy(
                    tx, self.keyring, integration, password, before=before.get(place), at=now
                ):
                    welcome_new_proxy_secret(tx, integration, at=now)
                    changes.append(Change("proxy password", "/".join(place), is_new=False))
            welcome_new_secrets(tx, self.reach, at=now)
        return tuple(changes)

    def reach(
        self, tx: Transaction, of: Collection[Integration]
    ) -> dict[IntegrationId, Reach | Exception]:
        """Give what integrations are reached with, or a SecretsError."""
        return credentials.reach(tx, of, keyring=self.keyring)

    def secret_of(self, integration: Integration) -> str:
        """Give the password of an integration; empty where none was given. Raises SecretsError."""
        with self.database.read() as tx:
            return self._secret_in(tx, integration)

    def connection_of(self, integration: Integration) -> Connection:
        """Give the connection of an integration, ready for use. Raises SecretsError."""
        with self.database.read() as tx:
            return credentials.connection_of(tx, self.keyring, integration)

    def _secret_in(self, tx: Transaction, integration: Integration) -> str:
        return credentials.of(tx, self.keyring, integration.id) or ""


def check_is_there(settings: Settings) -> None:
    """Make sure that there is an installation already: SQLite would make an empty one. Raises Failed, DatabaseUnavailable."""
    where: Path | None = settings.data
    if settings.database is not None or settings.data.is_dir():
        database = Database.open(settings.database_url)
        where = database.path
        database.close()
    if where is not None and not where.is_file():
        raise Failed(
            f"there is no {where} yet: `mailmine serve` makes it. Or name the data folder by --data"
        )


@contextmanager
def existing(settings: Settings) -> Iterator[Installation]:
    """Do as `opened`, and make none where there is none: it was misspelt. Raises Failed."""
    check_is_there(settings)
    with opened(settings) as here:
        yield here


@contextmanager
def opened(settings: Settings) -> Iterator[Installation]:
    """Open the installation that `settings` name, made or brought up to date where necessary."""
    try:
        # It holds mail, which is not for everybody on this machine.
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(
            f"the data folder {settings.data} cannot be made: {error.strerror}. Give another by --data"
        ) from error
    keyring = Keyring.load(settings.data)
    blobs = Blobs.open(settings.blob_place)
    database = Database.open(settings.database_url, replica=settings.read_database)
    try:
        database.migrate()
        with database.write() as tx:
            if moving.is_unfinished(tx):
                raise Failed(
                    "not everything has come to this database yet: let `mailmine move` end first"
                )
            credentials.take_out_of_addresses(tx, keyring, at=datetime.now(UTC))
        yield Installation(settings, database, blobs, keyring)
    finally:
        database.close()
