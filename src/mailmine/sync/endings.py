"""When what an account signs in with ends, as far as it can be seen."""

import re
from datetime import datetime
from typing import Final

from cryptography import x509
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import IntegrationId
from mailmine.store import settings
from mailmine.store.settings import About

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


def end_of_certificate(pem: str) -> datetime | None:
    """Read when the certificate in a PEM text ends, its first; None where there is none that can be read."""
    found = _CERTIFICATE.search(pem)
    if found is None:
        return None
    try:
        return x509.load_pem_x509_certificate(found[0].encode()).not_valid_after_utc
    except ValueError:  # signing in says what is wrong with it
        return None


def remember_password(
    tx: Transaction, integration_id: IntegrationId, ends_at: datetime | None
) -> None:
    """Keep when Exchange says that the password of an integration's account ends; None: it does not say."""
    told = "" if ends_at is None else ends_at.isoformat()
    if (settings.get(tx, _name(integration_id)) or "") != told:
        settings.put(tx, _name(integration_id), told)


def end_of_password(tx: Transaction, integration_id: IntegrationId) -> datetime | None:
    """Give what Exchange said last."""
    told = settings.get(tx, _name(integration_id))
    return datetime.fromisoformat(told) if told else None


def _name(integration_id: IntegrationId) -> str:
    return settings.name(About.PASSWORD_ENDS, integration_id)
