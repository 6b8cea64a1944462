"""Moves an integration to another way of reading, once it was seen that all its mailboxes can be read so.

That no comment is lost or doubled, and nothing read again, is for `recognition`: it does as much for a connection that is
changed by a configuration or by the API, without being tried first.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection as Transaction

from mailmine.exchange import check, proxy
from mailmine.exchange.check import Outcome, Step, Steps
from mailmine.exchange.endpoints import graph_of
from mailmine.model.integration import AccessType, AuthType, Backend, Connection, Integration
from mailmine.store import mailboxes
from mailmine.store.database import Database
from mailmine.sync import configure
from mailmine.sync.configure import Configuration, IntegrationConfiguration


def _utc_now() -> datetime:
    return datetime.now(UTC)


def to_graph(
    connection: Connection,
    *,
    auth: AuthType,
    tenant_id: str,
    client_id: str,
    certificate_thumbprint: str = "",
    secret_ends: datetime | None = None,
) -> Connection:
    """Give the connection by Graph to the cloud of an EWS connection, through the same proxy."""
    return replace(
        Connection(endpoint=graph_of(connection.cloud)),
        backend=Backend.GRAPH,
        auth=auth,
        access=AccessType.DELEGATE,
        tenant_id=tenant_id,
        client_id=client_id,
        cloud=connection.cloud,
        certificate_thumbprint=certificate_thumbprint.replace(":", ""),
        secret_ends=secret_ends,
        ca_file=connection.ca_file,
        proxy=connection.proxy,
        proxy_username=connection.proxy_username,
        timeouts=connection.timeouts,
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went to read the mailboxes of an integration by a connection."""

    steps: tuple[Step, ...]
    unreadable: tuple[str, ...]
    """The addresses of the mailboxes that could not be read."""

    @property
    def is_well(self) -> bool:
        """Whether nothing failed."""
        return not self.unreadable and all(
            step.outcome is not Outcome.FAILED for step in self.steps
        )


async def try_first(
    connection: Connection,
    secret: str,
    addresses: Iterable[str],
    *,
    tell: Callable[[Step], None] = lambda _: None,
    try_out: Callable[[Connection, str, list[str]], Steps] = check.check,
) -> Trial:
    """Try to read mailboxes, and tell of each step when it is done. Keeps nothing, and raises nothing of Exchange's."""
    asked = list(addresses)
    steps: list[Step] = []
    async for step in try_out(connection, secret, asked):
        steps.append(step)
        tell(step)
    readable = check.readable(steps)
    return Trial(tuple(steps), tuple(one for one in asked if one not in readable))


async def switch(
    database: Database,
    integration: Integration,
    connection: Connection,
    secret: str,
    *,
    keep_secret: Callable[[Transaction, str], None],
    proxy_password: str | None = None,
    tell: Callable[[Step], None] = lambda _: None,
    try_out: Callable[[Connection, str, list[str]], Steps] = check.check,
    now: Callable[[], datetime] = _utc_now,
) -> Trial:
    """Read an integration by `connection` from now on, if all its mailboxes that are read now can be read so.

    `to_graph` makes the connection. Where the trial is not `is_well`, nothing was changed: its steps say what is
    wrong, and what to do. Otherwise the connection and its secret are in use with the next round, comments keep
    their ids, and what is kept is not fetched again. `keep_secret` seals the secret within the transaction
    (`credentials.put`), and `proxy_password` is that which is kept for the connection's proxy. What the
    integration is called, its mailboxes, and what a person switched off stay as they are. Raises
    ConfigurationError, DatabaseUnavailable.
    """
    addresses = await asyncio.to_thread(_read_now, database, integration)
    ready = proxy.with_password(connection, proxy_password)
    trial = await try_first(ready, secret, addresses, tell=tell, try_out=try_out)
    if trial.is_well:
        await asyncio.to_thread(
            _change, database, integration, connection, lambda tx: keep_secret(tx, secret), now()
        )
    return trial


def _read_now(database: Database, integration: Integration) -> list[str]:
    with database.read() as tx:
        return [one.address for one in mailboxes.of_integration(tx, integration.id) if one.enabled]


def _change(
    database: Database,
    integration: Integration,
    connection: Connection,
    keep_secret: Callable[[Transaction], None],
    at: datetime,
) -> None:
    wanted = IntegrationConfiguration(
        project=integration.project,
        name=integration.name,
        title=integration.title,
        connection=connection,
    )
    with database.write() as tx:
        configure.apply(tx, Configuration(integrations=(wanted,)), at=at)
        keep_secret(tx)
