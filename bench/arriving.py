"""Comments that arrive all the time, so many a second, while `bench.api` measures; prints in the end how many a second it were."""

import argparse
import signal
import threading
import time
from datetime import UTC, datetime
from random import Random
from typing import Final

from bench.api import made
from mailmine.store import comments, search_index, sources
from mailmine.store.database import Database

PIECES: Final = 10
"""In which they come, a second."""


def main() -> None:
    """Go on until SIGTERM."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("database")
    arguments.add_argument("per_second", type=int)
    given = arguments.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    database = Database.open(given.database)
    with database.read() as tx:
        source = sources.get(tx, "bench", "mail")
    assert source is not None
    draw, piece = Random(3), given.per_second // PIECES  # noqa: S311 - words of no meaning
    put, began = 0, time.perf_counter()
    while not stop.is_set():
        numbers = range(-put - piece, -put)
        with database.write() as tx:
            new = [made(number, 0, draw) for number in numbers]
            comments.put(tx, source.id, new, at=datetime.now(UTC))
        with database.write() as tx:
            search_index.catch_up(tx, most=piece)
        put += piece
        stop.wait(max(0.0, began + put / given.per_second - time.perf_counter()))
    print(put / (time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
