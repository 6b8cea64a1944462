"""What goes wrong: passing faults of the server, and what lasts until somebody mends it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from bench.chaos.people import People
from bench.chaos.world import TOWNS, Town, World
from mailmine.model.integration import AccessType

EWS_OPERATIONS: Final = (None, "FindFolder", "GetFolder", "SyncFolderItems", "GetItem")
EWS_CODES: Final = (
    "ErrorInternalServerError",
    "ErrorInternalServerTransientError",
    "ErrorMailboxStoreUnavailable",
    "ErrorTimeoutExpired",
    "ErrorServerBusy",
    "ErrorNotEnoughMemory",
    "ErrorConnectionFailed",
    "ErrorMailboxMoveInProgress",
    "ErrorFolderNotFound",
    "ErrorItemCorrupt",
    "ErrorAccessDenied",
)
GRAPH_OPERATIONS: Final = (
    "graph:",
    "graph:$batch",
    "graph:mailFolders/delta",
    "graph:messages",
    "graph:messages/delta",
    "graph:message",
)
STATUSES: Final = (500, 502, 503, 504)


@dataclass(kw_only=True)
class Lasting:
    """Something that stays wrong until it is mended, and after that until mailmine is told to go on."""

    words: str
    town: Town
    box: str | None
    """None: it is the integration's."""
    until: datetime
    mend: Callable[[], None] = field(repr=False)
    is_mended: bool = False

    @property
    def subject(self) -> str:
        """Name what suffers."""
        return self.box or self.town.name


