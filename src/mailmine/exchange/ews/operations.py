"""The requests that are sent, written out. All of them read; no other can be built.

Valid by the schema of Exchange 2010 SP2, which every later server serves. Properties are asked for by name, because a server
may leave out what it counts among "all" (exchange.md, measured traps, 3).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape
from typing import Final

from mailmine.model.ids import AttachmentId, Cursor, FolderId, ItemId

READ_ONLY: Final = frozenset(
    {
        "GetFolder",
        "FindFolder",
        "FindItem",
        "SyncFolderHierarchy",
        "SyncFolderItems",
        "GetItem",
        "GetAttachment",
        "GetPasswordExpirationDate",
        "ResolveNames",
        "ConvertId",
        "Subscribe",
        "GetStreamingEvents",
        "Unsubscribe",
    }
)
"""The operations of EWS that change nothing."""

OWN: Final = frozenset({"GetPasswordExpirationDate"})
"""Those about the account that signs in, whomever it may act for."""

VERSIONS: Final = ("Exchange2010_SP2", "Exchange2010_SP1", "Exchange2010")
"""The lowest version that serves us first; a mailbox on an older back end is asked for less."""

ROOT: Final = "msgfolderroot"
ARCHIVE_ROOT: Final = "archivemsgfolderroot"
PUBLIC_ROOT: Final = "publicfoldersroot"
"""Where the folders of a mailbox begin, those of its archive, and those of everybody."""
SEARCHES: Final = "searchfolders"
"""Where the search folders are that Outlook shows."""

MOST_CHANGES: Final = 512
MOST_FOUND: Final = 1000
"""EWSFindCountLimit: what one page of a search holds at most."""

LAST_CHANGE: Final = "0x670a"
"""PidTagLocalCommitTimeMax: when the contents of a folder changed last (exchange.md, measured traps, 8)."""
HIDDEN: Final = "0x10f4"
"""PidTagAttributeHidden."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with its arguments as XML. Only a reading one can be made (ValueError)."""

    name: str
    arguments: str
    attributes: str = ""

    def __post_init__(self) -> None:
        if self.name not in READ_ONLY:
            raise ValueError(f"{self.name} is not an operation that only reads")


class Properties(StrEnum):
    """How much of an item is asked for: all, and what is tried where Exchange cannot convert that."""

    ALL = "all"
    PLAIN_TEXT = "plain text"
    WITHOUT_BODY = "without body"


def envelope(operation: Operation, *, version: str, impersonated: str | None) -> bytes:
    """Put `operation` into the message that is sent; times are asked for in UTC."""
    impersonation = (
        f"<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{escape(impersonated)}"
        "</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
        if impersonated is not None
        else ""
    )
    name = operation.name
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
        ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">'
        f'<s:Header><t:RequestServerVersion Version="{version}"/>{impersonation}'
        '<t:TimeZoneContext><t:TimeZoneDefinition Id="UTC"/></t:TimeZoneContext></s:Header>'
        f"<s:Body><m:{name}{operation.attributes}>{operation.arguments}</m:{name}></s:Body>"
        "</s:Envelope>"
    ).encode()


def _fields(names: Iterable[str]) -> str:
    return "".join(f'<t:FieldURI FieldURI="{name}"/>' for name in names)


_FOLDER_SHAPE: Final = (
    "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    + _fields(
        (
            "folder:DisplayName",
            "folder:ParentFolderId",
            "folder:FolderClass",
            "folder:TotalCount",
        )
    )
    + f'<t:ExtendedFieldURI PropertyTag="{LAST_CHANGE}" PropertyType="SystemTime"/>'
    f'<t:ExtendedFieldURI PropertyTag="{HIDDEN}" PropertyType="Boolean"/>'
    "</t:AdditionalProperties></m:FolderShape>"
)


def distinguished(name: str, mailbox: str) -> str:
    """Name a well-known folder of `mailbox`; public folders are nobody's."""
    if name == PUBLIC_ROOT:
        return f'<t:DistinguishedFolderId Id="{name}"/>'
    return (
        f'<t:DistinguishedFolderId Id="{name}"><t:Mailbox><t:EmailAddress>{escape(mailbox)}'
        "</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>"
    )


def folder_ids(ids: Iterable[FolderId]) -> str:
    """Name folders by their ids."""
    return "".join(f'<t:FolderId Id="{escape(id_)}"/>' for id_ in ids)


def find_folders(parents: str, *, offset: int = 0, is_deep: bool = True) -> Operation:
    """Ask for all folders below `parents`, from the one at `offset` on; or only for those right below."""
    return Operation(
        "FindFolder",
        f"{_FOLDER_SHAPE}"
        f'<m:IndexedPageFolderView MaxEntriesReturned="{MOST_FOUND}" Offset="{offset}" BasePoint="Beginning"/>'
        f"<m:ParentFolderIds>{parents}</m:ParentFolderIds>",
        f' Traversal="{"Deep" if is_deep else "Shallow"}"',
    )


def get_password_end() -> Operation:
    """Ask when the password of the account ends."""
    return Operation("GetPasswordExpirationDate", "")


def get_folders(folders: str) -> Operation:
    """Ask for single folders."""
    return Operation("GetFolder", f"{_FOLDER_SHAPE}<m:FolderIds>{folders}</m:FolderIds>")


def sync_items(
    folder: FolderId, cursor: Cursor | None, *, limit: int, with_received: bool
) -> Operation:
    """Ask what changed in `folder` since `cursor`. Ids alone cost the server least."""
    received = (
        f"<t:AdditionalProperties>{_fields(('item:DateTimeReceived',))}</t:AdditionalProperties>"
        if with_received
        else ""
    )
    state = f"<m:SyncState>{escape(cursor)}</m:SyncState>" if cursor is not None else ""
    return Operation(
        "SyncFolderItems",
        f"<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{received}</m:ItemShape>"
        f"<m:SyncFolderId>{folder_ids((folder,))}</m:SyncFolderId>{state}"
        f"<m:MaxChangesReturned>{limit}</m:MaxChangesReturned><m:SyncScope>NormalItems</m:SyncScope>",
    )


