"""Steers a running simulator from outside: `POST /control/<verb>` with a JSON object, answered with a JSON object.

Each public method of `Control` is a verb and its parameters are the keys:

    POST /control/deliver   {"mailbox": "orders@example.com", "mime": "<base64>", "folder": "Inbox/New"}
        -> {"message": 17}
    POST /control/move      {"message": 17, "to": "Inbox/Done"}
        -> {}
    POST /control/throttle  {"times": 2, "back_off": 0.5}
        -> {}

Only programs on the machine itself are answered (403 for others, and for web pages in its browsers), unless the server
was given a token: then whoever sends `Authorization: Bearer <token>`, and nobody else. 404: no such verb, message or
folder. 400: wrong keys or values. 415: the request does not say `Content-Type: application/json`, which a browser lets no
foreign page send unasked.
"""

import hmac
import inspect
import ipaddress
import typing
from collections.abc import Callable
from datetime import datetime

import msgspec
from aiohttp import web

from exchange_simulator.exchange import Exchange
from exchange_simulator.mailbox import FolderError, Mailbox, Message
from exchange_simulator.versions import Version

PATH = "/control/"


class Described(msgspec.Struct):
    """A message as it is listed."""

    message: int
    folder: str | None
    subject: str | None
    message_id: str | None
    item_id: str


