"""Reads a stream all along, as a client's program does, and writes down what it was given."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

SIZE: Final = 64
"""Comments at a time."""
PAUSE: Final = 0.5
"""Seconds until it looks again, or tries again."""


class StreamReader:
    """Fetches and advances; each advance is tried until it is said that it was done, so nothing may come twice."""

    def __init__(self, url: str, token: str, stream: str, size: int = SIZE) -> None:
        self._size = size
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._stream = stream
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.seen: Counter[str] = Counter()
        """How often each comment came, by its uid."""
        self.refused = 0
        """Requests that failed."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._is_over.set()
        self._thread.join()

    def _read(self) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=60) as client:
            while not self._is_over.is_set():
                batch = self._asked(client, "fetch", {"size": self._size})
                if batch is None:
                    return
                self.seen.update(str(each["comment"]["uid"]) for each in batch["results"])
                self._advance(client, batch["sequence_id"])
                if not batch["results"]:
                    time.sleep(PAUSE)

    def _asked(
        self, client: httpx.Client, what: str, body: Mapping[str, object]
    ) -> Mapping[str, Any] | None:
        """Ask until there is an answer; None where it is over before."""
        while not self._is_over.is_set():
            try:
                answer = client.post(f"{self._stream}/{what}", json=body)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.is_success:
                found: Mapping[str, Any] = answer.json()
                return found
            self.refused += 1
            time.sleep(PAUSE)
        return None

    def _advance(self, client: httpx.Client, to: str) -> None:
        """Do so also where it is over: what was given would come again."""
        body = {"sequence_id": to}
        if self._asked(client, "advance", body) is None:
            client.post(f"{self._stream}/advance", json=body).raise_for_status()


def subscribe(
    client: httpx.Client, sources: int, until: Callable[[Callable[[], bool]], float]
) -> str:
    """Make a stream over that many sources, as soon as they are there; gives its path."""
    found: list[str] = []

    def are_there() -> bool:
        found[:] = [
            one["id"] for one in client.get("/sources").raise_for_status().json()["sources"]
        ]
        return len(found) >= sources

    until(are_there)
    dataset = {"dataset": {"source_ids": found}}
    client.put("/datasets/bench/all", json=dataset).raise_for_status()
    client.put("/datasets/bench/all/streams", json={"stream": {"name": "all"}}).raise_for_status()
    return "/datasets/bench/all/streams/all"
