"""Each row of the policy that the simulator can bring about, from the fault on the wire to the message that people get.

The clock stands still but for the steps from one round to the next, so that the requests can be counted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from bench.chaos.clock import Clock
from bench.chaos.rest import is_at_rest
from exchange_simulator import Mailbox as MailboxOfExchange
from mailmine.access.permissions import Permission, sees_integrations
from mailmine.exchange import open_account
from mailmine.exchange.faults import Code, Where
from mailmine.model.integration import Backend, Connection, Integration
from mailmine.model.notice import Topic
from mailmine.notify.channel import Channels
from mailmine.notify.decide import Room
from mailmine.notify.notifier import Notifier
from mailmine.notify.webhook import Webhook
from mailmine.store import integrations, mailboxes, settings, turns, users
from mailmine.sync import policy, schedule
from mailmine.sync.policy import TABLE, Action, Rule
from mailmine.sync.reach import by_secret
from mailmine.sync.resume import resume
from mailmine.sync.runner import Runner
from mailmine.sync.settings import SyncSettings
from tests.integration.notify.town import Hook, Postman, by_mail, mail_server, receiver
from tests.integration.sync.conftest import ACCOUNT, APP, CLAIMS, ORDERS, World, eml
from tests.integration.sync.test_runner import until

ANA = "ana@example.com"
HORIZON = timedelta(hours=3)
"""Longer than anything must last before it is switched off; nothing else may be by then."""
SLOW = SyncSettings(
    poll_interval=timedelta(minutes=10),
    together=timedelta(),
    listen_after=timedelta(days=1),
    drain=timedelta(seconds=5),
)


@dataclass
class Scene:
    """An Exchange, mailmine on it, and Ana, whom it tells."""

    world: World
    clock: Clock
    postman: Postman
    hook: Hook
    secret: str | None = None
    """None: it cannot be had."""
    runner: Runner = field(init=False)
    boxes: dict[str, MailboxOfExchange] = field(default_factory=dict)
    """Also one that was deleted."""

    def now(self) -> datetime:
        return self.clock.time()

    def secret_of(self, _: Integration) -> str:
        if self.secret is None:
            raise LookupError("There is no such variable.")
        return self.secret

    def connect(self, **changes: Any) -> None:
        """Change how Exchange is reached."""
        integration = self.world.integration()
        with self.world.database.write() as tx:
            integrations.save(
                tx,
                integration.project_id,
                integration.name,
                title=integration.title,
                connection=replace(integration.connection, **changes),
            )

    def deliver(self, number: int, address: str = ORDERS) -> None:
        self.boxes[address].deliver(eml(number), at=self.now())

    async def rest(self) -> None:
        """Let all be done that is due now."""
        self.runner.wake()
        await until(lambda: is_at_rest(self.world.database, self.now()), seconds=60)

    async def go_on(self, by: timedelta, *, until_it: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, from one thing that is due to the next."""
        end = self.now() + by
        await self.rest()
        while self.now() < end and not until_it():
            with self.world.database.read() as tx:
                due_at = turns.next_due(tx)
            step = timedelta(minutes=5)
            if due_at is not None:
                step = min(step, due_at - self.now())
            self.clock.go_on(step)
            await self.rest()

    def shown(self) -> set[str]:
        return {
            str(one.user_properties["string:Message ID"])[1:].partition("@")[0]
            for one in self.world.comments()
        }

    def titles(self) -> list[str]:
        """Give what Ana and the webhook got: the same, each once."""
        mailed = self.postman.to(ANA)
        deliveries = {headers["X-Mailmine-Delivery"] for headers, _ in self.hook.got}
        assert len(deliveries) == len(self.hook.got) == len(mailed)
        return mailed

    def is_off(self) -> bool:
        return not (self.world.integration().enabled and self.world.mailbox().enabled)

    def let_go_on(self) -> None:
        """Do what `mailmine check` does when it could read all mailboxes."""
        integration = self.world.integration()
        with self.world.database.write() as tx:
            boxes = mailboxes.of_integration(tx, integration.id)
            resume(tx, integration, boxes, at=self.now())


