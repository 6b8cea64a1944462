"""Reads one mailbox by Microsoft Graph: folders, changes, items, attachments."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.graph import codes, cursor as cursors
from mailmine.exchange.graph.client import MOST_IN_BATCH, Client, Part, Read, Throttled
from mailmine.exchange.graph.cursor import Place
from mailmine.exchange.graph.folders import Folders
from mailmine.exchange.graph.messages import (
    ATTACHMENTS,
    EXPAND,
    OUTLINE,
    SELECT,
    Attachments,
    Message,
    may_have_attachments,
    read_attachment,
    read_message,
)
from mailmine.exchange.items import read_time
from mailmine.exchange.reader import (
    Change,
    ChangeKind,
    ChangePage,
    CursorLost,
    Fetched,
    Folder,
    FolderTree,
    Item,
    ItemFault,
    ItemGone,
)
from mailmine.exchange.session import Line
from mailmine.model.email import Attachment, AttachmentKind
from mailmine.model.ids import Cursor, FolderId, ItemId
from mailmine.model.integration import Cloud

MOST_CHANGES: Final = 500
IMMUTABLE: Final = 'IdType="ImmutableId"'
"""Ids that outlast a move; to be asked for with every request (immutable ids)."""
IDS: Final = "id,receivedDateTime,isRead,lastModifiedDateTime"
"""What is asked for where ids alone are wanted; whatever changes of a message changes one of these."""
EMPTY_PAGES: Final = 20
"""Empty pages with a link to the next that are followed in one call."""
MOST_PAGES: Final = 100
"""Pages of one list of attachments."""
DELTA_LOOPS: Final = "delta_loops"
"""A link led to itself (exchange.md, part C, row 17)."""


class _Page(msgspec.Struct):
    value: list[Message]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")
    delta_link: str | None = msgspec.field(default=None, name="@odata.deltaLink")


_page = msgspec.json.Decoder(_Page, strict=False)
_message = msgspec.json.Decoder(Message, strict=False)
_attachments = msgspec.json.Decoder(Attachments, strict=False)


class GraphReader:
    """Reads one mailbox (the Reader protocol says what each method promises)."""

    keeps_ids = True

    def __init__(self, line: Line, throttled: Throttled) -> None:
        has_delta = line.session.connection.cloud is not Cloud.CHINA
        self._client = Client(line, throttled)
        self._has_delta = has_delta
        self._listed_only: set[FolderId] = set()
        """Folders of which Graph gives no delta."""
        self._folders = Folders(self._client, has_delta=has_delta)
        self._links: dict[FolderId, set[str]] = {}
        """The links followed in the present round of each folder."""
        self._ids_alone: set[FolderId] = set()
        """Folders in which a message makes whole pages fail."""
        self._limits: dict[FolderId, int] = {}
        """How many messages a page of these folders may hold, where more made it fail."""

    version = None
    """Graph has one for all."""

    def assume(self, version: str | None) -> None:
        """Nothing to be assumed."""

    async def folders(self) -> FolderTree:
        """Read the mail folders; one request where nothing changed."""
        return await self._folders.tree()

    async def search_folders(self) -> tuple[Folder, ...]:
        """None: Graph does not say where the items of a search folder lie until each is read."""
        return ()

    async def changes(
        self,
        folder: FolderId,
        cursor: Cursor | None,
        *,
        limit: int,
        since: datetime | None = None,
        outlined: bool = False,
    ) -> ChangePage | CursorLost | Fault:
        """Read a page of changes, whole messages or their outlines with it."""
        if cursor is not None:
            place = cursors.read(cursor)
        else:
            place = self._beginning(folder, since, self._size(folder, limit), outlined=outlined)
        if place is None:
            return self._lost("SyncStateInvalid")
        if cursor is None:
            self._links[folder] = set()
        try:
            if place.kind == "e":
                # What is new can only be told by listing again; the caller compares.
                message = f"A folder of {self._client.mailbox} is listed again and compared."
                error = self._client.error(Code.LISTED_ANEW, message, scope=Scope.FOLDER)
                return CursorLost(fault=error.fault)
            if place.kind == "l":
                return await self._list(folder, place.given, limit)
            if place.kind == "s":
                return await self._list_since(folder, place, limit)
            return await self._delta(folder, place, limit)
        except ExchangeError as error:
            return self._judge(folder, place, error)

    def _size(self, folder: FolderId, limit: int) -> int:
        return max(1, min(limit, MOST_CHANGES, self._limits.get(folder, MOST_CHANGES)))

    def _beginning(
        self, folder: FolderId, since: datetime | None, size: int, *, outlined: bool
    ) -> Place:
        if not self._has_delta or folder in self._listed_only:
            return Place("l")
        if folder in self._ids_alone:
            return self._beginning_of_ids(folder)
        path = f"{self._client.user}/mailFolders/{folder}/messages"
        if outlined:
            return Place("o", f"{path}/delta?{_query(OUTLINE)}")
        if (
            since is not None
        ):  # a delta that is filtered ends after 5,000 (part C, row 22); a list does not
            return Place("s", f"{path}?{_query()}&{_received(since)}&$top={size}")
        return Place("d", f"{path}/delta?{_query()}")

    def _beginning_of_ids(self, folder: FolderId) -> Place:
        path = f"{self._client.user}/mailFolders/{folder}/messages/delta"
        return Place("i", f"{path}?$select={IDS}")

    async def _delta(self, folder: FolderId, place: Place, limit: int) -> ChangePage | CursorLost:
        """Follow the delta of a folder to the next page that holds anything."""
        links = self._links.setdefault(folder, set())
        size = self._size(folder, limit)
        path = place.path
        for _ in range(EMPTY_PAGES):
            links.add(path)
            page = await self._read(path, size)
            self._grow(folder)
            if page.delta_link is None and page.next_link is None:
                raise self._client.not_understood()
            path = self._client.path_of(page.delta_link or page.next_link or "")
            is_last = page.delta_link is not None
            if not is_last and path in links:
                return self._lost(DELTA_LOOPS)
            if page.value or is_last:
                break
        if is_last:
            links.clear()
        changes = await self._changes(
            page.value, with_items=place.kind == "d", is_changed=place.kind not in ("i", "o")
        )
        after = Place("c" if place.kind in ("i", "o") and is_last else place.kind, path)
        return ChangePage(changes=changes, cursor=after.text(), is_last=is_last)

    async def _list_since(self, folder: FolderId, place: Place, limit: int) -> ChangePage:
        """List whole messages, those that are wanted alone. What arrives meanwhile is found by the ids afterwards."""
        page = await self._read(place.path, self._size(folder, limit))
        self._grow(folder)
        following = self._client.path_of(page.next_link) if page.next_link else None
        after = (
            Place("s", following) if following and page.value else self._beginning_of_ids(folder)
        )
        changes = await self._changes(page.value, with_items=True, is_changed=True)
        return ChangePage(changes=changes, cursor=after.text(), is_last=False)

    async def _list(self, folder: FolderId, given: int, limit: int) -> ChangePage:
        """List a folder newest first, where there is no delta: the caller compares with what is known."""
        size = max(1, min(limit, MOST_CHANGES))
        path = (
            f"{self._client.user}/mailFolders/{folder}/messages?$select=id,receivedDateTime"
            f"&$orderby=receivedDateTime%20desc&$top={size}&$skip={given}"
        )
        page = await self._read(path, size)
        is_last = page.next_link is None
        after = Place("e") if is_last else Place("l", given=given + len(page.value))
        changes = await self._changes(page.value, with_items=False, is_changed=False)
        return ChangePage(changes=changes, cursor=after.text(), is_last=is_last)

    async def _read(self, path: str, size: int) -> _Page:
        prefer = f"{IMMUTABLE}, odata.maxpagesize={size}"
        return self._client.decoded(_page, await self._client.get(path, prefer=prefer))

    def _judge(self, folder: FolderId, place: Place, error: ExchangeError) -> CursorLost | Fault:
        """Say what a failed page means for its folder; what concerns the mailbox is raised."""
        fault = error.fault
        if fault.code in codes.LOST_CURSOR:
            return self._lost(fault.code)
        if fault.code in codes.NO_DELTA and place.kind in ("d", "i", "o", "c"):
            self._listed_only.add(folder)
            return self._lost(fault.code)
        if fault.code in codes.SERVER_FAILS and place.kind in ("d", "s", "o"):
            return self._ask_for_less(folder, fault)
        if fault.code in codes.GONE or fault.scope is Scope.FOLDER:
            return replace(self._client.fault("ErrorFolderNotFound"), request_id=fault.request_id)
        raise error

    def _grow(self, folder: FolderId) -> None:
        """Let pages be larger again after a good one: what made one fail may have been the server's hour."""
        if (size := self._limits.pop(folder, MOST_CHANGES)) * 2 < MOST_CHANGES:
            self._limits[folder] = size * 2

    def _ask_for_less(self, folder: FolderId, fault: Fault) -> CursorLost | Fault:
        """Let the next page be smaller; at last let the folder be read anew by the ids alone.

        One message that Graph cannot give makes its page fail, whatever its size (part C, row 13).
        """
        size = self._limits.get(folder, MOST_CHANGES)
        if size > 1:
            self._limits[folder] = max(1, size // 8)
            return replace(fault, scope=Scope.FOLDER)
        self._ids_alone.add(folder)
        self._limits.pop(folder, None)
        return self._lost("ResyncRequired")

    def _lost(self, code: str) -> CursorLost:
        words = codes.WORDS["ResyncRequired"]
        fault = self._client.fault("ResyncRequired" if code not in codes.WORDS else code)
        return CursorLost(fault=replace(fault, code=code, scope=words[0]))

    async def _changes(
        self, messages: Sequence[Message], *, with_items: bool, is_changed: bool
    ) -> tuple[Change, ...]:
        items: dict[str, Fetched] = {}
        if with_items:
            present = [message for message in messages if _is_whole(message)]
            items = {str(item.id): item for item in await self._items(present)}
        return tuple(
            _change(message, items.get(message.id), is_changed=is_changed) for message in messages
        )

    async def _items(self, messages: Sequence[Message]) -> list[Fetched]:
        """Make items of whole messages, with what is known of their attachments."""
        attached = await self._attachments(
            [one.id for one in messages if may_have_attachments(one)]
        )
        found: list[Fetched] = []
        for message in messages:
            known = attached.get(message.id, ())
            if isinstance(known, Fault):
                item = read_message(message, ())
                found.append(replace(item, incomplete=known) if isinstance(item, Item) else item)
            else:
                found.append(read_message(message, known))
        return found

    async def _attachments(self, ids: Sequence[str]) -> dict[str, tuple[Attachment, ...] | Fault]:
        """Ask what is attached to messages; a fault is that message's."""
        found: dict[str, tuple[Attachment, ...] | Fault] = {}
        query = f"attachments?$select={ATTACHMENTS}&$top=500"
        for id_, part in await self._batched(ids, [f"{self._at(id_)}/{query}" for id_ in ids]):
            listed = await self._listed(part)
            found[id_] = replace(listed, scope=Scope.ITEM) if isinstance(listed, Fault) else listed
        return found

    async def _listed(self, part: Part) -> tuple[Attachment, ...] | Fault:
        """Read a list of attachments, page by page where the server pages it."""
        page = self._read_part(_attachments, part)
        listed: list[Attachment] = []
        for _ in range(MOST_PAGES):
            if isinstance(page, Fault):
                return page
            listed += [read_attachment(one) for one in page.value]
            if not page.next_link or not page.value:
                break
            path = self._client.path_of(page.next_link)
            try:
                body = await self._client.get(path, prefer=IMMUTABLE)
            except ExchangeError as error:
                if error.fault.where is not Where.GRAPH or _is_beyond(error.fault):
                    raise
                return error.fault
            page = self._read_part(_attachments, Part(body, None))
        return tuple(listed)

    def _read_part(self, decoder: "msgspec.json.Decoder[Read]", part: Part) -> Read | Fault:
        """Read one part of a batch; one that makes no sense stops none of the others."""
        if part.fault is not None:
            return part.fault
        try:
            return self._client.decoded(decoder, part.body)
        except ExchangeError as error:
            return error.fault

    async def newest(
        self, folder: FolderId, *, since: datetime, limit: int
    ) -> tuple[ItemId, ...] | Fault:
        """Name the newest items; this is no delta, so it may be filtered."""
        path = (
            f"{self._client.user}/mailFolders/{folder}/messages?$select=id"
            f"&{_received(since)}&$top={limit}"
        )
        try:
            page = await self._read(path, limit)
        except ExchangeError as error:
            fault = error.fault
            if fault.code in codes.GONE or fault.code in codes.SERVER_FAILS:
                return replace(fault, scope=Scope.FOLDER)
            raise
        return tuple(ItemId(message.id) for message in page.value)[:limit]

    async def fetch(self, items: Sequence[ItemId]) -> AsyncGenerator[Sequence[Fetched], None]:
        """Read items, twenty a request."""
        for start in range(0, len(items), MOST_IN_BATCH):
            ids = items[start : start + MOST_IN_BATCH]
            told = await self._messages(ids, _query())
            good = [one for one in told.values() if isinstance(one, Message)]
            read = {item.id: item for item in await self._items(good)}
            yield [
                _failed(id_, one) if isinstance(one, Fault) else read[id_]
                for id_, one in ((id_, told[id_]) for id_ in ids)
            ]

    async def outlines(self, items: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """Read items without what is large, twenty a request."""
        told = await self._messages(items, _query(OUTLINE))
        found = [read_message(one, ()) for one in told.values() if isinstance(one, Message)]
        return {item.id: item for item in found if isinstance(item, Item)}

    async def locate(self, items: Sequence[ItemId]) -> Mapping[ItemId, FolderId | None]:
        """Ask for the folder of each item; what fails is left out."""
        places: dict[ItemId, FolderId | None] = {}
        for id_, one in (await self._messages(items, "$select=id,parentFolderId")).items():
            if isinstance(one, Fault):
                if one.code in codes.GONE:
                    places[id_] = None
            elif one.parent_folder_id:
                places[id_] = FolderId(one.parent_folder_id)
        return places

    async def _messages(self, ids: Sequence[ItemId], query: str) -> dict[ItemId, Message | Fault]:
        """Read messages, each by the id that was asked for: it may be called by another one in the answer."""
        told: dict[ItemId, Message | Fault] = {}
        paths = [f"{self._at(id_)}?{query}" for id_ in ids]
        for id_, part in await self._batched(ids, paths):
            one = self._read_part(_message, part)
            if isinstance(one, Message):
                known = msgspec.structs.replace(one, id=id_)
                one = known if one.id else self._client.not_understood().fault
            told[ItemId(id_)] = one
        return told

    async def attachment(self, item: ItemId, attachment: Attachment) -> AsyncGenerator[bytes, None]:
        """Read an attachment as it arrives; a message comes as MIME."""
        if attachment.kind is AttachmentKind.REFERENCE or attachment.id is None:
            message = f"An attachment in {self._client.mailbox} is only a link; it has no content."
            raise self._client.error(Code.NO_CONTENT, message, scope=Scope.ITEM)
        path = f"{self._at(item)}/attachments/{attachment.id}/$value"
        try:
            may_be_page = "html" in attachment.content_type
            async for piece in self._client.stream(path, prefer=IMMUTABLE, may_be_page=may_be_page):
                yield piece
        except ExchangeError as error:
            fault = error.fault
            if fault.where is Where.GRAPH and fault.code not in codes.BEYOND_ITEM:
                raise ExchangeError(replace(fault, scope=Scope.ITEM)) from error
            raise

    async def aclose(self) -> None:
        """Nothing is held between calls."""

    def _at(self, id_: str) -> str:
        return f"{self._client.user}/messages/{quote(id_, safe='=-_')}"

    async def _batched(self, ids: Sequence[str], paths: Sequence[str]) -> list[tuple[str, Part]]:
        """Ask for any number of paths. Raises ExchangeError for what concerns the mailbox as a whole."""
        parts = await self._client.ask(paths, prefer=IMMUTABLE)
        for part in parts:
            if part.fault is not None and _is_beyond(part.fault):
                raise ExchangeError(part.fault)
        return list(zip(ids, parts, strict=True))


def _query(select: str = SELECT) -> str:
    return f"$select={select}&$expand={quote(EXPAND, safe='$()=,')}"


def _received(since: datetime) -> str:
    at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"$filter=receivedDateTime%20ge%20{at}&$orderby=receivedDateTime%20desc"


def _is_whole(message: Message) -> bool:
    """Tell a whole message from what a delta says of one that changed: at least what did, perhaps no more.

    Such a one is fetched: what is missing is not empty (delta query for messages).
    """
    return (
        message.removed is None
        and message.received_date_time is not None
        and message.body is not None
    )


def _outline(message: Message) -> Item | None:
    """Read an outline; None where that was not asked for, or a delta does not say that much of a change."""
    said = (
        message.received_date_time,
        message.subject,
        message.is_read,
        message.has_attachments,
        message.to_recipients,
        message.extended,
    )
    if any(one is None for one in said):
        return None
    item = read_message(message, ())
    return item if isinstance(item, Item) else None


def _change(message: Message, item: Fetched | None, *, is_changed: bool) -> Change:
    """Read one change: Graph does not tell what is new from what changed."""
    if message.removed is not None:
        return Change(kind=ChangeKind.GONE, item_id=ItemId(message.id))
    return Change(
        kind=ChangeKind.PRESENT,
        item_id=ItemId(message.id),
        received_at=read_time(message.received_date_time),
        is_changed=is_changed,
        item=item if isinstance(item, Item) else None,
        outline=_outline(message) if message.body is None else None,
    )


def _failed(id_: ItemId, fault: Fault) -> Fetched:
    if fault.code in codes.GONE:
        return ItemGone(id=id_)
    return ItemFault(id=id_, fault=replace(fault, scope=Scope.ITEM))


def _is_beyond(fault: Fault) -> bool:
    """Tell what is said of one request of a batch and concerns the mailbox."""
    return (
        fault.code in codes.BUSY
        or fault.code in codes.TRANSIENT
        or (fault.code in codes.BEYOND_ITEM and fault.code not in codes.OF_ONE_ITEM)
    )
