"""The examples of the documentation, run as they stand there, against a server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.integration.api.town import COMMENTS, Town, comment_id

DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def example(page: str, language: str, heading: str = "") -> str:
    """Give the code of a language below a heading, or of a whole page, from top to bottom."""
    text = (DOCS / page).read_text()
    if heading:
        _, _, text = text.partition(f"\n## {heading}\n")
        text = text.partition("\n## ")[0]
    found = [code for written, code in _FENCE.findall(text) if written == language]
    assert found, f"{page} has no {language} under {heading!r}"
    return "\n".join(found)


class Person:
    """Somebody who tries the examples at a shell."""

    def __init__(self, url: str, token: str, folder: Path) -> None:
        known = ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT")
        self._environment = {name: os.environ[name] for name in known if name in os.environ}
        self._environment |= {"MAILMINE_URL": url, "MAILMINE_TOKEN": token}
        self._folder = folder

    def run(self, *command: str, code: str, name: str) -> str:
        """Run code, which has to succeed and complain of nothing; give what it wrote."""
        file = self._folder / name
        file.write_text(code)
        done = subprocess.run(
            [*command, str(file)],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def bash(self, code: str) -> str:
        return self.run("bash", code=code, name="example.sh")

    def python(self, code: str) -> str:
        return self.run(sys.executable, "-W", "error", code=code, name="example.py")

    def node(self, code: str) -> str:
        return self.run("node", code=code, name="consumer.mjs")


@pytest.fixture
def root(url: str, sales: Town, tmp_path: Path) -> Person:
    return Person(url, sales.tokens["root"], tmp_path)


@pytest.fixture
def reader(url: str, sales: Town, tmp_path: Path) -> Person:
    """Give somebody who may just read streams."""
    return Person(url, sales.tokens["reader"], tmp_path)


@pytest.fixture
def robot(admin: httpx.Client) -> None:
    """Make the stream of the examples anew."""
    at = "/api/v1/datasets/sales/all/streams"
    admin.delete(f"{at}/robot")
    admin.put(at, json={"stream": {"name": "robot"}}).raise_for_status()


@pytest.fixture
def every(sales: Town) -> str:
    """Give what each consumer writes."""
    return "".join(f"{sales.source}.{comment_id(each)}\tOrder\n" for each in range(COMMENTS))


@pytest.mark.curl
def test_a_stream_is_made_and_begun_anew_with_curl(
    root: Person, reader: Person, admin: httpx.Client
) -> None:
    at = "/api/v1/datasets/sales/all/streams/robot"
    admin.delete(at)
    root.bash(example("streams.md", "bash", "Making one"))
    assert admin.get(at).json()["stream"]["behind"] == COMMENTS

    batch = admin.post(f"{at}/fetch", json={"size": 100}).json()
    admin.post(f"{at}/advance", json={"sequence_id": batch["sequence_id"]})
    assert admin.get(at).json()["stream"]["behind"] == COMMENTS - 100

    reader.bash(example("streams.md", "bash", "From the beginning again"))
    assert admin.get(at).json()["stream"]["behind"] == COMMENTS


@pytest.mark.usefixtures("robot")
def test_a_consumer_in_python(reader: Person, every: str) -> None:
    code = example("streams.md", "python", "In Python")
    assert reader.python(code) == every
    assert not reader.python(code)


@pytest.mark.curl
@pytest.mark.jq
@pytest.mark.usefixtures("robot")
def test_a_consumer_with_curl(reader: Person, every: str) -> None:
    code = example("streams.md", "bash", "With curl")
    assert reader.bash(code) == every
    assert not reader.bash(code)


@pytest.mark.node
@pytest.mark.usefixtures("robot")
def test_a_consumer_in_node(reader: Person, every: str) -> None:
    code = example("streams.md", "js", "In Node")
    assert reader.node(code) == every
    assert not reader.node(code)


@pytest.mark.usefixtures("robot")
def test_the_tour_of_the_client(root: Person, admin: httpx.Client, tmp_path: Path) -> None:
    admin.put("/api/v1/sources/sales/notes", json={"source": {}}).raise_for_status()
    admin.put(
        f"/api/_private/sources/sales/mail/comments/{comment_id(1)}/attachments/0",
        files={"file": ("a.txt", b"content")},
    ).raise_for_status()

    told = root.python(example("client.md", "python")).splitlines()

    (saved,) = tmp_path.glob("*.bin")
    assert saved.read_bytes() == b"content"
    assert told[0] == "2026-03-01 16:00:00+00:00 None Order"
    counts = told.index("1 0 0")
    # All of the first stream; it is at its end after that.
    assert told[counts + 1 :].count("Best") == COMMENTS
    assert told[-COMMENTS - 1] == "404 There is no comment nothing in the source sales/mail."
    assert told[-COMMENTS:] == ["Order"] * COMMENTS