class Control:
    """What can be done from outside. Messages are referred to by the number that `deliver` or `messages` gave."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._messages: list[Message] = []
        self._numbers: dict[int, int] = {}

    def account(self, *, name: str, password: str) -> None:
        """Let someone sign in."""
        self._exchange.account(name, password=password)

    def mailbox(self, *, address: str, name: str | None = None) -> None:
        """Make a mailbox where missing."""
        self._exchange.mailbox(address, name=name)

    def mailbox_version(self, *, mailbox: str, version: Version | None = None) -> None:
        """Let a mailbox lie on an older server, or on the one that is asked."""
        self._mailbox(mailbox).version = version

    def mailboxes(self) -> dict[str, list[str]]:
        """List the mailboxes with their folders."""
        return {
            mailbox.address: sorted(f.path for f in mailbox.folders.values() if f.path)
            for mailbox in self._exchange.mailboxes
        }

    def grant(
        self, *, account: str, mailbox: str, folder: str | None = None, subfolders: bool = False
    ) -> None:
        """Let an account read a mailbox or a folder of it."""
        self._exchange.grant(account, mailbox=mailbox, folder=folder, subfolders=subfolders)

    def revoke(self, *, account: str, mailbox: str) -> None:
        """Take all rights on a mailbox from an account."""
        self._exchange.revoke(account, mailbox=mailbox)

    def allow_impersonation(self, *, account: str, of: list[str] | None = None) -> None:
        """Let an account act as the owners of these mailboxes, or of all."""
        self._exchange.allow_impersonation(account, of=of)

    def application(
        self,
        *,
        app_id: str,
        tenant: str = "contoso.example",
        secret: str = "app-secret",  # noqa: S107
        roles: list[str] | None = None,
        only: list[str] | None = None,
    ) -> None:
        """Register an application in Entra ID."""
        named = ["Mail.Read", "full_access_as_app"] if roles is None else roles
        self._exchange.application(app_id, tenant=tenant, secret=secret, roles=named, only=only)

    def sign_in(
        self,
        *,
        offers: list[str] | None = None,
        locks_after: int | None = None,
        allowed_apps: list[str] | None = None,
    ) -> None:
        """Set how one may sign in to EWS, wrong passwords that lock an account, and EWSAllowedAppIDs."""
        if offers is not None:
            self._exchange.offers = tuple(offers)
        self._exchange.locks_after = locks_after
        self._exchange.ews_allowed_apps = None if allowed_apps is None else frozenset(allowed_apps)

    def deliver(
        self,
        *,
        mailbox: str,
        mime: bytes,
        folder: str = "Inbox",
        at: datetime | None = None,
        is_read: bool = False,
    ) -> dict[str, int]:
        """Deliver raw mail (base64)."""
        found = self._mailbox(mailbox).deliver(mime, folder, at=at, is_read=is_read)
        return {"message": self._number(found)}

    def messages(self, *, mailbox: str, folder: str | None = None) -> dict[str, list[Described]]:
        """List the messages of a mailbox, oldest first."""
        found = self._mailbox(mailbox).messages(folder)
        return {
            "messages": [
                Described(
                    message=self._number(message),
                    folder=message.folder,
                    subject=message.subject,
                    message_id=message.message_id,
                    item_id=message.id,
                )
                for message in found
            ]
        }

    def move(self, *, message: int, to: str) -> None:
        """Move a message to a folder."""
        self._message(message).move(to)

    def copy(self, *, message: int, to: str) -> dict[str, int]:
        """Copy a message to a folder."""
        return {"message": self._number(self._message(message).copy(to))}

    def delete(self, *, message: int) -> None:
        """Remove a message for good."""
        self._message(message).delete()

    def edit(self, *, message: int, subject: str | None = None, body: str | None = None) -> None:
        """Change subject or body of a message."""
        self._message(message).edit(subject=subject, body=body)

    def mark_read(self, *, message: int, read: bool = True) -> None:
        """Mark a message as read or unread."""
        self._message(message).mark_read(read=read)

    def make_folder(
        self,
        *,
        mailbox: str,
        path: str,
        kind: str = "mail",
        is_hidden: bool = False,
        finds: str = "all",
    ) -> None:
        """Make a folder."""
        self._mailbox(mailbox).make_folder(path, kind=kind, is_hidden=is_hidden, finds=finds)

    def make_public_folder(self, *, path: str, kind: str = "mail") -> None:
        """Make a public folder; its mailbox is called "public folders" here."""
        self._exchange.public_folders.make_folder(path, kind=kind)

    def enable_archive(self, *, mailbox: str) -> None:
        """Give a mailbox an archive, which is called "archive of <address>" here."""
        self._mailbox(mailbox).enable_archive()

    def rename_folder(self, *, mailbox: str, path: str, name: str) -> None:
        """Rename a folder."""
        self._mailbox(mailbox).rename_folder(path, name)

    def delete_folder(self, *, mailbox: str, path: str) -> None:
        """Delete a folder with all that is in it."""
        self._mailbox(mailbox).delete_folder(path)

    def throttle(
        self, *, times: int = 1, back_off: float | None = 0.1, mailbox: str | None = None
    ) -> None:
        """Answer the next requests with ErrorServerBusy."""
        self._exchange.throttle(times=times, back_off=back_off, mailbox=mailbox)

    def fail(
        self,
        *,
        operation: str | None = None,
        code: str = "ErrorInternalServerError",
        times: int | None = 1,
        mailbox: str | None = None,
        message: int | None = None,
        when_asked: str | None = None,
        inner: str | None = None,
        as_fault: bool = False,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: str = "",
        disconnect: bool = False,
    ) -> None:
        """Let something go wrong, as `Exchange.fail` does."""
        self._exchange.fail(
            operation,
            code,
            times=times,
            mailbox=mailbox,
            message=None if message is None else self._message(message),
            when_asked=when_asked,
            inner=inner,
            as_fault=as_fault,
            status=status,
            headers=headers,
            body=body,
            disconnect=disconnect,
        )

    def end_streams(self, *, code: str = "") -> None:
        """End all streaming connections, with an error or by cutting them."""
        self._exchange.subscriptions.end_streams(code)

    def forget_subscriptions(self) -> None:
        """Forget all subscriptions, as a server does that is started anew."""
        self._exchange.subscriptions.clear()

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._exchange.heal()

    def requests(self, *, clear: bool = False) -> dict[str, dict[str, int]]:
        """Count the requests since the last clearing, by operation."""
        counted = self._exchange.requests.by_operation()
        if clear:
            self._exchange.requests.clear()
        return {"requests": counted}

    def _mailbox(self, address: str) -> Mailbox:
        exchange, archive_of = self._exchange, address.removeprefix("archive of ")
        found = exchange.find_mailbox(archive_of)
        if found is not None and archive_of != address:
            found = found.archive
        if found is None and address == "public folders" and exchange.has_public_folders:
            found = exchange.public_folders
        if found is None:
            raise FolderError(f"there is no mailbox {address}")
        return found

    def _number(self, message: Message) -> int:
        number = self._numbers.setdefault(id(message.item), len(self._messages))
        if number == len(self._messages):
            self._messages.append(message)
        return number

    def _message(self, number: int) -> Message:
        if not 0 <= number < len(self._messages):
            raise FolderError(f"there is no message {number}")
        return self._messages[number]


def _arguments(verb: Callable[..., object]) -> type[msgspec.Struct]:
    """Make the type of the JSON object that a verb takes, of its parameters."""
    hints = typing.get_type_hints(verb)
    fields = [
        (name, hints[name])
        if parameter.default is inspect.Parameter.empty
        else (name, hints[name], parameter.default)
        for name, parameter in inspect.signature(verb).parameters.items()
        if name != "self"
    ]
    return msgspec.defstruct(verb.__name__, fields, forbid_unknown_fields=True, kw_only=True)


VERBS = {
    name: _arguments(verb)
    for name, verb in vars(Control).items()
    if not name.startswith("_") and callable(verb)
}


def route(exchange: Exchange, token: str | None) -> web.RouteDef:
    """Make the route of the control endpoint."""
    control = Control(exchange)

    async def handle(request: web.Request) -> web.Response:
        if not _is_allowed(request, token):
            return _error(403, "only this machine, or who has the token, may steer the simulator")
        if request.content_type != "application/json":
            return _error(415, "send Content-Type: application/json")
        verb = request.match_info["verb"]
        if verb not in VERBS:
            return _error(404, f"there is no verb {verb!r}; there are {', '.join(sorted(VERBS))}")
        try:
            given = msgspec.json.decode(await request.read() or b"{}", type=VERBS[verb])
            with exchange.lock:
                answer = getattr(control, verb)(**msgspec.structs.asdict(given))
        except msgspec.MsgspecError as error:
            return _error(400, str(error))
        except (FolderError, KeyError) as error:
            return _error(404, str(error))
        return web.Response(
            body=msgspec.json.encode({} if answer is None else answer),
            content_type="application/json",
        )

    return web.post(PATH + "{verb}", handle)


def _error(status: int, text: str) -> web.Response:
    body = msgspec.json.encode({"error": text})
    return web.Response(status=status, body=body, content_type="application/json")


def _is_allowed(request: web.Request, token: str | None) -> bool:
    if token is not None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    if "Origin" in request.headers:  # sent by browsers only, for whatever page they show
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
