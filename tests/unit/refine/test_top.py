"""The top of a long chain says the same as the whole of it."""

from dataclasses import replace

import pytest

from mailmine.model.email import Address, Email
from mailmine.refine import Posting, Refined, html, quotes, refine, top

P = '<p class="MsoNormal">{}<o:p></o:p></p>\r\n'
BORDER = '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
BLOCK = (
    f"{BORDER}<p class=MsoNormal><b>From:</b> Bob &lt;bob@example.com&gt;<br><b>Sent:</b> Monday, 3 March 2025 10:15<br>"
    "<b>To:</b> Ann &lt;ann@example.com&gt;<br><b>Subject:</b> Order 12<o:p></o:p></p></div>\r\n"
)
WORDS = "".join(
    P.format(f"Line {number} of what Bob wrote before all this.") for number in range(80)
)
OWN = P.format("Thank you, the parts came.") + P.format("Ann") + P.format("Tel. +44 20 5550 1234")


def short(body: str) -> Refined:
    email = Email(message_id=None, html=body, from_=Address("Ann", "ann@example.com"))
    done = refine(email, whole=False)
    assert done == replace(
        refine(email),
        zones=(),
        is_forward=False,
        earlier=None,
        messages=(),
        posting=Posting.ALONE,
    )
    return done


def is_told_by_its_top(body: str) -> bool:
    beginning = top.of_html(body)
    return beginning is not None and top.is_enough(quotes.label(html.lines(beginning)))


def test_an_answer_above_its_history_is_told_by_the_top() -> None:
    body = OWN + BLOCK + WORDS + BLOCK + WORDS
    assert is_told_by_its_top(body)
    assert short(body).text.startswith("Thank you, the parts came.")
    assert "Bob" not in short(body).text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(OWN + BLOCK + P.format("Short."), id="short"),
        pytest.param(OWN + BLOCK + " " * 20_000 + WORDS, id="few lines"),
        pytest.param(OWN + BORDER + WORDS, id="no block"),
        pytest.param(f"<blockquote>{WORDS}</blockquote>" + OWN + BLOCK + WORDS, id="quotes"),
        pytest.param(
            f'<div class="gmail_quote">{OWN}</div>' + BLOCK + WORDS, id="marked by a client"
        ),
        pytest.param(f"<table><tr><td>{OWN}{BLOCK}{WORDS}", id="in a table"),
        pytest.param(
            OWN + BLOCK.replace("From:", "Reason:") + WORDS + BLOCK + WORDS, id="no sender"
        ),
    ],
)
def test_all_is_read_where_the_top_does_not_tell(body: str) -> None:
    assert not is_told_by_its_top(body)
    short(body)


def test_a_forward_without_words_shows_what_was_passed_on() -> None:
    body = BLOCK + WORDS
    assert is_told_by_its_top(body)
    assert "Line 79" in short(body).text


def test_words_that_move_above_an_open_table_are_not_lost() -> None:
    body = f"<table><tr><td>{OWN}</td></tr>{BLOCK}{WORDS}<div>astray</div></table>"
    assert "astray" in short(body).text or not is_told_by_its_top(body)


@pytest.mark.parametrize("label", ["London", "Bob <bob@example.com>"])
def test_labels_among_the_words_are_read_as_in_the_whole(label: str) -> None:
    own = OWN + P.format(f"From: {label}") + P.format("Platform 4") + OWN
    short(own + BLOCK + WORDS + BLOCK + WORDS)
