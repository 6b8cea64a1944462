"""What answers mean that Exchange did not mean to give, and what a line keeps for its mailbox."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mailmine import metrics
from mailmine.exchange import Limits
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.model.ids import FolderId
from mailmine.model.integration import AccessType
from tests.unit.exchange.fakes import (
    ADDRESS,
    Asked,
    Said,
    Setting,
    all_messages,
    changes,
    fault,
    reading,
    soap,
)

INBOX = FolderId("inbox")
HTML = {"Content-Type": "text/html"}


async def raised_by(on: Setting) -> Fault:
    with pytest.raises(ExchangeError) as raised:
        await on.reader.changes(INBOX, None, limit=10)
    return raised.value.fault


@pytest.mark.parametrize(
    ("said", "code", "scope", "words"),
    [
        (Said(status=401), "http_401", Scope.CONNECTION, "password"),
        (Said(status=403), "http_403", Scope.MAILBOX, "EWS is being switched off"),
        (Said(status=404), "http_404", Scope.CONNECTION, "/EWS/Exchange.asmx"),
        (Said(status=405), "http_405", Scope.CONNECTION, "address"),
        (Said(status=407), "http_407", Scope.CONNECTION, "proxy"),
        (Said(status=429), "http_429", Scope.CONNECTION, "pause"),
        (Said(status=456), "http_456", Scope.CONNECTION, "456"),
        (Said("<h1>no", status=500, headers=HTML), "http_500", Scope.MAILBOX, "later"),
        (Said(status=502), "http_502", Scope.MAILBOX, "later"),
        (Said(status=503), "http_503", Scope.MAILBOX, "later"),
        (Said("<html>Hi</html>", headers=HTML), Code.NOT_EXCHANGE, Scope.CONNECTION, "web page"),
        (Said("<html xmlns='x'><p/></html>"), Code.NOT_EXCHANGE, Scope.CONNECTION, "web page"),
        (Said("Log in", headers=HTML), Code.NOT_EXCHANGE, Scope.CONNECTION, "web page"),
        (Said("<!doctype html><p>Hi"), Code.NOT_EXCHANGE, Scope.CONNECTION, "web page"),
        (Said("not xml"), Code.MALFORMED_ANSWER, Scope.MAILBOX, "understood"),
        (Said(""), Code.MALFORMED_ANSWER, Scope.MAILBOX, "understood"),
        (Said("<a/>"), Code.MALFORMED_ANSWER, Scope.MAILBOX, "understood"),
        (Said(soap("")), Code.MALFORMED_ANSWER, Scope.MAILBOX, "understood"),
        (Said(soap("<x/>")), Code.MALFORMED_ANSWER, Scope.MAILBOX, "understood"),
    ],
    ids=lambda value: str(value)[:24] if not isinstance(value, Said) else str(value.status),
)
async def test_an_answer_that_is_none_is_put_into_words(
    said: Said, code: str, scope: Scope, words: str
) -> None:
    got = await raised_by(reading(lambda _: said))
    assert (got.code, got.scope) == (code, scope)
    assert words in got.message
    assert "exchange.example.com" in got.message or ADDRESS in got.message
    assert "pässword" not in got.message


@pytest.mark.parametrize(
    ("location", "code", "words"),
    [
        ("https://evil.example.net/EWS/Exchange.asmx", Code.REDIRECTED, "evil.example.net"),
        ("/owa/auth/logon.aspx", Code.REDIRECTED, "exchange.example.com"),
        ("https://exchange.example.com/ews/genericerrorpage.htm", Code.SERVER_ERROR_PAGE, "outage"),
        ("/internalsite/InternalError.asp", Code.REDIRECTED, "gateway"),
        ("", Code.REDIRECTED, "exchange.example.com"),
    ],
)
async def test_a_redirect_is_never_followed(location: str, code: str, words: str) -> None:
    on = reading(lambda _: Said(status=302, headers={"Location": location}))
    got = await raised_by(on)
    assert (got.code, got.scope) == (code, Scope.CONNECTION)
    assert words in got.message
    assert [asked.request.url for asked in on.exchange.asked] == [
        "https://exchange.example.com/EWS/Exchange.asmx"
    ]


async def test_an_answer_that_calls_itself_a_web_page_is_read_all_the_same() -> None:
    on = reading(lambda _: Said(changes(), headers=HTML))
    assert not isinstance(await on.reader.changes(INBOX, None, limit=10), Fault)


async def test_one_503_and_one_broken_connection_are_got_over() -> None:
    says: list[Said | str | Exception] = [Said(status=503), changes(), broken(), changes()]
    on = reading(lambda _: says.pop(0))
    await on.reader.changes(INBOX, None, limit=10)
    await on.reader.changes(INBOX, None, limit=10)
    assert on.clock.slept == [1.0]


async def test_c2_two_in_a_row_are_not() -> None:
    on = reading(lambda _: broken())
    assert (await raised_by(on)).code == Code.RESET
    assert len(on.exchange.asked) == 2
    on = reading(lambda _: Said(status=503))
    assert (await raised_by(on)).code == "http_503"
    assert len(on.exchange.asked) == 2
    assert on.exchange.in_flight == 0


async def test_a_503_that_names_a_time_is_not_tried_again() -> None:
    on = reading(lambda _: Said(status=503, headers={"Retry-After": "30"}))
    got = await raised_by(on)
    assert (got.retry_after, got.scope) == (timedelta(seconds=30), Scope.CONNECTION)
    assert len(on.exchange.asked) == 1


@pytest.mark.parametrize(
    ("written", "seconds"), [("7.5", 7.5), ("0.25", 0.25), ("30.", 30), ("9" * 40, 86_400)]
)
async def test_a_time_to_come_back_may_have_a_fraction_and_is_a_day_at_most(
    written: str, seconds: float
) -> None:
    got = await raised_by(reading(lambda _: Said(status=503, headers={"Retry-After": written})))
    assert (got.retry_after, got.scope) == (timedelta(seconds=seconds), Scope.CONNECTION)


async def test_a_time_to_come_back_may_be_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    got = await raised_by(reading(lambda _: Said(status=503, headers={"Retry-After": at})))
    assert got.retry_after is not None
    assert timedelta(minutes=59) < got.retry_after <= timedelta(hours=1)


@pytest.mark.parametrize("nonsense", ["soon", "-1", "1,5", "Mon, 99 Foo", "9" * 500])
async def test_a_time_to_come_back_may_be_nonsense(nonsense: str) -> None:
    got = await raised_by(reading(lambda _: Said(status=429, headers={"Retry-After": nonsense})))
    assert got.retry_after is not None
    assert timedelta(seconds=10) <= got.retry_after <= timedelta(days=1)


async def test_c2_a_server_that_never_answers_is_given_up() -> None:
    on = reading(lambda _: changes(), limits=Limits(deadline=0.01))
    on.exchange.gate = asyncio.Event()
    got = await raised_by(on)
    assert (got.where, got.code) == (Where.NETWORK, Code.TIMED_OUT)
    assert ADDRESS in got.message
    assert on.exchange.in_flight == 0


async def test_c2_an_answer_that_trickles_for_ever_is_given_up() -> None:
    on = reading(lambda _: changes(), limits=Limits(deadline=0.01))
    on.exchange.trickles = True
    assert (await raised_by(on)).code == Code.TIMED_OUT
    assert on.exchange.in_flight == 0


async def test_the_servers_name_of_a_failed_request_is_kept_for_its_administrator() -> None:
    said = Said(status=502, headers={"request-id": "abc-123"})
    assert (await raised_by(reading(lambda _: said))).request_id == "abc-123"
    said = fault("ErrorInternalServerTransientError")
    said = Said(said.body, 500, {**said.headers, "request-id": "def"})
    assert (await raised_by(reading(lambda _: said))).request_id == "def"


async def test_the_server_and_the_machine_behind_it_are_named() -> None:
    said = Said(status=502, headers={"X-FEServer": "CAS1", "X-CalculatedBETarget": "mbx1.example"})
    got = await raised_by(reading(lambda _: said))
    assert (got.server or "").endswith(" (mbx1.example)")
    assert (got.server or "").startswith(
        (await raised_by(reading(lambda _: broken()))).server or "-"
    )


async def test_without_an_answer_there_is_our_own_name_of_the_request() -> None:
    on = reading(lambda _: broken())
    got = await raised_by(on)
    assert got.request_id == on.exchange.asked[-1].headers["client-request-id"]


async def test_a_broken_off_answer_has_the_servers_name_of_the_request() -> None:
    said = Said(changes(), headers={"request-id": "abc-123"})
    on = reading(lambda _: said, limits=Limits(deadline=0.01))
    on.exchange.trickles = True
    got = await raised_by(on)
    assert (got.code, got.request_id) == (Code.TIMED_OUT, "abc-123")


async def test_what_is_asked_is_counted_for_the_round_that_asks() -> None:
    says: list[Said | str | Exception] = [broken(), changes()]
    on = reading(lambda _: says.pop(0))
    name = "mailmine_exchange_requests_total"
    before = metrics.REGISTRY.get_sample_value(name, {"backend": "ews", "code": "reset"}) or 0
    with metrics.tallied() as tally:
        await on.reader.changes(INBOX, None, limit=10)
    assert tally.requests == 2
    assert tally.bytes > 100
    after = metrics.REGISTRY.get_sample_value(name, {"backend": "ews", "code": "reset"})
    assert after == before + 1


async def test_cookies_are_kept_for_each_mailbox() -> None:
    says = iter(range(10))
    on = reading(
        lambda asked: Said(
            changes(),
            cookies=(
                f"X-BackEndCookie={asked.headers['X-AnchorMailbox'][:3]}{next(says)}; path=/; secure",
                "bad cookie\x00",
            ),
        )
    )
    other = on.account.reader("bob@example.com")
    for reader in (on.reader, other, on.reader):
        await reader.changes(INBOX, None, limit=1)
    assert [asked.headers.get("Cookie") for asked in on.exchange.asked] == [
        None,
        None,
        "X-BackEndCookie=ord0",
    ]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("exchangecookie=3a; path=/; HttpOnly; SameSite=None; Partitioned", "exchangecookie=3a"),
        ('sticky={"a":1, "b":2}; path=/', 'sticky={"a":1, "b":2}'),
        ("route=back end 7; Secure", "route=back end 7"),
        ("BIGip~Common~pool=!abc/def+g==;path=/", "BIGip~Common~pool=!abc/def+g=="),
        ('a="b"; Max-Age=60', 'a="b"'),
        ("a=b; max-age=-1", None),
        ("no value", None),
        ("a=b\r\nX-Evil: 1", None),
        ("a=\xe4", None),
    ],
)
async def test_a_cookie_is_kept_as_it_is_said(said: str, kept: str | None) -> None:
    on = reading(lambda _: Said(changes(), cookies=(said,)))
    for _ in range(2):
        await on.reader.changes(INBOX, None, limit=1)
    assert on.exchange.asked[1].headers.get("Cookie") == kept


async def test_a_cookie_that_is_taken_back_is_not_sent() -> None:
    says = [("a=1", "b=2"), ("a=; Max-Age=0",), ()]
    on = reading(lambda _: Said(changes(), cookies=says.pop(0)))
    for _ in range(3):
        await on.reader.changes(INBOX, None, limit=1)
    assert on.exchange.asked[1].headers["Cookie"] == "a=1; b=2"
    assert on.exchange.asked[2].headers["Cookie"] == "b=2"


@pytest.mark.parametrize("access", AccessType)
async def test_the_access_decides_whether_the_owner_is_impersonated(access: AccessType) -> None:
    on = reading(all_messages, access=access)
    async for _ in on.reader.fetch([]):
        pass
    on = reading(lambda _: changes(), access=access)
    await on.reader.changes(INBOX, None, limit=1)
    is_impersonated = (
        f"<t:PrimarySmtpAddress>{ADDRESS}</t:PrimarySmtpAddress>" in on.exchange.asked[0].body
    )
    assert is_impersonated is (access is AccessType.IMPERSONATION)


async def test_c28_times_are_asked_for_in_utc_and_the_lowest_version_first() -> None:
    on = reading(lambda _: changes())
    await on.reader.changes(INBOX, None, limit=1)
    asked: Asked = on.exchange.asked[0]
    assert '<t:TimeZoneContext><t:TimeZoneDefinition Id="UTC"/></t:TimeZoneContext>' in asked.body
    assert asked.version == "Exchange2010_SP2"
    assert asked.headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "body",
    [
        "<s:Fault><faultcode>soap11:Client.ErrorImpersonateUserDenied</faultcode></s:Fault>",
        "<s:Fault><faultcode>a:ErrorImpersonateUserDenied</faultcode><faultstring>x</faultstring></s:Fault>",
        (
            "<s:Fault><faultcode>soap11:Client</faultcode><detail><x:ResponseCode xmlns:x='errors'>"
            "ErrorImpersonateUserDenied</x:ResponseCode></detail></s:Fault>"
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
async def test_faults_of_every_form_are_understood(body: str, status: int) -> None:
    got = await raised_by(reading(lambda _: Said(soap(body), status=status)))
    assert got.code.endswith("ErrorImpersonateUserDenied")
    assert got.scope is Scope.MAILBOX


def broken() -> ExchangeError:
    return ExchangeError(
        Fault(where=Where.NETWORK, code=Code.RESET, message="broke off", scope=Scope.CONNECTION)
    )


async def test_a_redirect_to_no_place_at_all_is_a_fault_like_any() -> None:
    exchange = reading(lambda _: Said(status=302, headers={"Location": "https://[bad"}))
    with pytest.raises(ExchangeError) as raised:
        await exchange.reader.folders()
    assert raised.value.fault.code == Code.REDIRECTED
