"""The secrets of integrations: passwords, secrets and private keys of the accounts and applications that read mail."""

from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.access import secrets
from mailmine.access.secrets import Keyring
from mailmine.model.ids import IntegrationId
from mailmine.store import secrets as stored


def of(tx: Transaction, keyring: Keyring, integration_id: IntegrationId) -> str | None:
    """Give the secret of an integration; None where none was given. Raises SecretsError."""
    return secrets.get(tx, keyring, _name(integration_id))


def is_given(tx: Transaction, integration_id: IntegrationId) -> bool:
    """Tell whether an integration has a secret."""
    return stored.get(tx, _name(integration_id)) is not None


def put(
    tx: Transaction, keyring: Keyring, integration_id: IntegrationId, secret: str, *, at: datetime
) -> None:
    """Keep the secret of an integration instead of the one before."""
    secrets.put(tx, keyring, _name(integration_id), secret, at=at)


def forget(tx: Transaction, integration_id: IntegrationId) -> None:
    """Forget the secret of an integration."""
    stored.remove(tx, _name(integration_id))


def _name(integration_id: IntegrationId) -> str:
    return f"integration/{integration_id}"
