"""What `check` finds, step by step, on a simulated Exchange; and what it advises."""

import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exchange_simulator import Account, Exchange
from exchange_simulator.tls import certificate
from mailmine.exchange.check import Name, Outcome, Step, check
from mailmine.exchange.endpoints import EWS_ONLINE_ENDS
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import Transport, fault_of
from mailmine.exchange.probe import Handshake
from mailmine.exchange.remedies import DENIED, TABLE, Case, remedy, remedy_for
from mailmine.model.integration import AccessType, AuthType, Backend, Connection
from tests.simulator.mails import mail
from tests.unit.exchange.test_autodiscover import Internet, Said, ToSimulator

SERVICE, PASSWORD, ORDERS, SALES = (
    "svc@example.com",
    "sécret",
    "orders@example.com",
    "sales@example.com",
)
APP = "2c5d8f2a-0001-4b3c-9d9e-aaaaaaaaaaaa"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
ONLINE = Connection(
    endpoint="https://outlook.office365.com/EWS/Exchange.asmx",
    auth=AuthType.CLIENT_SECRET,
    access=AccessType.IMPERSONATION,
    client_id=APP,
)
SHOWN = Handshake(
    address="192.0.2.1",
    version="TLSv1.3",
    cipher="AES",
    ends_at=NOW + timedelta(days=300),
    issuer="CN=CA",
)
OURS = Connection(endpoint="https://exchange.example.com/EWS/Exchange.asmx", username="ACME\\svc")


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    made = Exchange()
    made.account(SERVICE, password=PASSWORD)
    made.grant(SERVICE, mailbox=ORDERS)
    made.mailbox(SALES)
    made.mailbox(ORDERS).deliver(mail("Secret plans", message_id="<1@x>", attachment=b"%PDF-1"))
    yield made
    made.close()


@contextmanager
def serving(exchange: Exchange, backend: Backend = Backend.EWS) -> Iterator[Connection]:
    with exchange.serve() as address:
        if backend is Backend.EWS:
            yield Connection(
                endpoint=f"{address}/EWS/Exchange.asmx", username=SERVICE, plain_http=True
            )
        else:
            yield Connection(
                endpoint=address,
                backend=Backend.GRAPH,
                auth=AuthType.CLIENT_SECRET,
                tenant_id="contoso.example",
                client_id=APP,
                authority=address,
                plain_http=True,
            )


async def steps(
    connection: Connection,
    *mailboxes: str,
    secret: str = PASSWORD,
    transport: Transport | None = None,
    now: datetime | None = None,
    shown: Handshake = SHOWN,
) -> list[Step]:
    async def probe(connection: Connection) -> Handshake:
        del connection
        return shown

    found = check(
        connection,
        secret,
        mailboxes,
        transport=transport,
        probe=probe,
        now=lambda: now or datetime.now(UTC),
    )
    return [step async for step in found]


def outcomes(found: list[Step], mailbox: str | None = None) -> dict[Name, Outcome]:
    return {step.name: step.outcome for step in found if step.mailbox == mailbox}


def the(found: list[Step], name: Name) -> Step:
    (step,) = [step for step in found if step.name is name]
    return step


@pytest.mark.parametrize("backend", [Backend.EWS, Backend.GRAPH])
async def test_all_is_well(exchange: Exchange, backend: Backend) -> None:
    exchange.application(APP, secret=PASSWORD)
    with serving(exchange, backend) as connection:
        found = await steps(connection, ORDERS)
    assert outcomes(found, ORDERS) == dict.fromkeys(
        (Name.SIGN_IN, Name.PERMISSION, Name.FOLDERS, Name.BODY, Name.ATTACHMENT), Outcome.OK
    )
    assert outcomes(found)[Name.REACH] is Outcome.OK
    assert outcomes(found)[Name.CLOCK] is Outcome.OK
    assert "1 items" in the(found, Name.FOLDERS).words
    assert the(found, Name.ATTACHMENT).words == "an attachment was read, 6 bytes"
    assert "Secret plans" not in repr(found)


