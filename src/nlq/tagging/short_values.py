"""Short values: values that are not said as they are written: "Silo four", and "4" of "silos 2, 4 and 7".

Gives `ShortValues`, `NUMERALS` and `is_letter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.amounts.numbers import NUMBER_WORDS, read_number
from nlq.normalize import NUMBER, WORD, Token
from nlq.tagging.tags import UNKNOWN, Meaning, Reading, Tagged
from nlq.tagging.tries import Trie

_JOINS: Final = frozenset(("AND", "OR", "NOR", "COMMA"))
_ARTICLES: Final = frozenset(("a", "i"))
_NUMBERED: Final = frozenset(("number", "no", "num", "nr"))
NUMERALS: Final = NUMBER_WORDS | _NUMBERED
"""Words, as keys, behind a word that can make it a value with a number: "Silo no. 4"."""


class ShortValues:
    """Reads values of a vocabulary that are said in other forms than they are written in."""

    def __init__(self, values: Trie) -> None:
        self._values = values

    def elided(self, tokens: list[Token], index: int, before: list[Tagged], plain: Tagged) -> Tagged | None:
        """Read "4" of "silos 2, 4 and 7" as Silo 4: what the value before it begins with is not repeated."""
        previous = _listed_value(before, slashed=tokens[index].gap == "/")
        if previous is None:
            return None
        path = previous.path or tuple(token.key for token in tokens[previous.first : previous.end])
        number = read_number(tokens, index) if tokens[index].kind is WORD else None
        for end in dict.fromkeys((number.end if number is not None else plain.end, index + 1)):
            said = tuple(token.key for token in tokens[index:end])
            if number is not None and end == number.end:
                said = (f"{number.value:f}",)
            found = self._values.exactly((*path[:-1], *said)) if len(path) > 1 else ()
            if found and not _share_field(plain.meanings, found):
                rest = plain.readings if end == plain.end and plain.tag != UNKNOWN else ()
                return Tagged(index, end, (*found, *rest), (*path[:-1], *said))
        return None

    def spelled(self, tokens: list[Token], index: int, plain_end: int) -> Tagged | None:
        """Read a value before a numeral: "Silo four", "Silo no. 4"; None where it is no longer than without."""
        place = index + 1
        if place + 1 < len(tokens) and tokens[place].key in _NUMBERED and tokens[place + 1].kind is NUMBER:
            place += 1
        elif tokens[place].key not in NUMBER_WORDS:
            return None
        number = read_number(tokens, place)
        if number is None or number.end <= plain_end or number.value != number.value.to_integral_value():
            return None
        path = (tokens[index].key, f"{number.value:f}")
        found = self._values.exactly(path)
        return Tagged(index, number.end, found, path) if found else None


def _listed_value(before: Sequence[Tagged], *, slashed: bool) -> Tagged | None:
    """Return the value that a list goes on from, by a word or a slash ("Silo 4/5"), None where no list does."""
    position = len(before) - 1
    while position >= 0 and before[position].tag in _JOINS:
        position -= 1
    if position < 0 or before[position].tag != "VALUE" or (position == len(before) - 1 and not slashed):
        return None
    return before[position]


def is_letter(token: Token) -> bool:
    """Return whether a token is a letter that can tell values apart ("Yard B"), not an article."""
    return len(token.raw) == 1 and token.kind is WORD and (token.raw.isupper() or token.key not in _ARTICLES)


def _share_field(meanings: tuple[Meaning, ...], found: tuple[Reading, ...]) -> bool:
    """Return whether a stretch is, as it stands, a value of a field that the elided one would be of."""
    fields = {meaning.field.name for reading in found for meaning in Tagged(0, 0, (reading,)).meanings}
    return any(meaning.field.name in fields for meaning in meanings)
