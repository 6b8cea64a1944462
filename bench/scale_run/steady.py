"""Polling for a while, with nothing in the way: how fresh all mailboxes are, and what it costs."""

import sys
import time
from collections.abc import Iterator
from typing import Final

import psycopg

from bench.scale_run.cluster import INTERVAL, MICRO, Cluster
from bench.scale_run.processes import cpu, memory
from bench.scale_run.rows import Row
from mailmine.store.database import Database

LATE: Final = 2.0
"""Seconds that a poll may be late: a worker looks that often for what is due."""
OPTIONS: Final = "-c shared_preload_libraries=pg_stat_statements -c shared_buffers=128MB"
"""Of the PostgreSQL that is asked."""
TOP: Final = """
SELECT calls, total_exec_time, query FROM pg_stat_statements ORDER BY calls DESC LIMIT 25
"""
"""The statements that are asked most, to know where to look."""


def prepare(here: Cluster) -> None:
    """Let PostgreSQL count what it is asked."""
    with Database.open(here.url).write() as tx:
        tx.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def steady(here: Cluster, seconds: float) -> Iterator[Row]:
    """Poll for a while: how fresh, and what it costs."""
    pids = [worker.process.pid for worker in here.workers]
    first_cpu, began = [cpu(pid) for pid in pids], time.monotonic()
    base_cpu, own_cpu = cpu(here.server.pid), time.process_time()
    rounds = here.number("SELECT sum(lease_epoch) FROM mailboxes")
    here.ask("SELECT 1 FROM pg_stat_statements_reset()")
    ages: list[float] = []
    peak = 0.0
    while time.monotonic() - began < seconds:
        time.sleep(1)
        found = here.ask("SELECT last_round_at FROM mailboxes")
        now = time.time()
        ages += [now - at / MICRO for (at,) in found]
        peak = max(peak, *(memory(pid) for pid in pids))
    took = time.monotonic() - began
    used = sum(cpu(pid) for pid in pids) - sum(first_cpu)
    done = here.number("SELECT sum(lease_epoch) FROM mailboxes") - rounds
    wanted = len(here.mailboxes) / INTERVAL
    fresh = sum(age <= INTERVAL + LATE for age in ages) / len(ages)
    ages.sort()
    yield Row(
        what=f"polled within {INTERVAL} s (+{LATE:g})",
        figure=f"{fresh:.2%}",
        target="at least 99.9%",
        is_met=fresh >= 0.999,
    )
    points = " / ".join(f"{ages[int((len(ages) - 1) * part)]:.1f}" for part in (0.5, 0.95, 0.99, 1))
    yield Row(what="seconds since the last poll: p50 / p95 / p99 / max", figure=points)
    yield Row(what="polls a second (wanted)", figure=f"{done / took:.0f} ({wanted:.0f})")
    yield Row(
        what="CPU of the workers, in cores",
        figure=f"{used / took:.2f}",
        target="under 1",
        is_met=used / took < 1,
    )
    yield Row(what="CPU of a poll in the workers, ms", figure=f"{used / max(done, 1) * 1e3:.2f}")
    base = cpu(here.server.pid) - base_cpu
    yield Row(what="CPU of PostgreSQL, in cores", figure=f"{base / took:.2f}")
    yield Row(
        what="CPU of the simulator, in cores",
        figure=f"{(time.process_time() - own_cpu) / took:.2f}",
    )
    for calls, milliseconds, text in here.ask(TOP):
        print(
            f"{calls / done:8.2f} {milliseconds / done:8.3f} {' '.join(str(text).split())[:150]}",
            file=sys.stderr,
        )
    yield Row(what="statements a poll", figure=f"{_statements(here) / done:.1f}")
    yield Row(
        what="memory of a worker, MiB", figure=f"{peak:.0f}", target="under 200", is_met=peak < 200
    )


def _statements(here: Cluster) -> float:
    """Count what PostgreSQL was asked, where it counts that."""
    try:
        return here.number("SELECT sum(calls) FROM pg_stat_statements")
    except psycopg.Error:
        return float("nan")
