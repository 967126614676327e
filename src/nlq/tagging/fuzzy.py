"""Fuzzy: which known word a misspelt one stands for, and which known values are near.

Gives `Speller`, `Choices` and `nearest`.
Distances are optimal string alignment: an edit is a letter added, lost, changed, or two swapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

SUGGESTIONS: Final = 3
"""Most suggestions for one piece."""
_REMEMBERED: Final = 512
"""Last words and texts whose answers are kept."""
_SHORTEST: Final = 4
_LONG: Final = 8
_NEAR: Final = 0.8
"""Likeness asked of a suggestion."""


class Speller:
    """Corrects single words against a fixed set of known ones."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take the known words; those with digits or of fewer than 4 letters are never a correction."""
        self._by_initial: dict[str, list[str]] = {}
        for word in sorted({word for word in words if len(word) >= _SHORTEST and word.isalpha()}):
            self._by_initial.setdefault(word[0], []).append(word)
        self.correct: Callable[[str], str | None] = lru_cache(_REMEMBERED)(self._correct)
        """Return the one known word within 1 edit (4 to 7 letters) or 2 (from 8), None where none or several are.

        A slip leaves the first letter, or swaps it with the second: "inactive" is no misspelt "active".
        """

    def _correct(self, word: str) -> str | None:
        if len(word) < _SHORTEST or not word.isalpha():
            return None
        allowed = 2 if len(word) >= _LONG else 1
        known = [*self._by_initial.get(word[0], ()), *self._by_initial.get(word[1], ())]
        found = process.extract(word, known, scorer=OSA.distance, score_cutoff=allowed, limit=None)
        near = {target: distance for target, distance, _ in found if _is_slip(word, target)}
        best = [target for target, distance in near.items() if distance == min(near.values())]
        if len(best) > 1:  # who slips keeps the last letter: "rentl" is "rental" and not "rent"
            best = [target for target in best if target[-1] == word[-1]]
        return best[0] if len(best) == 1 else None


def _is_slip(word: str, target: str) -> bool:
    """Return whether a word can be a misspelt other one, and is no word of its own."""
    if word[0] != target[0] and (word[:2] != target[1::-1] or len(word) != len(target)):
        return False
    if target == f"{word}ed" or (target.endswith("ed") and word.endswith("e")):
        return False  # "discontinue" is a command, not a misspelt "discontinued"
    # One letter of four changed makes another word too often: "stop" is no misspelt "shop".
    return len(word) > _SHORTEST or len(target) != len(word) or sorted(word) == sorted(target)


class Choices:
    """Texts to look for near ones among, again and again."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(dict.fromkeys(texts))
        self._keys = [text.casefold() for text in self._texts]
        self.nearest: Callable[[str], tuple[str, ...]] = lru_cache(_REMEMBERED)(self._nearest)
        """Return the texts most like one, as `nearest` does. Looking through 20,000 takes a millisecond: the last
        answers are remembered."""

    def _nearest(self, text: str) -> tuple[str, ...]:
        found = process.extract(
            text.casefold(),
            self._keys,
            scorer=JaroWinkler.normalized_similarity,
            score_cutoff=_NEAR,
            limit=SUGGESTIONS,
        )
        return tuple(self._texts[place] for _, _, place in found)


def nearest(text: str, choices: Sequence[str], *, least: float = _NEAR) -> tuple[str, ...]:
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
