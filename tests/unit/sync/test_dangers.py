from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from mailmine.model.ids import BucketId, IntegrationId, MailboxId, ProjectId
from mailmine.model.integration import (
    AuthType,
    Backend,
    Connection,
    DisabledReason,
    Filters,
    Integration,
    Mailbox,
    Trouble,
)
from mailmine.store.folders import Load
from mailmine.sync import dangers
from mailmine.sync.dangers import IntegrationFacts, MailboxFacts, has_room
from mailmine.sync.settings import WarningSettings

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=90)
DAY = timedelta(days=1)
POLL = timedelta(seconds=30)
SETTINGS = WarningSettings()
TROUBLE = Trouble(code="timed_out", message="No answer in time.", since=NOW)

EXCHANGE = Integration(
    id=IntegrationId("i"),
    project_id=ProjectId("p"),
    project="sales",
    name="exchange",
    title="Exchange",
    connection=Connection(
        endpoint="https://exchange.example.com/EWS/Exchange.asmx", client_id="app", username="svc"
    ),
    enabled=True,
    disabled_reason=None,
    trouble=None,
    created_at=LONG_AGO,
    updated_at=LONG_AGO,
)
ORDERS = Mailbox(
    id=MailboxId("m"),
    integration_id=EXCHANGE.id,
    address="orders@example.com",
    bucket_id=BucketId("b"),
    enabled=True,
    disabled_reason=None,
    trouble=None,
    start_at=None,
    filters=Filters(),
    sync_attachments=False,
    created_at=LONG_AGO,
    updated_at=LONG_AGO,
    last_round_at=NOW,
    next_due_at=NOW + POLL,
)
FACTS = MailboxFacts(mailbox=ORDERS, integration=EXCHANGE, watched_since=LONG_AGO)
LATE = replace(FACTS, mailbox=replace(ORDERS, last_round_at=LONG_AGO, next_due_at=LONG_AGO))
STILL = replace(
    FACTS,
    load=Load(folders=2, emails_read=700, stored_at=LONG_AGO),
    still_since=NOW - timedelta(minutes=30),
)


def connected(**changes: object) -> Integration:
    return replace(EXCHANGE, connection=replace(EXCHANGE.connection, **changes))  # type: ignore[arg-type]


def codes_of(facts: IntegrationFacts, *, now: datetime = NOW) -> list[str]:
    return [one.code for one in dangers.of_integration(facts, now=now, settings=SETTINGS)]


def codes_of_mailbox(
    facts: MailboxFacts, *, now: datetime = NOW, poll_interval: timedelta = POLL
) -> list[str]:
    found = dangers.of_mailbox(facts, now=now, poll_interval=poll_interval, settings=SETTINGS)
    return [one.code for one in found]


def test_what_is_well_is_not_warned_of() -> None:
    assert codes_of(IntegrationFacts(integration=EXCHANGE)) == []
    assert codes_of_mailbox(FACTS) == []


@given(st.timedeltas(min_value=-400 * DAY, max_value=400 * DAY))
def test_an_end_is_warned_of_from_thirty_days_before(left: timedelta) -> None:
    expected = left <= 30 * DAY
    ends_at = NOW + left
    assert bool(codes_of(IntegrationFacts(integration=EXCHANGE, certificate_ends=ends_at))) is (
        expected
    )
    assert bool(codes_of(IntegrationFacts(integration=EXCHANGE, password_ends=ends_at))) is expected
    shown = IntegrationFacts(integration=EXCHANGE, tls_certificate_ends=ends_at)
    assert codes_of(shown) == (["tls_certificate_ends"] if expected else [])
    assert bool(codes_of(IntegrationFacts(integration=connected(secret_ends=ends_at)))) is expected


def test_a_warning_says_what_ends_when_and_what_to_do() -> None:
    facts = IntegrationFacts(
        integration=connected(auth=AuthType.CLIENT_SECRET, secret_ends=NOW + 3 * DAY)
    )
    (danger,) = dangers.of_integration(facts, now=NOW, settings=SETTINGS)
    assert danger.message == (
        "The client secret of the application app ends on 2026-11-29. Make another in Entra ID, and "
        "enter it here with the day on which it ends. Without it nothing of this integration is read."
    )
    assert danger.ends_at == NOW + 3 * DAY
    (danger,) = dangers.of_integration(facts, now=NOW + 9 * DAY, settings=SETTINGS)
    assert "ended on 2026-11-29" in danger.message


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        (AuthType.CLIENT_CERTIFICATE, "The certificate of the application app ends on"),
        (AuthType.NTLM, "The password of svc ends on"),
    ],
)
def test_what_ends_is_named(auth: AuthType, words: str) -> None:
    facts = IntegrationFacts(integration=connected(auth=auth, secret_ends=NOW + DAY))
    (danger,) = dangers.of_integration(facts, now=NOW, settings=SETTINGS)
    assert danger.message.startswith(words)


def test_what_a_person_switched_off_is_not_warned_of() -> None:
    off = replace(EXCHANGE, enabled=False, disabled_reason=DisabledReason.USER)
    assert codes_of(IntegrationFacts(integration=off, certificate_ends=NOW, has_room=False)) == []
    broken = replace(off, disabled_reason=DisabledReason.SYNC_ERROR)
    facts = IntegrationFacts(integration=broken, certificate_ends=NOW)
    assert codes_of(facts) == ["certificate_ends"]


