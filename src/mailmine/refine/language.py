"""Which language a text is written in."""

import re
import threading
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailmine.refine.language_model import LanguageModel

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
"""Characters that suffice for nine texts of ten: each is looked up in a table that no processor keeps near."""

SURE = 30.0
"""By how much the logarithm of the likelihood of the best language has to exceed that of the second.

Of 1,163 mails one was then told otherwise by its first `GLANCE` characters than by its first 500.
"""

_LETTER = re.compile(r"[^\W\d_]")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Thai, Japanese and Chinese are written without spaces between words."""

_UNSPACED_LENGTH = 3 * MIN_WORDS

_OTHER_SCRIPT = re.compile(
    "[\u0530-\u058f\u0700-\u074f\u0780-\u085f\u0980-\u0dff\u0e80-\u10ff\u1200-\u1cff\u2d00-\u2ddf\ua000-\ua95f\uab30-\uabff]"
)
"""Of none of `LANGUAGES` (Armenian, Bengali, Tamil, Georgian, Khmer …): the model would find the nearest in its bytes."""


_lock = threading.Lock()


def language(text: str) -> str | None:
    """ISO 639-1 of the language; None where the text is too short to tell, or of no language that is known."""
    text = text[:MAX_LENGTH]
    if not _LETTER.search(text):
        return None
    if len(text.split(None, MIN_WORDS)) < MIN_WORDS and (
        len(text) < _UNSPACED_LENGTH or not _UNSPACED.search(text)
    ):
        return None
    others = len(_OTHER_SCRIPT.findall(text))
    if others and 2 * others > len(_LETTER.findall(text)):
        return None
    with _lock:
        model = _model()
    found = model.likeliest(text[:GLANCE])
    if (found is None or found[1] < SURE) and len(text) > GLANCE:
        found = model.likeliest(text)
    return found[0] if found else None


def warm_up() -> None:
    """Load what tells languages apart, a second's work, before it is needed."""
    with _lock:
        _model()


@cache
def _model() -> "LanguageModel":
    # Only a process that refines mail pays for it.
    from mailmine.refine.language_model import LanguageModel  # noqa: PLC0415

    return LanguageModel(LANGUAGES)
