"""What one run cost."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

KIBIBYTES = 1024
"""Of a mebibyte: Linux tells sizes in kibibytes."""
PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
LOOK = 1.0
"""Seconds between two looks at the memory: a look stops the process for some milliseconds."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What it took to read some messages."""

    messages: int
    seconds: float
    cpu_seconds: float
    """User and system, with the processes it started and that have ended."""
    peak_mib: float = 0.0
    """The most memory held, all its processes together, what they share counted once."""

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """CPU time a message, in microseconds."""
        return self.cpu_seconds / self.messages * 1e6


def cost_of(read: Callable[[], int]) -> Cost:
    """Run `read`, which tells how many messages it read, and say what that cost, its processes included."""
    wall, cpu = time.perf_counter(), _cpu_seconds()
    messages = read()
    seconds, cpu_seconds = time.perf_counter() - wall, _cpu_seconds() - cpu
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(messages, seconds, cpu_seconds, own / KIBIBYTES)


def report(cost: Cost) -> None:
    """Hand a cost to the process that started this one."""
    print(json.dumps(asdict(cost)), flush=True)


def run(module: str, *arguments: str) -> Cost:
    """Run a module that reports its cost in a process of its own, and watch the memory of all it starts."""
    started = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(LOOK)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{module} failed")
    cost = Cost(**json.loads(said.splitlines()[-1]))
    return replace(cost, peak_mib=max(peak, cost.peak_mib))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in PROCESSES]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _memory(pid: int) -> float:
    """Add up the proportional set sizes (proc(5), smaps_rollup) of a process and those it started, in MiB."""
    try:
        smaps = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:  # it has just ended
        return 0.0
    own = sum(int(line.split()[1]) for line in smaps.splitlines() if line.startswith("Pss:"))
    return own / KIBIBYTES + sum(_memory(int(child)) for child in children)
