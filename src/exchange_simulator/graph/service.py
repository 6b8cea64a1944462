"""Answers one request to Graph; a batch is some of them."""

import asyncio
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from multidict import CIMultiDict

from exchange_simulator import ids
from exchange_simulator.entra import identity_of
from exchange_simulator.exchange import Exchange, Failure, Request
from exchange_simulator.folder import Folder, Item
from exchange_simulator.graph import delta, resources, users
from exchange_simulator.graph.caller import Caller, segments
from exchange_simulator.graph.errors import GraphError, denied, no_property, not_found
from exchange_simulator.graph.filters import names_in
from exchange_simulator.graph.pages import collection, listed, single
from exchange_simulator.graph.query import Query
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.parts import Attached

JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
MOST_IN_BATCH = 20
MOST_IDS = 1_000
AUDIENCE = "graph"


class Answer(NamedTuple):
    """What goes back over HTTP."""

    status: int
    body: bytes
    headers: dict[str, str]
    failure: Failure | None = None
    """Something that the transport must do: another status, or a closed connection."""


class _Step(msgspec.Struct, rename="camel"):
    """One request of a batch."""

    id: str
    method: str
    url: str
    headers: dict[str, str] | None = None
    body: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    depends_on: list[str] | None = None


class _Batch(msgspec.Struct):
    requests: list[_Step]


class _Translated(msgspec.Struct, rename="camel"):
    """What is asked of translateExchangeIds."""

    input_ids: list[str] = msgspec.field(default_factory=list)
    target_id_type: str = ""


def answer(
    exchange: Exchange,
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    within: int = 1,
) -> Answer:
    """Answer one request. `url` is the whole one; `within` counts the requests of the same mailbox under way."""
    parts = urlsplit(url)
    version, _, rest = parts.path.lstrip("/").partition("/")
    query = Query.read(parts.query, headers.get("Prefer", ""))
    path = segments(rest)
    client_request_id = headers.get("client-request-id", "")
    caller: Caller | None = None
    operation, code = f"graph:{_name(method, path)}", "NoError"
    with exchange.lock:
        try:
            identity = identity_of(exchange, headers.get("Authorization", ""), audience=AUDIENCE)
            if identity is None:
                raise _no_token()
            caller = Caller(
                exchange=exchange,
                identity=identity,
                base=f"{parts.scheme}://{parts.netloc}/{version}",
                path=path,
                query=query,
                method=method,
                body=body,
                headers=headers,
                operation=operation,
            )
            failure = _planned(exchange, caller)
            if failure is not None:
                code = failure.code
                return Answer(failure.status or 500, b"", dict(failure.headers), failure)
            if within > exchange.graph_concurrency:
                raise _too_many_at_once()
            routed = _routed(caller)
            applied = {"Preference-Applied": query.applied} if query.applied else {}
            return routed._replace(headers=routed.headers | applied)
        except GraphError as error:
            code = error.code
            return Answer(
                error.status,
                error.body(client_request_id),
                {"Content-Type": JSON, **error.headers},
            )
        finally:
            about = caller.mailbox.address if caller and caller.mailbox else _user(path)
            who = caller.identity.app_id if caller else ""
            exchange.requests.append(Request(operation, who, about, code))


