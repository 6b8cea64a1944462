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


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """An integration and its mailboxes."""

    name: str
    account: str
    """Who signs in to EWS."""
    application: str
    """Who signs in to Graph."""
    backend: Backend
    """How it is read at first."""
    access: AccessType
    mailboxes: tuple[str, ...]
    sync_attachments: bool


def _boxes(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}{number}@example.com" for number in range(count))


TOWNS: Final = (
    Town(
        name="delegate",
        account="svc-delegate@example.com",
        application="0d1c9a3e-5b7f-4f0a-9d57-3c1f0e8a6b21",
        backend=Backend.EWS,
        access=AccessType.DELEGATE,
        mailboxes=_boxes("d", 7),
        sync_attachments=True,
    ),
    Town(
        name="acting",
        account="svc-acting@example.com",
        application="a27e4b16-93c8-4d25-8f6b-51d0c7e9f384",
        backend=Backend.EWS,
        access=AccessType.IMPERSONATION,
        mailboxes=_boxes("a", 6),
        sync_attachments=False,
    ),
    Town(
        name="graph",
        account="svc-graph@example.com",
        application="6731de76-14a6-49ae-97bc-6eba6914391e",
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
    switched: set[str] = field(default_factory=set)
    """The towns that are read by Graph, and were by EWS."""

    def is_graph(self, town: Town) -> bool:
        """Tell whether a town is read by Graph now."""
        return town.backend is Backend.GRAPH or town.name in self.switched

    def signs_in(self, town: Town) -> str:
        """Name the account or the application that a town is read as now."""
        return town.application if self.is_graph(town) else town.account

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
        at = self.clock.time()
        with self.database.write() as tx:
            apply(tx, self._configuration(*TOWNS), at=at)
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
            self.secrets[self.integration(town).id] = first_secret(self.signs_in(town))

    def switch(self, town: Town, *, is_known_off: bool) -> bool | None:
        """Let a town be read by Graph from now on; tell whether it was stopped.

        None, and nothing is done, where it was stopped and people do not know of it.
        """
        with self.database.write() as tx:
            integration = integrations.get(tx, PROJECT, town.name)
            assert integration is not None
            if not integration.enabled and not is_known_off:
                return None
            self.switched.add(town.name)
            apply(tx, self._configuration(town), at=self.clock.time())
            self.secrets[integration.id] = first_secret(town.application)
        return not integration.enabled

    def _configuration(self, *towns: Town) -> Configuration:
        return Configuration(
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
                for town in towns
            )
        )

    def _connection(self, town: Town) -> Connection:
        if self.is_graph(town):
            return Connection(
                endpoint=self.address,
                backend=Backend.GRAPH,
                auth=AuthType.CLIENT_SECRET,
                tenant_id=TENANT,
                client_id=town.application,
                authority=self.address,
                plain_http=True,
            )
        return Connection(
            endpoint=f"{self.address}/EWS/Exchange.asmx",
            username=town.account,
            access=town.access,
            plain_http=True,
        )


def first_secret(account: str) -> str:
    """Give what an account or an application signs in with at first."""
    return f"{account} 0"


@contextmanager
def building(folder: Path) -> Iterator[World]:
    """Build the world."""
    clock = Clock()
    exchange = CountingExchange(folder, clock)
    exchange.streaming_minute = 0.2
    for town in TOWNS:
        secret = first_secret(town.application)
        exchange.application(town.application, tenant=TENANT, secret=secret)
        exchange.account(town.account, password=first_secret(town.account))
        for address in town.mailboxes:
            exchange.mailbox(address)
            if town.access is AccessType.DELEGATE:
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
