"""Who looks after all that is read, and what he says before anything stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import update

from mailmine.model.integration import AccessType, AuthType, Integration, Trouble
from mailmine.store import (
    events,
    folders,
    integrations,
    leases,
    mailboxes,
    schema,
    warnings,
    workers,
)
from mailmine.store.warnings import StandingWarning
from mailmine.store.workers import Worker
from mailmine.sync import aftermath, warned
from mailmine.sync.resume import resume
from mailmine.sync.settings import SyncSettings
from mailmine.sync.watch import MISSED, Watch
from tests.integration.sync.conftest import ACCOUNT, ORDERS, World, eml
from tests.integration.sync.test_runner import running, until

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
Told = tuple[str, str]


@dataclass
class Watched:
    """A watch, and what it says. Several may share a world."""

    world: World
    watch: Watch
    has_room: bool = True
    secret: str | Exception = ""
    seen: int = field(default=0)

    async def look(self, *, after: timedelta = MINUTE) -> list[Told]:
        """Look a while later; the kind and code of what was told."""
        self.world.now = self.world.time() + after
        await self.watch.step()
        with self.world.database.read() as tx:
            new = events.after(tx, self.seen, 100)
        self.seen = new[-1].id if new else self.seen
        return [(one.kind, str(one.detail["code"])) for one in new if "warning" in one.kind]

    def standing(self) -> list[str]:
        with self.world.database.read() as tx:
            return [one.code for one in warnings.list_all(tx)]

    def secret_of(self, integration: Integration) -> str:
        del integration
        if isinstance(self.secret, Exception):
            raise self.secret
        return self.secret


def watch_by(world: World, worker_id: str | None = None) -> Watched:
    watched = Watched(world, watch=None)  # type: ignore[arg-type]
    watched.watch = Watch(
        world.database,
        secret_of=watched.secret_of,
        has_room=lambda: watched.has_room,
        worker_id=worker_id,
        now=world.time,
    )
    return watched


@asynccontextmanager
async def watching(world: World) -> AsyncIterator[Watched]:
    world.now = NOON
    world.configure()
    watched = watch_by(world)
    # What is saved says so by the clock of the machine.
    with world.database.write() as tx:
        tx.execute(update(schema.integrations).values(updated_at=NOON))
        tx.execute(
            update(schema.mailboxes).values(updated_at=NOON, created_at=NOON, next_due_at=NOON)
        )
    try:
        yield watched
    finally:
        watched.watch.close()


def certificate(ends_at: datetime) -> str:
    """Make a key and a certificate that ends then, as they are entered."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailmine")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends_at - 365 * DAY)
        .not_valid_after(ends_at)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + made.public_bytes(pem)).decode()


def connect(world: World, **changes: object) -> None:
    with world.database.write() as tx:
        known = integrations.list_all(tx)[0]
        connection = replace(known.connection, **changes)  # type: ignore[arg-type]
        integrations.save(
            tx, known.project_id, known.name, title=known.title, connection=connection
        )


async def test_a_certificate_is_warned_of_until_another_is_entered(world: World) -> None:
    async with watching(world) as watched:
        connect(world, auth=AuthType.CLIENT_CERTIFICATE, client_id="app")
        watched.secret = certificate(NOON + 20 * DAY)
        assert await watched.look() == [("integration_warning", "certificate_ends")]
        assert await watched.look() == []
        (warning,) = of_integration(world)
        assert warning.since == NOON + MINUTE
        assert warning.ends_at == NOON + 20 * DAY
        assert "2026-03-22" in warning.message
        watched.secret = certificate(NOON + 365 * DAY)
        assert await watched.look() == [("integration_warning_ended", "certificate_ends")]
        assert watched.standing() == []