@asynccontextmanager
async def playing(world: World) -> AsyncIterator[Scene]:
    """Run mailmine beside a mail server and a receiver of webhooks."""
    clock = Clock()
    world.exchange.now = clock.time
    world.now = clock.time()
    world.configure(ORDERS, CLAIMS)
    async with AsyncExitStack() as opened:
        postman, port = await opened.enter_async_context(mail_server())
        hook = await opened.enter_async_context(receiver())
        room = Room(name="sales/webhook", project="sales", topics=frozenset(Topic))
        channels = Channels(email=by_mail(port), rooms={room.name: (room, Webhook(url=hook.url))})
        with world.database.write() as tx:
            settings.put(tx, "notify.event", "0")
            users.add(
                tx,
                username="ana",
                email=ANA,
                password_hash=None,
                global_permissions=frozenset(),
                project_permissions={"sales": frozenset({Permission.INTEGRATIONS_READ})},
            )
        notifier = Notifier(
            world.database, channels, may_see=sees_integrations, now=clock.time, look=0.01
        )
        scene = Scene(world, clock, postman, hook, secret=world.password)
        scene.boxes = {box.address: box for box in world.exchange.mailboxes}
        scene.runner = Runner(
            world.database,
            world.blobs,
            reach=by_secret(scene.secret_of),
            settings=SLOW,
            open_account=partial(open_account, clock=clock),
            now=clock.time,
            jitter=lambda: 0.0,
        )
        stop = asyncio.Event()
        running = [asyncio.create_task(one.run(stop)) for one in (scene.runner, notifier)]
        try:
            yield scene
        finally:
            stop.set()
            scene.runner.wake()
            await asyncio.gather(*running)


def tries_within(rule: Rule, limit: timedelta) -> int:
    """Say how often something is tried until the rule switches it off, or within a time."""
    at, times = timedelta(), 1
    while not (
        rule.action in (Action.DISABLE_MAILBOX, Action.DISABLE_INTEGRATION)
        and times >= rule.tries
        and at >= rule.lasting
    ):
        at += schedule.pause(times, None, first=SLOW.first_pause, jitter=0)
        if at > limit:
            break
        times += 1
    return times


Act = Callable[[Scene], object]


@dataclass(frozen=True)
class Row:
    """A row of the table: how it is brought about, and mended."""

    where: Where
    code: str
    spoil: Act
    mend: Act = lambda scene: scene.world.exchange.heal()
    backend: Backend = Backend.EWS
    requests: Callable[[Scene], int] | None = None
    """How many requests it took; None: all but those of the other mailbox."""
    least: float = 1
    most: float = 1
    """Requests of one try. Fewer where the account keeps away by itself, or asks nobody."""

    @property
    def rule(self) -> Rule:
        return TABLE[self.where, self.code]

    @property
    def name(self) -> str:
        return f"{self.where}-{self.code}"

    def count(self, scene: Scene) -> int:
        if self.requests is not None:
            return self.requests(scene)
        if self.backend is Backend.GRAPH:
            return scene.world.exchange.requests.count(mailbox=ORDERS)
        return sum(one.mailbox != CLAIMS for one in scene.world.exchange.requests)


def soap(code: str, **given: Any) -> Row:
    """Make a row of EWS: every request about the mailbox fails, or about all."""
    is_all = TABLE[Where.EWS, code].action is Action.DISABLE_INTEGRATION

    def spoil(scene: Scene) -> None:
        mailbox = None if is_all else ORDERS
        scene.world.exchange.fail(None, code, times=None, mailbox=mailbox, as_fault=True)

    return Row(Where.EWS, code, spoil, **({"most": 2} if is_all else {}) | given)


def rest(code: str, status: int, **given: Any) -> Row:
    """Make a row of Graph: every request about the mailbox fails."""

    def spoil(scene: Scene) -> None:
        scene.world.exchange.fail("graph:", code, times=None, mailbox=ORDERS, status=status)

    return Row(Where.GRAPH, code, spoil, backend=Backend.GRAPH, **{"least": 2, "most": 2} | given)


def http(status: int, code: str = "", *, where: Where = Where.HTTP, **given: Any) -> Row:
    """Make a row of a server that is reached and does not speak EWS."""
    headers, body = given.pop("headers", None), given.pop("body", "")

    is_all = status != HTTPStatus.FORBIDDEN

    def spoil(scene: Scene) -> None:
        mailbox = None if is_all else ORDERS
        scene.world.exchange.fail(
            None, "NoError", times=None, mailbox=mailbox, status=status, headers=headers, body=body
        )

    return Row(where, code or f"http_{status}", spoil, **({"most": 2} if is_all else {}) | given)


def wire(where: Where, code: Code, **changes: Any) -> Row:
    """Make a row of a server that is not reached, because of how the integration says that it is."""
    before: list[Connection] = []

    def spoil(scene: Scene) -> None:
        before.append(scene.world.integration().connection)
        scene.connect(**changes)

    def mend(scene: Scene) -> None:
        connection = before.pop()
        scene.connect(**{name: getattr(connection, name) for name in changes})

    return Row(where, code, spoil, mend, requests=lambda _: 0, least=0)


