"""An Exchange with twenty mailboxes of three integrations, and the store that they are read into."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.chaos.clock import Clock
from exchange_simulator import Account, Exchange, Mailbox, Request
from exchange_simulator.exchange import Requests
from mailmine.model.ids import IntegrationId, SourceId
from mailmine.model.integration import AccessType, AuthType, Backend, Connection, Integration
from mailmine.store import datasets, integrations, projects, settings, sources, streams
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.streams import Updates
from mailmine.sync.configure import (
    Configuration,
    IntegrationConfiguration,
    MailboxConfiguration,
    apply,
)

PROJECT: Final = "chaos"
ROOM: Final = f"{PROJECT}/webhook"
TENANT: Final = "contoso.example"
APP: Final = "6731de76-14a6-49ae-97bc-6eba6914391e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """An integration and its mailboxes."""

    name: str
    account: str
    """Who signs in; of Graph the application."""
    backend: Backend
    access: AccessType
    mailboxes: tuple[str, ...]
    sync_attachments: bool

    @property
    def is_graph(self) -> bool:
        """Whether it is read by Graph."""
        return self.backend is Backend.GRAPH


def _boxes(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}{number}@example.com" for number in range(count))


TOWNS: Final = (
    Town(
        name="delegate",
        account="svc-delegate@example.com",
        backend=Backend.EWS,
        access=AccessType.DELEGATE,
        mailboxes=_boxes("d", 7),
        sync_attachments=True,
    ),
    Town(
        name="acting",
        account="svc-acting@example.com",
        backend=Backend.EWS,
        access=AccessType.IMPERSONATION,
        mailboxes=_boxes("a", 6),
        sync_attachments=False,
    ),
    Town(
        name="graph",
        account=APP,
        backend=Backend.GRAPH,
        access=AccessType.DELEGATE,
        mailboxes=_boxes("g", 7),
        sync_attachments=True,
    ),
)


class CountingExchange(Exchange):
    """Counts how often it refused to let an account in."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(folder=folder, now=clock.time)
        self.ages: Counter[str] = Counter()
        """Goes up with each change of what an account signs in with."""
        self.refused: dict[tuple[str, int], list[datetime]] = {}
        """When, by account and age."""
        self.requests = _WatchedRequests(self._refuse)

    def sign_in(self, name: str, password: str) -> Account | None:
        """Let somebody in, or count."""
        found = super().sign_in(name, password)
        if found is None:
            self._refuse(name)
        return found

    def _refuse(self, account: str) -> None:
        key = account, self.ages[account]
        self.refused.setdefault(key, []).append(self.now())


class _WatchedRequests(Requests):
    """Tells of each token that was refused."""

    def __init__(self, refused: Callable[[str], None]) -> None:
        super().__init__()
        self._refused = refused

    def append(self, request: Request) -> None:
        """Note a request that was answered."""
        super().append(request)
        if request.operation == "token" and request.code != "NoError":
            self._refused(request.account)


@dataclass
class World:
    """All there is outside of mailmine's process, and what a person knows."""

    exchange: CountingExchange
    address: str
    clock: Clock
    database: Database
    blobs: Blobs
    mailboxes: dict[str, Mailbox]
    """By address; also those that were deleted."""
    secrets: dict[IntegrationId, str] = field(default_factory=dict)
    """What mailmine was told to sign in with."""
    kills: list[datetime] = field(default_factory=list)

    def secret_of(self, integration: Integration) -> str:
        """Give the password of an integration."""
        return self.secrets[integration.id]

    def integration(self, town: Town) -> Integration:
        """Look an integration up."""
        with self.database.read() as tx:
            return next(one for one in integrations.list_all(tx) if one.name == town.name)

    def sources(self) -> dict[str, SourceId]:
        """Give the sources, by the name of their town; later ones have names of their own."""
        with self.database.read() as tx:
            return {one.name: one.id for one in sources.list_all(tx)}

    def configure(self) -> None:
        """Configure all towns, and two streams over their sources."""
        configuration = Configuration(
            integrations=tuple(
                IntegrationConfiguration(
                    project=PROJECT,
                    name=town.name,
                    connection=self._connection(town),
                    mailboxes=tuple(
                        MailboxConfiguration(
                            address=address,
                            project=PROJECT,
                            bucket=town.name,
                            sync_attachments=town.sync_attachments,
                        )
                        for address in town.mailboxes
                    ),
                )
                for town in TOWNS
            )
        )
        at = self.clock.time()
        with self.database.write() as tx:
            apply(tx, configuration, at=at)
            settings.put(tx, "notify.event", "0")
            dataset = datasets.add(
                tx,
                projects.ensure(tx, PROJECT).id,
                "all",
                title="All",
                description="",
                has_sentiment=False,
                model_family="english",
                flags=(),
                definitions={},
                source_ids=[one.id for one in sources.list_all(tx)],
                at=at,
            )
            for updates in Updates:
                streams.add(
                    tx,
                    dataset.id,
                    updates.value,
                    title="",
                    description="",
                    comment_filter={},
                    model=None,
                    updates=updates,
                    at=at,
                )
        for town in TOWNS:
            self.secrets[self.integration(town).id] = first_secret(town)

    def _connection(self, town: Town) -> Connection:
        if town.is_graph:
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
            endpoint=f"{self.address}/EWS/Exchange.asmx",
            username=town.account,
            access=town.access,
            plain_http=True,
        )


def first_secret(town: Town) -> str:
    """Give the password that a town begins with."""
    return f"{town.name} 0"


@contextmanager
def building(folder: Path) -> Iterator[World]:
    """Build the world."""
    clock = Clock()
    exchange = CountingExchange(folder, clock)
    exchange.streaming_minute = 0.2
    for town in TOWNS:
        if town.is_graph:
            exchange.application(APP, tenant=TENANT, secret=first_secret(town))
        else:
            exchange.account(town.account, password=first_secret(town))
        for address in town.mailboxes:
            exchange.mailbox(address)
            if not town.is_graph and town.access is AccessType.DELEGATE:
                exchange.grant(town.account, mailbox=address)
        if town.access is AccessType.IMPERSONATION:
            exchange.allow_impersonation(town.account, of=list(town.mailboxes))
    database = Database.open(f"sqlite:///{folder / 'mailmine.db'}")
    database.migrate()
    try:
        with exchange.serve() as address:
            boxes = {one.address: one for one in exchange.mailboxes}
            blobs = Blobs.open(folder / "blobs")
            world = World(exchange, address, clock, database, blobs, boxes)
            world.configure()
            yield world
    finally:
        database.close()
        exchange.close()
