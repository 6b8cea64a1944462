"""From a message as Graph gives it to an Email and its Metadata."""

from typing import Any, Final

import msgspec

from mailmine.exchange.items import make_item, person, read_message_ids, read_number, read_time
from mailmine.exchange.reader import Item, ItemSkipped
from mailmine.model.email import Address, Attachment, AttachmentKind
from mailmine.model.ids import AttachmentId, ItemId, MessageId

SELECT: Final = (
    "id,subject,body,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,sentDateTime,receivedDateTime,"
    "internetMessageId,internetMessageHeaders,importance,isRead,isDraft,hasAttachments,categories,conversationId,"
    "parentFolderId"
)
"""What a comment needs of a message; each is named, because some come only then."""
OUTLINE: Final = ",".join(
    name for name in SELECT.split(",") if name not in {"body", "internetMessageHeaders"}
)
"""What tells that a message is known, and its metadata."""
_CLASS, _SIZE, _SENSITIVITY, _TOPIC, _ATTACHED = 0x001A, 0x0E08, 0x0036, 0x0070, 0x0E1B
"""PidTagMessageClass, PidTagMessageSize, PidTagSensitivity, PidTagConversationTopic, PidTagHasAttachments (also those within
the body): a message of Graph has no properties of its own for them."""
EXPAND: Final = (
    "singleValueExtendedProperties($filter="
    + " or ".join(
        f"id eq '{name}'"
        for name in (
            "String 0x001A",
            "Integer 0x0E08",
            "Integer 0x0036",
            "String 0x0070",
            "Boolean 0x0E1B",
        )
    )
    + ")"
)
ATTACHMENTS: Final = "id,name,contentType,size,isInline,microsoft.graph.fileAttachment/contentId"
_SENSITIVITIES: Final = {"0": "Normal", "1": "Personal", "2": "Private", "3": "Confidential"}
_KINDS: Final = {
    "#microsoft.graph.itemAttachment": AttachmentKind.ITEM,
    "#microsoft.graph.referenceAttachment": AttachmentKind.REFERENCE,
}
_TO_EWS: Final = str.maketrans("-_", "/+")


class Mailbox(msgspec.Struct, gc=False):
    """An `emailAddress`."""

    name: str | None = None
    address: str | None = None


class Person(msgspec.Struct, rename="camel", gc=False):
    """A `recipient`."""

    email_address: Mailbox | None = None


class Body(msgspec.Struct, rename="camel", gc=False):
    """An `itemBody`."""

    content_type: str | None = None
    content: str | None = None


class Header(msgspec.Struct, gc=False):
    """An `internetMessageHeader`."""

    name: str | None = None
    value: str | None = None


class Extended(msgspec.Struct, gc=False):
    """A `singleValueLegacyExtendedProperty`."""

    id: str = ""
    value: str | None = None


class Message(msgspec.Struct, rename="camel"):
    """A `message`, or what a delta says of one that left."""

    id: str = ""
    removed: Any = msgspec.field(default=None, name="@removed")
    subject: str | None = None
    body: Body | None = None
    from_: Person | None = msgspec.field(default=None, name="from")
    sender: Person | None = None
    to_recipients: list[Person | None] | None = None
    cc_recipients: list[Person | None] | None = None
    bcc_recipients: list[Person | None] | None = None
    reply_to: list[Person | None] | None = None
    sent_date_time: str | None = None
    received_date_time: str | None = None
    internet_message_id: str | None = None
    internet_message_headers: list[Header | None] | None = None
    importance: str | None = None
    is_read: bool | None = None
    is_draft: bool | None = None
    has_attachments: bool | None = None
    categories: list[str | None] | None = None
    conversation_id: str | None = None
    parent_folder_id: str | None = None
    last_modified_date_time: str | None = None
    extended: list[Extended | None] | None = msgspec.field(
        default=None, name="singleValueExtendedProperties"
    )


class Attached(msgspec.Struct, rename="camel", gc=False):
    """An `attachment` without its content."""

    type: str = msgspec.field(default="", name="@odata.type")
    id: str = ""
    name: str | None = None
    content_type: str | None = None
    size: int | None = None
    is_inline: bool | None = None
    content_id: str | None = None


