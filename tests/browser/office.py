"""An Exchange that is simulated, and the whole of mailmine on it, as somebody has them who just began."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exchange_simulator import Exchange

PATIENCE = 60.0
"""Seconds for the server to say where it is."""
IMPATIENT = """
from mailmine.cli import main
from mailmine.exchange import session

session.SECOND_LOGIN_AFTER = session.FURTHER_LOGINS_AFTER = 1.0
main()
"""
"""mailmine, but for a refused password: that is tried again after minutes, which nobody waits for here."""
ACCOUNT = "sync@nordwind.example"
ORDERS = "orders@nordwind.example"
HELP = "help@nordwind.example"
PASSWORD = "right"


@dataclass(frozen=True, slots=True)
class Office:
    """Where all is."""

    exchange: Exchange
    ews: str
    """Address of the Exchange."""
    pages: str
    password: str
    """Of `admin`."""


@contextmanager
def office(folder: Path) -> Iterator[Office]:
    """Run both."""
    exchange = Exchange()
    exchange.account(ACCOUNT, password=PASSWORD)
    for address in (ORDERS, HELP):
        exchange.grant(ACCOUNT, mailbox=address)
    with exchange.serve() as ews, _mailmine(folder) as said:
        text = said()
        where = re.search(r"mailmine is at (http://\S+)", text)
        secret = re.search(r"with the password (\S+)", text)
        assert where, text
        assert secret, text
        yield Office(exchange, f"{ews}/EWS/Exchange.asmx", where[1], secret[1])


@contextmanager
def _mailmine(folder: Path) -> Iterator[Callable[[], str]]:
    output = folder / "mailmine.output"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILMINE_")}
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", IMPATIENT, "serve", "--port", "0", "--data", str(folder)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=kept | {"COLUMNS": "400", "NO_COLOR": "1", "MAILMINE_POLL_INTERVAL": "PT1S"},
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while "mailmine is at" not in output.read_text() and time.monotonic() < deadline:
            assert process.poll() is None, output.read_text()
            time.sleep(0.05)
        yield output.read_text
    finally:
        process.terminate()
        process.wait(PATIENCE)
