"""When what an account signs in with ends, as far as it can be seen."""

import re
from datetime import datetime
from typing import Final

from cryptography import x509

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
