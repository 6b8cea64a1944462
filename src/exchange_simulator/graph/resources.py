"""Messages, folders and attachments as Graph writes them. What a mail says is made once and kept on disk."""

import base64
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from exchange_simulator import ids
from exchange_simulator.content import Content
from exchange_simulator.folder import Folder, Item
from exchange_simulator.graph.errors import no_property
from exchange_simulator.graph.query import Query
from exchange_simulator.headers import Address
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.parts import Attached

SMALL: Final = 3 << 20
"""Bytes of a file up to which its content comes along (attachments up to 3 MB)."""
TYPES: Final = {
    "IPM.Schedule.Meeting.Request": "#microsoft.graph.eventMessageRequest",
    "IPM.Schedule.Meeting.Canceled": "#microsoft.graph.eventMessage",
    "IPM.Schedule.Meeting.Resp.Pos": "#microsoft.graph.eventMessageResponse",
    "IPM.Schedule.Meeting.Resp.Neg": "#microsoft.graph.eventMessageResponse",
    "IPM.Schedule.Meeting.Resp.Tent": "#microsoft.graph.eventMessageResponse",
}
SENSITIVITIES: Final = ("Normal", "Personal", "Private", "Confidential")
USUAL: Final = (
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "internetMessageId",
    "subject",
    "bodyPreview",
    "importance",
    "parentFolderId",
    "conversationId",
    "conversationIndex",
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "isRead",
    "isDraft",
    "webLink",
    "inferenceClassification",
    "body",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "flag",
)
"""What a message shows where nothing is selected: all but its headers and the unique part of its body."""
SELECTABLE: Final = frozenset((*USUAL, "id", "internetMessageHeaders", "uniqueBody"))
FOLDER: Final = (
    "displayName",
    "parentFolderId",
    "childFolderCount",
    "unreadItemCount",
    "totalItemCount",
    "sizeInBytes",
    "isHidden",
)

_EXPANDED: Final = re.compile(r"microsoft\.graph\.itemattachment/item", re.IGNORECASE)
_ALWAYS: Final = ("@odata.type", "@odata.mediaContentType", "id", "item")
"""What an attachment shows whatever is selected."""
_encode = msgspec.json.encode
Made = dict[str, bytes]
"""Name of a property to its JSON."""
_MADE_ENCODER = msgspec.msgpack.Encoder()
_MADE_DECODER = msgspec.msgpack.Decoder(Made)


def moment(value: datetime | int) -> str:
    """Write a time: whole seconds, UTC."""
    at = datetime.fromtimestamp(value, UTC) if isinstance(value, int) else value
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def message_id(mailbox: Mailbox, item: Item, *, is_immutable: bool) -> str:
    """Name a message in the way that the client prefers."""
    if is_immutable:
        return ids.rest(ids.immutable_id(mailbox.guid, item.serial))
    return ids.rest(ids.item_id(mailbox.guid, item.number))


def folder_id(mailbox: Mailbox, folder: Folder) -> str:
    """Name a folder."""
    return ids.rest(ids.folder_id(mailbox.guid, folder.number))


def message(mailbox: Mailbox, item: Item, query: Query, *, extra: bytes = b"") -> bytes:
    """Write a message with the properties that are selected; `extra` is JSON of further members."""
    made = made_of(mailbox, item)
    changing = _changing(mailbox, item, made)
    names = query.select
    if names is None:
        names = USUAL
    parts = [
        b'"@odata.etag":"W/\\"'
        + ids.change_key("item", mailbox.guid, item.change).encode()
        + b'\\"","id":"'
        + message_id(mailbox, item, is_immutable=query.is_immutable).encode()
        + b'"'
    ]
    if kind := TYPES.get(item.item_class or ""):
        parts.insert(0, b'"@odata.type":"' + kind.encode() + b'"')
    for name in names:
        if name in ("id", "@odata.type"):
            continue
        if name == "body":
            mailbox.given["body"] += 1
        key = "body.text" if name == "body" and query.wants_text else name
        value = changing.get(key) or made.get(key)
        if value is None:
            if name not in SELECTABLE:
                raise no_property(name)
            value = b"null"
        parts.append(b'"' + name.encode() + b'":' + value)
    return b"{" + b",".join(parts) + extra + b"}"


def made_of(mailbox: Mailbox, item: Item) -> Made:
    """Give what a mail says of itself, ready-made since it was first asked for."""
    if item.graph is not None:
        return _MADE_DECODER.decode(mailbox.data(item.graph))
    made = {name: _encode(value) for name, value in _says(mailbox.content(item)).items()}
    item.graph = mailbox.keep(_MADE_ENCODER.encode(made))
    return made


