"""Whatever goes wrong, in one line for a person."""

from mailmine.access.secrets import SecretsError
from mailmine.exchange.faults import ExchangeError
from mailmine.store.errors import StoreError
from mailmine.sync.configure import ConfigurationError


class Failed(Exception):
    """A command cannot do what was asked; the message says why and what to do."""


def in_words(error: Exception) -> str:
    """Say what happened and what to do, on one line."""
    match error:
        case Failed() | SecretsError() | ConfigurationError() | StoreError() | ExchangeError():
            words = str(error)
        case OSError(filename=str() as name, strerror=str() as reason):
            words = f"{name}: {reason}"
        case OSError():
            words = str(error)
        case _:
            words = (
                f"something unexpected went wrong ({type(error).__name__}: {error}). "
                "Nothing that was stored is lost. MAILMINE_DEBUG=1 shows where it happened; please report it."
            )
    return " ".join(words.split())
