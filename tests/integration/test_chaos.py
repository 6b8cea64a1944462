"""A short campaign of `make chaos`: always the same draws, so that it finds what came back."""

from pathlib import Path

import pytest

from bench.chaos.campaign import run

STEPS = 12


@pytest.mark.timeout(300)
async def test_a_short_campaign_finds_nothing(tmp_path: Path) -> None:
    report = await run(32, tmp_path, steps=STEPS, until=0, tell=lambda _: None)
    assert report.wrong == [], "\n".join(report.said)
    assert report.steps == STEPS
    assert report.emails > 0
    assert report.kills > 0
    assert report.switched is not None
    assert report.switched < STEPS
