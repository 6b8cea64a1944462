from datetime import UTC, datetime, timedelta

from mailmine.web import flow

NOW = datetime(2026, 11, 23, 10, 30, 12, tzinfo=UTC)


def test_the_last_bar_is_the_running_minute_and_the_busiest_is_the_highest() -> None:
    running = NOW.replace(second=0)
    drawn = flow.draw({running: 5, running - timedelta(minutes=1): 20, flow.begins(NOW): 1}, NOW)
    assert len(drawn.bars) == flow.MINUTES
    assert (drawn.bars[-1].height, drawn.bars[-2].height) == (flow.HEIGHT / 4, flow.HEIGHT)
    assert drawn.bars[-2].y == 0
    assert drawn.bars[-1].words == "5 comments at 10:30 UTC"
    assert (drawn.bars[0].height, drawn.bars[0].words) == (2.4, "1 comment at 09:31 UTC")
    assert (drawn.total, drawn.most, drawn.last) == (26, 20, 20)


def test_a_quiet_hour_has_no_bars() -> None:
    drawn = flow.draw({}, NOW)
    assert (drawn.total, drawn.most, drawn.last) == (0, 0, 0)
    assert not any(bar.height for bar in drawn.bars)
