"""How clients announce a quote, in the languages that people write to each other in."""

import tomllib
from pathlib import Path

import pytest

from mailmine.model.email import Email
from mailmine.refine import Refined, refine

LINES = tomllib.loads(Path(__file__).with_name("attributions.toml").read_text(encoding="utf-8"))
GMAIL, THUNDERBIRD = LINES["gmail"], LINES["thunderbird"]

WORDS = "12 km"
"""Nothing that any language could be told by."""


def refined(line: str, quote: str = "> 5 km") -> Refined:
    return refine(Email(message_id=None, text=f"{WORDS}\n\n{line}\n\n{quote}\n"))


@pytest.mark.parametrize("line", GMAIL.values(), ids=GMAIL)
@pytest.mark.parametrize("quote", ["> 5 km", "5 km"], ids=["marked", "unmarked"])
def test_gmail(line: str, quote: str) -> None:
    assert refined(line, quote).text == WORDS


@pytest.mark.parametrize("line", THUNDERBIRD.values(), ids=THUNDERBIRD)
def test_thunderbird(line: str) -> None:
    assert refined(line).text == WORDS


@pytest.mark.parametrize("line", GMAIL.values(), ids=GMAIL)
def test_who_wrote_is_read_from_it(line: str) -> None:
    earlier = refined(line).earlier
    assert earlier is not None
    assert "bob@example.com" in earlier.from_
    assert earlier.text == "5 km"
