"""Fuzzy: which known word a misspelt one stands for, and which known values are near.

Gives `Speller`. Distances are optimal string alignment: an edit is a letter added, lost, changed, or two swapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

SUGGESTIONS: Final = 3
"""Most suggestions for one piece."""
_SHORTEST: Final = 4
_LONG: Final = 8


class Speller:
    """Corrects single words against a fixed set of known ones."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take the known words; those with digits or of fewer than 4 letters are never a correction."""
        self._words = sorted({word for word in words if len(word) >= _SHORTEST and word.isalpha()})

    def correct(self, word: str) -> str | None:
        """Return the one known word within 1 edit (4 to 7 letters) or 2 (from 8), None where none or several are."""
        if len(word) < _SHORTEST or not word.isalpha():
            return None
        allowed = 2 if len(word) >= _LONG else 1
        near = process.extract(word, self._words, scorer=OSA.distance, score_cutoff=allowed, limit=2)
        if not near or (len(near) > 1 and near[0][1] == near[1][1]):
            return None
        return str(near[0][0])


def nearest(text: str, choices: Sequence[str], *, least: float = 0.8) -> tuple[str, ...]:
    """Return the choices most like a text, best first, at most `SUGGESTIONS`; a common beginning counts most."""
    key = text.casefold()
    found = process.extract(
        key,
        choices,
        scorer=JaroWinkler.normalized_similarity,
        processor=str.casefold,
        score_cutoff=least,
        limit=SUGGESTIONS,
    )
    return tuple(str(choice) for choice, _, _ in found)