class Attachments(msgspec.Struct):
    """A page of attachments."""

    value: list[Attached]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


def may_have_attachments(message: Message) -> bool:
    """Tell whether it is worth asking for attachments: `hasAttachments` does not count those within the body."""
    if message.has_attachments:
        return True
    attached = next(
        (one.value for one in message.extended or () if one and _tag(one.id) == _ATTACHED), None
    )
    if attached is not None:
        return attached.lower() == "true"
    if message.has_attachments is None:  # nobody says
        return True
    content = message.body.content if message.body is not None else None
    return content is not None and "cid:" in content


def read_message(message: Message, attachments: tuple[Attachment, ...]) -> Item | ItemSkipped:
    """Make an item of a message."""
    extended = {_tag(one.id): one.value for one in message.extended or () if one}
    raw: dict[str, Any] = {
        "item_class": extended.get(_CLASS),
        "subject": _clean(message.subject),
        "from_": _person(message.from_),
        "sender": _person(message.sender),
        "to": _people(message.to_recipients),
        "cc": _people(message.cc_recipients),
        "bcc": _people(message.bcc_recipients),
        "reply_to": _people(message.reply_to),
        "sent_at": read_time(message.sent_date_time),
        "message_id": MessageId(id_)
        if (id_ := (message.internet_message_id or "").strip())
        else None,
        "headers": [
            (one.name or "", one.value or "")
            for one in message.internet_message_headers or ()
            if one
        ],
        "body": _body(message.body),
        "attachments": attachments,
        "received_at": read_time(message.received_date_time),
        "size": read_number(extended.get(_SIZE)),
        "is_read": message.is_read,
        "is_draft": message.is_draft,
        "importance": (message.importance or "").capitalize() or None,
        "sensitivity": _SENSITIVITIES.get(extended.get(_SENSITIVITY) or ""),
        "categories": tuple([one for one in message.categories or () if one]),
        "has_attachments": message.has_attachments,
        "conversation_id": message.conversation_id.translate(_TO_EWS)
        if message.conversation_id
        else None,
        "conversation_topic": extended.get(_TOPIC) or None,
    }
    _read_references(raw)
    return make_item(raw, ItemId(message.id))


def read_attachment(attached: Attached) -> Attachment:
    """Read what is known of an attachment."""
    kind = _KINDS.get(attached.type, AttachmentKind.FILE)
    content_type = (attached.content_type or "").partition(";")[0].strip().lower()
    if kind is AttachmentKind.ITEM:
        content_type = "message/rfc822"
    return Attachment(
        name=_clean(attached.name),
        content_type=content_type or "application/octet-stream",
        size=read_number(attached.size) or 0,
        kind=kind,
        is_inline=bool(attached.is_inline),
        content_id=(attached.content_id or "").strip("<> ") or None,
        id=AttachmentId(attached.id) if attached.id else None,
    )


def _read_references(raw: dict[str, Any]) -> None:
    """Take what Graph has no properties for from the headers, the first of each name."""
    first: dict[str, str] = {}
    for name, value in raw["headers"]:
        first.setdefault(name.lower(), value)
    raw["references"] = read_message_ids(first.get("references"))
    raw["in_reply_to"] = read_message_ids(first.get("in-reply-to"))


def _tag(name: str) -> int:
    """Read the number of a property: `String 0x1a`."""
    try:
        return int(name.rpartition(" ")[2], 16)
    except ValueError:
        return -1


def _clean(text: str | None) -> str:
    return (text or "").replace("\x00", "")


def _body(body: Body | None) -> dict[str, str]:
    content = _clean(body.content) if body is not None else ""
    if body is None or not content:
        return {}
    return {"html" if (body.content_type or "").lower() == "html" else "text": content}


def _person(found: Person | None) -> Address | None:
    if found is None or found.email_address is None:
        return None
    return person(_clean(found.email_address.name), _clean(found.email_address.address))


def _people(found: list[Person | None] | None) -> tuple[Address, ...]:
    return tuple([address for one in found or () if (address := _person(one)) is not None])
