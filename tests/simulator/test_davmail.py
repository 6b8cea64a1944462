"""DavMail, which knows nothing of this simulator, reads whole mailboxes from it and shows them by IMAP."""

import email
import imaplib
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exchange_simulator import Exchange
from exchange_simulator.mail import load
from tests.simulator.mails import mail

pytestmark = [pytest.mark.stranger, pytest.mark.timeout(300)]
BOB = "bob@example.com"
START_DEADLINE = 60.0
"""Seconds that DavMail gets to listen."""
SETTINGS = """
davmail.server=true
davmail.mode=EWS
davmail.url={address}/EWS/Exchange.asmx
davmail.imapPort={port}
davmail.smtpPort=
davmail.popPort=
davmail.ldapPort=
davmail.caldavPort=
davmail.bindAddress=127.0.0.1
davmail.disableUpdateCheck=true
davmail.enableProxy=false
davmail.logFilePath={folder}/davmail.log
log4j.rootLogger=WARN
"""


@pytest.fixture(scope="session")
def davmail() -> str:
    """DavMail's command without windows."""
    found = shutil.which("davmail-server")
    if found is None:
        pytest.skip("NOT TESTED with DavMail: Debian's package davmail-server is not installed")
    return found


@contextmanager
def mailbox(davmail: str, exchange: Exchange, folder: Path) -> Iterator[imaplib.IMAP4]:
    """Sign in to DavMail, and so to the simulated Exchange, as Bob."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with exchange.serve() as address, (folder / "said.txt").open("wb") as said:
        settings = folder / "davmail.properties"
        settings.write_text(SETTINGS.format(address=address, port=port, folder=folder))
        command = [davmail, str(settings)]
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            _wait(port, process)
            with imaplib.IMAP4("127.0.0.1", port, timeout=120) as client:
                client.login(BOB, "secret")
                yield client
        finally:
            process.terminate()
            process.wait(30)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_DEADLINE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert process.poll() is None, "DavMail ended"
            assert time.monotonic() < deadline, "DavMail does not listen"
            time.sleep(0.1)
        else:
            return


def read(client: imaplib.IMAP4) -> Iterator[tuple[str, bytes]]:
    """Read every message of every folder."""
    for line in client.list()[1]:
        assert isinstance(line, bytes)
        folder = line.decode().partition('"/" ')[2]
        client.select(folder, readonly=True)
        if client.search(None, "ALL")[1] == [b""]:
            continue
        for part in client.fetch("1:*", "(RFC822)")[1]:
            if isinstance(part, tuple):
                yield folder.strip('"'), part[1]


@pytest.mark.parametrize("offers", ["Basic", "NTLM", "Negotiate NTLM"])
@pytest.mark.parametrize("version", ["Exchange2010_SP2", "Exchange2016"])
def test_reads_every_message_of_every_folder(
    davmail: str, make_exchange: Callable[..., Exchange], tmp_path: Path, version: str, offers: str
) -> None:
    exchange = make_exchange(version)
    exchange.offers = tuple(offers.split())
    exchange.account(BOB)
    bob = exchange.mailbox(BOB)
    delivered = {
        "INBOX": mail("In the inbox", attachment=b"%PDF", message_id="<1@x>"),
        "INBOX/Orders/Old": mail("Deep", html="<p>Deep</p>", message_id="<2@x>"),
        "Archive": mail("Done", message_id="<3@x>"),
    }
    for folder, mime in delivered.items():
        bob.deliver(mime, folder.replace("INBOX", "Inbox"))
    with mailbox(davmail, exchange, tmp_path) as client:
        assert dict(read(client)) == delivered
    assert {request.code for request in exchange.requests} == {"NoError"}


@pytest.mark.corpus
def test_reads_every_real_mail(
    davmail: str, make_exchange: Callable[..., Exchange], tmp_path: Path, shared: Path
) -> None:
    exchange = make_exchange("Exchange2016")
    exchange.account(BOB)
    delivered = load(exchange.mailbox(BOB), shared / "corpus")
    with mailbox(davmail, exchange, tmp_path) as client:
        found = Counter(_identity(mime) for _, mime in read(client))
    assert found == Counter(_identity(m.mailbox.mime(m.item)) for m in delivered)
    assert found.total() >= 842


def _identity(mime: bytes) -> tuple[str, str]:
    message = email.message_from_bytes(mime)
    return str(message["Message-ID"]), str(message["Subject"])
