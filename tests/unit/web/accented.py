"""A language of the tests: English whose letters all wear accents, so that what was not translated is seen."""

import re
from gettext import NullTranslations
from typing import Final

from mailmine.web.language import Language

_LETTERS: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "àƀćđéƒğĥíĵķłḿńóƥɋřšťúṽŵẋýžÀƁĆĐÉƑĞĤÍĴĶŁḾŃÓƤɊŘŠŤÚṼŴẊÝŽ",
)
_KEPT: Final = re.compile(r"(%\(\w+\)[ds]|<[^>]*>|&[a-z]+;|%%)")
"""What is put in, tags and entities: no words."""


def accented(message: str) -> str:
    """Put accents on a message."""
    parts = _KEPT.split(message)
    parts[::2] = [part.translate(_LETTERS) for part in parts[::2]]
    return "".join(parts)


class Accents(NullTranslations):
    """Every message with accents."""

    def gettext(self, message: str) -> str:
        return accented(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return accented(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        del context
        return accented(message)


ACCENTED: Final = Language("qps", Accents())
