"""Attachments as elements of an answer."""

from collections.abc import Sequence

from exchange_simulator import ids
from exchange_simulator.ews.item_fields import element
from exchange_simulator.ews.soap import boolean, time
from exchange_simulator.folder import Item
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.parts import Attached
from exchange_simulator.versions import Schema


def several(
    mailbox: Mailbox,
    item: Item,
    attached: Sequence[Attached],
    schema: Schema,
    *,
    within: tuple[int, ...] = (),
) -> str:
    """Write the list of attachments of an item, or of a message attached to it at the places `within`."""
    written = "".join(
        one(mailbox, item, (*within, place), found, schema=schema)
        for place, found in enumerate(attached)
    )
    return f"<t:Attachments>{written}</t:Attachments>" if written else ""


def one(
    mailbox: Mailbox,
    item: Item,
    places: tuple[int, ...],
    attached: Attached,
    *,
    schema: Schema,
    content: str = "",
) -> str:
    """Write an attachment: what is known of it, and its content where that was asked for.

    A link (ReferenceAttachment, 2016 and later) has none; for earlier schemas it is a file that is empty.
    """
    name = "ItemAttachment" if attached.is_item else "FileAttachment"
    photo = "" if attached.is_item else "<t:IsContactPhoto>false</t:IsContactPhoto>"
    if attached.reference is not None and schema >= Schema.EXCHANGE_2016:
        name, photo = "ReferenceAttachment", ""
        content = (
            f"{element('AttachLongPathName', attached.reference)}"
            "<t:ProviderType>OneDrivePro</t:ProviderType>"
        )
    return (
        f'<t:{name}><t:AttachmentId Id="{ids.attachment_id(mailbox.guid, item.number, places)}"/>'
        f"{element('Name', attached.name)}"
        f"{element('ContentType', attached.content_type)}"
        f"{element('ContentId', attached.content_id)}"
        f"{element('ContentLocation', attached.content_location)}"
        f"<t:Size>{attached.data.length}</t:Size>"
        f"<t:LastModifiedTime>{time(item.created_at)}</t:LastModifiedTime>"
        f"<t:IsInline>{boolean(attached.is_inline)}</t:IsInline>{photo}{content}</t:{name}>"
    )