def _changing(mailbox: Mailbox, item: Item, made: Made) -> Made:
    """Write what changes while the mail stays the same."""
    key = ids.change_key("item", mailbox.guid, item.change)
    found = {
        "createdDateTime": f'"{moment(item.created_at)}"',
        "lastModifiedDateTime": f'"{moment(item.modified_at)}"',
        "receivedDateTime": f'"{moment(item.received_at)}"',
        "changeKey": f'"{key}"',
        "isRead": "true" if item.is_read else "false",
        "isDraft": "true" if item.is_draft else "false",
        "parentFolderId": f'"{folder_id(mailbox, item.folder)}"' if item.folder else "null",
        "webLink": '"https://outlook.office365.com/owa/?ItemID='
        f'{message_id(mailbox, item, is_immutable=False)}&exvsurl=1&viewmodel=ReadMessageItem"',
    }
    if made.get("sentDateTime") == b"null":  # no Date: when it arrived
        found["sentDateTime"] = found["receivedDateTime"]
    changing = {name: value.encode() for name, value in found.items()}
    if item.categories is not None:
        changing["categories"] = _encode(item.categories)
    return changing


def _says(content: Content) -> dict[str, Any]:
    """Tell what a mail says, as the properties of a message."""
    html, text = content.html or "", content.text or ""
    body = {"contentType": "html" if content.has_html else "text"}
    body["content"] = html if content.has_html else text
    return {
        "categories": content.categories,
        "sentDateTime": moment(content.sent_at) if content.sent_at else None,
        "hasAttachments": any(not one.is_inline for one in content.attachments),
        "internetMessageId": content.message_id,
        "subject": content.subject or "",
        "bodyPreview": " ".join(text.split())[:255],
        "importance": content.importance.lower(),
        "conversationId": ids.rest(
            base64.b64encode(b"\x00\x03\x24\x00conversation" + content.conversation_id).decode()
        ),
        "conversationIndex": base64.b64encode(content.conversation_index).decode(),
        "isDeliveryReceiptRequested": False,
        "isReadReceiptRequested": content.wants_receipt,
        "inferenceClassification": "focused",
        "body": body,
        "body.text": {"contentType": "text", "content": text},
        "uniqueBody": body,
        "sender": _person(content.sender),
        "from": _person(content.from_),
        "toRecipients": _people(content.to),
        "ccRecipients": _people(content.cc),
        "bccRecipients": _people(content.bcc),
        "replyTo": _people(content.reply_to),
        "flag": {"flagStatus": "notFlagged"},
        "internetMessageHeaders": [
            {"name": name, "value": value} for name, value in content.headers
        ],
        "PidTag 0x001A": content.item_class,
        "PidTag 0x0036": str(SENSITIVITIES.index(content.sensitivity)),
        "PidTag 0x0070": content.topic,
        "PidTag 0x0E1B": "true" if content.attachments else "false",
    }


_OF_CONTENT: Final[dict[str, Callable[[Content], str | None]]] = {
    "0037": lambda content: content.subject,
    "007D": lambda content: "".join(f"{name}: {value}\r\n" for name, value in content.headers),
    "0C1A": lambda content: content.sender.name if content.sender else None,
    "1035": lambda content: content.message_id,
    "1039": lambda content: content.references,
    "1042": lambda content: content.in_reply_to,
}
"""Properties that are asked for by their tags, besides those that are kept (MS-OXPROPS)."""
_KINDS: Final = {"0E08": "Integer", "0036": "Integer", "0E1B": "Boolean"}


def extended(mailbox: Mailbox, item: Item, tag: str) -> str | None:
    """Give the value of the extended property with this tag, four hexadecimal digits; None where we have none."""
    if tag == "0E08":
        return str(item.mime.length)
    raw = made_of(mailbox, item).get(f"PidTag 0x{tag}")
    if raw is not None:
        value: str | None = msgspec.json.decode(raw)
        return value
    read = _OF_CONTENT.get(tag)
    return read(mailbox.content(item)) if read is not None else None


def all_extended(mailbox: Mailbox, item: Item) -> list[dict[str, str]]:
    """Give all extended properties that a filter may ask for, by each way to write their names."""
    return [
        {"id": f"{_KINDS.get(tag, 'String')} 0x{written}", "value": value}
        for tag in ("001A", "0036", "0070", "0E08", "0E1B", *_OF_CONTENT)
        if (value := extended(mailbox, item, tag)) is not None
        for written in (tag, tag.lstrip("0"))
    ]


def _person(address: Address | None) -> dict[str, Any] | None:
    if address is None:
        return None
    return {"emailAddress": {"name": address.name or address.address, "address": address.address}}


