"""What state a mailbox is in, in one word: the same for the pages, the metrics and the command line. Pure."""

from enum import StrEnum

from mailmine.model.integration import DisabledReason


class State(StrEnum):
    """What a person sees of a mailbox or an integration; the most urgent first."""

    DISABLED = "disabled"
    """Switched off because of trouble; somebody has to switch it on again."""
    TROUBLE = "trouble"
    """Something is wrong, and it is tried again."""
    READING = "reading"
    """Mail of the past is being read."""
    WAITING = "waiting"
    """No round has ended yet."""
    UP_TO_DATE = "up_to_date"
    OFF = "off"
    """Switched off by a person."""


def of_switched_off(reason: DisabledReason | None, *, is_troubled: bool) -> State:
    """Tell what a person did from what trouble did."""
    is_by_choice = reason in {None, DisabledReason.USER} and not is_troubled
    return State.OFF if is_by_choice else State.DISABLED


def of_running(*, is_troubled: bool, is_loading: bool, was_read: bool) -> State:
    """Tell the state of a mailbox that is to be read."""
    if is_troubled:
        return State.TROUBLE
    if is_loading:
        return State.READING
    return State.UP_TO_DATE if was_read else State.WAITING
