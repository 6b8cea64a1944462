"""How clients announce a quote, in the languages that people write to each other in."""

import textwrap
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


ALL = {f"{client} {name}": line for client, named in LINES.items() for name, line in named.items()}
OF_SOMEBODY = {name: line for name, line in ALL.items() if "@" in line}


@pytest.mark.parametrize("line", OF_SOMEBODY.values(), ids=OF_SOMEBODY)
@pytest.mark.parametrize("quote", ["> 5 km", "5 km"], ids=["marked", "unmarked"])
def test_who_wrote_is_read_without_what_stands_around_the_name(line: str, quote: str) -> None:
    read = refined(line, quote)
    assert read.text == WORDS
    assert read.earlier is not None
    name = "Bob" if "Bob Miller" not in line else "Bob Miller"
    assert read.earlier.from_ == f"{name} <bob@example.com>"


@pytest.mark.parametrize("line", ALL.values(), ids=ALL)
@pytest.mark.parametrize("width", [60, 500], ids=["wrapped", "whole"])
def test_words_right_above_an_attribution_stay(line: str, width: int) -> None:
    head = "\n".join(textwrap.wrap(line, width))
    words = "We will fit it on Monday."
    assert refine(Email(message_id=None, text=f"{words}\n{head}\n> 5 km\n")).text == words


@pytest.mark.parametrize("line", OF_SOMEBODY.values(), ids=OF_SOMEBODY)
@pytest.mark.parametrize("words", ["Am Montag", "On Monday at 10", "Le 3 mars", "12 km", "A plan"])
def test_words_that_look_like_the_beginning_of_an_attribution_stay(line: str, words: str) -> None:
    assert refine(Email(message_id=None, text=f"{words}\n{line}\n> 5 km\n")).text == words


@pytest.mark.parametrize("line", ALL.values(), ids=ALL)
@pytest.mark.parametrize("width", [50, 60, 76])
def test_an_attribution_may_be_wrapped_anywhere(line: str, width: int) -> None:
    assert refined("\n".join(textwrap.wrap(line, width))).text == WORDS


@pytest.mark.parametrize("line", OF_SOMEBODY.values(), ids=OF_SOMEBODY)
def test_an_attribution_may_be_wrapped_behind_the_name(line: str) -> None:
    assert refined(line.replace(" <", "\n<", 1)).text == WORDS


@pytest.mark.parametrize("line", ALL.values(), ids=ALL)
def test_answers_below_what_is_quoted_stay(line: str) -> None:
    assert refine(Email(message_id=None, text=f"{line}\n> 5 km\n\n{WORDS}\n")).text == WORDS
