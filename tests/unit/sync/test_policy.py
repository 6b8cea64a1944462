from datetime import UTC, datetime, timedelta

import pytest

from mailmine.exchange import KNOWN_CODES
from mailmine.exchange.faults import Fault, Scope, Where
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


def test_a_right_that_is_missing_must_last() -> None:
    row = rule(Where.EWS, "ErrorAccessDenied")
    assert row.action is Action.DISABLE_MAILBOX
    assert not is_due(row, times=99, since=NOW, now=NOW + timedelta(minutes=9))
    assert not is_due(row, times=2, since=NOW, now=NOW + timedelta(days=1))
    assert is_due(row, times=3, since=NOW, now=NOW + timedelta(minutes=10))


def test_every_row_says_what_is_wrong_and_what_to_do() -> None:
    for row in (*TABLE.values(), OTHERWISE):
        assert row.title
        assert row.remedy.endswith((".", "asmx"))


def test_a_fault_finds_its_row() -> None:
    fault = Fault(where=Where.EWS, code="ErrorNonExistentMailbox", message="", scope=Scope.MAILBOX)
    assert rule_for(fault).action is Action.DISABLE_MAILBOX
