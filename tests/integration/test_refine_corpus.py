"""Real mail of the suites by which others test themselves: nothing raises, nothing is lost."""

import json
import time
from pathlib import Path

import pytest

from bench import cleaning
from mailmine.model.email import Metadata
from mailmine.refine import comment, identity, mime, refine

pytestmark = pytest.mark.corpus

FLOORS = {
    "quagga_enron": 0.95,
    "quagga_asf": 0.95,
    "crisp_erp": 0.88,
    "talon_text": 0.90,
    "willdurand_erp": 0.90,
    "unquotemail": 0.90,
    "discourse_trimmer": 0.75,
}
"""Share of the replies of a suite that come out exactly as it says; well below what is reached."""


def words(text: str) -> str:
    return " ".join(text.replace("\xa0", " ").split())


def test_every_email_becomes_a_comment_within_a_second(shared: Path) -> None:
    refine(mime.parse(b"Subject: x\n\nwarm up, please do\n").email)
    files = sorted((shared / "corpus").glob("*/*.eml"))
    assert len(files) > 500
    for file in files:
        start = time.process_time()
        parsed = mime.parse(file.read_bytes())
        refined = refine(parsed.email)
        whole = comment.make(
            parsed.email, refined, Metadata(), mailbox="", comment_id=identity.of(parsed.email)
        )
        assert time.process_time() - start < 1, file
        assert len(parsed.contents) == len(parsed.email.attachments), file
        has_words = bool((parsed.email.text or "").strip("> \t\r\n"))
        assert whole.messages[0].body.strip() or not has_words or parsed.email.html, file


@pytest.mark.parametrize("suite", FLOORS)
def test_replies_come_out_as_the_suite_says(shared: Path, suite: str) -> None:
    right = []
    for expectation in sorted((shared / "corpus" / suite).glob("*.expected.json")):
        expected = json.loads(expectation.read_text(encoding="utf-8"))
        if expected["task"] != "reply" or "expected_text" not in expected:
            continue
        case = expectation.name.removesuffix(".expected.json")
        email = expectation.with_name(f"{case}.eml")
        if email.is_file():
            mail = email.read_bytes()
        else:
            text = expectation.with_name(f"{case}.txt").read_bytes()
            mail = b"Content-Type: text/plain; charset=utf-8\n\n" + text
        answer = cleaning.clean(mail)
        right.append(words(answer[expected["view"]]) == words(expected["expected_text"]))
    assert len(right) > 10
    assert sum(right) / len(right) >= FLOORS[suite]
