"""Restriction and SortOrder of FindItem and FindFolder."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from lxml import etree

from exchange_simulator.ews.extended import folder_value, item_value
from exchange_simulator.ews.shapes import extended_field
from exchange_simulator.ews.soap import EwsError, SoapFaultError, T
from exchange_simulator.folder import Folder, Item
from exchange_simulator.mailbox import Mailbox

Value = str | int | bool | bytes | datetime | None
Element = etree._Element  # noqa: SLF001  lxml names its element class so
Get = Callable[[Element], Value]

_COMPARISONS: dict[str, tuple[int, ...]] = {
    "IsEqualTo": (0,),
    "IsNotEqualTo": (-1, 1),
    "IsGreaterThan": (1,),
    "IsGreaterThanOrEqualTo": (0, 1),
    "IsLessThan": (-1,),
    "IsLessThanOrEqualTo": (-1, 0),
}
"""Which signs of a comparison each operator accepts."""


def filtered(mailbox: Mailbox, items: list[Item], restriction: etree._Element | None) -> list[Item]:
    """Keep the items that a Restriction lets through."""
    expression = _first(restriction)
    if expression is None:
        return items
    return [item for item in items if _holds(expression, partial(_of_item, mailbox, item))]


def of_folders(restriction: etree._Element | None) -> Callable[[Folder], bool]:
    """Make the test that a Restriction is for folders."""
    expression = _first(restriction)
    if expression is None:
        return lambda _: True
    return lambda folder: _holds(expression, lambda path: _of_folder(folder, path))


def ordered(mailbox: Mailbox, items: list[Item], order: etree._Element | None) -> list[Item]:
    """Sort by the fields of a SortOrder, the first one counting most."""
    for field in reversed(order if order is not None else ()):
        path = _first(field)
        if path is None:
            continue
        values = {id(item): _key(_of_item(mailbox, item, path)) for item in items}
        items = sorted(
            items, key=lambda item: values[id(item)], reverse=field.get("Order") == "Descending"
        )
    return items


def _key(value: Value) -> tuple[float, str, bytes]:
    """Make values comparable: texts without regard to case, what is missing first."""
    match value:
        case datetime():
            return value.timestamp(), "", b""
        case str():
            return 0.0, value.lower(), b""
        case bytes():
            return 0.0, "", value
        case None:
            return float("-inf"), "", b""
    return float(value), "", b""


def _first(element: etree._Element | None) -> etree._Element | None:
    return None if element is None else next(iter(element), None)


def _holds(expression: etree._Element, get: Get) -> bool:
    name = etree.QName(expression).localname
    parts = list(expression)
    if len(parts) < (1 if name in ("And", "Or", "Not", "Exists") else 2):
        raise SoapFaultError("ErrorSchemaValidation")
    match name:
        case "And":
            return all(_holds(part, get) for part in parts)
        case "Or":
            return any(_holds(part, get) for part in parts)
        case "Not":
            return not _holds(parts[0], get)
        case "Exists":
            return get(parts[0]) is not None
        case "Contains":
            return _contains(expression, get(parts[0]), parts[1].get("Value", ""))
        case _ if name in _COMPARISONS:
            return _compare(name, get(parts[0]), parts[1], get)
    raise EwsError("ErrorUnsupportedPathForQuery", f"{name} is not supported.")


def _contains(expression: etree._Element, value: Value, wanted: str) -> bool:
    shown = "" if value is None else str(value)
    if expression.get("ContainmentComparison", "Exact") != "Exact":
        shown, wanted = shown.lower(), wanted.lower()
    match expression.get("ContainmentMode", "Substring"):
        case "FullString":
            return shown == wanted
        case "Prefixed":
            return shown.startswith(wanted)
    return wanted in shown


def _compare(name: str, value: Value, other: etree._Element, get: Get) -> bool:
    path = _first(other)
    if path is None:
        raise EwsError("ErrorInvalidRestriction")
    wanted: Value = path.get("Value", "") if path.tag == f"{T}Constant" else get(path)
    if isinstance(value, datetime) and isinstance(wanted, str):
        wanted = _instant(wanted)
    elif isinstance(value, bool) and isinstance(wanted, str):
        wanted = wanted.lower() in ("true", "1")
    elif isinstance(value, int) and isinstance(wanted, str):
        wanted = _number(wanted)
    if value is None:
        return name == "IsNotEqualTo"
    one, other_one = _key(value), _key(wanted)
    return ((one > other_one) - (one < other_one)) in _COMPARISONS[name]


def _instant(text: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise EwsError("ErrorInvalidValueForProperty") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise EwsError("ErrorInvalidValueForProperty") from error


def _of_folder(folder: Folder, path: etree._Element) -> Value:
    if path.tag == f"{T}ExtendedFieldURI":
        return folder_value(folder, extended_field(path))
    values: dict[str, Value] = {
        "folder:DisplayName": folder.name,
        "folder:FolderClass": folder.folder_class,
        "folder:TotalCount": len(folder.items),
        "folder:UnreadCount": folder.unread,
        "folder:ChildFolderCount": len(folder.children),
    }
    return values.get(path.get("FieldURI", ""))


def _of_item(mailbox: Mailbox, item: Item, path: etree._Element) -> Value:
    if path.tag == f"{T}ExtendedFieldURI":
        return item_value(mailbox, item, extended_field(path))
    uri = path.get("FieldURI", "")
    if uri in _AT_HAND:
        return _AT_HAND[uri](item)
    content = mailbox.content(item)
    values: dict[str, Value] = {
        "item:Subject": content.subject,
        "item:ItemClass": item.item_class or content.item_class,
        "item:DateTimeSent": content.sent_at or datetime.fromtimestamp(item.received_at, UTC),
        "item:HasAttachments": any(not a.is_inline for a in content.attachments),
        "item:Importance": content.importance,
        "item:Sensitivity": content.sensitivity,
        "item:Body": content.text,
        "item:Categories": ", ".join(item.categories or content.categories),
        "item:DisplayTo": "; ".join(a.name for a in content.to),
        "item:DisplayCc": "; ".join(a.name for a in content.cc),
        "item:InReplyTo": content.in_reply_to,
        "message:InternetMessageId": content.message_id,
        "message:ConversationTopic": content.topic,
        "message:References": content.references,
        "message:From": content.from_.address if content.from_ else None,
        "message:Sender": content.sender.address if content.sender else None,
        "message:ToRecipients": "; ".join(a.address for a in content.to),
        "message:CcRecipients": "; ".join(a.address for a in content.cc),
    }
    return values.get(uri)


_AT_HAND: dict[str, Callable[[Item], Value]] = {
    "item:DateTimeReceived": lambda item: datetime.fromtimestamp(item.received_at, UTC),
    "item:DateTimeCreated": lambda item: datetime.fromtimestamp(item.created_at, UTC),
    "item:LastModifiedTime": lambda item: datetime.fromtimestamp(item.modified_at, UTC),
    "item:Size": lambda item: item.mime.length,
    "item:IsDraft": lambda item: item.is_draft,
    "message:IsRead": lambda item: item.is_read,
}
"""What is known without taking a mail apart."""
