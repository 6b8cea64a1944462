"""`python -m bench.chaos`: a campaign against mailmine, and what it found.

Exit status 1 where something was wrong: its last lines say how it is run again.
"""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import structlog

from bench.chaos.campaign import run


def main() -> int:
    """Run one campaign after the other for some minutes, or one again."""
    arguments = argparse.ArgumentParser(description="Run a campaign of faults, kills and mail.")
    arguments.add_argument("--seed", type=int, help="what is drawn (default: another each time)")
    arguments.add_argument("--minutes", type=float, default=5.0, help="for how long")
    arguments.add_argument("--steps", type=int, help="so many steps instead, as an earlier run had")
    arguments.add_argument("--quiet", action="store_true", help="print only how it ended")
    arguments.add_argument("--log", type=Path, help="file for the log of mailmine")
    arguments.add_argument("--keep", type=Path, help="folder for its store, which stays")
    given = arguments.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 32)
    log = given.log.open("w") if given.log else None
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.KeyValueRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if log else logging.CRITICAL
        ),
        logger_factory=structlog.PrintLoggerFactory(log or sys.stderr),
    )
    until = time.monotonic() + 60 * given.minutes
    tell = (lambda _: None) if given.quiet else (lambda line: print(line, flush=True))
    with ExitStack() as opened:
        folder = given.keep or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(run(seed, folder, steps=given.steps, until=until, tell=tell))
    print(
        f"seed {seed}: {report.steps} steps, {report.simulated} simulated, {report.emails} emails,"
        f" {report.kills} kills, {report.refused} passwords refused"
    )
    print(f"switched to Graph in step {report.switched}")
    print(f"stopped: {dict(report.stopped)}")
    for wrong in report.wrong:
        print(f"WRONG: {wrong}")
    print(f"again: python -m bench.chaos --seed {seed} --steps {report.steps}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
