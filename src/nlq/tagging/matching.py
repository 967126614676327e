"""Matching: the longest word of the language or value of the vocabulary at a token, and where it has to end sooner.

Gives `Matcher` and `merged`.
"""

from __future__ import annotations

from typing import Final

from nlq.normalize import WORD, Token, stem
from nlq.schema import FieldSpec, Schema
from nlq.tagging.tags import FILLER, RECORD, UNKNOWN, Meaning, Reading, Tagged
from nlq.tagging.tries import Trie

_LAYERED: Final = frozenset(("LAYER", "CLAIM", "NOT", "WITHOUT"))
_WINNING: Final = frozenset(("FIELD", "MEASURE", "COMPARE", "GAP"))
_ARTICLES: Final = frozenset(("a", "an", "the"))
_TOTALS: Final = frozenset(("total", "sum", "overall", "combined"))
_GROUPING: Final = frozenset(("by", "per"))


class Matcher:
    """Looks stretches up in two tries: the words of the language, and the values."""

    def __init__(self, schema: Schema, fixed: Trie, values: Trie) -> None:
        self._fixed = fixed
        self._values = values
        self._rates = [schema.by_name[name] for name in dict.fromkeys(schema.conventions.amount_words.values())]
        self._costs = [schema.by_name[name] for name in schema.conventions.dates.spread]

    def longest(self, tokens: list[Token], index: int) -> tuple[int, tuple[Reading, ...]]:
        """Return the longest match of the two tries, of both where they are equally long."""
        fixed = self._fixed.longest(tokens, index)
        value = self._values.longest(tokens, index)
        if fixed is None:
            return value if value is not None else (index + 1, ())
        if value is None or fixed[0] > value[0]:
            return fixed if fixed[0] == index + 1 else self._cut(tokens, index, fixed)
        if value[0] > fixed[0]:
            return value
        # A value that is called like a word of the grammar, or a filler, needs quotes.
        return (value[0], merged(fixed[1], value[1])) if fixed[1][0].tag != FILLER else fixed

    def _cut(
        self, tokens: list[Token], index: int, fixed: tuple[int, tuple[Reading, ...]]
    ) -> tuple[int, tuple[Reading, ...]]:
        """Leave a value its beginning: "area silo 4" is the field "area" and the value, not the field "area silo"."""
        layered = fixed[1][0].tag in _LAYERED or fixed[1][0].tag == "VALUE"
        shorter = self._apart(tokens, index, fixed)
        if shorter:
            return index + 1, shorter
        for start in range(index + 1, fixed[0]):
            value = self._values.longest(tokens, start)
            if value is None and (layered or tokens[start].key == "at"):
                # "by plan cost" is no "by plan", "but not more than" no "but not", "modified at least" no "modified
                # at", "with a sync error message" no "with a sync error"
                other = self._fixed.longest(tokens, start)
                value = other if other is not None and other[1][0].tag in _WINNING else None
            if value is not None and value[0] > fixed[0]:
                end = _without_articles(tokens, index + 1, start)
                shorter = self._fixed.exactly(token.key for token in tokens[index:end])
                return (end, shorter) if shorter else fixed
        return fixed

    def _apart(self, tokens: list[Token], index: int, fixed: tuple[int, tuple[Reading, ...]]) -> tuple[Reading, ...]:
        """Return what the first word of a phrase is where it does not belong to the others, nothing where it does.

        "with" parts groups from the limit in "areas with no more than 3 pumps"; "rentals cost over 5k" names no "rental
        cost", and "rentals to purchases" no price "to purchase".
        """
        end, readings = fixed
        key = tokens[index].key
        if key == "with" and readings[0].tag == "COMPARE":
            return self._fixed.exactly((key,))
        if end != index + 2 or readings[0].tag != "MEASURE":
            return ()
        if self._is_total(tokens, index, readings[0]):
            return self._fixed.exactly((key,))
        plural = tokens[index + (key == "to")]
        if not plural.raw.casefold().endswith("s") or plural.key == plural.raw.casefold():
            return ()
        named = self._fixed.exactly((plural.key,))
        return self._fixed.exactly((key,)) if any(reading.tag == "VALUE" for reading in named) else ()

    def _is_total(self, tokens: list[Token], index: int, measure: Reading) -> bool:
        """Return whether a rate of two words that is called a cost stands where costs are summed up.

        "rental cost by category".
        """
        if not _is_one_of(measure, self._rates):
            return False
        end = index + 2
        summed = index > 0 and tokens[index - 1].key in _TOTALS
        grouped = end < len(tokens) and tokens[end].key in _GROUPING
        first, second = (self._fixed.exactly((token.key,)) for token in tokens[index:end])
        cost = any(each.tag == "MEASURE" and _is_one_of(each, self._costs) for each in second)
        return grouped and not summed and cost and any(each.tag == "VALUE" for each in first)

    def joined(self, tokens: list[Token], index: int) -> Tagged | None:
        """Read two words as one ("fork lifts")."""
        if index + 1 == len(tokens) or tokens[index].kind is not WORD or tokens[index + 1].kind is not WORD:
            return None
        path = (stem(tokens[index].raw + tokens[index + 1].raw),)
        readings = merged(self._fixed.exactly(path), self._values.exactly(path))
        return Tagged(index, index + 2, readings) if readings else None


def _is_one_of(reading: Reading, fields: list[FieldSpec]) -> bool:
    """Return whether a reading is one of some fields."""
    return True in [reading.payload is field for field in fields]  # to compare what they hold takes longer


def _without_articles(tokens: list[Token], first: int, end: int) -> int:
    """Return where tokens end without the articles at their end."""
    while end > first and tokens[end - 1].key in _ARTICLES:
        end -= 1
    return end


def merged(fixed: tuple[Reading, ...], values: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """Return all readings, enum values and values of the vocabulary as one, words of records last."""
    meanings: tuple[Meaning, ...] = ()
    for reading in (*fixed, *values):
        if reading.tag == "VALUE" and isinstance(reading.payload, tuple):
            meanings += reading.payload
    rest = tuple(reading for reading in (*fixed, *values) if reading.tag != "VALUE")
    if not meanings:  # what an organization calls a field goes before words that are not read
        return tuple(reading for reading in rest if reading.tag != UNKNOWN) or rest
    first = tuple(reading for reading in rest if reading.tag not in (RECORD, FILLER, UNKNOWN, "FIELD", "MEASURE"))
    fields = tuple(reading for reading in rest if reading.tag in ("FIELD", "MEASURE"))
    value = Reading("VALUE", meanings)
    # A value that is called like a field needs its label ("manufacturer Price"), or "price over 500" would be lost.
    return (*first, value, *fields) if any(r.tag == "VALUE" for r in fixed) else (*first, *fields, value)