async def test_a_mailbox_that_may_not_be_read(exchange: Exchange) -> None:
    with serving(exchange) as connection:
        found = await steps(connection, SALES, ORDERS)
    assert outcomes(found, SALES) == {Name.SIGN_IN: Outcome.OK, Name.PERMISSION: Outcome.FAILED}
    assert outcomes(found, ORDERS)[Name.BODY] is Outcome.OK
    advice = next(step.remedy for step in found if step.outcome is Outcome.FAILED)
    assert advice is not None
    assert advice.commands[0] == (
        f"Add-MailboxPermission -Identity '{SALES}' -User '{SERVICE}' -AccessRights FullAccess -AutoMapping $false"
    )


async def test_an_application_that_may_not_read_a_mailbox_by_graph(exchange: Exchange) -> None:
    exchange.application(APP, secret=PASSWORD, only=[ORDERS])
    with serving(exchange, Backend.GRAPH) as connection:
        found = await steps(connection, SALES, ORDERS)
    assert outcomes(found, SALES) == {Name.SIGN_IN: Outcome.OK, Name.PERMISSION: Outcome.FAILED}
    assert outcomes(found, ORDERS)[Name.FOLDERS] is Outcome.OK
    advice = next(step.remedy for step in found if step.outcome is Outcome.FAILED)
    assert advice is not None
    assert f"New-ManagementRoleAssignment -App '{APP}' -Role 'Application Mail.Read'" in str(
        advice.commands
    )


