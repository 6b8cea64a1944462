"""The secrets of integrations: passwords, secrets and private keys of the accounts and applications that read mail.

Beside that of the account there may be the password of the proxy on the way.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection as Transaction

from mailmine.access import secrets
from mailmine.access.secrets import Keyring, SecretsError
from mailmine.exchange import proxy
from mailmine.model.ids import IntegrationId
from mailmine.model.integration import Connection, Integration
from mailmine.model.reach import Reach
from mailmine.store import integrations, secrets as stored

ACCOUNT: Final = ""
PROXY: Final = "proxy"
_KIND: Final = "integration"


def of(
    tx: Transaction, keyring: Keyring, integration_id: IntegrationId, name: str = ACCOUNT
) -> str | None:
    """Give a secret of an integration; None where none was given. Raises SecretsError."""
    return secrets.get(tx, keyring, _name(integration_id, name))


def is_given(tx: Transaction, integration_id: IntegrationId, name: str = ACCOUNT) -> bool:
    """Tell whether an integration has a secret."""
    return stored.get(tx, _name(integration_id, name)) is not None


def put(
    tx: Transaction,
    keyring: Keyring,
    integration_id: IntegrationId,
    secret: str,
    *,
    at: datetime,
    name: str = ACCOUNT,
) -> None:
    """Keep a secret of an integration instead of the one before."""
    secrets.put(tx, keyring, _name(integration_id, name), secret, at=at)


def _opened(
    tx: Transaction, keyring: Keyring, integration_id: IntegrationId, name: str = ACCOUNT
) -> str | None:
    """Do as `of`; None also where no key here opens it, so that who has lost the key can enter the secret again."""
    try:
        return of(tx, keyring, integration_id, name)
    except SecretsError:
        return None


def unopened(tx: Transaction, keyring: Keyring) -> list[str]:
    """Name the integrations, as `project/name`, whose secrets none of these keys opens."""
    names = secrets.sealed_by_others(tx, keyring)
    places = (
        {one.id: f"{one.project}/{one.name}" for one in integrations.list_all(tx)} if names else {}
    )
    return [places.get(integration_of(name), name) for name in names]


def keep(
    tx: Transaction, keyring: Keyring, integration_id: IntegrationId, secret: str, *, at: datetime
) -> bool:
    """Keep the secret of the account; tells whether it is another than it was: an unchanged one is none to try anew."""
    is_new = _opened(tx, keyring, integration_id) != secret
    if is_new:
        put(tx, keyring, integration_id, secret, at=at)
    return is_new


def mark(tx: Transaction, integration_id: IntegrationId) -> str:
    """Give a word that is another whenever a secret is; nothing of the secrets is in it."""
    kept = (stored.get(tx, _name(integration_id, name)) for name in (ACCOUNT, PROXY))
    return hashlib.sha256(b"|".join(one[0] if one else b"" for one in kept)).hexdigest()[:16]


def forget(tx: Transaction, integration_id: IntegrationId, *names: str) -> None:
    """Forget the secrets of an integration: all, or these."""
    for name in names or (ACCOUNT, PROXY):
        stored.remove(tx, _name(integration_id, name))


def keep_for_proxy(
    tx: Transaction,
    keyring: Keyring,
    integration: Integration,
    secret: str | None,
    *,
    before: Connection | None,
    at: datetime,
) -> bool:
    """Keep the password of the proxy that was just configured; tells whether it is another than it was.

    None = it was not said: then the one that is kept stays, unless the proxy or its user is another than `before`.
    """
    if secret is not None:
        is_new = _opened(tx, keyring, integration.id, PROXY) != secret
        if is_new:
            put(tx, keyring, integration.id, secret, at=at, name=PROXY)
        return is_new
    now = integration.connection
    if before is not None and _proxy_of(now) != _proxy_of(before):
        stored.remove(tx, _name(integration.id, PROXY))
    return False


def reach(
    tx: Transaction, of: Collection[Integration], *, keyring: Keyring
) -> dict[IntegrationId, Reach | Exception]:
    """Give what integrations are reached with, or the SecretsError for which one cannot be."""
    if not of:
        return {}
    kept = stored.get_all(tx, [_name(one.id, name) for one in of for name in (ACCOUNT, PROXY)])

    def secret(integration: Integration, name: str) -> str | None:
        full = _name(integration.id, name)
        return keyring.open(full, *kept[full]) if full in kept else None

    found: dict[IntegrationId, Reach | Exception] = {}
    for one in of:
        try:
            found[one.id] = Reach(
                connection=_ready(one, partial(secret, one)), secret=secret(one, ACCOUNT) or ""
            )
        except SecretsError as error:
            found[one.id] = error
    return found


def connection_of(tx: Transaction, keyring: Keyring, integration: Integration) -> Connection:
    """Give the connection of an integration, ready for use. Raises SecretsError."""
    return _ready(integration, partial(of, tx, keyring, integration.id))


def _ready(integration: Integration, secret: Callable[[str], str | None]) -> Connection:
    connection = integration.connection
    if not connection.proxy_username:
        return connection
    return proxy.with_password(connection, secret(PROXY))


def take_out_of_addresses(tx: Transaction, keyring: Keyring, *, at: datetime) -> None:
    """Move passwords of proxies, which once were kept within their addresses, to where secrets are."""
    for integration in integrations.list_all(tx):
        connection = integration.connection
        written = proxy.split(connection.proxy or "")
        if not written.username:
            continue
        if written.password is not None:
            put(tx, keyring, integration.id, written.password, at=at, name=PROXY)
        apart = replace(connection, proxy=written.url, proxy_username=written.username)
        integrations.set_connection(tx, integration.id, apart)


def integration_of(name: str) -> IntegrationId:
    """Tell of which integration a secret of this name is; empty where it is of none."""
    kind, _, rest = name.partition("/")
    return IntegrationId(rest.partition("/")[0] if kind == _KIND else "")


def _proxy_of(connection: Connection) -> tuple[str | None, str]:
    return connection.proxy, connection.proxy_username


def _name(integration_id: IntegrationId, name: str) -> str:
    return f"{_KIND}/{integration_id}" + (f"/{name}" if name else "")