class Troubles:
    """Lets go wrong what is drawn, and says it."""

    def __init__(self, world: World, people: People, chance: random.Random) -> None:
        self._world = world
        self._people = people
        self._chance = chance
        self._secrets = count(1)
        self.lasting: list[Lasting] = []

    # -- what passes

    def pass_by(self) -> str:
        """Let something go wrong a few times."""
        act = self._chance.choice(
            (
                self._throttle,
                self._fail,
                self._fail,
                self._fail,
                self._answer_badly,
                self._cut,
                self._lose_places,
                self._corrupt,
                self._end_tokens,
            )
        )
        with self._world.exchange.lock:
            return act()

    def _some_box(self, town: Town) -> str | None:
        return self._chance.choice((None, self._chance.choice(town.mailboxes)))

    def _times(self) -> int:
        return self._chance.choice((1, 1, 1, 2, 3, 5, 8))

    def _throttle(self) -> str:
        town, times = self._chance.choice(TOWNS), self._times()
        box, pause = self._some_box(town), self._chance.choice((None, 1, 30, 300))
        if self._world.is_graph(town):
            self._world.exchange.throttle_graph(times=times, retry_after=pause, mailbox=box)
        else:
            self._world.exchange.throttle(times=times, back_off=pause, mailbox=box)
        return f"{town.name} {box or ''} busy {times} times, pause {pause}"

    def _fail(self) -> str:
        town, times = self._chance.choice(TOWNS), self._times()
        box = self._some_box(town)
        if self._world.is_graph(town):
            operation: str | None = self._chance.choice(GRAPH_OPERATIONS)
            code, status = "UnknownError", self._chance.choice(STATUSES)
            self._world.exchange.fail(operation, code, times=times, mailbox=box, status=status)
            return f"{operation} of {box or town.name} {status} {times} times"
        operation, code = self._chance.choice(EWS_OPERATIONS), self._chance.choice(EWS_CODES)
        as_fault = self._chance.random() < 0.3
        self._world.exchange.fail(operation, code, times=times, mailbox=box, as_fault=as_fault)
        return f"{operation} of {box or town.name} {code} {times} times{' as a fault' * as_fault}"

    def _answer_badly(self) -> str:
        status, times = self._chance.choice(STATUSES), self._times()
        operation = self._chance.choice(EWS_OPERATIONS)
        self._world.exchange.fail(operation, "NoError", times=times, status=status)
        return f"{operation} HTTP {status} {times} times"

    def _cut(self) -> str:
        operation, times = self._chance.choice((*EWS_OPERATIONS, *GRAPH_OPERATIONS)), self._times()
        status = 500 if operation and operation.startswith("graph:") else None
        self._world.exchange.fail(operation, "NoError", times=times, status=status, disconnect=True)
        return f"{operation} cut {times} times"

    def _lose_places(self) -> str:
        times = self._times()
        if self._chance.random() < 0.5:
            self._world.exchange.graph_forgets_before = times
            return f"Graph forgets {times} places"
        self._world.exchange.fail("SyncFolderItems", "ErrorInvalidSyncStateData", times=times)
        return f"EWS forgets {times} places"

    def _corrupt(self) -> str:
        town, times = self._chance.choice(TOWNS), self._chance.choice((1, 2, 5, None))
        email = self._people.newest(town)
        if email is None:
            return ""
        message = email.copies[0]
        if self._world.is_graph(town):
            for operation in ("graph:messages/delta", "graph:message"):
                self._world.exchange.fail(operation, "UnknownError", message=message, times=times)
        else:
            self._world.exchange.fail("GetItem", "ErrorItemCorrupt", message=message, times=times)
        return f"{email.number} cannot be read {times or 'any'} times"

    def _end_tokens(self) -> str:
        self._world.exchange.revoke_tokens()
        return "all tokens end"

    # -- what lasts

    def begin(self, is_free: Callable[[Town, str | None], bool]) -> str:
        """Let something go wrong that lasts, at a subject that is free for it."""
        town = self._chance.choice(TOWNS)
        box = self._chance.choice((*town.mailboxes, None))
        draw = self._chance.random()
        minutes = self._chance.choice((5, 20, 60, 150, 300))
        if not is_free(town, box):
            return ""
        with self._world.exchange.lock:
            if box is None:
                self._world.exchange.ages[self._world.signs_in(town)] += 1
            words, mend = self._break(town, box, draw)
        until = self._world.clock.time() + timedelta(minutes=minutes)
        self.lasting.append(Lasting(words=words, town=town, box=box, until=until, mend=mend))
        return f"{words} for {minutes} minutes"

    def mend(self, is_known: Callable[[str], bool], *, all_of_it: bool = False) -> list[str]:
        """Mend on the server what has lasted long enough, or all, once people know of it where it stopped something."""
        said = []
        for one in self.lasting:
            is_due = all_of_it or one.until <= self._world.clock.time()
            if not one.is_mended and is_due and is_known(one.subject):
                with self._world.exchange.lock:
                    one.mend()
                one.is_mended = True
                said.append(f"mended: {one.words}")
        return said

    def forget_account(self, town: Town) -> None:
        """Let it not matter any more what is wrong with whom a town was read as before."""
        for one in self.lasting:
            if one.town is town and one.box is None:
                one.is_mended = True

    def is_broken(self, subject: str) -> bool:
        """Tell whether something is still wrong with a mailbox or an integration."""
        return any(one.subject == subject and not one.is_mended for one in self.lasting)

    def _break(self, town: Town, box: str | None, draw: float) -> tuple[str, Callable[[], None]]:
        if box is None:
            if self._world.is_graph(town) and draw < 0.3:
                return self._withdraw_consent(town)
            return self._change_secret(town, is_put_back=draw > 0.7)
        if draw < 0.5:
            return self._delete_mailbox(box)
        return self._forbid(town, box)

    def _change_secret(self, town: Town, *, is_put_back: bool) -> tuple[str, Callable[[], None]]:
        """Change the password; a person puts it back, or tells mailmine the new one."""
        exchange, integration = self._world.exchange, self._world.integration(town)
        old, new = self._world.secrets[integration.id], f"{town.name} {next(self._secrets)}"

        def put(secret: str) -> None:
            if self._world.is_graph(town):
                exchange.applications[town.application].secret = secret
            else:
                exchange.account(town.account, password=secret)

        put(new)
        exchange.revoke_tokens()

        def mend() -> None:
            if is_put_back:
                put(old)
            else:
                self._world.secrets[integration.id] = new

        return f"{town.name} has another password{' by mistake' * is_put_back}", mend

    def _withdraw_consent(self, town: Town) -> tuple[str, Callable[[], None]]:
        application = self._world.exchange.applications[town.application]
        application.has_consent = False
        self._world.exchange.revoke_tokens()

        def mend() -> None:
            application.has_consent = True

        return f"{town.name} has no consent", mend

    def _delete_mailbox(self, box: str) -> tuple[str, Callable[[], None]]:
        mailbox = self._world.exchange.delete_mailbox(box)
        return f"{box} is deleted", lambda: self._world.exchange.restore_mailbox(mailbox)

    def _forbid(self, town: Town, box: str) -> tuple[str, Callable[[], None]]:
        """Take the right to read a mailbox."""
        exchange = self._world.exchange
        if town.access is AccessType.DELEGATE:
            exchange.revoke(town.account, mailbox=box)

        def mend() -> None:
            if town.access is AccessType.DELEGATE:
                exchange.grant(town.account, mailbox=box)
            self._let_read(town, mended=box)

        self._let_read(town, forbidden=box)
        return f"{box} may not be read", mend

    def _let_read(
        self, town: Town, *, forbidden: str | None = None, mended: str | None = None
    ) -> None:
        """Let the application, and who acts for others, read all mailboxes that are not forbidden."""
        not_these = {
            one.box for one in self.lasting if not one.is_mended and "may not" in one.words
        }
        not_these = (not_these | {forbidden}) - {mended}
        allowed = [box for box in town.mailboxes if box not in not_these]
        self._world.exchange.applications[town.application].only = frozenset(allowed)
        if town.access is AccessType.IMPERSONATION:
            self._world.exchange.allow_impersonation(town.account, of=allowed)
