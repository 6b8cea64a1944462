"""What people change of integrations, be it through the API or on the pages: the rules that hold for both."""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection as Transaction

from mailmine.exchange import proxy
from mailmine.model.integration import (
    AuthType,
    Connection,
    DisabledReason,
    Integration,
    Mailbox,
    Trouble,
)
from mailmine.store import integrations, mailboxes, quotas
from mailmine.sync.written_connection import OAUTH

NOT_CONFIGURED = "not_configured"
"""The code of the trouble of an integration that cannot be asked for anything yet."""


class Lack(StrEnum):
    """What is missing before Exchange can be asked at all."""

    CONNECTION = "connection"
    SECRET = "secret"  # noqa: S105


def lack(integration: Integration, *, has_secret: bool) -> Lack | None:
    """Say what is missing, if anything is."""
    connection = integration.connection
    if connection.auth is AuthType.NEGOTIATE:
        return None
    if connection == Connection(endpoint=""):
        return Lack.CONNECTION
    return None if has_secret else Lack.SECRET


def hold_up(tx: Transaction, integration: Integration, message: str, *, at: datetime) -> None:
    """Keep an integration off that lacks something; what a person switched off stays so."""
    if integration.disabled_reason is not DisabledReason.USER:
        trouble = Trouble(code=NOT_CONFIGURED, message=message, since=at)
        reason = DisabledReason.SYNC_ERROR
        integrations.set_enabled(tx, integration.id, enabled=False, reason=reason, trouble=trouble)


def was_lacking(integration: Integration) -> bool:
    """Tell whether it is off for nothing but that something was missing."""
    return integration.trouble is not None and integration.trouble.code == NOT_CONFIGURED


def stop(tx: Transaction, integration: Integration) -> None:
    """Switch an integration off, as a person wishes."""
    integrations.set_enabled(tx, integration.id, enabled=False, reason=DisabledReason.USER)


def stop_mailbox(tx: Transaction, mailbox: Mailbox) -> None:
    """Switch a mailbox off, as a person wishes."""
    mailboxes.set_enabled(tx, mailbox.id, enabled=False, reason=DisabledReason.USER)


def leads_elsewhere(wanted: Connection, before: Connection) -> bool:
    """Whether a secret that is kept would be sent to where it was not sent before, or less well guarded."""
    # What Exchange was told would be told to Entra ID, or the other way round.
    is_to_another = (wanted.auth in OAUTH) != (before.auth in OAUTH)
    return is_to_another or any(
        getattr(wanted, name) != getattr(before, name)
        for name in ("endpoint", "authority", "cloud", "proxy", "verify_tls", "plain_http")
    )


def written(connection: Connection) -> dict[str, Any]:
    """Write a connection as people do: by the keys of `WrittenConnection`."""
    said = asdict(connection)
    del said["proxy_username"]
    said["tenant"] = said.pop("tenant_id")
    return said | {
        "endpoint": connection.endpoint or None,
        "proxy": proxy.shown(connection),
    }


def mistakes(error: ValidationError) -> dict[str, str]:
    """Give each mistake by its place; what was written is not repeated, since it may be a secret."""
    return {
        ".".join(str(part) for part in mistake["loc"]): mistake["msg"].removeprefix("Value error, ")
        for mistake in error.errors(include_url=False, include_input=False)
    }


def over_quota(tx: Transaction, kind: str, count: int) -> str | None:
    """Say why there may not be `count` of a kind; None where there may."""
    known = quotas.list_all(tx).get(kind)
    if known is None or count <= max(known.hard_limit, known.auto_increase_up_to or 0):
        return None
    return (
        f"The quota of {kind} is {known.hard_limit}: remove some, or ask an administrator for more."
    )