async def test_a_wrong_password_is_tried_once_for_all_mailboxes(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """exchange.md, part C, row 1."""
    tried: list[str] = []
    sign_in = exchange.sign_in

    def noted(name: str, password: str) -> Account | None:
        tried.append(password)
        return sign_in(name, password)

    monkeypatch.setattr(exchange, "sign_in", noted)
    with serving(exchange) as connection:
        found = await steps(connection, ORDERS, SALES, "bob@example.com", secret="wrong")
    assert outcomes(found, ORDERS) == {Name.SIGN_IN: Outcome.FAILED}
    assert outcomes(found, SALES) == {Name.SIGN_IN: Outcome.SKIPPED}
    assert tried == ["wrong"]


async def test_a_wrong_secret_of_an_application(exchange: Exchange) -> None:
    exchange.application(APP)
    with serving(exchange, Backend.GRAPH) as connection:
        found = await steps(connection, ORDERS, SALES, secret="wrong")
    assert outcomes(found, ORDERS) == {Name.SIGN_IN: Outcome.FAILED}
    assert outcomes(found, SALES) == {Name.SIGN_IN: Outcome.SKIPPED}
    assert exchange.requests.count("token") == 1


async def test_an_unknown_mailbox_stops_no_other(exchange: Exchange) -> None:
    with serving(exchange) as connection:
        found = await steps(connection, "nobody@example.com", ORDERS)
    assert outcomes(found, "nobody@example.com")[Name.FOLDERS] is Outcome.FAILED
    assert outcomes(found, ORDERS)[Name.FOLDERS] is Outcome.OK


async def test_a_server_that_is_not_there_is_asked_for_no_mailbox() -> None:
    internet = Internet({})
    found = await steps(OURS, ORDERS, SALES, transport=internet)
    assert outcomes(found) == {Name.REACH: Outcome.FAILED}
    assert outcomes(found, ORDERS) == outcomes(found, SALES) == {Name.SIGN_IN: Outcome.SKIPPED}
    assert len(internet.asked) == 1


async def test_an_empty_mailbox_is_well(exchange: Exchange) -> None:
    exchange.grant(SERVICE, mailbox=SALES)
    with serving(exchange) as connection:
        found = await steps(connection, SALES)
    assert outcomes(found, SALES)[Name.FOLDERS] is Outcome.OK
    assert outcomes(found, SALES)[Name.BODY] is Outcome.SKIPPED


async def test_an_email_that_exchange_cannot_give_is_a_warning(exchange: Exchange) -> None:
    exchange.fail("GetItem", "ErrorItemCorrupt", times=None)
    exchange.fail("GetAttachment", "ErrorItemCorrupt", times=None)
    with serving(exchange) as connection:
        found = await steps(connection, ORDERS)
    assert outcomes(found, ORDERS)[Name.BODY] is Outcome.WARNING


@pytest.mark.parametrize(
    ("minutes", "words"), [(-7, "7 minutes ahead of ours"), (7, "7 minutes behind ours")]
)
async def test_clocks_that_differ(exchange: Exchange, minutes: int, words: str) -> None:
    with serving(exchange) as connection:
        found = await steps(connection, now=datetime.now(UTC) + timedelta(minutes=minutes))
    step = the(found, Name.CLOCK)
    assert step.outcome is Outcome.WARNING
    assert words in step.words
    assert step.remedy is not None


@pytest.mark.parametrize(
    ("shown", "outcome", "words"),
    [
        (SHOWN, Outcome.OK, "good until 2027-09-27"),
        (
            replace(SHOWN, ends_at=NOW + timedelta(days=29)),
            Outcome.WARNING,
            "good until 2026-12-30",
        ),
        (replace(SHOWN, ends_at=NOW - timedelta(days=1)), Outcome.WARNING, "ended on 2026-11-30"),
        (replace(SHOWN, version="TLSv1"), Outcome.WARNING, "TLSv1 is not safe"),
    ],
)
async def test_what_the_server_shows(shown: Handshake, outcome: Outcome, words: str) -> None:
    internet = Internet({OURS.endpoint: Said(404)})
    step = the(await steps(OURS, transport=internet, now=NOW, shown=shown), Name.CERTIFICATE)
    assert step.outcome is outcome
    assert words in step.words
    assert (step.remedy is None) == (outcome is Outcome.OK)


async def test_a_real_handshake(exchange: Exchange) -> None:
    with exchange.serve(tls=True) as address:
        connection = Connection(
            endpoint=f"{address}/EWS/Exchange.asmx", username=SERVICE, verify_tls=False
        )
        found = [step async for step in check(connection, PASSWORD, [ORDERS])]
        refused = [step async for step in check(replace(connection, verify_tls=True), PASSWORD, [])]
    step = the(found, Name.CERTIFICATE)
    assert step.outcome is Outcome.WARNING
    assert "it is not checked" in step.words
    assert "TLSv1.3" in step.detail
    assert outcomes(found, ORDERS)[Name.BODY] is Outcome.OK
    (step,) = refused
    assert step.fault is not None
    assert step.fault.code == Code.CERTIFICATE_NOT_TRUSTED
    assert step.remedy is not None
    assert f"-connect {address.removeprefix('https://')}" in step.remedy.commands[0]


async def test_the_end_of_ews_at_exchange_online_is_told() -> None:
    internet = Internet({ONLINE.endpoint: Said(401)})
    before = datetime(2027, 3, 31, tzinfo=UTC)
    step = the(await steps(ONLINE, transport=internet, now=before), Name.RETIREMENT)
    assert step.outcome is Outcome.WARNING
    assert "1 April 2027" in step.words
    assert datetime(2027, 4, 1, tzinfo=UTC).date() == EWS_ONLINE_ENDS
    ours = await steps(OURS, transport=Internet({OURS.endpoint: Said(401)}))
    assert Name.RETIREMENT not in outcomes(ours)


async def test_the_end_of_an_applications_certificate_is_told() -> None:
    pem = b"".join(certificate("app")).decode()
    connection = replace(ONLINE, auth=AuthType.CLIENT_CERTIFICATE)
    for later, outcome in (
        (0, Outcome.OK),
        (340, Outcome.WARNING),
        (366, Outcome.FAILED),
    ):
        now = datetime.now(UTC) + timedelta(days=later)
        found = await steps(connection, secret=pem, now=now, transport=Internet({}))
        assert the(found, Name.SECRET).outcome is outcome
    key_alone = certificate("app")[1].decode()
    assert Name.SECRET not in outcomes(
        await steps(connection, secret=key_alone, transport=Internet({}))
    )


async def test_the_endpoint_is_found_and_tried(exchange: Exchange) -> None:
    with exchange.serve() as address:
        connection = Connection(endpoint="", username=SERVICE, plain_http=True)
        found = await steps(connection, ORDERS, SALES, transport=ToSimulator(address))
        exchange.account(SERVICE, password="another")
        wrong = await steps(connection, ORDERS, SALES, transport=ToSimulator(address))
    assert [step.name for step in found if step.mailbox is None] == [
        Name.REACH,
        Name.CERTIFICATE,
        Name.CLOCK,
    ]
    assert (
        f"{address}/EWS" in the([s for s in found if s.mailbox == ORDERS], Name.AUTODISCOVER).words
    )
    assert outcomes(found, ORDERS)[Name.BODY] is Outcome.OK
    assert outcomes(wrong, ORDERS) == {Name.SIGN_IN: Outcome.FAILED}
    assert outcomes(wrong, SALES) == {Name.SIGN_IN: Outcome.SKIPPED}


def denied(code: str, where: Where = Where.EWS) -> Fault:
    return Fault(where=where, code=code, message="", scope=Scope.MAILBOX)


@pytest.mark.parametrize(
    ("code", "connection", "words"),
    [
        ("ErrorAccessDenied", OURS, "Add-MailboxPermission"),
        (
            "ErrorImpersonateUserDenied",
            replace(OURS, access=AccessType.IMPERSONATION),
            "-Role ApplicationImpersonation -User 'ACME\\svc'",
        ),
        ("http_403", ONLINE, f"-EwsAllowedAppIDs '<those that are listed>,{APP}'"),
        ("ErrorAccessDenied", ONLINE, "Application EWS.AccessAsApp"),
        ("ErrorAccessDenied", replace(ONLINE, backend=Backend.GRAPH), "Application Mail.Read"),
        (Code.CERTIFICATE_NOT_TRUSTED, OURS, "-connect exchange.example.com:443"),
        (Code.PROXY_FAILED, OURS, ""),
        ("AADSTS700024", ONLINE, "timedatectl"),
    ],
)
def test_each_obstacle_has_its_remedy(code: str, connection: Connection, words: str) -> None:
    found = remedy_for(denied(code), connection, ORDERS)
    assert found is not None
    assert words in "\n".join(found.commands)


def test_what_says_all_itself_has_none() -> None:
    assert remedy_for(denied("ErrorNonExistentMailbox"), OURS, ORDERS) is None


@pytest.mark.parametrize("case", Case)
def test_a_remedy_is_filled_in_whole(case: Case) -> None:
    assert case in TABLE
    found = remedy(case, ONLINE, "o'brien@example.com")
    for line in (found.words, *found.commands):
        assert not [name for _, name, _, _ in string.Formatter().parse(line) if name]
        assert "o'brien" not in line  # its quote would end the string in PowerShell
    assert DENIED


async def test_an_unexpected_end_of_the_way_is_no_traceback() -> None:
    internet = Internet({OURS.endpoint: Said(502)})
    found = await steps(OURS, ORDERS, transport=internet)
    assert outcomes(found)[Name.REACH] is Outcome.WARNING
    assert outcomes(found, ORDERS) == {Name.FOLDERS: Outcome.FAILED}


async def test_a_handshake_that_fails_later_is_a_warning() -> None:
    async def probe(connection: Connection) -> Handshake:
        raise ExchangeError(fault_of(TimeoutError(), connection.endpoint))

    found = [
        step
        async for step in check(
            OURS, PASSWORD, [], transport=Internet({OURS.endpoint: Said(404)}), probe=probe
        )
    ]
    assert the(found, Name.CERTIFICATE).outcome is Outcome.WARNING
