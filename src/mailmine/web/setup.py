"""What was set where this process was started; the store does not know it."""

from dataclasses import dataclass, field

from mailmine.notify.channel import Channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Words for people, and the ways out for test messages. No secret is in the words."""

    public_url: str = ""
    """Where people reach the pages; empty where nobody said."""
    blobs: str = ""
    """Where contents of attachments are kept."""
    key: str = ""
    """Where the keys of the secrets are read from."""
    channels: Channels = field(default_factory=Channels)