@pytest.mark.parametrize(
    ("endpoint", "backend", "now", "expected"),
    [
        ("https://outlook.office365.com/EWS/Exchange.asmx", Backend.EWS, NOW, True),
        ("https://OUTLOOK.office365.us/EWS/Exchange.asmx", Backend.EWS, NOW, True),
        (
            "https://outlook.office365.com/EWS/Exchange.asmx",
            Backend.EWS,
            datetime(2026, 9, 30, 23, 59, tzinfo=UTC),
            False,
        ),
        ("https://graph.microsoft.com", Backend.GRAPH, NOW, False),
        ("https://exchange.example.com/EWS/Exchange.asmx", Backend.EWS, NOW, False),
        ("", Backend.EWS, NOW, False),
    ],
)
def test_ews_ends_in_exchange_online(
    endpoint: str, backend: Backend, now: datetime, *, expected: bool
) -> None:
    facts = IntegrationFacts(integration=connected(endpoint=endpoint, backend=backend))
    found = dangers.of_integration(facts, now=now, settings=SETTINGS)
    assert [one.code for one in found] == (["ews_ends"] if expected else [])
    for danger in found:
        assert danger.ends_at == datetime(2027, 4, 1, tzinfo=UTC)
        assert "2027-04-01" in danger.message


def test_a_full_disk_is_said_of_every_integration() -> None:
    assert codes_of(IntegrationFacts(integration=EXCHANGE, has_room=False)) == ["disk_full"]


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [
        (100 << 30, 6 << 30, True),
        (100 << 30, (5 << 30) - 1, False),
        (10 << 30, 1 << 30, True),
        (10 << 30, (1 << 30) - 1, False),
    ],
)
def test_room_is_a_part_of_the_disk_and_some_bytes(
    total: int, free: int, *, expected: bool
) -> None:
    assert has_room(total=total, free=free, settings=SETTINGS) is expected


def test_a_mailbox_that_is_overdue_falls_behind() -> None:
    assert codes_of_mailbox(LATE) == ["falling_behind"]


@given(
    late=st.timedeltas(min_value=timedelta(), max_value=DAY),
    poll=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=1)),
)
def test_it_is_late_after_ten_minutes_or_five_polls(late: timedelta, poll: timedelta) -> None:
    facts = replace(LATE, mailbox=replace(ORDERS, last_round_at=NOW, next_due_at=NOW))
    expected = late > max(timedelta(minutes=10), 5 * poll)
    found = codes_of_mailbox(facts, now=NOW + late, poll_interval=poll)
    assert found == (["falling_behind"] if expected else [])


@pytest.mark.parametrize(
    "facts",
    [
        replace(LATE, watched_since=NOW),
        replace(LATE, mailbox=replace(LATE.mailbox, updated_at=NOW)),
        replace(LATE, mailbox=replace(LATE.mailbox, next_due_at=NOW)),
        replace(LATE, integration=replace(EXCHANGE, updated_at=NOW)),
    ],
    ids=["just started", "just changed", "was paused", "integration just changed"],
)
def test_what_could_not_be_read_before_is_not_late(facts: MailboxFacts) -> None:
    assert codes_of_mailbox(facts) == []


def test_a_new_mailbox_that_is_never_read_falls_behind() -> None:
    facts = replace(LATE, mailbox=replace(LATE.mailbox, last_round_at=None))
    (danger,) = dangers.of_mailbox(facts, now=NOW, poll_interval=POLL, settings=SETTINGS)
    assert "not read to its end yet" in danger.message


def test_a_first_load_that_stands_still_for_half_an_hour_stalls() -> None:
    assert codes_of_mailbox(STILL) == ["load_stalls"]
    assert codes_of_mailbox(STILL, now=NOW - timedelta(seconds=1)) == []
    assert codes_of_mailbox(replace(STILL, load=None)) == []


def test_too_many_failures_are_said_with_their_reason_alone() -> None:
    facts = replace(LATE, is_paused=True, why_failed="It is too large.")
    (danger,) = dangers.of_mailbox(facts, now=NOW, poll_interval=POLL, settings=SETTINGS)
    assert danger.code == "failed_items"
    assert "15% of the last 100, or 10 in a row. Most of them: It is too large. The" in (
        danger.message
    )


@pytest.mark.parametrize(
    "facts",
    [
        replace(LATE, mailbox=replace(LATE.mailbox, enabled=False)),
        replace(LATE, integration=replace(EXCHANGE, enabled=False)),
        replace(LATE, mailbox=replace(LATE.mailbox, trouble=TROUBLE)),
        replace(LATE, integration=replace(EXCHANGE, trouble=TROUBLE)),
        replace(STILL, mailbox=replace(ORDERS, trouble=TROUBLE)),
        replace(STILL, is_paused=True, integration=replace(EXCHANGE, enabled=False)),
    ],
)
def test_what_is_off_or_in_trouble_is_not_warned_of(facts: MailboxFacts) -> None:
    assert codes_of_mailbox(facts) == []
