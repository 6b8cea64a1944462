"""An item as an element of an answer: what was asked for of what it says, and of where it lies."""

import base64
from collections.abc import Callable
from functools import partial

from exchange_simulator import ids
from exchange_simulator.ews import attachments, item_fields
from exchange_simulator.ews.extended import item_property
from exchange_simulator.ews.item_fields import Elements
from exchange_simulator.ews.shapes import Shape
from exchange_simulator.ews.soap import EwsError, boolean, text, time
from exchange_simulator.ews.unique_body import unique_text
from exchange_simulator.folder import Item
from exchange_simulator.html_text import text_to_html
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.versions import Schema

RIGHTS = (
    "<t:EffectiveRights><t:CreateAssociated>{0}</t:CreateAssociated><t:CreateContents>{0}</t:CreateContents>"
    "<t:CreateHierarchy>{0}</t:CreateHierarchy><t:Delete>{0}</t:Delete><t:Modify>{0}</t:Modify>"
    "<t:Read>true</t:Read><t:ViewPrivateItems>{0}</t:ViewPrivateItems></t:EffectiveRights>"
)
RESPONSE_OBJECTS = (
    "<t:ResponseObjects><t:ReplyToItem/><t:ReplyAllToItem/><t:ForwardItem/></t:ResponseObjects>"
)


class _Asked:
    """One item being answered."""

    __slots__ = ("found", "item", "mailbox", "schema", "shape")

    def __init__(
        self, mailbox: Mailbox, item: Item, found: Elements, shape: Shape, schema: Schema
    ) -> None:
        self.schema = schema
        self.mailbox = mailbox
        self.item = item
        self.found = found
        self.shape = shape


def item(mailbox: Mailbox, item: Item, shape: Shape, schema: Schema) -> str:
    """Write an item with the properties asked for."""
    found = item_fields.elements(mailbox, item)
    kind = item_fields.kind(
        item.item_class or found["class"], is_2010=schema is Schema.EXCHANGE_2010
    )
    if "item:MimeContent" in shape.uris:
        check_mime(kind, schema)
    asked = _Asked(mailbox, item, found, shape, schema)
    parts = []
    for uri in shape.order(kind):
        ready = found.get(uri)
        if uri in _MADE:
            parts.append(_MADE[uri](asked))
        elif ready is not None:
            parts.append(ready)
    return f"<t:{kind}>{''.join(parts)}</t:{kind}>"


def check_mime(kind: str, schema: Schema) -> None:
    """Refuse what a version cannot write as MIME: 2010 neither people nor tasks."""
    if kind in ("Contact", "DistributionList", "Task") and schema is Schema.EXCHANGE_2010:
        raise EwsError("ErrorUnsupportedMimeConversion")


def item_id(mailbox: Mailbox, item: Item) -> str:
    """Write the ItemId of an item."""
    key = ids.change_key("item", mailbox.guid, item.change)
    return f'<t:ItemId Id="{ids.item_id(mailbox.guid, item.number)}" ChangeKey="{key}"/>'


def _constant(xml: str, asked: _Asked) -> str:
    del asked
    return xml


def _parent(asked: _Asked) -> str:
    folder = asked.item.folder
    if folder is None:
        return ""
    key = ids.change_key("folder", asked.mailbox.guid, folder.change)
    return f'<t:ParentFolderId Id="{ids.folder_id(asked.mailbox.guid, folder.number)}" ChangeKey="{key}"/>'


def _mime(asked: _Asked) -> str:
    content = base64.b64encode(asked.mailbox.mime(asked.item)).decode()
    return f'<t:MimeContent CharacterSet="UTF-8">{content}</t:MimeContent>'


def _item_class(asked: _Asked) -> str:
    return f"<t:ItemClass>{text(asked.item.item_class or asked.found['class'])}</t:ItemClass>"


def _body(name: str, asked: _Asked) -> str:
    asked.mailbox.given["body"] += 1
    kind = asked.shape.body
    if name == "TextBody":
        kind = "Text"
    elif kind == "Best":
        kind = "HTML" if asked.found.get("Best") == "HTML" else "Text"
    return f'<t:{name} BodyType="{kind}">{asked.found.get(kind, "")}</t:{name}>'


def _unique_body(asked: _Asked) -> str:
    unique = unique_text(asked.mailbox.content(asked.item).text or "")
    if asked.shape.body == "Text":
        return f'<t:UniqueBody BodyType="Text">{text(unique)}</t:UniqueBody>'
    return f'<t:UniqueBody BodyType="HTML">{text(text_to_html(unique))}</t:UniqueBody>'


def _received(asked: _Asked) -> str:
    return f"<t:DateTimeReceived>{time(asked.item.received_at)}</t:DateTimeReceived>"


def _created(asked: _Asked) -> str:
    return f"<t:DateTimeCreated>{time(asked.item.created_at)}</t:DateTimeCreated>"


def _modified(asked: _Asked) -> str:
    return f"<t:LastModifiedTime>{time(asked.item.modified_at)}</t:LastModifiedTime>"


def _sent(asked: _Asked) -> str:
    # A mail without a date of its own was sent when it came, as far as Exchange knows.
    return (
        asked.found.get("item:DateTimeSent")
        or f"<t:DateTimeSent>{time(asked.item.received_at)}</t:DateTimeSent>"
    )


