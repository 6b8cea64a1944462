"""How far a mailbox is, in one word and a few figures. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailmine.model.integration import DisabledReason, FolderStatus, Integration, Mailbox, Trouble
from mailmine.store.failures import Reason
from mailmine.store.folders import FolderState
from mailmine.sync import standing
from mailmine.sync.filters import is_folder_wanted
from mailmine.sync.standing import State
from mailmine.web.language import N_, _

WORDS = {
    State.DISABLED: N_("Stopped"),
    State.TROUBLE: N_("Needs attention"),
    State.READING: N_("Reading history"),
    State.WAITING: N_("Waiting for its first round"),
    State.UP_TO_DATE: N_("Up to date"),
    State.OFF: N_("Switched off"),
}

REASONS = {
    DisabledReason.USER: N_("Switched off by a person."),
    DisabledReason.QUOTA: N_("Stopped because a quota is reached."),
    DisabledReason.SYNC_ERROR: N_("Stopped because it could not be read."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One mailbox as the pages show it."""

    integration: Integration
    mailbox: Mailbox
    folders: tuple[FolderState, ...]
    state: State
    trouble: Trouble | None
    """What is wrong, where a person should know; already the one that explains `state`."""
    reason: str
    """Why it is off; empty where it runs."""
    read: int
    total: int
    """Emails in the folders that are wanted, as Exchange counted them."""
    failures: tuple[Reason, ...]
    """Why items could not be read, or not wholly."""

    @property
    def failed(self) -> int:
        """Count these items."""
        return sum(reason.items for reason in self.failures)

    @property
    def words(self) -> str:
        """Say the state."""
        if self.state is State.OFF and self.mailbox.enabled:
            return _("Off with its integration")
        return _(WORDS[self.state])

    def leaves_out(self, folder: FolderState) -> bool:
        """Tell whether the filters of the mailbox leave `folder` out."""
        return not is_folder_wanted(folder.path, self.mailbox.filters)

    @property
    def needs_attention(self) -> bool:
        """Tell whether a person should look."""
        return self.state in {State.DISABLED, State.TROUBLE}


def of_mailbox(
    integration: Integration,
    mailbox: Mailbox,
    folders: Sequence[FolderState],
    *,
    failures: Sequence[Reason],
) -> Progress:
    """Tell how far `mailbox` is."""
    present = tuple(folder for folder in folders if not folder.is_gone)
    wanted = [folder for folder in present if is_folder_wanted(folder.path, mailbox.filters)]
    state = _state(integration, mailbox, wanted)
    trouble = mailbox.trouble
    if state in {State.TROUBLE, State.DISABLED} and trouble is None:
        trouble = next((folder.trouble for folder in wanted if folder.trouble), None)
    return Progress(
        integration=integration,
        mailbox=mailbox,
        folders=present,
        state=state,
        trouble=trouble,
        reason=_reason(mailbox),
        # A folder may have been read more often than it holds: mail that moved on was read too.
        read=sum(min(folder.emails_read, folder.total) for folder in wanted),
        total=sum(folder.total for folder in wanted),
        failures=tuple(failures),
    )


def of_integration(integration: Integration, mailboxes: Sequence[Progress]) -> State:
    """Sum up: the most urgent state of its mailboxes, unless it is itself off or in trouble."""
    if not integration.enabled:
        return _switched_off(integration)
    if integration.trouble:
        return State.TROUBLE
    # A mailbox that stopped is trouble of the integration, which itself goes on.
    running = [
        State.TROUBLE if mailbox.needs_attention else mailbox.state
        for mailbox in mailboxes
        if mailbox.state is not State.OFF
    ]
    return min(running, key=list(State).index, default=State.WAITING)


def _state(integration: Integration, mailbox: Mailbox, folders: Sequence[FolderState]) -> State:
    if not mailbox.enabled:
        return _switched_off(mailbox)
    if not integration.enabled:
        return State.OFF
    return standing.of_running(
        is_troubled=mailbox.trouble is not None or any(folder.trouble for folder in folders),
        is_loading=any(
            folder.status is FolderStatus.IN_PROGRESS and folder.reading_since for folder in folders
        ),
        was_read=mailbox.last_round_at is not None,
    )


def _switched_off(thing: Integration | Mailbox) -> State:
    return standing.of_switched_off(thing.disabled_reason, is_troubled=thing.trouble is not None)


def _reason(mailbox: Mailbox) -> str:
    if mailbox.enabled:
        return ""
    return _(REASONS[mailbox.disabled_reason or DisabledReason.USER])
