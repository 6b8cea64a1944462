"""Whatever goes wrong, in one line for a person."""

import errno
import os


class Failed(Exception):
    """A command cannot do what was asked; the message says why and what to do."""


def cannot_listen(host: str, port: int, error: OSError) -> Failed:
    """Say why nobody can be listened to there, and which of the two to change."""
    is_of_port = error.errno in {errno.EADDRINUSE, errno.EACCES}
    # Python says beside the reason what it tried; what is wrong with a name has no number of the system.
    known = os.strerror(error.errno) if error.errno and error.errno > 0 else ""
    reason = known or (error.strerror or str(error)).partition(" (")[0]
    return Failed(
        f"cannot listen on {host}:{port}: {reason}. Give another {'--port' if is_of_port else '--host'}"
    )


def in_words(error: Exception) -> str:
    """Say what happened and what to do, on one line."""
    # To load them takes a second, which `mailmine --help` needs not.
    from mailmine.access.secrets import SecretsError  # noqa: PLC0415
    from mailmine.exchange.faults import ExchangeError  # noqa: PLC0415
    from mailmine.store.errors import StoreError  # noqa: PLC0415
    from mailmine.sync.configure import ConfigurationError  # noqa: PLC0415

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
