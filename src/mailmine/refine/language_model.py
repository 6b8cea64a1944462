"""The model of py3langid, in a fifth of its memory: what it looks up for each byte of a text.

Apart from `language`, since only a process that refines mail has the memory and the time to load it.
"""

import unicodedata
from array import array
from collections import Counter
from collections.abc import Sequence
from math import log1p
from typing import Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

BLOCK: Final = 16
"""States of one piece of a row. Its rows tell for each of 256 bytes which state follows, and most of that is what other
rows tell: of 613,536 pieces 55,779 differ. Longer ones differ more, and of shorter ones there are more to be found."""
PIECES: Final = bytes(byte // BLOCK for byte in range(256))
PLACES: Final = bytes(byte % BLOCK for byte in range(256))
"""Which piece of a row a byte is looked up in, and where in it."""


class LanguageModel:
    """Tells the likeliest of some languages, as py3langid does."""

    def __init__(self, languages: Sequence[str]) -> None:
        """Load the model: half a second's work. `languages` are of ISO 639-1."""
        whole = LanguageIdentifier.from_model_file(MODEL_FILE)
        whole.set_languages(languages)
        self._languages: list[str] = whole.nb_classes  # one has two, of two scripts
        self._weights = whole.nb_ptc.copy()
        self._base = whole.nb_pc
        rows: bytes = whole.tk_nextmove.tobytes()
        step = BLOCK * whole.tk_nextmove.itemsize
        blocks: dict[bytes, int] = {}
        self._blocks = array(
            "I",
            (
                blocks.setdefault(rows[at : at + step], len(blocks)) * BLOCK
                for at in range(0, len(rows), step)
            ),
        )
        self._states = array(whole.tk_nextmove.typecode, b"".join(blocks))
        self._rows = array("I", (row * len(PIECES) // BLOCK for row in whole.tk_row))
        self._features = array("i", whole.tk_output)

    def likeliest(self, text: str) -> tuple[str, float] | None:
        """Give the likeliest language, and by how much the logarithm of its likelihood exceeds that of the second.

        None where nothing in the text tells of any.
        """
        if text.isupper():
            text = text.lower()
        features = self._features_of(
            unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
        )
        if not features:
            return None
        weights = [log1p(times) for times in features.values()]
        scores = (weights @ self._weights[list(features)] + self._base).tolist()
        best: dict[str, float] = {}
        for language, score in zip(self._languages, scores, strict=True):
            best[language] = max(score, best.get(language, score))
        (first, most), (_, second), *_ = sorted(best.items(), key=lambda item: -item[1])
        return first, most - second

    def _features_of(self, text: bytes) -> Counter[int]:
        """Count what the model knows of a text in UTF-8."""
        rows, blocks, states, features = self._rows, self._blocks, self._states, self._features
        state, found = 0, []
        for piece, place in zip(text.translate(PIECES), text.translate(PLACES), strict=True):
            state = states[blocks[rows[state] + piece] + place]
            feature = features[state]
            if feature >= 0:
                found.append(feature)
        return Counter(found)
