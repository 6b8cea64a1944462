"""The language of a page: English, which the messages are written in, or one that `texts/` holds a catalogue of.

`_`, `ngettext`, `pgettext` and `N_` mean what they mean to gettext: translate a message, one with a plural, one in a
context; and mark one that is translated later.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final, TypeVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

K = TypeVar("K")

FOLDER: Final = Path(__file__).parent / "texts"
"""`<language>/LC_MESSAGES/mailmine.mo` for each language."""

_WISH = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?"
)
LONGEST_WISH: Final = 1_000
"""Characters of Accept-Language that are looked at."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language, and its messages."""

    tag: str
    """As HTML names it (BCP 47): `de`, `pt-BR`."""
    messages: NullTranslations


ENGLISH: Final = Language("en", NullTranslations())

_language: Final = ContextVar("language", default=ENGLISH)


def current() -> Language:
    """Give the language of this request."""
    return _language.get()


def speak(language: Language) -> None:
    """Let this request, and what it does in other threads, be answered in `language`."""
    _language.set(language)


def _(message: str) -> str:
    """Translate a message."""
    return _language.get().messages.gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Translate a message that depends on a number, which still has to be put in."""
    return _language.get().messages.ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """Translate a message that means something else elsewhere."""
    return _language.get().messages.pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, number: int) -> str:
    """Do as `ngettext` and `pgettext`."""
    return _language.get().messages.npgettext(context, singular, plural, number)


def N_(message: str) -> str:  # noqa: N802 - so gettext calls it
    """Mark a message of a constant, which is translated where it is shown."""
    return message


def NP_(context: str, message: str) -> str:  # noqa: N802 - after N_
    """Mark a message of a constant that means something else elsewhere."""
    del context
    return message


def each(messages: Mapping[K, str]) -> dict[K, str]:
    """Translate the messages of a constant."""
    return {key: _(message) for key, message in messages.items()}


FUNCTIONS: Final[Mapping[str, Callable[..., str]]] = {
    "_": _,
    "gettext": _,
    "ngettext": ngettext,
    "pgettext": pgettext,
    "npgettext": npgettext,
}
"""Of the templates, by the names of Jinja's extension for gettext."""


SCRIPTS: Final = (
    N_("%(number)d s ago"),
    N_("%(number)d min ago"),
    N_("%(number)d h ago"),
    N_("%(number)d d ago"),
    N_("Copied"),
    N_("Expand all"),
    N_("Collapse all"),
    N_("Testing …"),
    N_("The test broke off: mailmine did not answer. Load the page again, and try once more."),
)
"""What scripts say; each page brings it along in a language other than English."""


def of_scripts() -> dict[str, str]:
    """Translate what scripts say; nothing where that is English."""
    return {} if current() is ENGLISH else {message: _(message) for message in SCRIPTS}


def load(folder: Path = FOLDER) -> tuple[Language, ...]:
    """Read the catalogues."""
    found = []
    for file in sorted(folder.glob("*/LC_MESSAGES/mailmine.mo")):
        with file.open("rb") as compiled:
            tag = file.parts[-3].replace("_", "-")
            found.append(Language(tag, GNUTranslations(compiled)))
    return tuple(found)


class Spoken:
    """Answers each request in the language that its browser likes best of those there are (RFC 9110, 12.5.4)."""

    def __init__(self, app: ASGIApp, languages: Iterable[Language]) -> None:
        self.app = app
        self.languages = tuple(languages)
        self._choose = functools.lru_cache(maxsize=256)(self._chosen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does."""
        if self.languages and scope["type"] == "http":
            speak(self._choose(Headers(scope=scope).get("accept-language", "")[:LONGEST_WISH]))
        await self.app(scope, receive, send)

    def _chosen(self, wishes: str) -> Language:
        return choose(wishes, self.languages)


def choose(wishes: str, languages: Iterable[Language]) -> Language:
    """Choose by a header Accept-Language. `de-AT` is content with `de`, and `pt` with `pt-BR`; nobody's wish is English."""
    there = {language.tag.lower(): language for language in (*languages, ENGLISH)}
    for wish in _in_order(wishes):
        short = wish.partition("-")[0]
        near = (tag for tag in there if tag.partition("-")[0] == short)
        fitting = (wish, short, *near) if wish != "*" else ()
        for tag in fitting:
            if tag in there:
                return there[tag]
    return ENGLISH


def _in_order(wishes: str) -> list[str]:
    """Give the languages of Accept-Language, the dearest first; not what is unwanted or nonsense."""
    found = []
    for written in wishes.split(","):
        match = _WISH.fullmatch(written)
        if match is None:
            continue
        weight = float(match[2] or 1)
        if weight > 0:
            found.append((-weight, match[1].lower()))
    # Sorting is stable: of equals that comes first which was named first.
    return [tag for _weight, tag in sorted(found, key=lambda wish: wish[0])]
