"""Which language a text is written in."""

import re
import threading
from array import array
from functools import cache
from typing import Protocol

LANGUAGES = [
    "ar",
    "bg",
    "ca",
    "cs",
    "da",
    "de",
    "el",
    "en",
    "es",
    "et",
    "fa",
    "fi",
    "fr",
    "he",
    "hi",
    "hr",
    "hu",
    "id",
    "it",
    "ja",
    "ko",
    "lt",
    "lv",
    "ms",
    "nl",
    "no",
    "pl",
    "pt",
    "ro",
    "ru",
    "sk",
    "sl",
    "sr",
    "sv",
    "th",
    "tr",
    "uk",
    "vi",
    "zh",
]
"""ISO 639-1: what people write business mail in. Few languages make for few mistakes."""

MIN_WORDS = 3
"""Fewer words could be of any language."""

MAX_LENGTH = 250
"""Characters that are looked at: of so many all languages are told apart rightly (spec/refine.md, 4)."""

GLANCE = 100
"""Characters that suffice for nine texts of ten: each takes some random access to a table of 40 MB."""

SURE = 30.0
"""By how much the logarithm of the likelihood of the best language has to exceed that of the second.

Of 1,163 mails one was then told otherwise by its first `GLANCE` characters than by its first 500.
"""

_LETTER = re.compile(r"[^\W\d_]")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Thai, Japanese and Chinese are written without spaces between words."""

_UNSPACED_LENGTH = 3 * MIN_WORDS


class _Identifier(Protocol):
    def rank(self, text: str) -> list[tuple[str, float]]: ...


_lock = threading.Lock()


def language(text: str) -> str | None:
    """ISO 639-1 of the language; None where the text is too short to tell."""
    text = text[:MAX_LENGTH]
    if not _LETTER.search(text):
        return None
    if len(text.split(None, MIN_WORDS)) < MIN_WORDS and (
        len(text) < _UNSPACED_LENGTH or not _UNSPACED.search(text)
    ):
        return None
    with _lock:
        identifier = _identifier()
    (best, score), (_, second), *_ = identifier.rank(text[:GLANCE])
    if score - second < SURE and len(text) > GLANCE:
        best, _ = identifier.rank(text)[0]
    return str(best)


def warm_up() -> None:
    """Load what tells languages apart, half a second's work, before it is needed."""
    with _lock:
        _identifier()


@cache
def _identifier() -> _Identifier:
    # Loading takes half a second and much memory: only a process that refines mail pays for it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    whole = LanguageIdentifier.from_model_file(MODEL_FILE)
    whole.set_languages(LANGUAGES)
    # A second one of the languages that are wanted lets go of the 100 others: 20 MB. What it looks up lies close
    # together: a row of the table in one place, numbers in arrays. Waiting for memory is most of what a text costs.
    wanted = LanguageIdentifier(
        whole.nb_ptc.copy(),
        whole.nb_pc,
        whole.nb_classes,
        whole.tk_nextmove,
        array("i", whole.tk_output),
        tk_row=whole.tk_row,
    )
    wanted._rowbase = array("I", wanted._rowbase)  # noqa: SLF001 - only its own list, made smaller
    identifier: _Identifier = wanted
    return identifier
