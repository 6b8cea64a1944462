"""Delta queries: of the folders of a mailbox, and of the messages of a folder.

The place is in the link: `$skiptoken` within a round, `$deltatoken` after it. So are the options of the first request. An item
that left a folder and came back under the same (immutable) id between two rounds is only told to have left
(an open question of Microsoft's own documentation): `Exchange.graph_tells_returns` makes it tell both.
"""

import re
from collections.abc import Iterable
from functools import partial

import msgspec

from exchange_simulator import changes, ids
from exchange_simulator.changes import Changes, State
from exchange_simulator.folder import Folder, Gone, Item
from exchange_simulator.graph import resources
from exchange_simulator.graph.caller import Caller
from exchange_simulator.graph.errors import GraphError, no_property
from exchange_simulator.graph.filters import read_filter
from exchange_simulator.graph.pages import listed, options
from exchange_simulator.graph.query import DEFAULT_PAGE, Query
from exchange_simulator.mailbox import Mailbox

PROPERTY = re.compile(r"id eq '((?:String|Integer|Long|Boolean|SystemTime) 0x[0-9a-fA-F]+)'")
EXPANDED = re.compile(r"\w+")
EXPANDABLE = frozenset(
    ("attachments", "extensions", "multiValueExtendedProperties", "singleValueExtendedProperties")
)
"""What of a message may be expanded (resource type message, relationships)."""
MOST_FILTERED = 5_000
"""Messages that a delta with a filter gives at most (delta query for messages)."""


def of_messages(caller: Caller, mailbox: Mailbox, folder: Folder) -> bytes:
    """Answer a page of the changes of a folder."""
    exchange, query = caller.exchange, caller.query
    if exchange.graph_has_no_delta:
        raise GraphError(400, "ErrorInvalidIdMalformed")
    if mailbox.is_over_quota:
        raise GraphError(403, "ErrorQuotaExceeded")
    for name in ("search", "skip"):
        if query.get(name) is not None:
            raise GraphError(400, "UnsupportedQueryOption", f"${name} is not supported by delta.")
    scope = f"graph {mailbox.guid} {folder.number}"
    since = _since(caller, scope, mailbox)
    given = query.number("given") or 0
    limit = query.max_page_size or DEFAULT_PAGE
    if (top := query.number("top")) is not None:
        limit = min(limit, top - given)
    if query.get("filter"):
        limit = min(limit, MOST_FILTERED - given)
    page = (
        mailbox.changes(folder, since, limit=limit)
        if limit > 0
        else Changes([], State(mailbox.change, None), is_last=True)
    )
    if exchange.take_quirk("empty page"):
        return _page(caller, [], scope, since, is_last=False, given=given, is_other=True)
    values = _written(caller, mailbox, folder, since, page)
    if exchange.take_quirk("repeated link"):
        return _page(caller, values, scope, since, is_last=False, given=given)
    if values and exchange.take_quirk("twice"):
        values.append(values[0])
    given += len(page.changes)
    return _page(caller, values, scope, page.state, is_last=page.is_last, given=given)


def _since(caller: Caller, scope: str, mailbox: Mailbox) -> State:
    """Read the place in the link; a first request begins a first load, with all that is there now."""
    token = caller.query.get("skiptoken") or caller.query.get("deltatoken")
    if token is None:
        return State(mailbox.change, changes.NEWEST)
    if caller.exchange.graph_forgets_before > 0:
        caller.exchange.graph_forgets_before -= 1
        raise GraphError(410, "SyncStateNotFound")
    try:
        change, below = ids.read_sync_state(scope, ids.of_rest(token))
    except ids.BadIdError as error:
        raise GraphError(410, "SyncStateInvalid") from error
    return State(change, below)


def _written(
    caller: Caller, mailbox: Mailbox, folder: Folder, since: State, page: Changes
) -> list[bytes]:
    """Write the changes: what was read or unread is told like any other change."""
    query = caller.query
    test = read_filter(query.get("filter") or "") if query.get("filter") else None
    only = (query.get("changetype") or "").lower()
    left = {what.serial for _, what in page.changes if isinstance(what, Gone)}
    if not caller.exchange.graph_tells_returns:
        left |= _left_since(folder, since)
    written: list[bytes] = []
    for kind, what in page.changes:
        if isinstance(what, Gone):
            if only in ("", "deleted"):
                written.append(_gone(mailbox, what.serial, what.number, query))
            continue
        if only and only != ("created" if kind == "Create" else "updated"):
            continue
        is_forgotten = caller.exchange.graph_forgets_new_returns and query.get("deltatoken")
        if kind == "Create" and is_forgotten and _was_here(folder, what):
            written.append(_gone(mailbox, what.serial, what.number, query))
            continue
        is_return = kind == "Create" and what.serial in left and query.is_immutable
        # Within a round the one who asks may not have been told that it was there at all.
        if is_return and not (caller.exchange.graph_tells_returns or query.get("skiptoken")):
            continue
        if test is not None and not test(partial(_received_alone, what)):
            continue
        if query.select is None or "body" in query.select:  # what is wrong is within
            caller.exchange.planned_graph_failure(caller.operation, mailbox, what.number)
        written.append(
            resources.message(mailbox, what, query, extra=extra_of(caller, mailbox, what))
        )
    return written


