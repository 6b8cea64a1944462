"""Emails refined in a process of their own: as here, and whatever an email does to it."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from mailmine.model.email import Address, Email
from mailmine.sync.refinery import Apart, Here, RefineryBroken

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


async def test_a_process_that_answers_nothing_blames_no_email() -> None:
    silent, noisy, missing = ("-c", ""), ("-c", "print('x' * 100_000)"), None
    for arguments in (silent, noisy, missing):
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
