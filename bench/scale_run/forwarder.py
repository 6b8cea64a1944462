"""`python -m bench.scale_run.forwarder PORT HOST PORT`: passes on what comes to a port of this machine.

One stands before what loses all when it is killed, and is killed in its place. Another leads out of a network of its own.
"""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress


async def forward(port: int, host: str, to: int) -> None:
    """Do so until killed."""

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(host, to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass(reader, there[1]), _pass(there[0], writer))

    server = await asyncio.start_server(come, "0.0.0.0", port)  # noqa: S104 - for the worker in its own network
    print("listening", flush=True)
    await server.serve_forever()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


def start(port: int, host: str, to: int, within: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """Start one, `within` what a command begins with; gives it when it listens."""
    command = (*within, sys.executable, "-m", "bench.scale_run.forwarder", str(port), host, str(to))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(forward(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
