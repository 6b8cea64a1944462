"""HTML to text and back, roughly as Exchange converts bodies between the two."""

import html
import re

from lxml import etree
from lxml.html import HtmlElement, document_fromstring

_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_PARAGRAPHS = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table"))
_SILENT = frozenset(("head", "script", "style", "title", "template"))
_SPACE = re.compile(r"[ \t\r\n\f]+")
_MAX_DEPTH = 250


def html_to_text(source: str) -> str:
    """Show `source` as plain text with CRLF line ends; links keep their address in angle brackets."""
    cleaned = source.replace("\x00", "")
    cleaned = re.sub(r"\A\s*<\?xml[^>]*>", "", cleaned)
    if not cleaned.strip():
        return ""
    try:
        root = document_fromstring(cleaned.encode("utf-8", "replace").decode())
    except (etree.LxmlError, ValueError, AssertionError):
        return _SPACE.sub(" ", re.sub(r"<[^<>]*>", " ", cleaned)).strip()
    lines = _Lines()
    _walk(root, lines, 0)
    return lines.text()


def text_to_html(text: str) -> str:
    """Wrap plain text as the HTML that Exchange makes of it."""
    lines = html.escape(text, quote=False).replace("\r\n", "\n").replace("\r", "\n")
    body = lines.replace("\n", "<br>\r\n")
    return (
        '<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\r\n'
        f'</head>\r\n<body>\r\n<div class="PlainText">{body}</div>\r\n</body>\r\n</html>\r\n'
    )


class _Lines:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.now: list[str] = []

    def say(self, text: str) -> None:
        self.now.append(text)

    def end(self) -> None:
        line = "".join(self.now).strip(" ")
        if line:
            self.done.append(line)
        self.now = []

    def new_line(self) -> None:
        self.done.append("".join(self.now).strip(" "))
        self.now = []

    def gap(self) -> None:
        self.end()
        if self.done and self.done[-1]:
            self.done.append("")

    def text(self) -> str:
        self.end()
        joined = "\r\n".join(re.sub(r" {2,}", " ", line) for line in self.done).strip()
        return joined + "\r\n" if joined else ""


def _walk(node: HtmlElement, lines: _Lines, depth: int) -> None:
    tag = node.tag
    if not isinstance(tag, str) or tag in _SILENT or depth > _MAX_DEPTH:
        return
    if tag == "br":
        lines.new_line()
        return
    edge = lines.gap if tag in _PARAGRAPHS else lines.end if tag in _BLOCKS else lambda: None
    edge()
    lines.say(_before(node, tag))
    if node.text:
        lines.say(_SPACE.sub(" ", node.text))
    for child in node:
        _walk(child, lines, depth + 1)
        if child.tail:
            lines.say(_SPACE.sub(" ", child.tail))
    lines.say(_after(node, tag))
    edge()


def _before(node: HtmlElement, tag: str) -> str:
    match tag:
        case "li":
            return "* "
        case "hr":
            return "_" * 32
        case "img":
            return f"[{node.get('alt') or node.get('src') or 'image'}]"[:200]
    return ""


def _after(node: HtmlElement, tag: str) -> str:
    if tag in ("td", "th"):
        return " "
    target = (node.get("href") or "") if tag == "a" else ""
    shown = "".join(node.itertext()).strip() if target else ""
    return f"<{target}>" if target.startswith(("http:", "https:")) and target != shown else ""
