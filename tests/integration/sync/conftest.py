"""A simulated Exchange, a store beside it, and the sync between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from exchange_simulator import Exchange
from mailmine.exchange import open_account
from mailmine.exchange.reader import Account, Reader
from mailmine.model.comment import Comment
from mailmine.model.integration import (
    AuthType,
    Backend,
    Connection,
    Filters,
    Integration,
    Mailbox,
)
from mailmine.store import comments, integrations, leases, mailboxes, sources
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.leases import Release
from mailmine.sync import aftermath
from mailmine.sync.configure import (
    Configuration,
    IntegrationConfiguration,
    MailboxConfiguration,
    apply,
)
from mailmine.sync.desk import Desk
from mailmine.sync.round import Memory, Outcome, Round
from mailmine.sync.settings import SyncSettings
from tests import amounts

ACCOUNT = "svc@example.com"
PASSWORD = "secret"
ORDERS = "orders@example.com"
CLAIMS = "claims@example.com"
APP = "6731de76-14a6-49ae-97bc-6eba6914391e"
TENANT = "contoso.example"

both = pytest.mark.parametrize("backend", list(Backend), indirect=True)
"""A test for either way of reading; the others are about EWS."""


def eml(
    number: int,
    *,
    sender: str = "Ann <ann@example.com>",
    to: str = ORDERS,
    message_id: str | None = None,
    sent: str = "Mon, 02 Mar 2026 10:00:00 +0000",
    attachment: bytes | None = None,
) -> bytes:
    message = EmailMessage()
    message["Message-ID"] = message_id or f"<{number}@example.com>"
    message["From"] = sender
    message["To"] = to
    message["Subject"] = f"Order {number}"
    message["Date"] = sent
    message.set_content(f"Please send {number} chairs.\n")
    if attachment is not None:
        message.add_attachment(attachment, maintype="application", subtype="pdf", filename="a.pdf")
    return message.as_bytes()


@dataclass
class World:
    """An Exchange with two mailboxes that fill one bucket."""

    exchange: Exchange
    address: str
    database: Database
    blobs: Blobs
    folder: Path
    settings: SyncSettings = field(default_factory=SyncSettings)
    memories: dict[str, Memory] = field(default_factory=dict)
    now: datetime | None = None
    backend: Backend = Backend.EWS

    def connection(self) -> Connection:
        """Say how the simulated Exchange is reached."""
        if self.backend is Backend.GRAPH:
            return Connection(
                endpoint=self.address,
                backend=Backend.GRAPH,
                auth=AuthType.CLIENT_SECRET,
                tenant_id=TENANT,
                client_id=APP,
                authority=self.address,
                plain_http=True,
            )
        return Connection(
            endpoint=f"{self.address}/EWS/Exchange.asmx", username=ACCOUNT, plain_http=True
        )

    def time(self) -> datetime:
        return self.now or datetime.now(UTC)

    def configure(
        self,
        *addresses: str,
        filters: Filters | None = None,
        start_at: datetime | None = None,
        sync_attachments: bool = False,
        password: str = PASSWORD,
    ) -> None:
        self.password = password
        configuration = Configuration(
            integrations=(
                IntegrationConfiguration(
                    project="sales",
                    name="exchange",
                    connection=self.connection(),
                    mailboxes=tuple(
                        MailboxConfiguration(
                            address=address,
                            project="sales",
                            bucket="mail",
                            filters=filters or Filters(),
                            start_at=start_at,
                            sync_attachments=sync_attachments,
                        )
                        for address in addresses or (ORDERS,)
                    ),
                ),
            )
        )
        with self.database.write() as tx:
            apply(tx, configuration, at=self.time())

    def mailbox(self, address: str = ORDERS) -> Mailbox:
        with self.database.read() as tx:
            return next(one for one in mailboxes.list_all(tx) if one.address == address)

    def integration(self) -> Integration:
        with self.database.read() as tx:
            return integrations.list_all(tx)[0]

    def account(self) -> Account:
        return open_account(self.integration().connection, self.password)

    async def round(
        self,
        address: str = ORDERS,
        *,
        reader: Reader | None = None,
        database: Database | None = None,
    ) -> Outcome:
        """Run one round, as a runner does."""
        mailbox = self.mailbox(address)
        now = self.time()
        store = database or self.database
        with store.write() as tx:
            until = now + timedelta(seconds=30)
            lease = leases.claim(tx, [mailbox.id], owner="test", now=now, until=until).get(
                mailbox.id
            )
        assert lease is not None
        desk = Desk(store)
        account = self.account()
        try:
            outcome = await Round(
                mailbox,
                lease,
                desk=desk,
                blobs=self.blobs,
                reader=reader or account.reader(address),
                backend=self.backend,
                settings=self.settings,
                memory=self.memories.setdefault(address, Memory()),
                now=self.time,
            ).run()
            with store.write() as tx:
                ended = self.time()
                given_back = Release(
                    lease=lease, next_due_at=now, round_ended_at=ended, rest=outcome.rest
                )
                aftermath.went_well(tx, given_back, mailbox, self.integration(), at=ended)
        finally:
            desk.close()
            await account.aclose()
        return outcome

    async def sync(self, *addresses: str) -> None:
        """Run rounds until nothing is left to do."""
        for address in addresses or (ORDERS,):
            while (await self.round(address)).is_unfinished:
                pass

    def comments(self) -> list[Comment]:
        with self.database.read() as tx:
            source = sources.list_all(tx)[0]
            found = comments.page(
                tx,
                source.id,
                newest_first=False,
                after=None,
                limit=100_000,
                since=None,
                until=None,
            )
            return [stored.comment for stored in found]

    def folders(self) -> list[str]:
        """Give the Folder that each comment shows."""
        return [
            str(one.user_properties["string:Folder"]).partition(" (")[0] for one in self.comments()
        ]

    def folder_of(self, number: int) -> str:
        """Give the Folder that the comment of this email shows."""
        wanted = f"<{number}@example.com>"
        (comment,) = [
            one for one in self.comments() if one.user_properties["string:Message ID"] == wanted
        ]
        return str(comment.user_properties["string:Folder"]).partition(" (")[0]

    def with_settings(self, **changes: object) -> None:
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty database of either kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("pg_url")
        return url
    return f"sqlite:///{tmp_path / 'mailmine.db'}"


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Backend:
    """Name the way of reading."""
    return Backend(getattr(request, "param", Backend.EWS))


@pytest.fixture
def world(tmp_path: Path, database_url: str, backend: Backend) -> Iterator[World]:
    exchange = Exchange(folder=tmp_path)
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.application(APP, tenant=TENANT, secret=PASSWORD)
    for address in (ORDERS, CLAIMS):
        exchange.mailbox(address)
        exchange.grant(ACCOUNT, mailbox=address)
    database = Database.open(database_url)
    database.migrate()
    with exchange.serve() as address:
        blobs = Blobs.open(tmp_path / "blobs")
        yield World(exchange, address, database, blobs, tmp_path, backend=backend)
    assert amounts.are_right(database)
    database.close()
    exchange.close()