async def test_the_certificate_that_we_show_is_watched_in_its_file(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "us.pem"
    file.write_text(certificate(NOON + 20 * DAY))
    async with watching(world) as watched:
        connect(world, tls_certificate_file=str(file))
        assert await watched.look() == [("integration_warning", "tls_certificate_ends")]
        (warning,) = of_integration(world)
        assert warning.ends_at == NOON + 20 * DAY
        assert str(file) in warning.message
        file.write_text(certificate(NOON + 365 * DAY))
        assert await watched.look() == [("integration_warning_ended", "tls_certificate_ends")]
        file.unlink()
        assert await watched.look() == []


async def test_a_certificate_that_cannot_be_had_is_not_warned_of(world: World) -> None:
    async with watching(world) as watched:
        connect(world, auth=AuthType.CLIENT_CERTIFICATE, client_id="app")
        for secret in (
            LookupError("no key"),
            "",
            "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----",
        ):
            watched.secret = secret
            assert await watched.look() == []


async def test_a_secret_is_warned_of_by_the_day_that_was_entered(world: World) -> None:
    async with watching(world) as watched:
        connect(world, auth=AuthType.CLIENT_SECRET, secret_ends=NOON + 31 * DAY)
        with world.database.write() as tx:
            mailboxes.set_enabled(tx, world.mailbox().id, enabled=False)
        assert await watched.look() == []
        told = [(day, await watched.look(after=DAY)) for day in range(32)]
        assert [day for day, said in told if said] == [0, 16, 23, 27, 29]


@pytest.mark.parametrize("access", list(AccessType))
async def test_a_password_of_which_exchange_says_that_it_ends_is_warned_of(
    world: World, access: AccessType
) -> None:
    world.exchange.account(ACCOUNT).password_ends = NOON + 7 * DAY
    world.exchange.allow_impersonation(ACCOUNT)
    async with watching(world) as watched:
        connect(world, access=access)
        async with running(world, SyncSettings(poll_interval=timedelta(hours=1))):
            await until(lambda: world.mailbox().last_round_at is not None)
        assert await watched.look() == [("integration_warning", "password_ends")]
        world.exchange.account(ACCOUNT).password_ends = None
        async with running(world, SyncSettings(poll_interval=timedelta(hours=1))) as runner:
            with world.database.write() as tx:
                mailboxes.wake(tx, world.mailbox().id, world.time())
            before = world.mailbox().last_round_at
            runner.wake()
            await until(lambda: world.mailbox().last_round_at != before)
        assert await watched.look() == [("integration_warning_ended", "password_ends")]


async def test_a_server_that_does_not_tell_of_passwords_is_read_all_the_same(
    world: World,
) -> None:
    world.exchange.fail("GetPasswordExpirationDate", "ErrorInvalidRequest", times=None)
    async with watching(world) as watched:
        async with running(world, SyncSettings(poll_interval=timedelta(hours=1))):
            await until(lambda: world.mailbox().last_round_at is not None)
        assert world.mailbox().trouble is None
        assert await watched.look() == []


async def test_a_mailbox_that_is_read_late_is_warned_of_until_it_is_read(world: World) -> None:
    async with watching(world) as watched:
        for _ in range(10):
            assert await watched.look() == []
        assert await watched.look() == [("mailbox_warning", "falling_behind")]
        await world.sync()
        assert await watched.look() == [("mailbox_warning_ended", "falling_behind")]


async def test_a_first_load_that_stands_still_is_warned_of(world: World) -> None:
    world.with_settings(page=5, slice=timedelta())
    inbox = world.exchange.mailbox(ORDERS)
    for number in range(20):
        inbox.deliver(eml(number), at=NOON - DAY)
    async with watching(world) as watched:
        for _ in range(2):
            await world.round()
            assert await watched.look(after=9 * MINUTE) == []
        with world.database.read() as tx:
            (load,) = folders.loads(tx).values()
        assert load.emails_read == 10
        for _ in range(6):
            _read_to_its_end(world)
            said = await watched.look(after=5 * MINUTE)
        assert said == [("mailbox_warning", "load_stalls")]
        await world.round()
        assert await watched.look() == [("mailbox_warning_ended", "load_stalls")]


async def test_trouble_begins_the_time_of_a_load_anew(world: World) -> None:
    world.with_settings(page=5, slice=timedelta())
    for number in range(20):
        world.exchange.mailbox(ORDERS).deliver(eml(number), at=NOON - DAY)
    async with watching(world) as watched:
        await world.round()
        await watched.look()
        _read_to_its_end(world)
        _trouble(world, Trouble(code="timed_out", message="", since=NOON))
        assert await watched.look(after=60 * MINUTE) == []
        _read_to_its_end(world)
        _trouble(world, None)
        assert await watched.look() == []


async def test_a_full_disk_is_the_one_thing_that_is_said(world: World) -> None:
    async with watching(world) as watched:
        watched.has_room = False
        assert await watched.look() == [("integration_warning", "disk_full")]
        assert await watched.look(after=DAY) == []
        watched.has_room = True
        assert await watched.look(after=5 * MINUTE) == [("integration_warning_ended", "disk_full")]


def say_that_they_are_there(world: World, *processes: Watched) -> None:
    """Let each say it a minute from now, `w0` being there longest."""
    for number, one in enumerate(processes):
        worker = Worker(
            id=f"w{number}",
            host="h",
            pid=number,
            version="1",
            since=NOON + number * MINUTE,
            seen_at=world.time() + MINUTE,
            taken_over=0,
            has_room=one.has_room,
        )
        with world.database.write() as tx:
            workers.put(tx, worker)


async def test_a_full_disk_of_one_of_several_processes_is_no_danger_while_another_reads(
    world: World,
) -> None:
    """Each looked for itself: people were told each minute of what was over in the next."""

    async def look() -> list[Told]:
        say_that_they_are_there(world, first, second)
        await second.watch.step()
        return await first.look()

    async with watching(world):
        first, second = watch_by(world, "w0"), watch_by(world, "w1")
        try:
            assert await look() == []
            first.has_room = False
            assert await look() == []
            second.has_room = False
            assert await look() == [("integration_warning", "disk_full")]
            assert await look() == []
            first.has_room = True
            assert await look() == [("integration_warning_ended", "disk_full")]
            # The first is heard of no more.
            second.has_room, second.seen = False, first.seen
            assert await second.look(after=5 * MINUTE) == [("integration_warning", "disk_full")]
        finally:
            first.watch.close()
            second.watch.close()


async def test_where_the_first_is_there_but_does_not_look_another_does(world: World) -> None:
    async with watching(world):
        first, second = watch_by(world, "w0"), watch_by(world, "w1")
        try:
            for _ in range(10):
                say_that_they_are_there(world, first, second)
                assert await first.look() == []
                await second.watch.step()
            # It hangs from now on, and its heartbeat goes on.
            told: list[Told] = []
            for _ in range(MISSED + 1):
                assert told == []
                say_that_they_are_there(world, first, second)
                told = await second.look()
            assert told == [("mailbox_warning", "falling_behind")]
        finally:
            first.watch.close()
            second.watch.close()


async def test_what_another_process_says_meanwhile_is_not_said_again(world: World) -> None:
    async with watching(world) as quick:
        connect(world, auth=AuthType.CLIENT_CERTIFICATE, client_id="app")
        ends = certificate(NOON + 20 * DAY)
        quick.secret = ends

        def secret_of(integration: Integration) -> str:
            del integration
            asyncio.run(quick.watch.step())
            return ends

        slow = Watch(world.database, secret_of=secret_of, now=world.time)
        try:
            await slow.step()
        finally:
            slow.close()
        assert await quick.look() == [("integration_warning", "certificate_ends")]


async def test_many_late_mailboxes_of_an_integration_are_told_in_one(world: World) -> None:
    async with watching(world) as watched:
        others = [f"late-{number}@example.com" for number in range(warned.MANY)]
        with world.database.write() as tx:
            known = world.mailbox()
            for address in others:
                mailboxes.save(tx, known.integration_id, address, bucket_id=known.bucket_id)
            tx.execute(
                update(schema.mailboxes).values(updated_at=NOON, created_at=NOON, next_due_at=NOON)
            )
        assert await watched.look(after=15 * MINUTE) == [("integration_warning", "falling_behind")]
        (warning,) = of_integration(world)
        assert warning.message.startswith("11 mailboxes of this integration are read late")
        await world.sync()
        assert await watched.look() == []
        (warning,) = of_integration(world)
        assert warning.message.startswith("10 mailboxes of this integration are read late")


async def test_what_is_removed_takes_its_warnings_along(world: World) -> None:
    async with watching(world) as watched:
        await watched.look(after=DAY)
        assert watched.standing() == ["falling_behind"]
        with world.database.write() as tx:
            mailboxes.remove(tx, world.mailbox().id)
        assert watched.standing() == []
        assert await watched.look() == []


async def test_a_mailbox_most_of_whose_emails_fail_pauses_and_goes_on(world: World) -> None:
    inbox = world.exchange.mailbox(ORDERS)
    messages = [inbox.deliver(eml(number), at=NOON - DAY) for number in range(60)]
    for message in messages[20:40]:
        world.exchange.fail("GetItem", "ErrorItemCorrupt", message=message, times=None)
    settings = SyncSettings(poll_interval=timedelta(seconds=1), page=20)
    async with watching(world) as watched:
        async with running(world, settings) as runner:
            await until(lambda: world.mailbox().next_due_at > world.time() + 55 * MINUTE)
            assert len(world.comments()) < 60
            assert await watched.look() == [("mailbox_warning", "failed_items")]
            with world.database.read() as tx:
                (warning,) = warnings.of_integration(tx, world.integration().id)[world.mailbox().id]
            assert "Most of them:" in warning.message
            with world.database.write() as tx:  # as a hint of its server does
                mailboxes.wake(tx, world.mailbox().id, world.time())
            runner.wake()
            await until(lambda: world.mailbox().next_due_at > world.time() + 55 * MINUTE)
            assert len(world.comments()) < 60
            world.exchange.heal()
            world.now = world.time() + 60 * MINUTE
            runner.wake()
            await until(lambda: len(world.comments()) == 60)
        assert await watched.look() == [("mailbox_warning_ended", "failed_items")]


async def test_what_is_seen_to_be_readable_does_not_wait_for_the_pause_to_end(
    world: World,
) -> None:
    async with watching(world):
        with world.database.write() as tx:
            mailbox, now = world.mailbox(), world.time()
            lease = leases.claim(tx, [mailbox.id], owner="a", now=now, until=now + MINUTE).get(
                mailbox.id
            )
            assert lease is not None
            until_then = now + 60 * MINUTE
            aftermath.failed_too_much(
                tx, lease, mailbox, world.integration(), failed=12, until=until_then, at=now
            )
        assert world.mailbox().next_due_at == until_then
        with world.database.write() as tx:
            resume(tx, world.integration(), [world.mailbox()], at=now)
        assert world.mailbox().next_due_at == now


def of_integration(world: World) -> tuple[StandingWarning, ...]:
    with world.database.read() as tx:
        return warnings.of_integration(tx, world.integration().id)[None]


def _read_to_its_end(world: World) -> None:
    """Let a round have ended now that brought nothing."""
    now = world.time()
    with world.database.write() as tx:
        tx.execute(update(schema.mailboxes).values(last_round_at=now, next_due_at=now))


def _trouble(world: World, trouble: Trouble | None) -> None:
    with world.database.write() as tx:
        mailboxes.set_trouble(tx, world.mailbox().id, trouble)
        tx.execute(update(schema.mailboxes).values(updated_at=NOON))
