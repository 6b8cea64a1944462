"""The pages of the documentation that people need who look after mailboxes: what each reason means, and what is done about it."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.web.site import path
from mailmine.web.visit import Visit, page

PAGES: Final = ("reasons", "connect", "configuration", "notifications", "operations")

_PACKAGED: Final = Path(__file__).parent / "docs"
_CHECKOUT: Final = Path(__file__).parents[3] / "docs"
"""Where the pages lie when mailmine runs from its repository."""

_markdown: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


@page
def show(visit: Visit) -> Response:
    """Answer `/help/{name}`."""
    name = visit.request.path_params["name"]
    if name not in PAGES:
        raise HTTPException(404)
    link = functools.partial(path, visit.request, "help")
    title, content = render(_text(name), lambda other: link(name=other))
    return visit.render("help.html", here="help", title=title, content=content)


def render(text: str, address_of: Callable[[str], str]) -> tuple[str, Markup]:
    """Make HTML of a page, with an anchor at each heading; give its title apart. Links lead to pages that are served here."""
    tokens = _markdown.parse(text)
    title = tokens[1].content
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and after is not None:
            token.attrSet("id", anchor(after.content))
        for child in token.children or ():
            _lead(child, address_of)
    # Nothing of it is anybody's but ours: HTML within Markdown is switched off besides.
    return title, Markup(_markdown.renderer.render(tokens[3:], _markdown.options, {}))  # noqa: S704


def anchor(heading: str) -> str:
    """Name a heading as links do."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def _lead(token: Token, address_of: Callable[[str], str]) -> None:
    """Let a link to another page of the documentation lead there."""
    if token.type != "link_open":
        return
    parts = urlsplit(str(token.attrGet("href")))
    if parts.scheme or not parts.path:
        return
    name = parts.path.removesuffix(".md")
    if name in PAGES:
        token.attrSet("href", address_of(name) + (f"#{parts.fragment}" if parts.fragment else ""))
    else:
        del token.attrs["href"]


@functools.cache
def _text(name: str) -> str:
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return (folder / f"{name}.md").read_text(encoding="utf-8")