def find_received_since(
    folder: FolderId, since: datetime, *, limit: int, offset: int = 0
) -> Operation:
    """Ask for the items of `folder` received at or after `since`, newest first."""
    path = _fields(("item:DateTimeReceived",))
    return Operation(
        "FindItem",
        "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
        f'<m:IndexedPageItemView MaxEntriesReturned="{limit}" Offset="{offset}" BasePoint="Beginning"/>'
        f"<m:Restriction><t:IsGreaterThanOrEqualTo>{path}<t:FieldURIOrConstant>"
        f'<t:Constant Value="{since:%Y-%m-%dT%H:%M:%SZ}"/>'
        "</t:FieldURIOrConstant></t:IsGreaterThanOrEqualTo></m:Restriction>"
        f'<m:SortOrder><t:FieldOrder Order="Descending">{path}</t:FieldOrder></m:SortOrder>'
        f"<m:ParentFolderIds>{folder_ids((folder,))}</m:ParentFolderIds>",
        ' Traversal="Shallow"',
    )


def find_items(folder: FolderId, *, limit: int, offset: int) -> Operation:
    """List the items of a folder that cannot be synchronised, newest first."""
    path = _fields(("item:DateTimeReceived",))
    asked = _fields(("item:DateTimeReceived", "item:ParentFolderId"))
    return Operation(
        "FindItem",
        f"<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{asked}</t:AdditionalProperties></m:ItemShape>"
        f'<m:IndexedPageItemView MaxEntriesReturned="{limit}" Offset="{offset}" BasePoint="Beginning"/>'
        f'<m:SortOrder><t:FieldOrder Order="Descending">{path}</t:FieldOrder></m:SortOrder>'
        f"<m:ParentFolderIds>{folder_ids((folder,))}</m:ParentFolderIds>",
        ' Traversal="Shallow"',
    )


_METADATA: Final = (
    "item:ItemClass",
    "item:Subject",
    "item:Sensitivity",
    "item:DateTimeReceived",
    "item:Size",
    "item:Categories",
    "item:Importance",
    "item:InReplyTo",
    "item:IsDraft",
    "item:DateTimeSent",
    "item:HasAttachments",
    "item:ConversationId",
    "message:Sender",
    "message:ToRecipients",
    "message:CcRecipients",
    "message:BccRecipients",
    "message:ConversationTopic",
    "message:From",
    "message:InternetMessageId",
    "message:IsRead",
    "message:References",
    "message:ReplyTo",
)
_HEADERS: Final = "item:InternetMessageHeaders"
_ITEM_SHAPES: Final = {
    properties: "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
    f"<t:BodyType>{body_type}</t:BodyType>"
    f"<t:AdditionalProperties>{_fields(names)}</t:AdditionalProperties></m:ItemShape>"
    for properties, body_type, names in (
        (
            Properties.ALL,
            "Best",
            ("item:Body", "item:Attachments", _HEADERS, *_METADATA),
        ),
        (
            Properties.PLAIN_TEXT,
            "Text",
            ("item:Body", "item:Attachments", _HEADERS, *_METADATA),
        ),
        (Properties.WITHOUT_BODY, "Text", _METADATA),
    )
}


def get_items(items: Sequence[ItemId], properties: Properties = Properties.ALL) -> Operation:
    """Ask for the properties of `items`."""
    ids = "".join(f'<t:ItemId Id="{escape(id_)}"/>' for id_ in items)
    return Operation("GetItem", f"{_ITEM_SHAPES[properties]}<m:ItemIds>{ids}</m:ItemIds>")


def get_attachment(attachment: AttachmentId) -> Operation:
    """Ask for the content of one attachment; of an attached item as MIME."""
    return Operation(
        "GetAttachment",
        "<m:AttachmentShape><t:IncludeMimeContent>true</t:IncludeMimeContent></m:AttachmentShape>"
        f'<m:AttachmentIds><t:AttachmentId Id="{escape(attachment)}"/></m:AttachmentIds>',
    )


_EVENTS: Final = "".join(
    f"<t:EventType>{kind}Event</t:EventType>"
    for kind in ("NewMail", "Created", "Copied", "Deleted", "Modified", "Moved")
)


def subscribe(mailbox: str = "", folders: Sequence[FolderId] = ()) -> Operation:
    """Ask to be told what happens: in all folders of the caller's mailbox, or in these of `mailbox` (none: its inbox)."""
    named = folder_ids(folders) if folders else distinguished("inbox", mailbox) if mailbox else ""
    where = f"<t:FolderIds>{named}</t:FolderIds>" if named else ""
    every = "" if named else ' SubscribeToAllFolders="true"'
    return Operation(
        "Subscribe",
        f"<m:StreamingSubscriptionRequest{every}>{where}<t:EventTypes>{_EVENTS}</t:EventTypes>"
        "</m:StreamingSubscriptionRequest>",
    )


def get_streaming_events(subscriptions: Sequence[str], *, minutes: int) -> Operation:
    """Ask for what happens, on a connection that hangs for so many minutes."""
    ids = "".join(f"<t:SubscriptionId>{escape(id_)}</t:SubscriptionId>" for id_ in subscriptions)
    return Operation(
        "GetStreamingEvents",
        f"<m:SubscriptionIds>{ids}</m:SubscriptionIds>"
        f"<m:ConnectionTimeout>{minutes}</m:ConnectionTimeout>",
    )
