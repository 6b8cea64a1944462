"""What happened, as elements of an answer."""

import base64
import binascii

from exchange_simulator import ids
from exchange_simulator.ews.folders import folder_id
from exchange_simulator.ews.soap import EwsError, time
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.notifications import Event, Subscription


def notification(
    subscription: Subscription, events: list[tuple[int, Event]], *, previous: int | None = None
) -> str:
    """Write events of one subscription; with `previous`, the last place told before, also how to go on."""
    attributes = ""
    if previous is not None:
        attributes = (
            f"<t:PreviousWatermark>{watermark(subscription, previous)}</t:PreviousWatermark>"
            "<t:MoreEvents>false</t:MoreEvents>"
        )
    written = "".join(
        _event(subscription, place, event, is_pulled=previous is not None)
        for place, event in events
    )
    if not events and previous is not None:
        mark = watermark(subscription, previous)
        written = f"<t:StatusEvent><t:Watermark>{mark}</t:Watermark></t:StatusEvent>"
    return (
        f"<m:Notification><t:SubscriptionId>{subscription.id}</t:SubscriptionId>"
        f"{attributes}{written}</m:Notification>"
    )


def watermark(subscription: Subscription, place: int) -> str:
    """Name a place in the events of a subscription."""
    return base64.b64encode(f"{subscription.id[-12:]}:{place}".encode()).decode()


def read_watermark(subscription: Subscription, text: str) -> int:
    """Read what `watermark` wrote. Raises EwsError for anything else."""
    try:
        owner, _, place = base64.b64decode(text, validate=True).decode().partition(":")
        if owner != subscription.id[-12:]:
            raise EwsError("ErrorInvalidWatermark")
        return int(place)
    except (binascii.Error, ValueError) as error:
        raise EwsError("ErrorInvalidWatermark") from error


def _event(subscription: Subscription, place: int, event: Event, *, is_pulled: bool) -> str:
    mailbox, name = subscription.mailbox, f"{event.kind}Event"
    mark = f"<t:Watermark>{watermark(subscription, place)}</t:Watermark>" if is_pulled else ""
    written = f"{mark}<t:TimeStamp>{time(event.at)}</t:TimeStamp>{_what(mailbox, event)}"
    written += folder_id(mailbox, event.parent, "ParentFolderId")
    if event.old_parent is not None:
        if event.old_item is not None:
            written += _item_id(mailbox, event, event.old_item, "OldItemId")
        elif event.folder is not None:
            written += folder_id(mailbox, event.folder, "OldFolderId")
        written += folder_id(mailbox, event.old_parent, "OldParentFolderId")
    if event.unread is not None:
        written += f"<t:UnreadCount>{event.unread}</t:UnreadCount>"
    return f"<t:{name}>{written}</t:{name}>"


def _what(mailbox: Mailbox, event: Event) -> str:
    if event.item is not None:
        return _item_id(mailbox, event, event.item, "ItemId")
    return folder_id(mailbox, event.folder or event.parent)


def _item_id(mailbox: Mailbox, event: Event, number: int, name: str) -> str:
    key = ids.change_key("item", mailbox.guid, event.change)
    return f'<t:{name} Id="{ids.item_id(mailbox.guid, number)}" ChangeKey="{key}"/>'
