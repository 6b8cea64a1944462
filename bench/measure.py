"""What one run cost."""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What it took to read some messages."""

    messages: int
    seconds: float
    cpu_seconds: float
    """Of this process, user and system."""
    peak_mib: float
    """The most memory that this process ever held."""

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """CPU time a message, in microseconds."""
        return self.cpu_seconds / self.messages * 1e6


def cost_of(read: Callable[[], int]) -> Cost:
    """Run `read`, which tells how many messages it read, and say what that cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    messages = read()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    usage = resource.getrusage(resource.RUSAGE_SELF)
    unit = MEBIBYTE if sys.platform == "darwin" else 1024
    return Cost(messages, seconds, cpu_seconds, usage.ru_maxrss / unit)


def report(cost: Cost) -> None:
    """Hand a cost to the process that started this one."""
    print(json.dumps(asdict(cost)), flush=True)
