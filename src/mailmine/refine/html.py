"""An HTML body becomes lines that know where they came from.

The document is parsed as browsers do it (lexbor) and walked once, without recursion: depth costs
nothing. What nobody sees (styles, scripts, hidden text) is left out; what the clients' own markup
says about quotes and signatures goes into the lines' marks.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from functools import lru_cache

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mailmine.refine import clients
from mailmine.refine.lines import MAX_LINES, Line, Mark


class _Tag(Enum):
    """What a tag does to the lines; inline tags do nothing."""

    BLOCK = auto()
    PARAGRAPH = auto()
    """A block with a blank line before it."""
    BREAK = auto()
    RULE = auto()
    CELL = auto()
    UNSEEN = auto()


class _Look(Enum):
    """What a style says that matters here."""

    HIDDEN = auto()
    TOP_BORDER = auto()
    HISTORY = auto()
    """The line that Outlook draws above a history, in whatever language; nobody else's has its colour and its gap."""


_BLOCK, _PARAGRAPH, _BREAK, _RULE, _CELL, _UNSEEN = (
    _Tag  # said for each tag: a name is found sooner
)
_MEANINGS = {
    _Tag.BLOCK: """address article aside body center dd dir div dt fieldset figure footer form header
        html li main menu nav section tbody tfoot thead tr""",
    _Tag.PARAGRAPH: "p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre",
    _Tag.BREAK: "br",
    _Tag.RULE: "hr",
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
_OUTLOOKS_BORDER = re.compile(
    r"border-top\s*:\s*solid\s+#(?:E1E1E1|B5C4DF)\s+1(?:\.0)?pt\s*;\s*padding\s*:\s*3(?:\.0)?pt\s+0",
    re.IGNORECASE,
)
_NO_BORDER = re.compile(
    r"border(?:-left)?(?:-width)?\s*:\s*(?:none|0(?:px)?)(?![\w.])", re.IGNORECASE
)
_MSO_NORMAL = {"class": "MsoNormal"}
"""What nearly every paragraph of Outlook says, which means nothing."""
_NAMING = frozenset({"id", "name", "data-marker"})
"""Attributes in which clients say what an element holds."""

_CELL_END = "\x1f"
"""Stands between cells while a row is read; no character of HTML."""
_LINE_END = "\x1e"
"""Stands between paragraphs that are read as one; no character of HTML either."""
_WORDS_BLANK, _WORDS_END = "<o:p>&nbsp;</o:p>", "<o:p></o:p>"
_BETWEEN_PARAGRAPHS = tuple(
    f'{_WORDS_END}</p>{line_end}<p class="MsoNormal">' for line_end in ("\r\n", "\n")
)
"""Where a paragraph of Word ends and the next one begins."""

MAX_HTML = 1_500_000
"""Characters that are looked at, pictures inside not counted."""

_DATA_URL = re.compile(r"data:[\w/+.;=-]{1,100},[A-Za-z0-9+/=%\s]*")

MAX_ATTRIBUTE = 1_000
"""Characters of an attribute that is looked at."""

_UNPRINTED = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")


def lines(html: str) -> list[Line]:
    """Give the lines of a body as a person would see them. Never raises."""
    if len(html) > MAX_HTML:
        html = _DATA_URL.sub("", html)[:MAX_HTML]
    root = LexborHTMLParser(_joined(html)).root
    reading = _Reading()
    if root is not None:
        reading.read(root)
    return reading.lines


def _joined(html: str) -> str:
    """Make one of paragraphs of Word that hold nothing but text, a `_LINE_END` between.

    Outlook's mail has little else, and four nodes a paragraph take most of the time of parsing and walking.
    """
    if _LINE_END in html:
        html = html.replace(_LINE_END, " ")
    for between in _BETWEEN_PARAGRAPHS:
        if between in html:
            return _joined_at(between, html)
    return html


def _joined_at(between: str, html: str) -> str:
    if _WORDS_BLANK in html:
        html = html.replace(_WORDS_BLANK, f"&nbsp;{_WORDS_END}")
    first, *paragraphs = html.split(between)
    pieces = [first]
    # What stands before the first paragraph holds tags; each other one begins with a plain `p`.
    end = between
    for paragraph in paragraphs:
        pieces += (end, paragraph)
        end = between if "<" in paragraph else _LINE_END
    return "".join(pieces)


class _Reading:
    """One walk through a document. Its loop sees every tag, so it is written for speed."""

    __slots__ = (
        "_beyond",
        "_level",
        "_marks",
        "_newline",
        "_preformatted",
        "_quotes",
        "_rest",
        "_text",
        "_wants_blank",
        "lines",
    )

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._text: list[str] = []
        self._level = 0
        """How deep the present element lies."""
        self._quotes: list[int] = []
        """Levels of the quoting elements that are open; so are the next two."""
        self._marks: list[tuple[int, Mark]] = []
        self._preformatted: list[int] = []
        self._rest = False
        self._newline = False
        """Whether the last line was ended by a `br`, so that one more makes a blank line."""
        self._wants_blank = False
        self._beyond: list[str] = []
        """Lines beyond those that are looked at."""

    def read(self, root: LexborNode) -> None:  # noqa: C901, PLR0912 - one loop, with no call for most tags
        """Read a document."""
        text, marks, quotes = self._text, self._marks, self._quotes
        open_tags: list[str] = []
        node = root
        while True:
            tag = node.tag or ""
            child = None
            if tag == "-text":
                data = node.text_content or ""
                if self._preformatted:
                    self._as_it_stands(data)
                elif text or not data.isspace() or "\xa0" in data:
                    text.append(data)
            else:
                attributes = node.attributes
                meaning = _TAGS.get(tag)
                if (not attributes and meaning is _BLOCK) or (
                    tag == "p" and attributes == _MSO_NORMAL
                ):
                    if text:
                        self._flush()
                    child = node.first_child
                elif not attributes and meaning is _BREAK:
                    self._break()
                elif attributes or meaning is not None:
                    self._level = len(open_tags) + 1
                    if self._start(tag, attributes):
                        child = node.first_child
                    if child is None and (meaning is not _BREAK or marks):
                        self._end(tag)
                else:
                    child = node.first_child
            if child is not None:
                open_tags.append(tag)
                node = child
                continue
            while (following := node.next) is None and open_tags and (above := node.parent):
                node = above
                tag = open_tags.pop()
                if not marks and (
                    _TAGS.get(tag) is _BLOCK or (tag == "p" and not (quotes or self._preformatted))
                ):
                    if text:
                        self._flush()
                elif marks or tag in _TAGS:
                    self._level = len(open_tags) + 1
                    self._end(tag)
            if following is None:
                break
            node = following
        if text:
            self._flush()
        self._put_beyond()

    def _start(self, tag: str, attributes: Mapping[str, str | None]) -> bool:
        """Begin an element; False where nobody sees what is in it."""
        meaning = _TAGS.get(tag)
        if meaning is _BLOCK:
            if self._text:
                self._flush()
        elif meaning is not None:
            if meaning is _UNSEEN:
                return False
            self._open(tag, meaning, attributes)
        return not attributes or self._look_at(tag, attributes)

    def _look_at(self, tag: str, attributes: Mapping[str, str | None]) -> bool:
        """Heed what the attributes say; False where they hide the element."""
        is_seen = True
        for name, value in attributes.items():
            if not value or len(value) > MAX_ATTRIBUTE:
                continue  # nor kept in a cache
            if name == "class":
                if mark := clients.of_class(value):
                    self._flush()
                    if mark is Mark.HISTORY and tag == "blockquote" and self._is_outermost():
                        mark = Mark.CITED  # an email that is quoted has a container around it
                    self._marks.append((self._level, mark))
            elif name == "style":
                look = _look(value)
                if look is _Look.HIDDEN:
                    is_seen = False
                elif look:
                    self._identified(Mark.REST if look is _Look.HISTORY else Mark.RULE)
            elif name in _NAMING and (mark := clients.of_name(tag, name, value)):
                self._identified(mark)
        return is_seen

    def _is_outermost(self) -> bool:
        """Whether nothing that tells of a quote is around the element that begins."""
        return not self._marks and (not self._quotes or self._quotes == [self._level])

    def _open(self, tag: str, meaning: _Tag, attributes: Mapping[str, str | None]) -> None:
        if meaning is _CELL:
            self._text.append(_CELL_END)
            return
        if meaning is _BREAK:
            self._break()
            return
        if self._text:
            self._flush()
        if meaning is _PARAGRAPH:
            if attributes.get("class") != "MsoNormal":
                self._wants_blank = True
            if tag == "blockquote" and not _is_indented(attributes):
                self._quotes.append(self._level)
            elif tag == "pre":
                self._preformatted.append(self._level)
        elif meaning is _RULE:
            self._rule()

    def _break(self) -> None:
        if self._text:
            self._flush()
        elif not self._newline:
            # `<div><br></div>`: what Outlook and Gmail make of an empty line.
            self._wants_blank = True
        if self._newline:
            self._blank()
        self._newline = True

    def _end(self, tag: str) -> None:
        meaning = _TAGS.get(tag)
        if meaning is _BLOCK:
            if self._text:
                self._flush()
        elif meaning is _PARAGRAPH:
            self._end_paragraph(tag)
        while self._marks and self._marks[-1][0] == self._level:
            self._flush()
            self._marks.pop()

    def _end_paragraph(self, tag: str) -> None:
        if self._text:
            self._flush()
        if tag != "p":
            self._wants_blank = True
        if self._quotes and self._quotes[-1] == self._level:
            self._quotes.pop()
        if self._preformatted and self._preformatted[-1] == self._level:
            self._preformatted.pop()

    def _as_it_stands(self, data: str) -> None:
        """Take text in which line ends count."""
        first, *rest = data.split("\n")
        self._text.append(first)
        for piece in rest:
            self._flush()
            if self._newline:
                self._blank()
            self._newline = True
            self._text.append(piece)

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
        self._put_beyond()
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
        text = self._text[0] if len(self._text) == 1 else "".join(self._text)
        self._text.clear()
        lines, depth = self.lines, len(self._quotes)
        mark = self._mark() if self._rest or self._marks else None
        wants_blank = self._wants_blank
        for line in text.split(_LINE_END) if _LINE_END in text else (text,):
            if line == "\xa0":
                wants_blank = True  # as below: half of the lines of Outlook's mail
                continue
            # A line in which all is printable has no white space but blanks, and nothing to take out.
            if line.isprintable() and "  " not in line and not self._preformatted:
                seen = line.strip()
            else:
                seen = self._tidied(line)
            if not seen:
                # Nothing but a blank that does not break is how an editor keeps an empty line open.
                if "\xa0" in line and _CELL_END not in line:
                    wants_blank = True
                continue
            self._newline = False
            if wants_blank:
                wants_blank = False
                if lines and lines[-1].raw and len(lines) < MAX_LINES:
                    lines.append(Line("", "", depth, mark))
            if len(lines) < MAX_LINES:
                lines.append(Line(seen, seen, depth, mark))
            else:
                self._beyond.append(seen)
        self._wants_blank = wants_blank

    def _put_beyond(self) -> None:
        """Let what is beyond the lines that are looked at follow the last of them."""
        if self._beyond:
            last = self.lines[-1]
            last.raw = "\n".join([last.raw, *self._beyond])
            self._beyond.clear()

    def _tidied(self, text: str) -> str:
        """Take out what nobody sees of a line."""
        if _UNPRINTED.search(text):
            text = _UNPRINTED.sub("", text)
        if self._preformatted:
            return text.rstrip()
        return _cells(text) if _CELL_END in text else " ".join(text.split())


@lru_cache(maxsize=1_024)
def _look(style: str) -> _Look | None:
    if _HIDDEN_STYLE.search(style):
        return _Look.HIDDEN
    if _OUTLOOKS_BORDER.search(style):
        return _Look.HISTORY
    return _Look.TOP_BORDER if _TOP_BORDER.search(style) else None


def _cells(text: str) -> str:
    """Give a row of a table, a tab between its cells."""
    cells = (" ".join(cell.split()) for cell in text.split(_CELL_END))
    return "\t".join(cell for cell in cells if cell)


def _is_indented(attributes: Mapping[str, str | None]) -> bool:
    """Tell a blockquote that only indents (Outlook, Gmail's editor) from one that quotes."""
    if (attributes.get("type") or "").lower() == "cite" or attributes.get("cite"):
        return False
    style = attributes.get("style") or ""
    return "border" in style and "margin" in style and bool(_NO_BORDER.search(style))
