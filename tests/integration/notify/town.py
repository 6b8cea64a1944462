"""An installation whose mailboxes stop and come back, the people who look after it, and what reaches them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ssl import SSLContext
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailmine.access.permissions import Permission, sees_integrations as may_see
from mailmine.model.ids import IntegrationId, MailboxId, UserId
from mailmine.model.integration import Connection, DisabledReason, Trouble
from mailmine.notify.channel import Channels
from mailmine.notify.decide import SETTLE
from mailmine.notify.notifier import Notifier
from mailmine.notify.smtp import Security, Smtp
from mailmine.store import buckets, events, integrations, leases, mailboxes, projects, users
from mailmine.store.database import Database
from mailmine.store.leases import Release

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
GONE = "There is no such mailbox."


class Postman:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses: dict[str, str] = {}
        """What is answered to mail for an address, in the place of taking it."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's way
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session
        mail = message_from_bytes(bytes(envelope.content or b""), policy=policy.default)  # type: ignore[arg-type]
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def to(self, address: str) -> list[str]:
        """Give the subjects of what somebody got."""
        return [str(mail["Subject"]) for mail in self.mails if mail["To"] == address]


@asynccontextmanager
async def mail_server(
    *, ssl: SSLContext | None = None, **options: Any
) -> AsyncIterator[tuple[Postman, int]]:
    """Run a mail server on a free port."""
    postman = Postman()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(postman, **options), "127.0.0.1", 0, ssl=ssl
    )
    try:
        yield postman, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Hook:
    """A receiver of webhooks that keeps what it gets."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@asynccontextmanager
async def receiver() -> AsyncIterator[Hook]:
    """Run a receiver of webhooks on a free port."""
    hook = Hook()

    async def take(request: web.Request) -> web.Response:
        hook.got.append((dict(request.headers), await request.read()))
        return web.Response(status=hook.status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_post("/mailmine", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mailmine"
    try:
        yield hook
    finally:
        await runner.cleanup()


@dataclass
class Town:
    """One integration of the project `support`, with mailboxes."""

    database: Database
    channels: Channels = field(default_factory=Channels)
    now: datetime = NOON
    exchange: IntegrationId = field(init=False)
    boxes: dict[str, MailboxId] = field(default_factory=dict)

    def build(self, *names: str) -> None:
        with self.database.write() as tx:
            project = projects.ensure(tx, "support")
            projects.ensure(tx, "sales")
            bucket = buckets.ensure(tx, project.id, "mail")
            connection = Connection(endpoint="https://exchange.example.com/EWS/Exchange.asmx")
            self.exchange = integrations.save(
                tx, project.id, "exchange", title="Exchange", connection=connection
            ).id
            for name in names:
                self.boxes[name] = mailboxes.save(
                    tx, self.exchange, f"{name}@example.com", bucket_id=bucket.id
                ).id

    def person(self, name: str, *projects: str) -> UserId:
        with self.database.write() as tx:
            return users.add(
                tx,
                username=name,
                email=f"{name}@example.com",
                password_hash=None,
                global_permissions=frozenset(),
                project_permissions={
                    project: frozenset({Permission.INTEGRATIONS_READ}) for project in projects
                },
            ).id

    def notifier(self, **given: Any) -> Notifier:
        return Notifier(
            given.pop("database", self.database),
            given.pop("channels", self.channels),
            may_see=may_see,
            public_url="https://mail.example.com",
            now=lambda: self.now,
            **given,
        )

    def stop(self, *names: str, code: str = "ErrorNonExistentMailbox") -> None:
        """Let the sync disable mailboxes, or the integration where none is named."""
        trouble = Trouble(code=code, message=GONE, since=self.now - HOUR)
        reason = DisabledReason.SYNC_ERROR
        detail = {"code": code, "message": GONE}
        with self.database.write() as tx:
            if not names:
                integrations.set_enabled(
                    tx, self.exchange, enabled=False, reason=reason, trouble=trouble
                )
                events.append(
                    tx,
                    "integration_disabled",
                    at=self.now,
                    integration_id=self.exchange,
                    detail=detail,
                )
            for name in names:
                mailboxes.set_enabled(
                    tx, self.boxes[name], enabled=False, reason=reason, trouble=trouble
                )
                events.append(
                    tx,
                    "mailbox_disabled",
                    at=self.now,
                    integration_id=self.exchange,
                    mailbox_id=self.boxes[name],
                    detail=detail,
                )

    def wait(self) -> None:
        """Let so much time pass that what is told of a mailbox is due."""
        self.now += SETTLE

    def switch_off(self, name: str) -> None:
        """Let a person switch a mailbox off."""
        with self.database.write() as tx:
            mailboxes.set_enabled(tx, self.boxes[name], enabled=False, reason=DisabledReason.USER)

    def mend(self, *names: str) -> None:
        """Let mailboxes go on, and a round of each reach its end."""
        with self.database.write() as tx:
            integrations.set_enabled(tx, self.exchange, enabled=True)
            for name in names or self.boxes:
                mailbox_id = self.boxes[name]
                mailboxes.set_enabled(tx, mailbox_id, enabled=True)
                lease = leases.claim(
                    tx, [mailbox_id], owner="test", now=self.now, until=self.now + MINUTE
                ).get(mailbox_id)
                assert lease is not None
                leases.release(
                    tx, Release(lease=lease, next_due_at=self.now + HOUR, round_ended_at=self.now)
                )


async def finish(notifier: Notifier) -> None:
    """Let it do all that there is to do now."""
    while await notifier.step():
        pass


def by_mail(port: int, **given: Any) -> Smtp:
    """Mail without TLS to a server on this machine."""
    return Smtp(
        host="127.0.0.1",
        port=port,
        sender="mailmine@example.com",
        security=given.pop("security", Security.NONE),
        **given,
    )
