"""Fields as filter and order texts name them: the names nearest to one that is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from nlq.schema import FieldSpec

SHOWN_CHARACTERS: Final = 100
"""Longest piece of a text that a message repeats."""
_MAX_SUGGESTIONS: Final = 3
_LEAST_SIMILARITY: Final = 0.6


def shown(text: str) -> str:
    """Return a piece of text in quotation marks as a message shows it, cut to `SHOWN_CHARACTERS`."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return f"“{cut}”"


def did_you_mean(nearest: tuple[str, ...]) -> str:
    """Return the end of a message that offers names: empty where there are none."""
    return f"; did you mean {_listed(nearest, 'or')}?" if nearest else ""


def one_of(words: Iterable[str]) -> str:
    """Return the words as a list: "a, b or c"."""
    return _listed(tuple(words), "or")


def both_of(words: Iterable[str]) -> str:
    """Return the words as a list: "a, b and c"."""
    return _listed(tuple(words), "and")


def nearest_fields(text: str, fields: Iterable[FieldSpec]) -> tuple[str, ...]:
    """Return the names of the fields that `text` could mean, best first, by their names and the words for them."""
    return nearest_names(text, ((field.name, word) for field in fields for word in (field.name, *field.words)))


def nearest_names(text: str, words: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names that `text` could mean, best first; `words` are pairs of a name and a word for it."""
    known = [(name, _spoken(word)) for name, word in words]
    found = process.extract(
        _spoken(text[:SHOWN_CHARACTERS]),
        [word for _, word in known],
        scorer=OSA.normalized_similarity,
        score_cutoff=_LEAST_SIMILARITY,
        limit=_MAX_SUGGESTIONS * 3,
    )
    # A word that fits exactly leaves no doubt; only without one are the near ones offered.
    exact = [known[place][0] for _, score, place in found if score == 1]
    return _first(exact or [known[place][0] for _, _, place in found])


def _first(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in order, up to the number that a message offers."""
    return tuple(dict.fromkeys(names))[:_MAX_SUGGESTIONS]


def _spoken(text: str) -> str:
    """A name as a person would say it: `forecast.startDate` is "forecast start date"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.sub(r"[\s_.\-]+", " ", apart).strip().casefold()


def _listed(words: tuple[str, ...], last: str) -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)