def _people(addresses: Sequence[Address]) -> list[dict[str, Any] | None]:
    return [_person(address) for address in addresses]


_OF_FOLDER: Final[dict[str, Callable[[Mailbox, Folder], Any]]] = {
    "id": folder_id,
    "displayName": lambda _, found: found.name,
    "parentFolderId": lambda mailbox, found: (
        folder_id(mailbox, found.parent) if found.parent else None
    ),
    "childFolderCount": lambda _, found: sum(is_mail(child) for child in found.children),
    "unreadItemCount": lambda _, found: found.unread,
    "totalItemCount": lambda _, found: len(found.normal_items()),
    "sizeInBytes": lambda _, found: sum(item.mime.length for item in found.normal_items()),
    "isHidden": lambda _, found: found.is_hidden,
}
"""The properties of a folder."""


def of_folder(mailbox: Mailbox, found: Folder, name: str) -> Any:
    """Give a property of a folder. Raises GraphError where folders have no such."""
    read = _OF_FOLDER.get(name)
    if read is None:
        raise no_property(name, "mailFolder")
    return read(mailbox, found)


def folder(mailbox: Mailbox, found: Folder, query: Query) -> bytes:
    """Write a folder."""
    names = dict.fromkeys(("id", *(query.select or FOLDER)))
    shown = {name: of_folder(mailbox, found, name) for name in names}
    expand = query.get("expand") or ""
    if "childfolders" in expand.lower():
        select = ",".join(selected_in(expand, "childFolders") or ())
        inner = Query({"select": select}, query.prefer)
        shown["childFolders"] = [
            msgspec.Raw(folder(mailbox, child, inner)) for child in found.children if is_mail(child)
        ]
    return _encode(shown)


def selected_in(expand: str, name: str) -> tuple[str, ...] | None:
    """Read the `$select` of what is expanded under this name; None where there is none."""
    found = re.search(rf"{name}\((?:[^()]*;)?\s*\$select=([\w, ./]+)", expand, re.IGNORECASE)
    return tuple(name.strip() for name in found[1].split(",")) if found else None


def is_mail(found: Folder) -> bool:
    """Tell a folder that Graph counts among those of mail."""
    return (found.folder_class or "").startswith("IPF.Note") and not found.is_hidden


def attachment(
    mailbox: Mailbox,
    item: Item,
    places: tuple[int, ...],
    attached: Attached,
    *,
    select: tuple[str, ...] | None = None,
    expand: str = "",
) -> bytes:
    """Write an attachment, or what is selected of it; a message within only where it is expanded."""
    wanted = None if select is None else {name.rpartition("/")[2] for name in select}
    shown: dict[str, Any] = {
        "@odata.type": f"#microsoft.graph.{'item' if attached.is_item else 'file'}Attachment",
        "@odata.mediaContentType": attached.content_type,
        "id": ids.rest(ids.attachment_id(mailbox.guid, item.serial, places)),
        "lastModifiedDateTime": moment(item.created_at),
        "name": attached.name,
        "contentType": None if attached.is_item else attached.content_type,
        "size": attached.data.length,
        "isInline": attached.is_inline,
    }
    if not attached.is_item:
        shown["contentId"] = attached.content_id
        shown["contentLocation"] = attached.content_location
        if (wanted is None or "contentBytes" in wanted) and attached.data.length <= SMALL:
            shown["contentBytes"] = base64.b64encode(mailbox.data(attached.data)).decode()
    elif (found := _EXPANDED.search(expand)) is not None:
        shown["item"] = _within(mailbox, item, places, attached, expand[found.end() :])
    if wanted is not None:
        shown = {name: one for name, one in shown.items() if name in wanted or name in _ALWAYS}
    return _encode(shown)


def _within(
    mailbox: Mailbox, item: Item, places: tuple[int, ...], attached: Attached, expand: str
) -> dict[str, Any]:
    """Tell what a message says that is attached to another: it has no id and lies in no folder."""
    content = mailbox.parse(mailbox.data(attached.data))
    says = _says(content)
    shown: dict[str, Any] = {
        "@odata.type": TYPES.get(content.item_class, "#microsoft.graph.message"),
        "id": "",
        "createdDateTime": moment(item.created_at),
        "lastModifiedDateTime": moment(item.created_at),
        "receivedDateTime": says["sentDateTime"] or moment(item.received_at),
        "isRead": True,
        "isDraft": False,
    }
    shown |= {name: says[name] for name in USUAL if name in says}
    if "attachments" in expand.lower():
        shown["attachments"] = [
            msgspec.Raw(attachment(mailbox, item, (*places, place), inner))
            for place, inner in enumerate(content.attachments)
        ]
    return shown
