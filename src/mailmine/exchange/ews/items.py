"""From an item as Exchange gives it to an Email and its Metadata.

Runs once for every email: children are told apart by one look into a table, and what is unknown is passed over.
Of a signed or encrypted email (IPM.Note.SMIME) that is what its properties carry: the headers, and its one
attachment, which `mailmine.sync.sealed` opens; of a protected one (IRM) its headers and a body that says so.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from mailmine.exchange.ews.xml import Element, T, flag
from mailmine.exchange.items import make_item, person, read_message_ids, read_number, read_time
from mailmine.exchange.reader import Item, ItemSkipped
from mailmine.model.email import Address, Attachment, AttachmentKind
from mailmine.model.ids import AttachmentId, ItemId, MessageId


def read_item(element: Element, id_: ItemId) -> Item | ItemSkipped:
    """Read the item `id_` from its element, of whatever kind."""
    raw: dict[str, Any] = {}
    for child in element:
        if (known := _CHILDREN.get(child.tag)) is not None:
            name, read = known
            raw[name] = read(child)
    return make_item(raw, id_)


def _text(element: Element) -> str:
    return element.text or ""


def _some_text(element: Element) -> str | None:
    return element.text or None


def _flag(element: Element) -> bool:
    return flag(element.text) is True


def _number(element: Element) -> int | None:
    return read_number(element.text)


def _time(element: Element) -> datetime | None:
    return read_time(element.text)


def _id(element: Element) -> str | None:
    return element.get("Id")


def _message_id(element: Element) -> MessageId | None:
    text = (element.text or "").strip()
    return MessageId(text) if text else None


def _message_ids(element: Element) -> tuple[MessageId, ...]:
    return read_message_ids(element.text)


def _strings(element: Element) -> tuple[str, ...]:
    return tuple(child.text for child in element if child.text)


def _address(element: Element) -> Address | None:
    """Read a mailbox; None for one that says nothing. Exchange fills what is missing from what is not."""
    name = address = ""
    for child in element:
        if child.tag == _NAME:
            name = child.text or ""
        elif child.tag == _EMAIL_ADDRESS:
            address = child.text or ""
    return person(name, address)


def _addresses(element: Element) -> tuple[Address, ...]:
    return tuple([address for mailbox in element if (address := _address(mailbox)) is not None])


def _one_address(element: Element) -> Address | None:
    return _address(element[0]) if len(element) else None


def _headers(element: Element) -> tuple[tuple[str, str], ...]:
    return tuple([(header.get("HeaderName") or "", header.text or "") for header in element])


def _body(element: Element) -> dict[str, str]:
    text = element.text
    if not text:
        return {}
    return {"html" if element.get("BodyType") == "HTML" else "text": text}


def _attachments(element: Element) -> tuple[Attachment, ...]:
    return tuple([_attachment(child) for child in element])


def _attachment(element: Element) -> Attachment:
    raw: dict[str, Any] = {}
    for child in element:
        if (known := _OF_AN_ATTACHMENT.get(child.tag)) is not None:
            name, read = known
            raw[name] = read(child)
    kind = _KINDS.get(element.tag, AttachmentKind.FILE)
    content_type = str(raw.get("content_type") or "").partition(";")[0].strip().lower()
    if kind is AttachmentKind.ITEM:
        content_type = "message/rfc822"
    id_ = raw.get("id")
    return Attachment(
        name=raw.get("name", ""),
        content_type=content_type or "application/octet-stream",
        size=raw.get("size") or 0,
        kind=kind,
        is_inline=raw.get("is_inline", False),
        content_id=str(raw.get("content_id") or "").strip("<> ") or None,
        id=AttachmentId(id_) if id_ else None,
    )


_Table = Mapping[object, tuple[str, Callable[[Element], Any]]]

_NAME: Final = f"{T}Name"
_EMAIL_ADDRESS: Final = f"{T}EmailAddress"
_KINDS: Final = {
    f"{T}ItemAttachment": AttachmentKind.ITEM,
    f"{T}ReferenceAttachment": AttachmentKind.REFERENCE,
}
_OF_AN_ATTACHMENT: Final[_Table] = {
    f"{T}AttachmentId": ("id", _id),
    f"{T}Name": ("name", _text),
    f"{T}ContentType": ("content_type", _some_text),
    f"{T}ContentId": ("content_id", _some_text),
    f"{T}Size": ("size", _number),
    f"{T}IsInline": ("is_inline", _flag),
}
_CHILDREN: Final[_Table] = {
    f"{T}ItemClass": ("item_class", _some_text),
    f"{T}Subject": ("subject", _text),
    f"{T}Sensitivity": ("sensitivity", _some_text),
    f"{T}Body": ("body", _body),
    f"{T}Attachments": ("attachments", _attachments),
    f"{T}DateTimeReceived": ("received_at", _time),
    f"{T}Size": ("size", _number),
    f"{T}Categories": ("categories", _strings),
    f"{T}Importance": ("importance", _some_text),
    f"{T}InReplyTo": ("in_reply_to", _message_ids),
    f"{T}IsDraft": ("is_draft", _flag),
    f"{T}InternetMessageHeaders": ("headers", _headers),
    f"{T}DateTimeSent": ("sent_at", _time),
    f"{T}HasAttachments": ("has_attachments", _flag),
    f"{T}ConversationId": ("conversation_id", _id),
    f"{T}Sender": ("sender", _one_address),
    f"{T}ToRecipients": ("to", _addresses),
    f"{T}CcRecipients": ("cc", _addresses),
    f"{T}BccRecipients": ("bcc", _addresses),
    f"{T}ConversationTopic": ("conversation_topic", _some_text),
    f"{T}From": ("from_", _one_address),
    f"{T}InternetMessageId": ("message_id", _message_id),
    f"{T}IsRead": ("is_read", _flag),
    f"{T}References": ("references", _message_ids),
    f"{T}ReplyTo": ("reply_to", _addresses),
}
