"""One account for each integration, and none that nobody closes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from mailmine.exchange.reader import Reader
from mailmine.model.ids import BucketId, IntegrationId, MailboxId, ProjectId
from mailmine.model.integration import Connection, Filters, Integration, Mailbox
from mailmine.sync import listening
from mailmine.sync.accounts import Accounts

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EXCHANGE = Integration(
    id=IntegrationId("1"),
    project_id=ProjectId("1"),
    project="sales",
    name="exchange",
    title="",
    connection=Connection(endpoint="https://exchange.example.com/EWS/Exchange.asmx"),
    enabled=True,
    disabled_reason=None,
    trouble=None,
    created_at=NOON,
    updated_at=NOON,
)
ORDERS = Mailbox(
    id=MailboxId("orders"),
    integration_id=EXCHANGE.id,
    address="orders@example.com",
    bucket_id=BucketId("1"),
    enabled=True,
    disabled_reason=None,
    trouble=None,
    start_at=None,
    filters=Filters(),
    sync_attachments=False,
    created_at=NOON,
    updated_at=NOON,
    last_round_at=None,
    next_due_at=NOON,
)
CLAIMS = replace(ORDERS, id=MailboxId("claims"), address="claims@example.com")


@dataclass
class FakeAccount:
    secret: str
    closed: int = 0
    listens: int = 0
    forgotten: list[str] = field(default_factory=list)

    def reader(self, mailbox: str) -> Reader:
        del mailbox
        return cast("Reader", self)

    async def hints(self, mailboxes: Sequence[str]) -> AsyncGenerator[str, None]:
        self.listens += 1
        try:
            await asyncio.Event().wait()
            yield mailboxes[0]
        finally:
            self.listens -= 1

    async def password_ends(self, mailbox: str) -> datetime | None:
        del mailbox
        return None

    async def forget(self, mailbox: str) -> None:
        self.forgotten.append(mailbox)

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1


@dataclass
class Bank:
    """Opens accounts, and knows them all."""

    opened: list[FakeAccount] = field(default_factory=list)

    def accounts(self) -> Accounts:
        return Accounts(self._open, tell=lambda _: None, listen_after=timedelta())

    def _open(self, connection: Connection, secret: str) -> FakeAccount:
        del connection
        self.opened.append(FakeAccount(secret))
        return self.opened[-1]


async def let_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def use(accounts: Accounts, mailbox: Mailbox, secret: str) -> None:
    async with accounts.reader(EXCHANGE, mailbox, secret):
        await let_run()


async def test_rounds_that_begin_together_open_one_account() -> None:
    bank = Bank()
    accounts = bank.accounts()
    await use(accounts, ORDERS, "old")
    await asyncio.gather(use(accounts, ORDERS, "new"), use(accounts, CLAIMS, "new"))
    await let_run()
    assert [(one.secret, one.closed, one.listens) for one in bank.opened] == [
        ("old", 1, 0),
        ("new", 0, 1),
    ]
    await accounts.aclose()
    assert [(one.closed, one.listens) for one in bank.opened] == [(1, 0), (1, 0)]


async def test_an_account_that_is_forgotten_in_its_first_round_does_not_begin_to_listen() -> None:
    bank = Bank()
    accounts = bank.accounts()
    async with AsyncExitStack() as held:
        await held.enter_async_context(accounts.reader(EXCHANGE, ORDERS, "old"))
        await accounts.forget(EXCHANGE)
    await let_run()
    assert [(one.closed, one.listens) for one in bank.opened] == [(1, 0)]
    await accounts.aclose()


async def test_an_integration_that_is_not_read_any_more_is_let_go_of() -> None:
    bank = Bank()
    accounts = bank.accounts()
    await use(accounts, ORDERS, "old")
    await let_run()
    await accounts.keep_only({EXCHANGE.id, IntegrationId("2")})
    assert [(one.closed, one.listens) for one in bank.opened] == [(0, 1)]
    await accounts.keep_only({IntegrationId("2")})
    assert [(one.closed, one.listens) for one in bank.opened] == [(1, 0)]
    await use(accounts, ORDERS, "old")
    assert len(bank.opened) == 2
    await accounts.aclose()


async def test_a_mailbox_that_another_process_reads_is_let_go_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "NEXT_WAIT", 0)
    bank = Bank()
    accounts = bank.accounts()
    for mailbox in (ORDERS, CLAIMS):
        await use(accounts, mailbox, "old")
    await accounts.forget_mailbox(ORDERS.id)
    await accounts.forget_mailbox(MailboxId("never read"))
    await let_run()
    assert [(one.closed, one.forgotten, one.listens) for one in bank.opened] == [
        (0, ["orders@example.com"], 1)
    ]
    await accounts.forget_mailbox(CLAIMS.id)
    await let_run()
    assert [one.listens for one in bank.opened] == [0]
    await use(accounts, ORDERS, "old")
    await let_run()
    assert [one.listens for one in bank.opened] == [1]
    await accounts.aclose()


async def test_one_that_is_forgotten_while_others_are_let_go_of_stops_nothing() -> None:
    bank = Bank()
    accounts = bank.accounts()
    others = [replace(EXCHANGE, id=IntegrationId(name)) for name in "ab"]
    for one in others:
        async with accounts.reader(one, ORDERS, "old"):
            await let_run()
    await asyncio.gather(accounts.keep_only(()), *(accounts.forget(one) for one in others))
    assert [(one.closed, one.listens) for one in bank.opened] == [(1, 0), (1, 0)]
    await accounts.aclose()