def _flag(name: str, value: Callable[[Item], bool], asked: _Asked) -> str:
    return f"<t:{name}>{boolean(value(asked.item))}</t:{name}>"


def _categories(asked: _Asked) -> str:
    if asked.item.categories is not None:
        return item_fields.categories(asked.item.categories)
    return asked.found.get("item:Categories", "")


def _headers(asked: _Asked) -> str:
    if asked.shape.headers:
        content = asked.mailbox.content(asked.item)
        return item_fields.headers(content.headers, asked.shape.headers)
    return asked.found.get("item:InternetMessageHeaders", "")


def _instance_key(asked: _Asked) -> str:
    raw = b"\x07\x00\x00\x00" + asked.item.number.to_bytes(8, "big")
    return f"<t:InstanceKey>{base64.b64encode(raw).decode()}</t:InstanceKey>"


def _received_by(name: str, asked: _Asked) -> str:
    owner = asked.mailbox
    return (
        f"<t:{name}><t:Mailbox><t:Name>{text(owner.name)}</t:Name><t:EmailAddress>{text(owner.address)}"
        "</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType><t:MailboxType>Mailbox</t:MailboxType>"
        f"</t:Mailbox></t:{name}>"
    )


def _attachments(asked: _Asked) -> str:
    found = asked.mailbox.content(asked.item).attachments
    return attachments.several(asked.mailbox, asked.item, found, asked.schema)


def _extended(asked: _Asked) -> str:
    return "".join(
        item_property(asked.mailbox, asked.item, field) for field in asked.shape.extended
    )


_MADE: dict[str, Callable[[_Asked], str]] = {
    "extended": _extended,
    "item:MimeContent": _mime,
    "item:ItemId": lambda asked: item_id(asked.mailbox, asked.item),
    "item:ParentFolderId": _parent,
    "item:ItemClass": _item_class,
    "item:Body": partial(_body, "Body"),
    "item:NormalizedBody": partial(_body, "NormalizedBody"),
    "item:TextBody": partial(_body, "TextBody"),
    "item:UniqueBody": _unique_body,
    "item:Attachments": _attachments,
    "item:DateTimeReceived": _received,
    "item:DateTimeSent": _sent,
    "item:DateTimeCreated": _created,
    "item:LastModifiedTime": _modified,
    "item:LastModifiedName": lambda asked: (
        f"<t:LastModifiedName>{text(asked.mailbox.name)}</t:LastModifiedName>"
    ),
    "item:Categories": _categories,
    "item:InternetMessageHeaders": _headers,
    "item:IsSubmitted": partial(_constant, "<t:IsSubmitted>false</t:IsSubmitted>"),
    "item:IsDraft": partial(_flag, "IsDraft", lambda item: item.is_draft),
    "item:IsFromMe": partial(_constant, "<t:IsFromMe>false</t:IsFromMe>"),
    "item:IsResend": partial(_constant, "<t:IsResend>false</t:IsResend>"),
    "item:IsUnmodified": partial(_constant, "<t:IsUnmodified>true</t:IsUnmodified>"),
    "item:IsAssociated": partial(_flag, "IsAssociated", lambda item: item.is_associated),
    "item:ResponseObjects": partial(_constant, RESPONSE_OBJECTS),
    "item:ReminderIsSet": partial(_constant, "<t:ReminderIsSet>false</t:ReminderIsSet>"),
    "item:ReminderMinutesBeforeStart": partial(
        _constant, "<t:ReminderMinutesBeforeStart>0</t:ReminderMinutesBeforeStart>"
    ),
    "item:Culture": partial(_constant, "<t:Culture>en-US</t:Culture>"),
    "item:EffectiveRights": partial(_constant, RIGHTS.format("true")),
    "item:Flag": partial(_constant, "<t:Flag><t:FlagStatus>NotFlagged</t:FlagStatus></t:Flag>"),
    "item:InstanceKey": _instance_key,
    "item:IsClutter": partial(_constant, "<t:IsClutter>false</t:IsClutter>"),
    "item:HasBlockedImages": partial(_constant, "<t:HasBlockedImages>false</t:HasBlockedImages>"),
    "message:IsRead": partial(_flag, "IsRead", lambda item: item.is_read),
    "message:IsDeliveryReceiptRequested": partial(
        _constant, "<t:IsDeliveryReceiptRequested>false</t:IsDeliveryReceiptRequested>"
    ),
    "message:IsResponseRequested": partial(
        _constant, "<t:IsResponseRequested>false</t:IsResponseRequested>"
    ),
    "message:ReceivedBy": partial(_received_by, "ReceivedBy"),
    "message:ReceivedRepresenting": partial(_received_by, "ReceivedRepresenting"),
    "task:IsComplete": partial(_constant, "<t:IsComplete>false</t:IsComplete>"),
    "task:PercentComplete": partial(_constant, "<t:PercentComplete>0</t:PercentComplete>"),
    "task:Status": partial(_constant, "<t:Status>NotStarted</t:Status>"),
    "postitem:PostedTime": lambda asked: (
        f"<t:PostedTime>{time(asked.item.received_at)}</t:PostedTime>"
    ),
}
"""What is made for each answer, because it changes, is large, or is the same for all."""
