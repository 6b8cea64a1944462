"""Reads a configuration file: ours (TOML) or the vendor's of the self-hosted Exchange Sync App (JSON)."""

from dataclasses import dataclass
from pathlib import Path

from mailmine.cli import configuration_toml, configuration_vendor
from mailmine.sync.configure import Configuration, ConfigurationError

LARGEST = 16 * 1024 * 1024
"""Bytes; ten thousand mailboxes take about two million."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file says, and what in it was passed over."""

    configuration: Configuration
    warnings: tuple[str, ...] = ()


def load(path: Path) -> Loaded:
    """Read `path`; `.json` is the vendor's form, all else is ours. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > LARGEST:
        raise ConfigurationError(f"{path} is larger than {LARGEST} bytes: that is no configuration")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not a text in UTF-8: that is no configuration"
        ) from error
    if path.suffix.lower() == ".json":
        return Loaded(*configuration_vendor.parse(text, path))
    return Loaded(configuration_toml.parse(text, path))
