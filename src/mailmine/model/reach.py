"""What an integration is reached with."""

from dataclasses import dataclass, field

from mailmine.model.integration import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Its connection, ready for use, and its secret."""

    connection: Connection
    secret: str = field(repr=False)
    """Empty where none was given."""
