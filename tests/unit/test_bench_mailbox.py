"""The mailbox to measure with has the mix that the figures are about."""

from email import message_from_bytes
from itertools import islice
from statistics import mean

from bench.mailbox import synthetic

COUNT = 600


def test_the_mix() -> None:
    raws = list(synthetic(COUNT))
    mails = [message_from_bytes(raw) for raw in raws]
    assert 40_000 < mean(map(len, raws)) < 75_000
    assert 0.45 < mean(mail["In-Reply-To"] is not None for mail in mails) < 0.65
    assert 0.12 < mean(mail.get_content_type() == "multipart/mixed" for mail in mails) < 0.28
    assert len({mail["Message-ID"] for mail in mails}) == COUNT
    for mail in mails:
        kinds = [part.get_content_type() for part in mail.walk()]
        assert {"text/plain", "text/html"} <= set(kinds)
        assert not any(part.defects for part in mail.walk())


def test_the_same_seed_gives_the_same_mails_whatever_the_count() -> None:
    assert list(synthetic(20)) == list(islice(synthetic(COUNT), 20))
    assert next(synthetic(1, seed=2)) != next(synthetic(1, seed=1))
