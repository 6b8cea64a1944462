"""The model of sizes: arithmetic that must at least not contradict itself."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bench.scale import LIMITS, SIZES, Limit, Load, breaking, need, reached, sizes

LOAD = Load(mailboxes=10_000)


def test_more_mailboxes_never_need_less() -> None:
    needs = [need(replace(LOAD, mailboxes=count)) for count in SIZES]
    for few, many in pairwise(needs):
        assert few.workers <= many.workers
        assert few.connections <= many.connections
        assert few.database_bytes < many.database_bytes


def test_a_longer_interval_needs_fewer_workers() -> None:
    assert need(replace(LOAD, interval=300)).workers < need(LOAD).workers


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_a_limit_is_met_where_the_model_says(limit: Limit) -> None:
    count = reached(limit, LOAD)
    assert limit.used(replace(LOAD, mailboxes=count + count // 50 + 1)) >= 1
    assert limit.used(replace(LOAD, mailboxes=count - count // 50 - 1)) < 1


def test_what_breaks_first_comes_first() -> None:
    counts = [count for count, _ in breaking(LOAD)]
    assert counts == sorted(counts)


def test_the_table_is_full() -> None:
    lines = list(sizes(LOAD))
    assert {len(line) for line in lines} == {len(SIZES) + 1}
