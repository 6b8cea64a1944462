"""Finds words in templates that no translator would see."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from jinja2 import Environment, nodes

TEMPLATES: Final = Path(__file__).parents[3] / "src/mailmine/web/templates"

NAMES: Final = frozenset({"mailmine", "UTC", "JSON", "CSV", "Python", "curl"})
"""The same in all languages."""

READ: Final = frozenset(
    {"title", "alt", "placeholder", "aria-label", "data-word", "data-lead", "data-say"}
)
"""Attributes that people read, or hear."""

SILENT: Final = frozenset({"code", "pre", "svg", "script", "style"})
"""Elements whose content is not in a language of people; of a drawing the titles are."""

EXAMPLES: Final = frozenset(
    {" open", "-----BEGIN PRIVATE KEY-----", "orders@example.com", ", Apache-2.0"}
)
"""Strings that are no words of people."""

_DONE = "\N{OBJECT REPLACEMENT CHARACTER}"
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)(?P<rest>(?:[^<>\"]|\"[^\"]*\")*)>|<!.*?>")
_ATTRIBUTE = re.compile(r"(?P<name>[a-z-]+)=\"(?P<value>[^\"]*)\"")
_NO_WORDS = re.compile(rf"&[a-z]+;|aria-[a-z]+=\"(true)?|{_DONE}-[a-z]+")
"""Entities, and what a macro writes of a tag."""
_WORD = re.compile(r"[A-Za-z][A-Za-z]+")


def environment() -> Environment:
    """Read templates as the pages do."""
    return Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


def words(source: str) -> list[str]:
    """Find the words of a template that stand outside of messages: in its HTML, and in its expressions."""
    return [*_of_html(_without_jinja(source)), *_of_expressions(environment().parse(source))]


def _without_jinja(source: str) -> str:
    """Leave the HTML alone, with a mark for what Jinja puts in."""
    found: list[str] = []
    is_message, after_begin = False, False
    for _line, kind, text in environment().lex(source):
        if kind == "block_begin":
            after_begin = True
        elif after_begin and kind == "name":
            after_begin = False
            is_message = text == "trans" or (is_message and text != "endtrans")
            if text == "endtrans":
                found.append(_DONE)
        elif kind == "variable_begin":
            found.append(_DONE)
        elif kind == "data" and not is_message:
            found.append(text)
    return "".join(found)


def _of_html(html: str) -> Iterator[str]:
    inside: list[str] = []
    end = 0
    for tag in _TAG.finditer(html):
        yield from _foreign(html[end : tag.start()], inside)
        end = tag.end()
        name = tag["name"]
        if name is None:
            continue
        for attribute in _ATTRIBUTE.finditer(tag["rest"]):
            if attribute["name"] in READ:
                yield from _foreign(attribute["value"], [])
        if name in SILENT | {"title", "desc"}:
            if tag["end"] and name in inside:
                inside.remove(name)
            elif not tag["end"]:
                inside.append(name)
    yield from _foreign(html[end:], inside)


def _foreign(text: str, inside: list[str]) -> list[str]:
    if inside and inside[-1] in SILENT:
        return []
    text = _NO_WORDS.sub("", text)
    return [word for word in _WORD.findall(text) if word not in NAMES]


def _of_expressions(tree: nodes.Template) -> Iterator[str]:
    """Find strings that are put out as they stand, be it by a choice between two or by a macro."""
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            if not isinstance(node, nodes.TemplateData):
                yield from _shown(node)


def _shown(node: nodes.Node) -> Iterator[str]:
    match node:
        case nodes.Const(value=str(value)) if value not in EXAMPLES:
            yield from _foreign(value, [])
        case nodes.Call(node=nodes.Getattr(node=nodes.Name(name="fields"))):
            yield from _of_field(node)
        case nodes.Call() | nodes.Compare() | nodes.Getattr():
            return
        case nodes.CondExpr():
            yield from _of_all(one for one in (node.expr1, node.expr2) if one is not None)
        case nodes.Filter():
            yield from _of_all([node.node] if node.node is not None else [])
        case nodes.Getitem():
            yield from _shown(node.node)
        case nodes.Pair():
            yield from _shown(node.value)
        case nodes.Tuple():
            # A value of a choice, and how it is called.
            yield from _of_all(node.items[1:])
        case _:
            yield from _of_all(node.iter_child_nodes())


def _of_all(several: Iterable[nodes.Node]) -> Iterator[str]:
    for node in several:
        yield from _shown(node)


def _of_field(call: nodes.Call) -> Iterator[str]:
    """Look at what a macro of `fields.html` shows: behind the draft and the names, and the hint."""
    assert isinstance(call.node, nodes.Getattr)
    first = {"choice": 3, "described": 3}.get(call.node.attr, 2)
    for argument in call.args[first:]:
        yield from _shown(argument)
    for keyword in call.kwargs:
        if keyword.key in {"label", "hint"}:
            yield from _shown(keyword.value)
