"""Real mail, whole and damaged: reading it never raises, says the same twice, and loses nothing that is attached."""

import email.parser
import email.policy
from email.message import Message
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mailmine.refine import mime, parts, transfer

pytestmark = pytest.mark.corpus

SUITES = (
    "stalwart_mime",
    "stalwart_malformed",
    "zbateson_mime",
    "php_mime",
    "mime4j",
    "mimekit_tnef",
)
LARGEST = 200_000


@cache
def mails(shared: Path) -> tuple[bytes, ...]:
    files = sorted(file for suite in SUITES for file in (shared / "corpus" / suite).glob("*.eml"))
    return tuple(raw for file in files if len(raw := file.read_bytes()) < LARGEST)


def damaged(raw: bytes, chance: Random) -> bytes:
    """Flip bytes, cut and double lines, and take boundaries away."""
    data = bytearray(raw)
    for _ in range(chance.randint(0, 20)):
        if data:
            data[chance.randrange(len(data))] = chance.choice(b'\0\r\n\t -=:;"<>\x80\xff')
    lines = bytes(data).splitlines(keepends=True)
    for _ in range(chance.randint(0, 5)):
        if lines:
            at = chance.randrange(len(lines))
            lines[at : at + chance.randint(0, 4)] = lines[at : at + 1] * chance.randint(0, 3)
    if chance.random() < 0.3:
        lines = [line for line in lines if not line.startswith(b"--") or chance.random() < 0.5]
    return b"".join(lines)[: chance.choice([len(raw), len(raw) // 2, 4 * LARGEST])]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(which=st.integers(0, 10_000), seed=st.integers(0, 1_000_000))
def test_damaged_mail_is_read_the_same_each_time(shared: Path, which: int, seed: int) -> None:
    known = mails(shared)
    raw = damaged(known[which % len(known)], Random(seed))  # noqa: S311 - nothing is kept secret by it
    parsed = mime.parse(raw)
    assert parsed == mime.parse(raw)
    assert [len(content) for content in parsed.contents] == [
        attachment.size for attachment in parsed.email.attachments
    ]
    str(parsed.email).encode()


def test_of_well_formed_mail_no_attachment_is_lost(shared: Path) -> None:
    """What the standard library finds in mail that it has nothing to say against."""
    compared = 0
    for raw in mails(shared):
        message = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(raw)
        leaves = [part for part in message.walk() if not part.is_multipart()]
        if any(part.defects or _is_taken_apart(part) for part in message.walk()):
            continue
        found = set(_leaves(parts.read(raw)))
        for leaf in leaves:
            data = leaf.get_payload(decode=True)
            # The library has its own mind about broken encodings, and leaves them as they are.
            if isinstance(data, bytes) and not leaf.defects and data.strip():
                encoding = str(leaf.get("Content-Transfer-Encoding", "")).strip().lower()
                is_undone = encoding == "base64" and data != str(leaf.get_payload()).encode()
                if encoding in transfer.AS_IT_STANDS or is_undone:
                    compared += 1
                    assert b"".join(data.split()) in found
    assert compared > 100


def _is_taken_apart(part: Message) -> bool:
    """Tell of what is no message, though the library looks for one inside."""
    is_message = part.get_content_type() in parts.MESSAGES
    return part.get_content_maintype() == "message" and not is_message


def _leaves(part: parts.Part) -> list[bytes]:
    if not part.children:
        return [b"".join(part.content.split())]
    return [leaf for child in part.children for leaf in _leaves(child)]
