"""What people are told when something stops or comes back, and what they may choose of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailmine.model.ids import IntegrationId, MailboxId


class Topic(StrEnum):
    """What a notice tells."""

    INTEGRATION_DISABLED = "integration_disabled"
    MAILBOX_DISABLED = "mailbox_disabled"
    RESOLVED = "resolved"
    """What had stopped is read again."""
    WARNING = "warning"
    """Something will stop, unless somebody does something."""


class PersonalChannel(StrEnum):
    """A way to one person; the ways to a whole project have names of their own (`project/name`)."""

    IN_APP = "in_app"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell; of several mailboxes where they stopped for one cause."""

    topic: Topic
    about: Topic
    """The topic itself; where something is resolved, what it was."""
    project: str
    integration_id: IntegrationId
    integration: str
    """Its title."""
    mailbox_ids: tuple[MailboxId, ...]
    mailboxes: tuple[str, ...]
    """Their addresses. None: the integration itself."""
    code: str
    message: str
    """Why, and what to do."""
    since: datetime
    """When it began."""
    until: datetime | None = None
    """When it came back."""
