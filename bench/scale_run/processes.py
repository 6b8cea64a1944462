"""What a process and those that it started use (proc(5))."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of CPU, those of the ended ones as well."""
    ticks = 0
    for one in _family(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_text(encoding="utf-8")
        except OSError:
            continue
        ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return ticks / TICKS


def memory(pid: int) -> float:
    """MiB; what they share counts once."""
    total = 0
    for one in _family(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        found = re.search(r"Pss:\s+(\d+)", text)
        total += int(found.group(1)) if found else 0
    return total / 1024


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return
    for child in text.split():
        yield from _family(int(child))
