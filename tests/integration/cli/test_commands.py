"""The commands as a person runs them: what they print, and how they end."""

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from mailmine.cli import key, token, user
from mailmine.cli.check import check
from mailmine.cli.errors import Failed, cannot_listen
from mailmine.cli.installation import opened
from mailmine.cli.settings import Settings
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.store.errors import StoreError

DEADLINE = 60.0
MAIL = b"""\
From: Ann Ash <ann@example.com>
To: orders@example.com
Subject: Where is my order?
Date: Mon, 02 Mar 2026 10:00:00 +0100
Message-ID: <one@example.com>
Content-Type: text/plain; charset=utf-8

Where is it? I am still waiting.

--\x20
Ann Ash
"""
NO_CONFIGURATION = """
[[integration]]
project = "p"
name = "e"
endpoint = "{endpoint}"
username = "sync@example.com"
password = "{password}"
plain_http = true

[[integration.mailbox]]
address = "{mailbox}"
bucket = "b"
"""


def mailmine(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", "mailmine", *arguments, folder=folder)


def python(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(),
        timeout=DEADLINE,
        check=False,
    )


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILMINE_")}
    # A terminal's width would break the lines that the tests read, and half a minute between polls is long for a test.
    return kept | {"COLUMNS": "400", "NO_COLOR": "1", "MAILMINE_POLL_INTERVAL": "2"}


@contextmanager
def running(*arguments: str | Path, folder: Path, says: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command that stays, from when it says `says`; end it as Ctrl-C does."""
    output = folder / f"{arguments[0]}.output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "mailmine", *map(str, arguments)],
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment(),
        )
    try:
        until(lambda: says in output.read_text() or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)
    assert "Traceback" not in output.read_text()


def until(condition: Any) -> Any:
    """Wait until `condition` gives something."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, token: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:  # noqa: S310
        return json.load(answer)


def failed(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that it failed with one clear line."""
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("mailmine: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--version"], 0), (["status"], 1), (["no"], 2)]
)
def test_a_command_ends_before_the_interpreter_is_taken_apart(
    arguments: list[str], status: int, tmp_path: Path
) -> None:
    """Threads of a library that answer while it is abort the process; so does what is registered here."""
    code = "import atexit, os; from mailmine.cli import main; atexit.register(os.abort); main()"
    done = python("-c", code, *arguments, folder=tmp_path)
    assert done.returncode == status, done.stderr
    assert done.stdout if status == 0 else done.stderr


def test_mail_of_files_becomes_comments(tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    mail.mkdir()
    (mail / "one.eml").write_bytes(MAIL)
    simulated = ("simulate", "--mail", mail, "--port", "0", "--write-config", "simulated.toml")
    account = ("--user", r"ACME\sync", "--password", '"[/quoted]\\')
    port = free_port()
    with running(*simulated, *account, folder=tmp_path, says="Now: mailmine serve"):
        checked = mailmine("check", "--config", "simulated.toml", folder=tmp_path)
        assert checked.returncode == 0, checked.stderr
        assert "1 items" in checked.stdout
        served = ("serve", "--config", "simulated.toml", "--port", str(port))
        with running(*served, folder=tmp_path, says="mailmine is at"):
            token = mailmine("token", "create", "admin", folder=tmp_path).stdout.strip()

            def comments() -> Any:
                with suppress(urllib.error.HTTPError):
                    path = "/api/_private/sources/demo/mail/comments"
                    return get(port, path, token)["comments"]

            (comment,) = until(comments)
    assert bytes.fromhex(comment["id"]) == b"<one@example.com>"
    assert comment["messages"][0]["body"]["text"] == "Where is it? I am still waiting."
    assert comment["user_properties"]["string:Folder"] == "Inbox (/ Inbox)"


def test_a_raw_email_is_refined(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(MAIL)
    done = mailmine("refine", "one.eml", folder=tmp_path)
    assert json.loads(done.stdout)["messages"][0]["signature"]["text"].endswith("Ann Ash")


def test_what_was_cut_off_a_raw_email_is_shown_with_why(tmp_path: Path) -> None:
    quote = b"\n\nOn Tue, 3 Mar 2026 at 10:15, Bob <bob@example.com> wrote:\n> Soon\x1b[2J\n"
    (tmp_path / "one.eml").write_bytes(MAIL + quote)
    shown = mailmine("refine", "--zones", "one.eml", folder=tmp_path).stdout
    for words in (
        "New words \u2502 Where is it?",
        "Signature \u2502 --",
        "Quoted \u2502 > Soon\ufffd[2J",
    ):
        assert words in shown
    assert "1. Bob <bob@example.com>, Tue, 3 Mar 2026 at 10:15: Where is my order?" in shown


def test_a_bucket_is_refined_anew(tmp_path: Path) -> None:
    with opened(Settings(data=tmp_path / "mailmine-data")):
        pass
    missing = mailmine("refine-anew", "p/b", folder=tmp_path)
    failed(missing, "p/b", "none yet")


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\x00\x01\x02 this is no email at all\n"])
def test_what_is_no_email_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.eml").write_bytes(content)
    failed(mailmine("refine", "broken.eml", folder=tmp_path), "broken.eml")


def test_the_folder_that_is_made_for_mail_is_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "mail"
    before = os.umask(0o022)
    try:
        with opened(Settings(data=data)):
            assert stat.S_IMODE(data.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    failed(mailmine("refine", "missing.eml", folder=tmp_path), "missing.eml", "No such file")
    failed(mailmine("import", "missing.json", folder=tmp_path), "missing.json")
    failed(mailmine("simulate", "--mail", "missing", folder=tmp_path), "missing")


def test_a_file_that_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[[integration]]\nproject = 5\n", encoding="utf-8")
    failed(mailmine("serve", "--config", "a.toml", folder=tmp_path), "integration 1", "project")


def test_no_server_there(tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}/EWS/Exchange.asmx"
    text = NO_CONFIGURATION.format(endpoint=endpoint, password="x", mailbox="a@example.com")
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    failed(mailmine("check", "--config", "a.toml", folder=tmp_path), "a@example.com", "127.0.0.1")


@pytest.mark.parametrize(
    ("password", "mailbox", "words"),
    [
        ("wrong", "mail@example.com", "[http_401]"),
        ("simulated", "misspelt@example.com", "misspelt@example.com"),
    ],
)
def test_a_wrong_password_and_a_wrong_address(
    tmp_path: Path, password: str, mailbox: str, words: str
) -> None:
    (tmp_path / "one.eml").write_bytes(MAIL)
    simulated = ("simulate", "--mail", "one.eml", "--port", "0", "--write-config", "right.toml")
    with running(*simulated, folder=tmp_path, says="Now: mailmine serve"):
        right = (tmp_path / "right.toml").read_text(encoding="utf-8")
        wrong = right.replace('password = "simulated"', f'password = "{password}"').replace(
            'address = "mail@example.com"', f'address = "{mailbox}"'
        )
        (tmp_path / "wrong.toml").write_text(wrong, encoding="utf-8")
        failed(mailmine("check", "--config", "wrong.toml", folder=tmp_path), words)


def test_check_is_narrowed_and_read_by_programs(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(MAIL)
    simulated = ("simulate", "--mail", "one.eml", "--port", "0", "--write-config", "a.toml")
    with running(*simulated, folder=tmp_path, says="Now: mailmine serve"):
        taken = mailmine("check", "--json", "--config", "a.toml", folder=tmp_path)
        (integration,) = json.loads(taken.stdout)
        outcomes = {step["step"]: step["outcome"] for step in integration["steps"]}
        assert outcomes["body"] == "ok"
        assert outcomes["attachment"] == "skipped"
        for only in ("mail@example.com", "simulated", "demo/Simulated"):
            checked = mailmine("check", only, "--verbose", folder=tmp_path)
            assert checked.returncode == 0, checked.stderr
            assert "HTTP 401" in checked.stdout
        failed(mailmine("check", "nobody@example.com", folder=tmp_path), "nobody@example.com")


def test_a_password_that_was_corrected_is_used_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(MAIL)
    simulated = ("simulate", "--mail", "one.eml", "--port", "0", "--write-config", "right.toml")
    port = free_port()
    with running(*simulated, folder=tmp_path, says="Now: mailmine serve"):
        right = (tmp_path / "right.toml").read_text(encoding="utf-8")
        wrong = right.replace('password = "simulated"', 'password = "wrong"')
        (tmp_path / "wrong.toml").write_text(wrong, encoding="utf-8")
        served = ("serve", "--config", "wrong.toml", "--port", str(port))
        with running(*served, folder=tmp_path, says="round failed"):
            token = mailmine("token", "create", "admin", folder=tmp_path).stdout.strip()
            checked = mailmine("check", "--config", "right.toml", folder=tmp_path)
            assert "Changed password: demo/simulated" in checked.stdout, checked.stderr

            def comments() -> Any:
                with suppress(urllib.error.HTTPError):
                    path = "/api/_private/sources/demo/mail/comments"
                    return get(port, path, token)["comments"]

            assert until(comments)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        failed(mailmine("serve", "--no-sync", "--port", port, folder=tmp_path), port, "--port")
        failed(mailmine("simulate", "--port", port, folder=tmp_path), port, "--port")


def test_it_listens_by_ipv6(tmp_path: Path) -> None:
    if not has_ipv6():
        pytest.skip("there is no IPv6 here")
    with running("serve", "--host", "::1", "--port", "0", folder=tmp_path, says="http://[::1]:"):
        port = int((tmp_path / "serve.output").read_text().rpartition("[::1]:")[2].split()[0])
        for path in ("healthz", "metrics"):
            with urllib.request.urlopen(f"http://[::1]:{port}/{path}", timeout=DEADLINE) as answer:
                assert answer.status == 200


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


IS_BY_NOHUP = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.skipif(IS_BY_NOHUP, reason="ignored here")),
    ],
)
def test_a_demo_that_ends_before_it_listens_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mailmine", "demo", "--port", "0"],
        stdout=subprocess.DEVNULL,
        env=environment() | {"TMPDIR": str(tmp_path)},
    )
    until(lambda: list(tmp_path.glob("mailmine-demo-*")))
    process.send_signal(number)
    assert process.wait(DEADLINE) == 130
    assert list(tmp_path.iterdir()) == []


def test_a_connection_outlasts_the_pauses_of_a_robot(tmp_path: Path) -> None:
    port = free_port()
    served = ("serve", "--no-sync", "--port", str(port))
    with (
        running(*served, folder=tmp_path, says="mailmine is at"),
        closing(HTTPConnection("127.0.0.1", port)) as connection,
    ):
        connection.auto_open = 0
        connection.connect()
        for pause in (6, 0):
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status":"ok"}'
            time.sleep(pause)


def test_wrong_usage_has_status_2(tmp_path: Path) -> None:
    assert mailmine("serve", "--nonsense", folder=tmp_path).returncode == 2
    assert mailmine("nonsense", folder=tmp_path).returncode == 2


def test_help_names_the_variables(tmp_path: Path) -> None:
    said = mailmine("serve", "--help", folder=tmp_path).stdout
    for name in ("DATA", "DATABASE", "READ_DATABASE", "BLOBS", "HOST", "PORT"):
        assert f"[env: MAILMINE_{name}" in said


def test_a_configuration_that_cannot_be_written_is_said_to_be_that(tmp_path: Path) -> None:
    done = mailmine(
        "simulate", "--port", "0", "--write-config", "no/such/folder.toml", folder=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "mailmine: no/such/folder.toml cannot be written: No such file or directory"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_encoding_of_a_terminal_does_not_have_is_escaped(
    tmp_path: Path, encoding: str
) -> None:
    text = NO_CONFIGURATION.format(
        endpoint="https://exchange.example.com", password="x", mailbox="\u0142@example.com"
    )
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    for arguments in (("import", "a.toml"), ("status",)):
        done = subprocess.run(
            [sys.executable, "-m", "mailmine", *arguments],
            capture_output=True,
            cwd=tmp_path,
            env=environment() | {"PYTHONIOENCODING": encoding},
            timeout=DEADLINE,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\\u0142@example.com" in done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_as_if_nobody_read_it(tmp_path: Path, closed: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m mailmine --version {closed}', sys.executable],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_accounts_and_tokens(tmp_path: Path) -> None:
    added = mailmine("user", "add", "ann", "--admin", folder=tmp_path)
    assert added.returncode == 0, added.stderr
    assert "everything" in mailmine("user", "list", folder=tmp_path).stdout
    failed(mailmine("user", "add", "ann", folder=tmp_path), "already")
    failed(
        mailmine("user", "add", "bob", "--may", "nowhere:sources-read", folder=tmp_path), "nowhere"
    )
    first = mailmine("token", "create", "ann", folder=tmp_path).stdout
    second = mailmine("token", "create", "ann", folder=tmp_path).stdout
    assert first != second
    assert mailmine("token", "list", folder=tmp_path).stdout.count("ann") == 1
    assert mailmine("token", "revoke", "ann", folder=tmp_path).returncode == 0
    assert "ann" not in mailmine("token", "list", folder=tmp_path).stdout
    failed(mailmine("token", "create", "nobody", folder=tmp_path), "nobody")


def test_a_further_token_for_one_purpose(tmp_path: Path) -> None:
    assert mailmine("user", "add", "ann", "--admin", folder=tmp_path).returncode == 0
    own = mailmine("token", "create", "ann", folder=tmp_path)
    further = mailmine("token", "add", "ann", "nightly", "--days", "30", folder=tmp_path)
    assert further.returncode == 0, further.stderr
    assert own.stdout.strip().startswith("mailmine_")
    assert further.stdout.strip().startswith("mailmine_")

    listed = mailmine("token", "list", folder=tmp_path).stdout
    assert listed.count("ann") == 2
    assert "nightly" in listed
    failed(
        mailmine("token", "add", "ann", "x", "--may", "nowhere:sources-read", folder=tmp_path),
        "nowhere",
    )
    failed(mailmine("token", "revoke", "ann", "daily", folder=tmp_path), "daily")
    assert mailmine("token", "revoke", "ann", "nightly", folder=tmp_path).returncode == 0
    assert mailmine("token", "list", folder=tmp_path).stdout.count("ann") == 1


@pytest.mark.parametrize("arguments", [["serve", "--port", "0"], ["status"], ["--version"]])
def test_ctrl_c_while_it_is_loaded_ends_a_command_without_a_word(
    arguments: list[str], tmp_path: Path
) -> None:
    loads = "typer" if arguments == ["--version"] else "mailmine.store.schema"
    code = f"""
import os, signal, sys
from mailmine.__main__ import main

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {loads!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
main()
"""
    ended = python("-c", code, *arguments, folder=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_misspelt_becomes_no_installation(tmp_path: Path) -> None:
    typo = tmp_path / "typo"
    commands: list[Callable[[], None]] = [
        partial(user.list_, data=typo),
        partial(user.password, "ann", data=typo),
        partial(token.list_, data=typo),
        partial(key.reseal, data=typo),
        partial(check, data=typo),
    ]
    for command in commands:
        with pytest.raises(Failed, match=r"there is no .*typo yet.*--data"):
            command()
    with pytest.raises(Failed, match=r"there is no .*typo.db yet"):
        user.list_(data=tmp_path, database=f"sqlite:///{typo}.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a b", "x\ny", "[red]"])
def test_nobody_gets_a_name_that_the_pages_would_refuse(name: str, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot be a username"):
        user.add(name, data=tmp_path / "data")


def test_a_file_in_place_of_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StoreError, match="is no folder"):
        Blobs.open(file)
    with pytest.raises(StoreError, match="is no folder"):
        Database.open(f"sqlite:///{file}/mailmine.db")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.EADDRINUSE, "error (while attempting)"),
            "Address already in use. Give another --port",
        ),
        (OSError(errno.EADDRNOTAVAIL, "x"), "Cannot assign requested address. Give another --host"),
        (
            socket.gaierror(-2, "Name unknown (while attempting)"),
            "Name unknown. Give another --host",
        ),
    ],
)
def test_what_cannot_be_listened_on_is_said_with_what_to_change(error: OSError, words: str) -> None:
    assert str(cannot_listen("h", 1, error)) == f"cannot listen on h:1: {words}"
