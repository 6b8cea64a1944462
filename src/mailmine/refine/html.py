"""An HTML body becomes lines that know where they came from.

The parser of libxml2 calls us for each tag: no tree is built, so depth costs nothing. What nobody
sees (styles, scripts, hidden text) is left out; what the clients' own markup says about quotes and
signatures goes into the lines' marks.
"""

import re
import threading
from collections.abc import Mapping
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from lxml import etree

from mailmine.refine import clients
from mailmine.refine.lines import MAX_LINES, Line, Mark


class _Tag(Enum):
    """What a tag does to the lines; inline tags do nothing."""

    BLOCK = auto()
    PARAGRAPH = auto()
    """A block with a blank line before it."""
    BREAK = auto()
    CELL = auto()
    UNSEEN = auto()


class _Look(Enum):
    """What a style says that matters here."""

    HIDDEN = auto()
    TOP_BORDER = auto()


_BLOCK, _PARAGRAPH, _BREAK, _CELL, _UNSEEN = _Tag  # said for each tag: a name is found sooner
_MEANINGS = {
    _Tag.BLOCK: """address article aside body center dd dir div dt fieldset figure footer form header hr
        html li main menu nav section tbody tfoot thead tr""",
    _Tag.PARAGRAPH: "p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre",
    _Tag.BREAK: "br",
    _Tag.CELL: "td th",
    _Tag.UNSEEN: "head script style title template object noframes svg math",
}
_TAGS = {tag: meaning for meaning, tags in _MEANINGS.items() for tag in tags.split()}

_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden", re.IGNORECASE
)
_TOP_BORDER = re.compile(
    r"border-top\s*:\s*solid\s+#?\w+\s|border\s*:\s*none\s*;\s*border-top", re.IGNORECASE
)
_NO_BORDER = re.compile(
    r"border(?:-left)?(?:-width)?\s*:\s*(?:none|0(?:px)?)(?![\w.])", re.IGNORECASE
)
_CELL_END = "\x1f"
"""Stands between cells while a row is read; no character of HTML."""

MAX_HTML = 1_500_000
"""Characters that are looked at, pictures inside not counted."""

_DATA_URL = re.compile(r"data:[\w/+.;=-]{1,100},[A-Za-z0-9+/=%\s]*")

MAX_ATTRIBUTE = 1_000
"""Characters of an attribute that is looked at."""

_TAG = re.compile(r"<[^>]*>")
_UNPRINTED = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")


def lines(html: str) -> list[Line]:
    """Give the lines of a body as a person would see them. Never raises."""
    if len(html) > MAX_HTML:
        html = _DATA_URL.sub("", html)[:MAX_HTML]
    reading = _threads.reading
    reading.begin()
    try:
        _threads.parser.feed(html)
        _threads.parser.close()
    except (etree.LxmlError, ValueError, AssertionError):
        # What is too broken for the parser is shown without its tags.
        _threads.renew()
        return [Line(text, text) for text in _TAG.sub(" ", html).split("\n", MAX_LINES)]
    return reading.lines


