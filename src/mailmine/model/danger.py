"""What people are warned of before anything stops."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """Something that will stop what is read, or holds it up, unless somebody does something."""

    code: str
    """Stable: `certificate_ends`. docs/reasons.md has a section for each."""
    message: str
    """What, when it ends, and what to do."""
    ends_at: datetime | None = None
    """When it is too late; None where that is not known."""
