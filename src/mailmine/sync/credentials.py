"""Tells whether a password was changed since it was refused, without keeping it."""

import hashlib
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.exchange.faults import Code
from mailmine.model.ids import IntegrationId
from mailmine.model.integration import DisabledReason, Integration
from mailmine.store import integrations, mailboxes, settings
from mailmine.store.settings import About
from mailmine.sync.reach import Reaches
from mailmine.sync.resume import resume


def is_refusal(code: str) -> bool:
    """Tell the code of a refusal of who we say that we are, by Exchange or by Entra ID."""
    return code in ("http_401", Code.TOKEN_FAILED) or code.startswith("AADSTS")


def version(secret: str, integration_id: IntegrationId) -> str:
    """Give what differs when the password does; too slow to be guessed from."""
    digest = hashlib.scrypt(
        secret.encode(), salt=integration_id.encode(), n=1 << 14, r=8, p=1, dklen=16
    )
    return digest.hex()


def remember_refused(tx: Transaction, integration: Integration, secret: str) -> None:
    """Note which password was refused."""
    settings.put(tx, _name(integration.id), version(secret, integration.id))


def welcome_new_secrets(tx: Transaction, reach: Reaches, *, at: datetime) -> None:
    """Let integrations go on at once that a refused password holds up, where there is another one now."""
    held = [one for one in integrations.list_all(tx) if _is_held(one)]
    reaches = reach(tx, held)
    for integration in held:
        found = reaches[integration.id]
        if isinstance(found, Exception):  # no password is no new password
            continue
        if settings.get(tx, _name(integration.id)) == version(found.secret, integration.id):
            continue
        running = [one for one in mailboxes.of_integration(tx, integration.id) if one.enabled]
        resume(tx, integration, running, at=at)


def _is_held(integration: Integration) -> bool:
    if integration.trouble is None or not is_refusal(integration.trouble.code):
        return False
    return integration.enabled or integration.disabled_reason is DisabledReason.SYNC_ERROR


def welcome_new_proxy_secret(tx: Transaction, integration: Integration, *, at: datetime) -> None:
    """Let an integration go on at once that its proxy holds up; the proxy has another password now."""
    if integration.trouble is not None and integration.trouble.code in _OF_PROXIES:
        running = [one for one in mailboxes.of_integration(tx, integration.id) if one.enabled]
        resume(tx, integration, running, at=at)


_OF_PROXIES = frozenset({"http_407", Code.PROXY_FAILED})


def _name(integration_id: IntegrationId) -> str:
    return settings.name(About.REFUSED_SECRET, integration_id)