def change_password(scene: Scene) -> None:
    scene.world.exchange.account(ACCOUNT, password="another")


def put_password_back(scene: Scene) -> None:
    scene.world.exchange.account(ACCOUNT, password="secret")


def change_secret(scene: Scene) -> None:
    scene.world.exchange.applications[APP].secret = "another"
    scene.world.exchange.revoke_tokens()


def put_secret_back(scene: Scene) -> None:
    scene.world.exchange.applications[APP].secret = "secret"


def lose_mailbox(scene: Scene) -> None:
    scene.world.exchange.delete_mailbox(ORDERS)


def restore_mailbox(scene: Scene) -> None:
    scene.world.exchange.restore_mailbox(scene.boxes[ORDERS])


def let_read(*addresses: str) -> Act:
    def act(scene: Scene) -> None:
        scene.world.exchange.applications[APP].only = frozenset(addresses)

    return act


def call_it(kind: str) -> Act:
    def act(scene: Scene) -> None:
        scene.world.exchange.mailbox(ORDERS).kind = kind

    return act


def forget_secret(scene: Scene) -> None:
    scene.secret = None


def remember_secret(scene: Scene) -> None:
    scene.secret = "secret"


def refused(scene: Scene) -> int:
    """Count the wrong passwords since the account was let in last."""
    account = scene.world.exchange.find_account(ACCOUNT)
    assert account is not None
    return account.wrong_passwords


STATES = [
    soap("ErrorServerBusy", least=0),
    soap("ErrorMailboxStoreUnavailable"),
    Row(
        Where.EWS,
        "ErrorNonExistentMailbox",
        lose_mailbox,
        restore_mailbox,
    ),
    Row(
        Where.EWS,
        "ErrorAccessDenied",
        lambda scene: scene.world.exchange.revoke(ACCOUNT, mailbox=ORDERS),
        lambda scene: scene.world.exchange.grant(ACCOUNT, mailbox=ORDERS),
        least=2,
        most=2,
    ),
    soap("ErrorImpersonateUserDenied"),
    soap("ErrorAccountDisabled"),
    soap("ErrorIncorrectSchemaVersion", most=3),  # older versions are tried as well
    soap("ErrorInvalidRequest"),
    soap("ErrorPasswordExpired"),
    soap("ErrorWrongServerVersion"),
    rest("TooManyRequests", 429, least=0),
    rest("UnknownError", 500),
    Row(
        Where.GRAPH,
        "ErrorAccessDenied",
        let_read(CLAIMS),
        let_read(ORDERS, CLAIMS),
        backend=Backend.GRAPH,
        least=2,
        most=2,
    ),
    Row(
        Where.GRAPH,
        "ErrorInvalidUser",
        lose_mailbox,
        restore_mailbox,
        backend=Backend.GRAPH,
        least=2,
        most=2,
    ),
    Row(
        Where.GRAPH,
        "MailboxNotEnabledForRESTAPI",
        call_it("on-premises"),
        call_it("user"),
        backend=Backend.GRAPH,
        least=2,
        most=2,
    ),
    rest("BadRequest", 400),
    Row(
        Where.HTTP,
        "http_401",
        change_password,
        put_password_back,
        requests=refused,
        most=1.5,  # both mailboxes at first, then one alone
    ),
    Row(
        Where.TOKEN,
        "AADSTS7000215",
        change_secret,
        put_secret_back,
        backend=Backend.GRAPH,
        requests=lambda scene: scene.world.exchange.requests.count("token"),
    ),
    http(403),
    http(404),
    http(407),
    http(429, least=0),
    http(
        302,
        Code.SERVER_ERROR_PAGE,
        where=Where.CLIENT,
        headers={"Location": "/ews/genericerrorpage.htm"},
    ),
    http(302, Code.REDIRECTED, where=Where.CLIENT, headers={"Location": "/owa/"}),
    http(200, Code.NOT_EXCHANGE, where=Where.CLIENT, body="<!doctype html><p>Hello"),
    http(200, Code.MALFORMED_ANSWER, where=Where.CLIENT, body="<a/>"),
    wire(Where.DNS, Code.NAME_NOT_FOUND, endpoint="https://nowhere.invalid/EWS/Exchange.asmx"),
    wire(Where.NETWORK, Code.REFUSED, endpoint="http://127.0.0.1:9/EWS/Exchange.asmx"),
    wire(Where.NETWORK, Code.PROXY_FAILED, proxy="http://127.0.0.1:9"),
    wire(
        Where.TLS,
        Code.CIPHERS_UNKNOWN,
        endpoint="https://127.0.0.1:9/EWS/Exchange.asmx",
        tls_ciphers="NONE",
    ),
    wire(
        Where.TLS,
        Code.CA_FILE_UNREADABLE,
        endpoint="https://127.0.0.1:9/EWS/Exchange.asmx",
        ca_file="/nowhere.pem",
    ),
    wire(Where.CLIENT, Code.HTTPS_REQUIRED, plain_http=False),
    Row(
        Where.CLIENT,
        policy.SECRET_MISSING,
        forget_secret,
        remember_secret,
        requests=lambda _: 0,
        least=0,
    ),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("backend", "row"),
    [(row.backend, row) for row in STATES],
    ids=[row.name for row in STATES],
    indirect=["backend"],
)
async def test_what_is_wrong_is_tried_told_and_mended(world: World, row: Row) -> None:
    rule = row.rule
    stops = rule.action in (Action.DISABLE_MAILBOX, Action.DISABLE_INTEGRATION)
    async with playing(world) as scene:
        scene.deliver(1)
        await scene.rest()
        assert scene.shown() == {"1"}
        world.exchange.requests.clear()
        row.spoil(scene)
        scene.deliver(2)
        begun = scene.now()
        scene.clock.go_on(SLOW.poll_interval)
        await scene.go_on(HORIZON, until_it=scene.is_off)

        tried = tries_within(rule, HORIZON)
        count = row.count(scene)
        assert tried * row.least <= count <= tried * row.most
        integration, mailbox = world.integration(), world.mailbox()
        assert integration.enabled == (rule.action is not Action.DISABLE_INTEGRATION)
        assert mailbox.enabled == (rule.action is not Action.DISABLE_MAILBOX)
        assert world.mailbox(CLAIMS).enabled
        trouble = mailbox.trouble or integration.trouble
        assert trouble is not None
        assert (trouble.code, trouble.since) == (row.code, begun + SLOW.poll_interval)
        assert rule.remedy in trouble.message
        await scene.go_on(timedelta(hours=1))
        name = "The integration exchange" if mailbox.enabled else f"The mailbox {ORDERS}"
        assert scene.titles() == ([f"{name} was disabled"] if stops else [])
        if stops:
            assert row.count(scene) == count

        scene.deliver(3)
        scene.deliver(4, CLAIMS)
        row.mend(scene)
        scene.let_go_on()
        await scene.go_on(timedelta(hours=1))
        assert scene.shown() == {"1", "2", "3", "4"}
        assert scene.titles()[1:] == ([f"{name} is read again"] if stops else [])
        assert not scene.is_off()
        assert (world.mailbox().trouble, world.integration().trouble) == (None, None)