class _Reading:
    """One walk through a document, called for each tag: so it is written for speed."""

    __slots__ = (
        "_level",
        "_marks",
        "_newline",
        "_preformatted",
        "_quotes",
        "_rest",
        "_text",
        "_unseen",
        "_wants_blank",
        "lines",
    )

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.lines: list[Line] = []
        self._text: list[str] = []
        self._level = 0
        self._quotes: list[int] = []
        """Levels of the quoting elements that are open; so are the next two."""
        self._marks: list[tuple[int, Mark]] = []
        self._preformatted: list[int] = []
        self._unseen = 0
        """Level of the element that hides all within; 0 where nothing does."""
        self._rest = False
        self._newline = False
        """Whether the last line was ended by a `br`, so that one more makes a blank line."""
        self._wants_blank = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._level += 1
        if self._unseen:
            return
        meaning = _TAGS.get(tag)
        if meaning is not None:
            self._open(tag, meaning, attributes)
        if attributes:
            self._look_at(attributes)

    def _look_at(self, attributes: Mapping[str, str]) -> None:
        for name, value in attributes.items():
            if len(value) > MAX_ATTRIBUTE:
                continue  # nor kept in a cache
            if name == "class":
                if mark := clients.of_class(value):
                    self._flush()
                    self._marks.append((self._level, mark))
            elif name == "style":
                if look := _look(value):
                    self._styled(look)
            elif name == "id" and (mark := clients.of_id(value)):
                self._identified(mark)

    def _open(self, tag: str, meaning: _Tag, attributes: Mapping[str, str]) -> None:
        if meaning is _CELL:
            self._text.append(_CELL_END)
            return
        if meaning is _UNSEEN:
            self._unseen = self._level
            return
        if self._text:
            self._flush()
        if meaning is _BREAK:
            if self._newline:
                self._blank()
            self._newline = True
        elif meaning is _PARAGRAPH:
            self._open_paragraph(tag, attributes)
        elif tag == "hr":
            self._rule()

    def _open_paragraph(self, tag: str, attributes: Mapping[str, str]) -> None:
        if attributes.get("class") != "MsoNormal":
            self._wants_blank = True
        if tag == "blockquote" and not _is_indented(attributes):
            self._quotes.append(self._level)
        elif tag == "pre":
            self._preformatted.append(self._level)

    def end(self, tag: str) -> None:
        level = self._level
        self._level = level - 1
        if self._unseen:
            if self._unseen == level:
                self._unseen = 0
            return
        meaning = _TAGS.get(tag)
        if meaning is _BLOCK or meaning is _PARAGRAPH:
            if self._text:
                self._flush()
            if meaning is _PARAGRAPH:
                self._end_paragraph(tag, level)
        while self._marks and self._marks[-1][0] == level:
            self._flush()
            self._marks.pop()

    def _end_paragraph(self, tag: str, level: int) -> None:
        if tag != "p":
            self._wants_blank = True
        if self._quotes and self._quotes[-1] == level:
            self._quotes.pop()
        if self._preformatted and self._preformatted[-1] == level:
            self._preformatted.pop()

    def data(self, data: str) -> None:
        if self._unseen:
            return
        if self._preformatted and "\n" in data:
            first, *rest = data.split("\n")
            self._text.append(first)
            for piece in rest:
                self._flush()
                if self._newline:
                    self._blank()
                self._newline = True
                self._text.append(piece)
        elif self._text or not data.isspace():
            self._text.append(data)

    def close(self) -> None:
        self._flush()

    def _styled(self, look: _Look) -> None:
        if look is _Look.HIDDEN:
            self._unseen = self._level
        else:
            self._rule()

    def _identified(self, mark: Mark) -> None:
        self._flush()
        if mark is Mark.REST:
            self._rest = True
        elif mark is Mark.RULE:
            self._rule()
        else:
            self._marks.append((self._level, mark))

    def _rule(self) -> None:
        self._flush()
        self.lines.append(Line("", "", len(self._quotes), Mark.RULE))

    def _mark(self) -> Mark | None:
        if self._rest:
            return Mark.REST
        return self._marks[-1][1] if self._marks else None

    def _blank(self) -> None:
        if len(self.lines) < MAX_LINES:
            self.lines.append(Line("", "", len(self._quotes), self._mark()))

    def _flush(self) -> None:
        """End the line, where one has begun."""
        if not self._text:
            return
        text = "".join(self._text)
        self._text.clear()
        if not text.isascii() and _UNPRINTED.search(text):
            text = _UNPRINTED.sub("", text)
        if self._preformatted:
            text = text.rstrip()
        elif _CELL_END in text:
            text = _cells(text)
        else:
            text = " ".join(text.split())
        if not text:
            return
        if self._wants_blank:
            self._wants_blank = False
            if self.lines and self.lines[-1].raw:
                self._blank()
        self._newline = False
        if len(self.lines) < MAX_LINES:
            self.lines.append(Line(text, text, len(self._quotes), self._mark()))
        else:
            self.lines[-1].raw += "\n" + text


class _Threads(threading.local):
    """A parser for each thread: to make one costs as much as to read a mail."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.reading = _Reading()
        target: Any = self.reading  # the stubs want methods for comments, too, which cost time
        self.parser = etree.HTMLParser(target=target, huge_tree=True, remove_pis=True)


_threads = _Threads()


@lru_cache(maxsize=1_024)
def _look(style: str) -> _Look | None:
    if _HIDDEN_STYLE.search(style):
        return _Look.HIDDEN
    return _Look.TOP_BORDER if _TOP_BORDER.search(style) else None


def _cells(text: str) -> str:
    """Give a row of a table, a tab between its cells."""
    cells = (" ".join(cell.split()) for cell in text.split(_CELL_END))
    return "\t".join(cell for cell in cells if cell)


def _is_indented(attributes: Mapping[str, str]) -> bool:
    """Tell a blockquote that only indents (Outlook, Gmail's editor) from one that quotes."""
    if attributes.get("type", "").lower() == "cite" or attributes.get("cite"):
        return False
    style = attributes.get("style", "")
    return "border" in style and "margin" in style and bool(_NO_BORDER.search(style))
