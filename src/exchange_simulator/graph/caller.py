"""One request to Graph: who asks, what for, and which user, folder, message or attachment is meant."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from exchange_simulator import ids
from exchange_simulator.entra import Identity
from exchange_simulator.exchange import Exchange
from exchange_simulator.folder import Folder, Item
from exchange_simulator.graph.errors import GraphError, malformed, not_found
from exchange_simulator.graph.query import Query
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.parts import Attached

_CALL = re.compile(r"([\w.]+)\((?:'((?:[^']|'')*)')?\)")
DELTAS = ("microsoft.graph.delta", "delta()", "microsoft.graph.delta()")
WELL_KNOWN = frozenset(
    [
        "archive",
        "clutter",
        "conflicts",
        "conversationhistory",
        "deleteditems",
        "drafts",
        "inbox",
        "junkemail",
        "localfailures",
        "msgfolderroot",
        "outbox",
        "recoverableitemsdeletions",
        "scheduled",
        "searchfolders",
        "sentitems",
        "serverfailures",
        "syncissues",
    ]
)
"""Names by which a folder can be asked for, whether or not a mailbox has it (resource type mailFolder)."""


@dataclass
class Caller:
    """Who asks for what."""

    exchange: Exchange
    identity: Identity
    base: str
    """The URL of the version that was asked, `https://…/v1.0`."""
    path: tuple[str, ...]
    """The segments after it, decoded; `messages('x')` is two, and a function lost its brackets."""
    query: Query
    method: str = "GET"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    operation: str = "graph:?"
    """How the request is called in `Exchange.requests` and in `Exchange.fail`."""
    mailbox: Mailbox | None = None
    """The mailbox that it turned out to be about."""
    counts: bool = False
    """Whether not a collection is asked for but how much is in it."""

    @property
    def url(self) -> str:
        """The URL that was asked, without its query."""
        return f"{self.base}/{'/'.join(self.path)}"

    def open(self, name: str) -> Mailbox:
        """Find the mailbox of a user, if the caller may read it. Raises GraphError."""
        if name == "me":
            if self.identity.user is None:
                raise GraphError(
                    400,
                    "BadRequest",
                    "/me request is only valid with delegated authentication flow.",
                )
            name = self.identity.user
        mailbox = self.exchange.find_mailbox(name) or self.exchange.mailbox_by_guid(name.lower())
        if mailbox is None and name == self.identity.user:
            raise GraphError(404, "MailboxNotEnabledForRESTAPI")
        if mailbox is None:
            raise GraphError(404, "ErrorInvalidUser", f"The requested user '{name}' is invalid.")
        self.mailbox = mailbox
        if mailbox.kind in ("group", "on-premises"):
            raise GraphError(404, "MailboxNotEnabledForRESTAPI")
        if not self._may_read(mailbox):
            raise GraphError(403, "ErrorAccessDenied")
        return mailbox

    def _may_read(self, mailbox: Mailbox) -> bool:
        if not self.identity.roles & {"Mail.Read", "Mail.ReadWrite", "Mail.ReadBasic.All"}:
            return False
        if self.identity.user is not None:
            return mailbox.may_read(self.identity.user)
        only = self.exchange.applications[self.identity.app_id].only
        return only is None or mailbox.address.lower() in only

    def folder(self, mailbox: Mailbox, name: str) -> Folder:
        """Find a folder by its id or well-known name. Raises GraphError."""
        found = mailbox.well_known(name.lower())
        if found is None and name.lower() in WELL_KNOWN:
            raise GraphError(404, "ErrorFolderNotFound")
        if found is None:
            try:
                named = ids.read("folder", ids.of_rest(name))
            except ids.BadIdError as error:
                raise malformed() from error
            found = mailbox.folders.get(named.number) if named.guid == mailbox.guid else None
        if found is None:
            raise not_found()
        return found

    def message(self, mailbox: Mailbox, name: str) -> Item:
        """Find a message by either kind of id. Raises GraphError."""
        kinds: tuple[ids.Kind, ...] = ("item", "immutable")
        for kind in kinds:
            try:
                named = ids.read(kind, ids.of_rest(name))
            except ids.BadIdError:
                continue
            found = (
                mailbox.item(named.number)
                if kind == "item"
                else mailbox.item_by_serial(named.number)
            )
            if named.guid != mailbox.guid or found is None:
                raise not_found()
            return found
        raise malformed()

    def attachment(self, mailbox: Mailbox, item: Item, name: str) -> tuple[int, Attached]:
        """Find an attachment of a message, and its place. Raises GraphError."""
        try:
            named = ids.read("attachment", ids.of_rest(name))
        except ids.BadIdError as error:
            raise malformed() from error
        attached = mailbox.content(item).attachments
        place, *deeper = named.places
        if named.number != item.serial or place >= len(attached) or deeper:
            raise not_found()
        return place, attached[place]


def segments(path: str) -> tuple[str, ...]:
    """Split a path; keys in brackets and functions become segments of their own."""
    found: list[str] = []
    for piece in path.strip("/").split("/"):
        text = unquote(piece)
        if text in DELTAS:
            found.append("delta")
        elif (call := _CALL.fullmatch(text)) is not None:
            found.append(call[1])
            if call[2] is not None:
                found.append(call[2].replace("''", "'"))
        else:
            found.append(text)
    return tuple(found)
