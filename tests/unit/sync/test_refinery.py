"""Emails refined in a process of their own: as here, and whatever an email does to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from mailmine.model.email import Address, Email
from mailmine.sync.refinery import Apart, Here, RefineryBroken
from mailmine.sync.refinery_worker import LENGTH

HOSTILE = """
import os, time
from mailmine.sync import refinery_worker
refine = refinery_worker.refine
def hostile(email, whole, known):
    if email.subject == "deadly":
        os._exit(11)
    if email.subject == "endless":
        time.sleep(3600)
    if email.subject == "faulty":
        raise ValueError(email.subject)
    return refine(email, whole=whole, known=known)
refinery_worker.refine = hostile
refinery_worker.main()
"""
PATIENCE = 3.0


def email(subject: str) -> Email:
    return Email(
        message_id=None,
        subject=subject,
        from_=Address("Ann Ash", "ann@example.com"),
        html=f"<p>About {subject}: it has arrived, thank you.</p><blockquote>Did it?</blockquote>",
    )


@pytest.fixture
async def hostile() -> AsyncIterator[Apart]:
    refinery = Apart((sys.executable, "-c", HOSTILE), patience=PATIENCE)
    yield refinery
    await refinery.aclose()


async def test_apart_gives_what_here_gives() -> None:
    emails = [email("one"), email("zwei"), Email(message_id=None)]
    apart = Apart()
    await apart.start()
    try:
        assert await apart.refine(emails) == await Here().refine(emails)
        assert await apart.refine([]) == []
    finally:
        await apart.aclose()


@pytest.mark.parametrize("subject", ["deadly", "endless", "faulty"])
async def test_a_hostile_email_costs_nothing_but_itself(hostile: Apart, subject: str) -> None:
    refined = await hostile.refine([email("before"), email(subject), email("after")])
    assert [words.text.split(":")[0] if words else None for words in refined] == [
        "About before",
        None,
        "About after",
    ]
    assert all(await hostile.refine([email("later")]))


async def test_a_bug_in_refining_is_told_and_keeps_its_process(
    capfd: pytest.CaptureFixture[str],
) -> None:
    again = f"import os, sys; print('began', file=sys.stderr)\n{HOSTILE}"
    refinery = Apart((sys.executable, "-c", again), patience=PATIENCE)
    await refinery.start()
    assert await refinery.refine([email("faulty")]) == [None]
    assert all(await refinery.refine([email("later")]))
    await refinery.aclose()
    assert capfd.readouterr().err.splitlines() == ["began", "refining failed: ValueError"]


def test_the_process_loads_little() -> None:
    code = (
        "import sys; before = set(sys.modules); import mailmine.sync.refinery_worker;"
        "print({name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert {
        name for name in ("asyncio", "sqlalchemy", "structlog") if repr(name) in loaded
    } == set()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_is_whole_where_its_process_was_frozen_amid_it(unbuffered: str) -> None:
    question = msgspec.msgpack.encode(([email("word " * 10_000)] * 4, []))
    with subprocess.Popen(
        [sys.executable, "-m", "mailmine.sync.refinery_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(LENGTH.pack(len(question)) + question)
        process.stdin.close()
        # It waits for a reader with the rest of an answer that the pipe has no room for.
        (length,) = LENGTH.unpack(process.stdout.read(LENGTH.size))
        _until(lambda: _state(process.pid) == "S")
        process.send_signal(signal.SIGSTOP)
        _until(lambda: _state(process.pid) == "T")
        process.send_signal(signal.SIGCONT)
        _until(lambda: _state(process.pid) in "SZ")
        assert len(process.stdout.read()) == length > 2 * PIPE


PIPE = 1 << 16
"""Bytes that a pipe has room for (pipe(7))."""


def _state(pid: int) -> str:
    """Give what a process does (proc(5)): S sleeps, T is frozen."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]


def _until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


async def test_a_process_that_answers_nothing_blames_no_email() -> None:
    silent, noisy, missing = ("-c", ""), ("-c", "print('x' * 100_000)"), None
    no_text = LENGTH.pack(5) + b"\x91\xa3\xff\xff\xff"
    unreadable = ("-c", f"import sys; sys.stdout.buffer.write({no_text!r})")
    for arguments in (silent, noisy, unreadable, missing):
        command = (sys.executable, *arguments) if arguments else ("/nowhere/python",)
        broken = Apart(command)
        with pytest.raises(RefineryBroken):
            await broken.refine([email("one")])
        await broken.aclose()


async def test_closed_it_starts_nothing_more() -> None:
    apart = Apart()
    await apart.start()
    await apart.aclose()
    with pytest.raises(RefineryBroken):
        await apart.refine([email("one")])
