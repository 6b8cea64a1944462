"""An object store for the tests: moto's S3 in a process of its own, on the loopback."""

import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
import obstore
from obstore.store import S3Store, from_url

BUCKET = "mailmine-tests"


def missing() -> str | None:
    """Why there can be no object store here; None where there can."""
    wanted = ("moto", "flask", "flask_cors")
    if all(importlib.util.find_spec(name) for name in wanted):
        return None
    return f"one of {', '.join(wanted)} is not installed (`make env` does)"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place of one test in the bucket of all."""

    prefix: str

    @property
    def place(self) -> str:
        """What is given as `--blobs`."""
        return f"s3://{BUCKET}/{self.prefix}"

    def keys(self) -> list[str]:
        """List what is kept there, whatever wrote it."""
        found = obstore.list(_whole(), prefix=self.prefix)
        return [each["path"] for page in found for each in page]

    def put(self, key: str, content: bytes) -> None:
        """Write what mailmine did not."""
        obstore.put(_whole(), key, content)

    def about(self, key: str) -> Mapping[str, str]:
        """Give what the store says of an object, by names in small letters."""
        url = obstore.sign(_whole(), "HEAD", key, timedelta(minutes=5))
        answer = httpx.head(url, headers={"x-amz-checksum-mode": "ENABLED"})
        assert answer.status_code == 200
        return answer.headers


def _whole() -> S3Store:
    store = from_url(f"s3://{BUCKET}", client_options={"allow_http": True})
    assert isinstance(store, S3Store)
    return store


def environment(url: str) -> dict[str, str]:
    """Give the variables by which programs find the store at this address."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def run() -> Iterator[str]:
    """Run a store until the end, with one bucket; give its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            url = _address(process)
            assert process.stderr is not None
            # It tells each request, and waits where nobody listens.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            assert httpx.put(f"{url}/{BUCKET}", timeout=60).status_code == 200
            yield url
        finally:
            process.kill()


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"moto does not start: {said}")
