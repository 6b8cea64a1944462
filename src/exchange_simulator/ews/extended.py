"""MAPI properties asked for by tag, of items and folders (MS-OXPROPS)."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

from exchange_simulator.content import Content
from exchange_simulator.ews.shapes import ExtendedField
from exchange_simulator.ews.soap import boolean, text, time
from exchange_simulator.folder import Folder, Item
from exchange_simulator.mailbox import Mailbox

Value = str | int | bool | bytes | datetime | None

_HAS_BEEN_READ, _HAS_ATTACHMENT, _ASSOCIATED, _UNSENT = 0x01, 0x10, 0x40, 0x08


def _written(field: ExtendedField, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        shown = boolean(value)
    elif isinstance(value, bytes):
        shown = base64.b64encode(value).decode()
    elif isinstance(value, datetime):
        shown = time(value)
    else:
        shown = text(str(value))
    return f"<t:ExtendedProperty>{field.xml}<t:Value>{shown}</t:Value></t:ExtendedProperty>"


def item_property(mailbox: Mailbox, item: Item, field: ExtendedField) -> str:
    """Write a property of an item; nothing where it has none such."""
    return _written(field, item_value(mailbox, item, field))


def folder_property(folder: Folder, field: ExtendedField) -> str:
    """Write a property of a folder; nothing where it has none such."""
    return _written(field, folder_value(folder, field))


def item_value(mailbox: Mailbox, item: Item, field: ExtendedField) -> Value:
    """Tell a property of an item; None where it has none such."""
    if field.set_id == "InternetHeaders" and field.name:
        wanted = field.name.lower()
        return next((v for n, v in mailbox.content(item).headers if n.lower() == wanted), None)
    known = _OF_ITEMS.get(field.tag or 0)
    return known(mailbox, item) if known else None


def folder_value(folder: Folder, field: ExtendedField) -> Value:
    """Tell a property of a folder; None where it has none such."""
    known = _OF_FOLDERS.get(field.tag or 0)
    return known(folder) if known else None


def _of_content(get: Callable[[Content], Value]) -> Callable[[Mailbox, Item], Value]:
    return lambda mailbox, item: get(mailbox.content(item))


def _flags(mailbox: Mailbox, item: Item) -> int:
    has_attachments = any(not a.is_inline for a in mailbox.content(item).attachments)
    return (
        _HAS_BEEN_READ * item.is_read
        | _HAS_ATTACHMENT * has_attachments
        | _ASSOCIATED * item.is_associated
        | _UNSENT * item.is_draft
    )


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _sender(content: Content) -> str | None:
    return content.sender.address or None if content.sender else None


def _from(content: Content) -> str | None:
    return content.from_.address or None if content.from_ else None


_OF_ITEMS: dict[int, Callable[[Mailbox, Item], Value]] = {
    0x001A: lambda mailbox, item: item.item_class or mailbox.content(item).item_class,
    0x0037: _of_content(lambda c: c.subject),
    0x0039: lambda mailbox, item: mailbox.content(item).sent_at or _instant(item.received_at),
    0x0042: _of_content(lambda c: c.from_.name if c.from_ else None),
    0x0065: _of_content(_from),
    0x0070: _of_content(lambda c: c.topic),
    0x0071: _of_content(lambda c: c.conversation_index),
    0x007D: _of_content(lambda c: "".join(f"{n}: {v}\r\n" for n, v in c.headers)),
    0x0C1A: _of_content(lambda c: c.sender.name if c.sender else None),
    0x0C1F: _of_content(_sender),
    0x0E02: _of_content(lambda c: "; ".join(a.name for a in c.bcc)),
    0x0E03: _of_content(lambda c: "; ".join(a.name for a in c.cc)),
    0x0E04: _of_content(lambda c: "; ".join(a.name for a in c.to)),
    0x0E06: lambda _, item: _instant(item.received_at),
    0x0E07: _flags,
    0x0E08: lambda _, item: item.mime.length,
    0x0E1B: _of_content(lambda c: any(not a.is_inline for a in c.attachments)),
    0x0E23: lambda _, item: item.number,
    0x0FF9: lambda mailbox, item: f"{mailbox.guid}{item.number}".encode(),
    0x0E1D: _of_content(lambda c: c.topic),
    0x1000: _of_content(lambda c: c.text),
    0x1013: _of_content(lambda c: c.html.encode("utf-8", "replace") if c.html else None),
    0x1035: _of_content(lambda c: c.message_id),
    0x1039: _of_content(lambda c: c.references),
    0x1042: _of_content(lambda c: c.in_reply_to),
    0x10F4: lambda _, item: item.is_associated,
    0x10F3: _of_content(lambda c: f"{c.topic}.EML"),
    0x3007: lambda _, item: _instant(item.created_at),
    0x3008: lambda _, item: _instant(item.modified_at),
    0x300B: lambda _, item: item.search_key,
    0x3FDE: lambda *_: 65001,
    0x5D01: _of_content(_sender),
    0x5D02: _of_content(_from),
}
_OF_FOLDERS: dict[int, Callable[[Folder], Value]] = {
    0x0E08: lambda folder: sum(item.mime.length for _, _, item in folder.items),
    0x10F4: lambda folder: folder.is_hidden,
    0x3001: lambda folder: folder.name,
    0x3601: lambda folder: 0 if folder.parent is None else 1,
    0x3602: lambda folder: len(folder.normal_items()),
    0x3603: lambda folder: folder.unread,
    0x360A: lambda folder: bool(folder.children),
    0x3613: lambda folder: folder.folder_class,
    0x670A: lambda folder: folder.changed_at,
}
