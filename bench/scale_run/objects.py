"""The object store of the cluster: moto's S3 behind a forwarder.

moto keeps all in its memory, so what is killed is the forwarder: to the workers it is the same (their connections are reset, new
ones are refused), and what was kept is there when it is back. That a store keeps what it has confirmed is not what is tried here.
"""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import obstore
from obstore.store import S3Store

from bench.scale_run import forwarder
from tests import object_store

PREFIX = "bench"


class ObjectStore:
    """A store that can be killed, and started again."""

    def __init__(self, url: str, host: str) -> None:
        self._direct = url
        self._host = host
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self._port: int = one.getsockname()[1]
        self._target = urlsplit(url).port or 0
        self._forwarder: subprocess.Popen[str] | None = None

    @property
    def place(self) -> str:
        """What is given as `--blobs`."""
        return f"s3://{object_store.BUCKET}/{PREFIX}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which workers find it."""
        return object_store.environment(f"http://{self._host}:{self._port}")

    def start(self) -> None:
        """Start it; also again, after `kill`."""
        self._forwarder = forwarder.start(self._port, "127.0.0.1", self._target)

    def kill(self) -> None:
        """Kill it as the kernel does."""
        if self._forwarder is not None:
            self._forwarder.kill()
            self._forwarder.communicate()
            self._forwarder = None

    def listed(self) -> list[str]:
        """List what is kept, whatever stands before it."""
        names = object_store.environment(self._direct)
        store = S3Store(
            object_store.BUCKET,
            config={
                "endpoint": names["AWS_ENDPOINT_URL"],
                "access_key_id": names["AWS_ACCESS_KEY_ID"],
                "secret_access_key": names["AWS_SECRET_ACCESS_KEY"],
                "region": names["AWS_REGION"],
            },
            client_options={"allow_http": True},
        )
        found = obstore.list(store, prefix=PREFIX)
        return [str(each["path"]) for page in found for each in page]


@contextmanager
def running(host: str) -> Iterator[ObjectStore]:
    """Run one until the end, to be asked at an address of this machine."""
    with object_store.run() as url:
        store = ObjectStore(url, host)
        store.start()
        try:
            yield store
        finally:
            store.kill()