def _was_here(folder: Folder, item: Item) -> bool:
    """Tell an item that came back to the folder."""
    return any(isinstance(what, Gone) and what.serial == item.serial for _, what in folder.log)


def _received_alone(item: Item, name: str) -> str | None:
    """Read the one property that a delta can be filtered by."""
    return resources.moment(item.received_at) if name == "receivedDateTime" else None


def _left_since(folder: Folder, since: State) -> set[int]:
    """Name what left the folder since a finished round."""
    if since.below is not None:
        return set()
    return {
        what.serial
        for change, what in folder.log
        if isinstance(what, Gone) and change > since.change and what.created_change <= since.change
    }


def _gone(mailbox: Mailbox, serial: int, number: int, query: Query) -> bytes:
    """Say that an item left, by the id that the client prefers."""
    named = (
        ids.immutable_id(mailbox.guid, serial)
        if query.is_immutable
        else ids.item_id(mailbox.guid, number)
    )
    return msgspec.json.encode({"@removed": {"reason": "deleted"}, "id": ids.rest(named)})


def _page(
    caller: Caller,
    values: list[bytes],
    scope: str,
    state: State,
    *,
    is_last: bool,
    given: int,
    is_other: bool = False,
) -> bytes:
    """Write a page; `is_other` gives its link another token than the one that led here."""
    kept = {
        name: value
        for name, value in caller.query.options.items()
        if name not in ("skiptoken", "deltatoken", "given")
    }
    before = caller.query.get("skiptoken") or caller.query.get("deltatoken") or ""
    padding = len(before) + 1 if is_other else 0
    token = ids.rest(ids.sync_state(scope, state.change, state.below, padding=padding))
    context = f"Collection({'mailFolder' if scope.startswith('folders') else 'message'})"
    if is_last:
        link = f"{caller.url}?{options(kept | {'deltatoken': token})}"
        return listed(caller, context, values, delta_link=link)
    if "filter" in kept or "top" in kept:
        kept["given"] = str(given)
    link = f"{caller.url}?{options(kept | {'skiptoken': token})}"
    return listed(caller, context, values, next_link=link)


def extra_of(caller: Caller, mailbox: Mailbox, item: Item) -> bytes:
    """Write what `$expand` asks for besides a message's own properties."""
    expand = caller.query.get("expand") or ""
    extra = b""
    first = EXPANDED.match(expand)
    if first is not None and first[0] not in EXPANDABLE:
        raise no_property(first[0])
    if "attachments" in expand.lower():
        extra += b',"attachments":[' + b",".join(attachments(mailbox, item, expand)) + b"]"
    if "singlevalueextendedproperties" in expand.lower():
        extra += extended(mailbox, item, expand)
    return extra


def attachments(mailbox: Mailbox, item: Item, expand: str = "") -> Iterable[bytes]:
    """Write the attachments of a message, with their contents unless something else is selected."""
    select = resources.selected_in(expand, "attachments")
    for place, attached in enumerate(mailbox.content(item).attachments):
        yield resources.attachment(mailbox, item, (place,), attached, select=select, expand=expand)


def extended(mailbox: Mailbox, item: Item, expand: str) -> bytes:
    """Write the extended properties that are asked for by `id eq '<type> 0x…'` and that we have."""
    found: list[dict[str, str]] = []
    for name in PROPERTY.findall(expand):
        kind, _, tag = name.partition(" ")
        value = resources.extended(mailbox, item, tag[2:].upper().rjust(4, "0"))
        if value is not None:
            found.append({"id": f"{kind} 0x{tag[2:].lower().lstrip('0')}", "value": value})
    if not found:
        return b""
    return b',"singleValueExtendedProperties":' + msgspec.json.encode(found)


def of_folders(caller: Caller, mailbox: Mailbox) -> bytes:
    """Answer with the folders that are new, renamed, moved, gone, or hold another number of messages."""
    if caller.exchange.graph_has_no_delta:
        raise GraphError(400, "ErrorInvalidIdMalformed")
    scope = f"folders {mailbox.guid}"
    token = caller.query.get("deltatoken") or caller.query.get("skiptoken")
    since = 0
    if token is not None:
        try:
            since, _ = ids.read_sync_state(scope, ids.of_rest(token))
        except ids.BadIdError as error:
            raise GraphError(410, "SyncStateNotFound") from error
    top = mailbox.well_known("msgfolderroot")
    values = [
        resources.folder(mailbox, found, caller.query)
        for found in (top.subfolders() if top else ())
        if resources.is_mail(found) and max(found.change, last_change(found)) > since
    ]
    values += [
        msgspec.json.encode(
            {
                "@removed": {"reason": "deleted"},
                "id": ids.rest(ids.folder_id(mailbox.guid, number)),
            }
        )
        for change, number, created in mailbox.gone_folders
        if change > since >= created
    ]
    return _page(caller, values, scope, State(mailbox.change, None), is_last=True, given=0)


def last_change(folder: Folder) -> int:
    """Give the number of the last change of a folder's contents."""
    return folder.log[-1][0] if folder.log else 0
