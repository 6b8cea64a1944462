"""Each round is told once, in one line, and its name leads from an event to Exchange's own log."""

import asyncio
import re
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy import Connection as Transaction
from structlog.testing import capture_logs

from mailmine import metrics
from mailmine.exchange.faults import Fault, Scope, Where
from mailmine.store import events, leases
from mailmine.store.errors import DatabaseUnavailable
from mailmine.sync import intake
from mailmine.sync.report import Ending, Report
from tests.integration.sync.conftest import ORDERS, World, both, eml
from tests.integration.sync.test_runner import QUICK, running, until

Line = MutableMapping[str, Any]
ENDINGS = {"round ended", "round failed", "round broken", "round not stored", "mailbox taken over"}
RARELY = replace(QUICK, poll_interval=timedelta(hours=1), first_pause=timedelta(hours=1))


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    with capture_logs([structlog.contextvars.merge_contextvars]) as captured:
        yield captured


def told(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line["event"] in ENDINGS]


def counted(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@both
async def test_a_round_is_one_line(world: World, lines: list[Line]) -> None:
    for number in range(3):
        world.exchange.mailbox(ORDERS).deliver(eml(number))
    world.configure()
    backend = world.backend.value
    before = {
        "rounds": counted("mailmine_rounds_total", outcome="done"),
        "new": counted("mailmine_emails_total", what="new"),
        "requests": counted("mailmine_exchange_requests_total", backend=backend, code="200"),
        "bytes": counted("mailmine_exchange_answer_bytes_total", backend=backend),
    }
    async with running(world, RARELY):
        await until(lambda: bool(told(lines)))
    (line,) = told(lines)
    mailbox = world.mailbox()
    assert line["event"] == "round ended"
    assert line["log_level"] == "info"
    assert (line["integration"], line["mailbox"]) == ("sales/exchange", ORDERS)
    assert line["round"] == f"{mailbox.id}-1"
    assert (line["outcome"], line["new"], line["failed"]) == ("done", 3, 0)
    assert {"copies", "moved", "updated", "gone"} <= line.keys()
    assert line["folders"] >= 1
    assert line["requests"] >= 3
    assert line["bytes"] > 1000
    assert line["throttled_seconds"] == 0
    assert line["seconds"] > 0
    assert "code" not in line
    assert counted("mailmine_rounds_total", outcome="done") == before["rounds"] + 1
    assert counted("mailmine_emails_total", what="new") == before["new"] + 3
    asked = counted("mailmine_exchange_requests_total", backend=backend, code="200")
    assert asked >= before["requests"] + line["requests"]
    received = counted("mailmine_exchange_answer_bytes_total", backend=backend)
    assert received >= before["bytes"] + line["bytes"]


async def test_a_round_in_which_nothing_happened_is_told_quietly(
    world: World, lines: list[Line]
) -> None:
    world.configure()
    async with running(world, RARELY):
        await until(lambda: bool(told(lines)))
    assert [line["log_level"] for line in told(lines)] == ["debug"]


async def test_an_event_leads_to_the_log_and_to_the_request(
    world: World, lines: list[Line]
) -> None:
    world.configure("nobody@example.com")
    async with running(world, RARELY):
        await until(lambda: bool(told(lines)))
    (line,) = told(lines)
    assert (line["event"], line["outcome"], line["log_level"]) == (
        "round failed",
        "failed",
        "warning",
    )
    with world.database.read() as tx:
        (event,) = (
            one for one in events.page(tx, before=None, limit=10) if one.kind == "mailbox_troubled"
        )
    assert event.detail["round"] == line["round"]
    assert event.detail["code"] == line["code"] == "ErrorNonExistentMailbox"
    assert event.detail["request"] == line["request"]
    assert re.fullmatch(r"[0-9a-f-]{36}", line["request"])
    assert counted("mailmine_round_faults_total", code="ErrorNonExistentMailbox") >= 1


async def test_every_line_of_a_round_carries_its_name(world: World, lines: list[Line]) -> None:
    world.configure("nobody@example.com")
    world.now = world.time()
    async with running(world, replace(QUICK, first_pause=timedelta())):
        await until(lambda: world.mailbox("nobody@example.com").trouble is not None)
        world.now += timedelta(minutes=10)
        await until(lambda: any(line["event"] == "mailbox disabled" for line in lines))
    (disabled,) = (line for line in lines if line["event"] == "mailbox disabled")
    assert disabled["mailbox"] == "nobody@example.com"
    assert disabled["round"] == told(lines)[-1]["round"]


async def test_a_pause_that_exchange_wants_is_counted(world: World, lines: list[Line]) -> None:
    world.configure()
    world.exchange.throttle(times=1, back_off=120)
    before = counted("mailmine_exchange_throttled_seconds_total")
    async with running(world, RARELY):
        await until(lambda: bool(told(lines)))
    line = told(lines)[0]
    assert (line["event"], line["outcome"]) == ("round failed", "throttled")
    assert line["throttled_seconds"] == pytest.approx(120, abs=1)
    assert counted("mailmine_exchange_throttled_seconds_total") - before == pytest.approx(
        120, abs=1
    )


async def test_a_bug_of_ours_is_told_with_its_place_alone(
    world: World, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise ValueError("words of an email")

    monkeypatch.setattr("mailmine.sync.filters.is_folder_wanted", broken)
    world.configure()
    async with running(world, RARELY):
        await until(lambda: bool(told(lines)))
    (line,) = told(lines)
    assert (line["event"], line["outcome"]) == ("round broken", "broken")
    assert (line["code"], line["error"]) == ("internal_error", "ValueError")
    assert "test_report.py" in line["place"]
    assert "words of an email" not in str(lines)


async def test_a_round_that_lost_its_mailbox_says_so(
    world: World, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.exchange.mailbox(ORDERS).deliver(eml(1))
    take_in = intake.take_in

    def robbed(tx: Transaction, *arguments: Any, **named: Any) -> intake.Taken:
        leases.end_leases(tx)
        monkeypatch.setattr(intake, "take_in", take_in)
        return take_in(tx, *arguments, **named)

    monkeypatch.setattr(intake, "take_in", robbed)
    world.configure()
    async with running(world, RARELY):
        await until(lambda: bool(told(lines)))
    line = told(lines)[0]
    assert (line["event"], line["outcome"]) == ("mailbox taken over", "taken_over")


async def test_a_round_that_could_not_be_written_says_so(
    world: World, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> intake.Taken:
        raise DatabaseUnavailable("The disk is full.")

    world.exchange.mailbox(ORDERS).deliver(eml(1))
    monkeypatch.setattr(intake, "take_in", full)
    world.configure()
    async with running(world, RARELY):
        await until(lambda: bool(told(lines)))
    line = told(lines)[0]
    assert (line["event"], line["outcome"]) == ("round not stored", "not_stored")
    assert (line["log_level"], line["error"]) == ("error", "The disk is full.")


def test_codes_that_a_server_makes_up_are_one_label(lines: list[Line]) -> None:
    def fail(code: str) -> None:
        report = Report()
        report.failed(Fault(where=Where.EWS, code=code, message="", scope=Scope.MAILBOX))
        report.tell(structlog.get_logger(), metrics.Tally(), timedelta(seconds=1))

    before = counted("mailmine_round_faults_total", code="other")
    for number in range(50):
        fail(f"ErrorInvented{number}")
    fail("http_503")
    assert counted("mailmine_round_faults_total", code="other") == before + 50
    assert counted("mailmine_round_faults_total", code="http_503") >= 1
    assert lines[0]["code"] == "ErrorInvented0"


def test_a_round_tells_what_went_wrong_first(lines: list[Line]) -> None:
    with metrics.tallied() as tally:
        metrics.went_wrong("ErrorItemCorrupt", "first")
        metrics.went_wrong("ErrorTimeoutExpired", "second")
    Report(ending=Ending.DONE).tell(structlog.get_logger(), tally, timedelta())
    (line,) = lines
    assert (line["code"], line["request"]) == ("ErrorItemCorrupt", "first")
    assert line["log_level"] == "info"


async def test_what_outlives_a_round_is_no_part_of_it() -> None:
    async def listen() -> None:
        metrics.leave_round()
        metrics.asked("ews", "200", 0.1)

    with metrics.tallied() as tally:
        await asyncio.create_task(listen())
        metrics.asked("ews", "200", 0.1)
    assert tally.requests == 1
