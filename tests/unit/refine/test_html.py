import pytest
from hypothesis import given, strategies as st

from mailmine.refine import html
from mailmine.refine.lines import Mark


def texts(body: str) -> list[str]:
    return [line.text for line in html.lines(body)]


def test_blocks_breaks_and_paragraphs() -> None:
    assert texts("<div>one</div><div>two<br>three<br><br>four</div>") == [
        "one",
        "two",
        "three",
        "",
        "four",
    ]
    assert texts("<p>one</p><p>two</p>") == ["one", "", "two"]


def test_the_paragraphs_of_outlook_have_no_blank_lines_of_their_own() -> None:
    assert texts('<p class="MsoNormal">one</p><p class="MsoNormal">two</p>') == ["one", "two"]


@pytest.mark.parametrize(
    "blank",
    [
        "<div><br></div>",
        "<div>&nbsp;</div>",
        "<br>",
        '<p class="MsoNormal"><o:p>&nbsp;</o:p></p>',
        "<div><br></div><div>&nbsp;</div><div><br></div>",
    ],
)
def test_a_line_that_an_author_left_blank_is_blank(blank: str) -> None:
    assert texts(f"<div>one</div>{blank}<div>two</div>") == ["one", "", "two"]


def test_what_only_ends_a_line_is_no_blank_one() -> None:
    assert texts("<div>one<br></div><div>two<br></div>three") == ["one", "two", "three"]
    spacer = "<tr><td>&nbsp;</td><td>&nbsp;</td></tr>"
    assert texts(f"<table><tr><td>a</td></tr>{spacer}<tr><td>b</td></tr></table>") == ["a", "b"]


def test_white_space_is_what_a_person_sees() -> None:
    assert texts("<p>one\n  two&nbsp;<b> three</b>\tfour</p>") == ["one two three four"]
    assert texts("<pre>one\n  two\n\nthree</pre>") == ["one", "  two", "", "three"]


def test_rows_of_tables_are_lines_with_tabs() -> None:
    assert texts("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>") == ["a\tb", "c"]


def test_what_nobody_sees_is_left_out() -> None:
    body = (
        "<head><title>t</title><style>p {}</style></head><body><script>x()</script>"
        '<div style="display: none">preheader<p>more</p></div><span style="mso-hide:all">x</span>'
        "<!-- comment --><p>seen\u200b\u00ad</p></body>"
    )
    assert texts(body) == ["seen"]


def test_quotes_have_a_depth() -> None:
    lines = html.lines("a<blockquote>b<blockquote>c</blockquote>d</blockquote>e")
    assert [(line.text, line.depth) for line in lines if line.text] == [
        ("a", 0),
        ("b", 1),
        ("c", 2),
        ("d", 1),
        ("e", 0),
    ]


def test_a_blockquote_that_only_indents_is_no_quote() -> None:
    body = '<blockquote style="margin:0 0 0 40px;border:none;padding:0px">indented</blockquote>'
    assert [line.depth for line in html.lines(body)] == [0]


def test_marks_end_with_their_element() -> None:
    lines = html.lines('a<div class="gmail_signature">b<p>c</p></div>d')
    assert [(line.text, line.mark) for line in lines if line.text] == [
        ("a", None),
        ("b", Mark.SIGNATURE),
        ("c", Mark.SIGNATURE),
        ("d", None),
    ]


def test_the_rest_is_history_in_outlook() -> None:
    lines = html.lines('a<div id="x_divRplyFwdMsg">b</div>c')
    assert [line.mark for line in lines if line.text] == [None, Mark.REST, Mark.REST]


def test_depth_costs_nothing() -> None:
    assert texts("<div>" * 5_000 + "x" + "</div>" * 5_000) == ["x"]


@given(st.text(max_size=300))
def test_nothing_makes_it_raise(body: str) -> None:
    html.lines(body)


def test_one_body_leaves_nothing_behind_for_the_next() -> None:
    html.lines('<div style="display:none"><blockquote><pre><div id="appendonsend">open')
    assert [(line.text, line.depth, line.mark) for line in html.lines("plain")] == [
        ("plain", 0, None)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_paragraphs_of_word_are_lines_of_their_own(end: str) -> None:
    paragraph = '<p class="MsoNormal">{}<o:p></o:p></p>' + end
    blank = f'<p class="MsoNormal"><o:p>&nbsp;</o:p></p>{end}'
    hidden = f'<p class="MsoNormal" style="display:none">b<o:p></o:p></p>{end}'
    bold = paragraph.format("<b>e</b>")
    body = paragraph.format("a") + hidden + paragraph.format(" c\nc") + blank + bold
    assert texts(body + paragraph.format("f") + paragraph.format("g")) == [
        "a",
        "c c",
        "",
        "e",
        "f",
        "g",
    ]


def test_no_character_of_a_body_ends_a_line_as_word_does() -> None:
    assert texts("a\x1eb") == ["a b"]
