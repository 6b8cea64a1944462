import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailmine.exchange import KNOWN_CODES
from mailmine.exchange.faults import Fault, Scope, Where
from mailmine.exchange.graph import codes, more_codes
from mailmine.sync.dangers import Code as Warned
from mailmine.sync.policy import (
    BUG,
    OTHERWISE,
    SECRET_MISSING,
    TABLE,
    Action,
    is_due,
    rule,
    rule_for,
)

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("code", sorted({*KNOWN_CODES, BUG, SECRET_MISSING}))
def test_every_known_code_has_a_row(code: str) -> None:
    assert any(known == code for _, known in TABLE)


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (Where.EWS, "ErrorServerBusy"),
        (Where.EWS, "ErrorExceededConnectionCount"),
        (Where.EWS, "ErrorTimeoutExpired"),
        (Where.EWS, "ErrorInternalServerError"),
        (Where.EWS, "ErrorMailboxMoveInProgress"),
        (Where.HTTP, "http_429"),
        (Where.HTTP, "http_500"),
        (Where.HTTP, "http_503"),
        (Where.NETWORK, "timed_out"),
        (Where.NETWORK, "refused"),
        (Where.NETWORK, "reset"),
        (Where.DNS, "name_not_found"),
        (Where.EWS, "ErrorNobodyHasHeardOf"),
    ],
)
def test_what_passes_switches_nothing_off(where: Where, code: str) -> None:
    assert rule(where, code).action is Action.RETRY_LATER


def test_a_wrong_password_is_tried_twice() -> None:
    row = rule(Where.HTTP, "http_401")
    assert row.action is Action.DISABLE_INTEGRATION
    assert row.tries == 2


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (Where.EWS, "ErrorAccessDenied"),
        (Where.EWS, "ErrorNotDelegate"),
        (Where.GRAPH, "ErrorAccessDenied"),
        (Where.HTTP, "http_403"),
    ],
)
def test_a_right_that_is_missing_must_last(where: Where, code: str) -> None:
    row = rule(where, code)
    assert row.action is Action.DISABLE_MAILBOX
    assert not is_due(row, times=99, since=NOW, now=NOW + timedelta(minutes=59))
    assert not is_due(row, times=2, since=NOW, now=NOW + timedelta(days=1))
    assert is_due(row, times=3, since=NOW, now=NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (Where.EWS, "ErrorNonExistentMailbox"),
        (Where.EWS, "ErrorMailRecipientNotFound"),
        (Where.GRAPH, "ErrorInvalidUser"),
    ],
)
def test_a_mailbox_that_is_not_there_is_looked_for_twice(where: Where, code: str) -> None:
    row = rule(where, code)
    assert row.action is Action.DISABLE_MAILBOX
    assert not is_due(row, times=9, since=NOW, now=NOW + timedelta(minutes=9))
    assert not is_due(row, times=1, since=NOW, now=NOW + timedelta(days=1))
    assert is_due(row, times=2, since=NOW, now=NOW + timedelta(minutes=10))


def test_every_response_code_of_microsofts_schema_has_a_row(shared: Path) -> None:
    schema = (shared / "schema" / "ews-2017" / "messages.xsd").read_text(encoding="utf-8")
    _, _, rest = schema.partition('name="ResponseCodeType"')
    codes = set(re.findall(r'enumeration value="(\w+)"', rest.partition("</xs:simpleType>")[0]))
    assert len(codes) > 500
    missing = {code for code in codes - {"NoError"} if (Where.EWS, code) not in TABLE}
    assert missing == set()


@pytest.mark.parametrize("code", sorted(more_codes.DOCUMENTED | more_codes.BAD_STATUS))
def test_every_documented_code_of_graph_has_a_row(code: str) -> None:
    assert (Where.GRAPH, code) in TABLE


def test_the_documented_codes_of_graph_are_all_there() -> None:
    assert len(more_codes.BASIC) == 17
    assert len(more_codes.STATUSES) == 23
    told = {code for code in more_codes.DETAILED if code[0].islower()} - more_codes.STATUSES
    assert len(told - more_codes.BASIC - {"http_502"}) == 43


def test_what_may_be_said_of_one_message_does_not_stop_its_mailbox() -> None:
    for code in ("http_400", "http_403", "http_413", "http_423", "accessRestricted", "notAllowed"):
        assert code not in codes.BEYOND_ITEM


def test_what_passes_at_graph_switches_nothing_off() -> None:
    for code in more_codes.PASSING | more_codes.THROTTLED | more_codes.OF_WRITING:
        assert rule(Where.GRAPH, code).action is Action.RETRY_LATER


def test_every_code_of_the_specification_has_a_row(shared: Path) -> None:
    written = (shared / "spec" / "exchange.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"\bError[A-Z][A-Za-z]+\b", written)) - NO_CODES
    assert len(codes) > 40
    assert codes - {known for _, known in TABLE} == set()


NO_CODES = {"ErrorRightsManagement"}
"""The beginning of some."""


def test_every_reason_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reasons.md").read_text(encoding="utf-8")
    headings = {
        heading.lower().replace(" ", "-")
        for heading in re.findall(r"^### (.+)$", page, re.MULTILINE)
    }
    reasons = {row.reason for row in (*TABLE.values(), OTHERWISE)}
    assert headings == reasons | {code.replace("_", "-") for code in Warned}


def test_every_row_says_what_is_wrong_and_what_to_do() -> None:
    for row in (*TABLE.values(), OTHERWISE):
        assert row.title
        assert row.remedy.endswith((".", "asmx"))


def test_a_fault_finds_its_row() -> None:
    fault = Fault(where=Where.EWS, code="ErrorNonExistentMailbox", message="", scope=Scope.MAILBOX)
    assert rule_for(fault).action is Action.DISABLE_MAILBOX
