"""What the log says of a failure, and what it must not."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from mailmine.cli import logs

SUBJECT = "Quarterly figures, confidential"


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave the log of the process as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def refine_badly(subject: str) -> None:
    mail = {"body": f"as in {subject}"}
    try:
        mail[subject].strip()
    except KeyError as error:
        raise ValueError(mail["body"]) from error


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("kind", ["terminal", "file"])
@pytest.mark.parametrize("by", ["us", "a library"])
def test_a_failure_is_told_by_its_place_and_not_by_the_mail(
    by: str, kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: kind == "terminal")
    logs.configure("info")
    try:
        refine_badly(SUBJECT)
    except ValueError as error:
        if by == "us":
            structlog.get_logger("test").error("request failed", exc_info=error)
        else:
            logging.getLogger("a.library").exception("request failed")

    said = capsys.readouterr().err
    assert SUBJECT not in said
    for word in ("request failed", "KeyError", "ValueError", "refine_badly"):
        assert word in said
    if kind == "file":
        assert json.loads(said)["level"] == "error"
