"""What is asked before an expression, because that is quicker, hides nothing that the expression would find."""

import re

from hypothesis import given, strategies as st

from mailmine.refine import labels, signature

GLUE = ["", " ", " ", ".", ":", ")", ",", "/", "-", "_", "@", "+", "\xa0", " and ", " & ", "é", "İ"]
NUMBERS = ["1", "12-3456", "x4711", "+49 123 4567890"]
WORDS = [
    *signature._REACHED_BY.split("|"),
    *signature._COMPANIES.replace("\\", "").split("|"),
    *(
        "www.example",
        "https://example.com/",
        "xhttp://",
        "ann@example.com",
        "Corporation",
        "simple",
    ),
]
CLOSINGS = [*sorted(labels.plain_closings() | labels.closings()), *labels.closing_beginnings()]
DEVICES = sorted({"x", "*", *labels._lower("signature", "device")})


def said_of(words: list[str]) -> st.SearchStrategy[str]:
    """Write words, in small and capital letters, with all kinds of things between."""
    cased = st.sampled_from(words).flatmap(
        lambda word: st.sampled_from([word, word.upper(), word.capitalize()])
    )
    pieces = st.one_of(cased, st.sampled_from(GLUE), st.sampled_from(NUMBERS))
    return st.lists(pieces, max_size=8).map("".join)


@given(said_of(WORDS))
def test_whoever_can_be_reached_is_found(text: str) -> None:
    bare = re.sub(r"https?://\S*", "", text)
    assert signature._is_contact(text) == bool(signature._CONTACT.search(bare))
    assert signature._is_place(text) == bool(signature._PLACE.search(text))


@given(said_of(CLOSINGS))
def test_every_closing_is_found(text: str) -> None:
    text = text[: signature.MAX_LINE]
    end = " ,.!;:-\u3002\uff01\uff0c\u3001"
    bare = text.rstrip(end)
    parts = [part.strip(end) for part in labels.between_closings().split(bare)]
    known = signature._is_known_closing
    is_one = bool(bare) and (known(bare) or (len(parts) > 1 and all(map(known, parts))))
    assert signature.is_closing(text) == is_one


@given(said_of(DEVICES).map(str.strip))
def test_lines_of_devices_are_found_by_their_first_word(text: str) -> None:
    first = text.split(maxsplit=1)[0].lower() if text else ""
    firsts, lasts = labels.device_hints()
    if first in firsts and text.isascii() and not any(last in text.lower() for last in lasts):
        assert bool(labels.device(first).match(text)) == bool(labels.device().match(text))


def test_what_stands_for_a_rule_begins_as_one() -> None:
    for rule in ("--", " \t-\u2013\u2014", "___", "===", "***", "~~~", "#####"):
        assert signature.is_between(rule)