ELSEWHERE = {
    (Where.EWS, "ErrorFolderNotFound"): "test_round: a folder that cannot be read",
    (Where.EWS, "ErrorFolderCorrupt"): "the same",
    (Where.EWS, "ErrorExpiredSubscription"): "test_listening",
    (Where.EWS, "ErrorInvalidSyncStateData"): "test_round, test_faults_at_random",
    (Where.EWS, "ErrorItemNotFound"): "test_round, test_faults_at_random",
    (Where.EWS, "ErrorItemCorrupt"): "test_round: a failing email",
    (Where.GRAPH, "ErrorFolderNotFound"): "test_faults_at_random",
    (Where.GRAPH, "SyncStateNotFound"): "test_faults_at_random",
    (
        Where.GRAPH,
        "ErrorQuotaExceeded",
    ): "test_graph: the folders are listed then, and nothing fails",
    (Where.GRAPH, "InvalidAuthenticationToken"): "test_signing_in: another token is asked for",
    (Where.TLS, Code.CERTIFICATE_NOT_TRUSTED): "test_http",
    (Where.CLIENT, Code.AUTODISCOVER_FAILED): "test_autodiscover",
    (Where.CLIENT, Code.ANSWER_TOO_LARGE): "test_session, test_fetch",
    (Where.CLIENT, Code.NO_CONTENT): "test_round: an attachment that fails",
    (Where.CLIENT, Code.LISTED_ANEW): "is no fault: test_search_folders",
    (Where.CLIENT, Code.SIGN_IN_UNAVAILABLE): "nothing is sent: test_credentials",
    (Where.CLIENT, policy.BUG): "test_aftermath",
    (policy.QUOTA_SOURCE, policy.QUOTA): "no fault of Exchange: test_quota",
}
"""What stops no mailbox as a whole, or takes more than a simulated Exchange."""


def test_every_rule_is_here_or_is_said_to_be_elsewhere() -> None:
    here = {row.rule for row in STATES} | {TABLE[key] for key in ELSEWHERE}
    assert {f"{where} {code}" for (where, code), rule in TABLE.items() if rule not in here} == set()