def _no_token() -> GraphError:
    challenge = (
        'Bearer realm="", '
        'authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    )
    return GraphError(401, "InvalidAuthenticationToken", headers={"WWW-Authenticate": challenge})


def _too_many_at_once() -> GraphError:
    return GraphError(429, "ApplicationThrottled", headers={"Retry-After": "1"})


def _planned(exchange: Exchange, caller: Caller) -> Failure | None:
    """Give what a test planned for the whole request: a status or a closed connection; an error is raised."""
    named = _user(caller.path)
    mailbox = exchange.find_mailbox(named) if named else None
    failure = exchange.take_failure(caller.operation, mailbox, whole=True)
    if failure is None:
        return None
    if failure.code in ("NoError", "ErrorServerBusy") or failure.disconnect:
        return failure
    raise GraphError(failure.status or 500, failure.code, headers=failure.headers)


def _user(path: tuple[str, ...]) -> str | None:
    return path[1] if len(path) > 1 and path[0] == "users" else None


def _name(method: str, path: tuple[str, ...]) -> str:
    """Call a request by the collections that it names: `messages/delta`, `messages/$value`, `$batch`."""
    if not path:
        return "?"
    words = [path[0]]
    if path[0] in ("users", "me"):
        rest = path[2:] if path[0] == "users" else path[1:]
        words = [path[0]] if not rest else [word for word in rest if word in _WORDS]
    if words[:2] == ["mailFolders", "messages"] or words[:2] == ["mailFolders", "childFolders"]:
        words = words[1:]
    name = "/".join(words) or path[0]
    if words and words[-1] in ("messages", "mailFolders") and path[-1] != words[-1]:
        name = name.rstrip("s")  # one of them
    return (
        name
        if method == "GET" or name in ("$batch", "translateExchangeIds")
        else f"{method} {name}"
    )


_WORDS = frozenset(
    [
        "mailFolders",
        "childFolders",
        "messages",
        "delta",
        "attachments",
        "$value",
        "$count",
        "translateExchangeIds",
    ]
)


def _routed(caller: Caller) -> Answer:
    if caller.path[1:][-1:] != ("$count",):
        return _answered(caller)
    caller.path, caller.counts = caller.path[:-1], True
    counted = _answered(caller)
    if not counted.body.isdigit():
        raise GraphError(400, "BadRequest", "Only a collection can be counted.")
    return counted._replace(headers={"Content-Type": "text/plain"})


def _answered(caller: Caller) -> Answer:
    if caller.path == ("$batch",) and caller.method == "POST":
        return _batch(caller)
    match caller.path:
        case ("users", name, *rest):
            return _of_mailbox(caller, name, rest)
        case ("me", *rest) if rest or caller.identity.user is None or caller.method != "GET":
            return _of_mailbox(caller, "me", rest)
        case _:
            return _json(_of_directory(caller, caller.path))


def _of_directory(caller: Caller, path: tuple[str, ...]) -> bytes:
    """Answer about what is in no mailbox."""
    match path:
        case ("users",):
            return _users(caller)
        case ("me",) if caller.identity.user is not None:
            return _me(caller, caller.identity.user)
        case ("subscriptions", *_):
            return _subscriptions(caller)
        case (directory, *_) if directory in DIRECTORY:
            raise GraphError(403, "Authorization_RequestDenied")
    raise GraphError(400, "BadRequest", f"Resource not found for the segment '{path[0]}'.")


def _of_mailbox(caller: Caller, name: str, rest: list[str]) -> Answer:
    mailbox = caller.open(name)
    if rest == ["translateExchangeIds"] and caller.method == "POST":
        return _json(_translated(caller, mailbox))
    if caller.method != "GET":
        raise denied()
    match rest:
        case ["mailFolders", _, "messageRules"] | ["outlook", "masterCategories"]:
            return _json(_settings(caller, mailbox, rest))
        case ["mailFolders", *more]:
            return _folders(caller, mailbox, None, more)
        case ["messages", *more]:
            return _messages(caller, mailbox, None, more)
    return _json(_settings(caller, mailbox, rest))


def _settings(caller: Caller, mailbox: Mailbox, rest: list[str]) -> bytes:
    """Answer about a mailbox but not its mail."""
    match rest:
        case []:
            return _user_shown(caller, users.User.of(mailbox))
        case ["mailboxSettings"]:
            return msgspec.json.encode(users.settings(caller, mailbox, None))
        case ["mailboxSettings", name]:
            return msgspec.json.encode(users.settings(caller, mailbox, name))
        case [*_, "messageRules" | "masterCategories"]:
            users.may_see_settings(caller)
            return listed(caller, f"users('{mailbox.address}')/{'/'.join(rest)}", [])
        case [other, *_] if other in OTHER_SERVICES:
            raise denied()
    raise GraphError(400, "BadRequest", f"Resource not found for the segment '{rest[0]}'.")


def _json(body: bytes) -> Answer:
    return Answer(200, body, {"Content-Type": JSON})


DIRECTORY = frozenset(
    [
        "applications",
        "contacts",
        "devices",
        "directoryRoles",
        "domains",
        "groups",
        "organization",
        "servicePrincipals",
        "subscribedSkus",
    ]
)
"""Collections of the directory, of which the right to read mail shows nothing."""
OTHER_SERVICES = frozenset(
    [
        "calendar",
        "calendars",
        "calendarGroups",
        "calendarView",
        "contactFolders",
        "contacts",
        "drive",
        "drives",
        "events",
        "findMeetingTimes",
        "inferenceClassification",
        "memberOf",
        "onenote",
        "outlook",
        "people",
        "photo",
        "planner",
        "sendMail",
        "todo",
    ]
)
"""What a user has besides mail, which the right to read mail does not show either."""


def _users(caller: Caller) -> bytes:
    """List those of whom the directory says that they are users."""
    users.check_query(caller)
    kinds = ("user", "shared", "on-premises")
    rows = [users.User.of(one) for one in caller.exchange.mailboxes if one.kind in kinds]

    def write(user: users.User) -> bytes:
        return msgspec.json.encode(users.shown(user, caller.query.select))

    return collection(
        caller,
        "users",
        rows,
        write,
        get=users.of_user,
        listing=users.LISTING,
        search=users.read_search,
    )


def _me(caller: Caller, name: str) -> bytes:
    """Tell of the one who signed in, with or without a mailbox."""
    mailbox = caller.exchange.find_mailbox(name)
    if mailbox is not None:
        caller.mailbox = mailbox
        return _user_shown(caller, users.User.of(mailbox))
    guid = str(uuid.uuid5(uuid.NAMESPACE_DNS, name.lower()))
    return _user_shown(caller, users.User(guid, name.partition("@")[0], name))


def _user_shown(caller: Caller, user: users.User) -> bytes:
    return single(caller, "users", msgspec.json.encode(users.shown(user, caller.query.select)))


def _subscriptions(caller: Caller) -> bytes:
    """List none, and begin none: nobody is told anything here."""
    if caller.method == "GET" and caller.path == ("subscriptions",):
        return listed(caller, "subscriptions", [])
    message = "Subscription validation request failed. Notifications are not simulated."
    raise GraphError(400, "ValidationError", message)


def _folders(caller: Caller, mailbox: Mailbox, above: Folder | None, rest: list[str]) -> Answer:
    """Answer about the folders below one (None: the top)."""
    match rest:
        case []:
            top = above or mailbox.well_known("msgfolderroot")
            hidden = (caller.query.get("includehiddenfolders") or "").lower() == "true"
            found = [
                child
                for child in (top.children if top else ())
                if resources.is_mail(child) or (hidden and child.is_hidden)
            ]
            context = f"users('{mailbox.address}')/mailFolders"

            def write(folder: Folder) -> bytes:
                return _folder(caller, mailbox, folder)

            def get(folder: Folder, name: str) -> Any:
                return resources.of_folder(mailbox, folder, name)

            return _json(collection(caller, context, found, write, get=get))
        case ["delta"]:
            return _json(delta.of_folders(caller, mailbox))
        case [name, *more]:
            folder = caller.folder(mailbox, name)
            match more:
                case []:
                    context = f"users('{mailbox.address}')/mailFolders"
                    return _json(single(caller, context, _folder(caller, mailbox, folder)))
                case ["childFolders", *deeper]:
                    return _folders(caller, mailbox, folder, deeper)
                case ["messages", *deeper]:
                    return _messages(caller, mailbox, folder, deeper)
    raise GraphError(400, "BadRequest", f"Resource not found for the segment '{rest[-1]}'.")


def _folder(caller: Caller, mailbox: Mailbox, folder: Folder) -> bytes:
    return resources.folder(mailbox, folder, caller.query)


def _messages(caller: Caller, mailbox: Mailbox, folder: Folder | None, rest: list[str]) -> Answer:
    """Answer about the messages of a folder (None: of the mailbox)."""
    match rest:
        case []:
            return _json(_listed(caller, mailbox, folder))
        case ["delta"] if folder is not None:
            return _json(delta.of_messages(caller, mailbox, folder))
        case [name, *more]:
            item = caller.message(mailbox, name)
            if folder is not None and item.folder is not folder:
                raise not_found()
            caller.exchange.planned_graph_failure(caller.operation, mailbox, item.number)
            return _message(caller, mailbox, item, more)
    raise GraphError(400, "BadRequest", f"Resource not found for the segment '{rest[-1]}'.")


def _listed(caller: Caller, mailbox: Mailbox, folder: Folder | None) -> bytes:
    top = mailbox.well_known("msgfolderroot")
    folders = [folder] if folder else list(top.subfolders() if top else ())
    items = [item for one in folders for item in one.normal_items()]
    items.sort(key=lambda item: (item.received_at, item.number), reverse=True)

    def write(item: Item) -> bytes:
        extra = delta.extra_of(caller, mailbox, item)
        return resources.message(mailbox, item, caller.query, extra=extra)

    def get(item: Item, name: str) -> Any:
        return _of_message(mailbox, item, name)

    _check_order(caller)

    return collection(caller, f"users('{mailbox.address}')/messages", items, write, get=get)


def _check_order(caller: Caller) -> None:
    """See that what is sorted by is filtered by, in this order and before all else (list messages). Raises GraphError."""
    filtered, order = caller.query.get("filter"), caller.query.get("orderby")
    if not (filtered and order):
        return
    wanted = [part.strip().partition(" ")[0] for part in order.split(",")]
    if names_in(filtered)[: len(wanted)] != wanted:
        raise GraphError(400, "InefficientFilter")


def _of_message(mailbox: Mailbox, item: Item, name: str) -> Any:
    """Read a property that a filter or an order names."""
    quick: dict[str, Any] = {
        "receivedDateTime": resources.moment(item.received_at),
        "lastModifiedDateTime": resources.moment(item.modified_at),
        "createdDateTime": resources.moment(item.created_at),
        "isRead": item.is_read,
        "isDraft": item.is_draft,
    }
    if name in quick:
        return quick[name]
    property_, *more = name.split("/")
    if property_ == "singleValueExtendedProperties":
        return resources.all_extended(mailbox, item)
    if property_ not in resources.SELECTABLE:
        raise no_property(property_)
    raw = resources.made_of(mailbox, item).get(property_)
    value = msgspec.json.decode(raw) if raw is not None else None
    for step in more:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _message(caller: Caller, mailbox: Mailbox, item: Item, rest: list[str]) -> Answer:
    match rest:
        case []:
            extra = delta.extra_of(caller, mailbox, item)
            written = resources.message(mailbox, item, caller.query, extra=extra)
            return _json(single(caller, f"users('{mailbox.address}')/messages", written))
        case ["$value"]:
            return Answer(200, mailbox.mime(item), {"Content-Type": "text/plain"})
        case ["attachments", *more]:
            return _attachments(caller, mailbox, item, more)
    raise GraphError(400, "BadRequest", f"Resource not found for the segment '{rest[-1]}'.")


def _attachments(caller: Caller, mailbox: Mailbox, item: Item, rest: list[str]) -> Answer:
    """Answer about what is attached to a message."""
    context = f"users('{mailbox.address}')/messages/attachments"
    expand = caller.query.get("expand") or ""

    def show(place: int, one: Attached, select: tuple[str, ...] | None) -> bytes:
        return resources.attachment(mailbox, item, (place,), one, select=select, expand=expand)

    def write(row: tuple[int, Attached]) -> bytes:
        return show(*row, caller.query.select)

    def get(row: tuple[int, Attached], name: str) -> Any:
        return msgspec.json.decode(show(*row, (name,))).get(name)

    if not rest:
        attached = list(enumerate(mailbox.content(item).attachments))
        return _json(collection(caller, context, attached, write, get=get))
    place, one = caller.attachment(mailbox, item, rest[0])
    mailbox.given["content"] += 1
    match rest[1:]:
        case ["$value"]:
            kind = "text/plain" if one.is_item else one.content_type
            if not (kind.isascii() and kind.isprintable()):
                kind = "application/octet-stream"
            return Answer(200, mailbox.data(one.data), {"Content-Type": kind})
        case []:
            return _json(single(caller, context, write((place, one))))
    raise GraphError(400, "BadRequest", f"Resource not found for the segment '{rest[-1]}'.")


def _translated(caller: Caller, mailbox: Mailbox) -> bytes:
    """Translate ids between their kinds (translateExchangeIds)."""
    try:
        asked = msgspec.json.decode(caller.body or b"{}", type=_Translated)
    except msgspec.MsgspecError as error:
        raise GraphError(400, "BadRequest", "The ids cannot be read.") from error
    wanted = asked.input_ids
    if len(wanted) > MOST_IDS:
        raise GraphError(400, "BadRequest", f"At most {MOST_IDS} ids at a time.")
    target_type = asked.target_id_type.lower()
    rows = []
    for text in wanted:
        try:
            item = caller.message(mailbox, ids.rest(text))
        except GraphError:
            continue
        target = resources.message_id(mailbox, item, is_immutable="immutable" in target_type)
        if target_type == "ewsid":
            target = ids.of_rest(target)
        rows.append({"sourceId": text, "targetId": target})
    return msgspec.json.encode({"value": rows})


def _batch(caller: Caller) -> Answer:
    """Answer up to 20 requests; each for itself, so that one may be throttled and the others not."""
    try:
        asked = msgspec.json.decode(caller.body, type=_Batch).requests
    except msgspec.MsgspecError as error:
        raise GraphError(400, "BadRequest", "Invalid batch payload format.") from error
    if len(asked) > MOST_IN_BATCH:
        message = f"Number of batch request steps exceeds the maximum value of {MOST_IN_BATCH}."
        raise GraphError(400, "MaximumValueExceeded", message)
    authorization = caller.headers.get("Authorization", "")
    failed: set[str] = set()
    answers: list[dict[str, Any]] = []
    for one in asked:
        if failed.intersection(one.depends_on or ()):
            failed.add(one.id)
            answers.append({"id": one.id, "status": 424, "headers": {}, "body": {}})
            continue
        found = answer(
            caller.exchange,
            method=one.method.upper(),
            url=caller.base + "/" + one.url.lstrip("/"),
            headers=CIMultiDict({"Authorization": authorization} | (one.headers or {})),
            body=bytes(one.body),
        )
        if found.status >= HTTPStatus.BAD_REQUEST:
            failed.add(one.id)
        answers.append(
            {
                "id": one.id,
                "status": found.status,
                "headers": found.headers,
                "body": _body_of(found),
            }
        )
    return _json(msgspec.json.encode({"responses": answers}))


def _body_of(found: Answer) -> Any:
    """Put an answer into another: JSON as it is, all else as base64 (JSON batching)."""
    if "json" in found.headers.get("Content-Type", ""):
        return msgspec.Raw(found.body)
    return found.body


async def pause(exchange: Exchange) -> None:
    """Let the answer take its time."""
    if exchange.latency:
        await asyncio.sleep(exchange.latency)
