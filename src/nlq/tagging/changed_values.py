"""Changed values: words that say what a field was changed from or to, which no condition on records can say.

Gives `ChangedValueReader`. "who changed the rate to 5000" asks for no records whose rate is 5000; the words are
reported as not understood, with the reason, and the rest is read without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Final

from nlq.normalize import Token
from nlq.query import Condition, Contains, Not, Or
from nlq.schema import FieldType, Schema
from nlq.tagging.changed_openings import HISTORY, keyed
from nlq.tagging.tags import FILLER, RECORD, UNKNOWN, Claim, Reading, Tagged

NOT_LOOKED_UP: Final = (
    "what a value was changed from or to cannot be asked for; ask for the changes of the field, each tells both"
)
"""Why such words are not understood."""
_FROM: Final = "from"
_TO: Final = "to"
SAYING: Final = frozenset((_FROM, _TO))
"""Words, as keys, one of which says what something was changed from or to."""
_NAMING: Final = frozenset(("FIELD", "MEASURE"))
_PARTING: Final = frozenset(("FIELD", "MEASURE", "WITH", "COMPARE"))
"""Tags behind which a value is said of records, and not of a change: "cranes with a rate of 4k to 5k"."""
_THINGS: Final = frozenset(("VALUE", "FLAG", RECORD, UNKNOWN))
"""Tags of what can be changed, and of what it can become."""
_BEFORE_VALUE: Final = frozenset((FILLER, "COMPARE", "ABOUT", "LABEL"))
_JOINING: Final = frozenset(("AND", "OR", "COMMA"))
_NUMERIC: Final = (FieldType.MONEY, FieldType.INTEGER)


@dataclass(slots=True)
class _Change:
    """What a question has said of a change so far."""

    told: bool = False
    names: frozenset[str] = frozenset()
    """The fields that were changed, none where none was named."""
    named: bool = False
    """Whether it was said what was changed."""
    listed: bool = False
    """Whether the changes themselves are asked for."""


class ChangedValueReader:
    """Finds the values of changes, by the conventions of a schema."""

    def __init__(self, schema: Schema) -> None:
        conventions = schema.conventions
        self._types = {field.name: field.type for field in schema.fields}
        self._field = conventions.changed.field
        self._verbs = keyed(*conventions.changed.verbs)

    def mark(self, tagged: list[Tagged], tokens: Sequence[Token], said: Set[str]) -> list[Tagged]:
        """Return stretches with those that tell the values of a change as not understood; `said` are the keys."""
        if not self._field or SAYING.isdisjoint(said):
            return tagged
        change = _Change()
        marked: list[Tagged] = []
        place = 0
        while place < len(tagged):
            stretch = tagged[place]
            end = self._end(tagged, tokens, place, change) if change.told and change.named else place
            if end > place:
                marked.append(Tagged(stretch.first, tagged[end - 1].end, (Reading(UNKNOWN, NOT_LOOKED_UP),)))
            else:
                self._hear(stretch, tokens, change)
                marked.append(stretch)
            place = max(end, place + 1)
        return marked

    def _hear(self, stretch: Tagged, tokens: Sequence[Token], change: _Change) -> None:
        """Take in what a stretch says of a change."""
        tag, claim = stretch.tag, stretch.readings[0].payload
        names = frozenset(_changed(claim.condition, self._field)) if isinstance(claim, Claim) else frozenset()
        if names:
            change.told, change.names, change.named = True, names, True
        elif tag in ("WHO", HISTORY):
            change.told, change.listed = True, tag == HISTORY
        elif stretch.end > stretch.first and tokens[stretch.end - 1].key in self._verbs:
            change.told = change.named = True
        elif tag in _PARTING:
            change.told, change.names = False, frozenset()
        elif tag in _THINGS:
            change.named = True

    def _end(self, tagged: Sequence[Tagged], tokens: Sequence[Token], place: int, change: _Change) -> int:
        """Return the place after the values of a change that are told from a place on, the place where none are."""
        stretch = tagged[place]
        word = tokens[stretch.first].key if stretch.end > stretch.first else ""
        if stretch.tag == "DATE":
            dated = any(self._types[name] is FieldType.DATE for name in change.names)
            spans = word == _FROM and change.listed  # the time of the changes: "changes to the dates from May to July"
            spans = spans or self._is_time(tagged[place - 1])
            return place + 1 if dated and word in SAYING and not spans else place
        if stretch.tag == "VALUE" and word == _FROM and stretch.path is not None:
            return place + 1 if not change.names or self._fits(stretch, change) else place  # "from Silo 4 to Silo 7"
        if stretch.tag == "FROM" and word == _FROM:
            return self._end_from(tagged, tokens, place, change)
        if stretch.tag == "TO" and word == _TO and not self._is_range(tagged, place, change):
            return self._end_value(tagged, place + 1) or place
        return place

    def _is_time(self, before: Tagged) -> bool:
        """Return whether a date behind a stretch is its own: "last modified from May 2 to May 8", "on site from …"."""
        if before.reading("SPAN") is not None:
            return True
        return before.end > before.first + 1 and before.field is not None and before.field.type is FieldType.TIME

    def _end_from(self, tagged: Sequence[Tagged], tokens: Sequence[Token], place: int, change: _Change) -> int:
        """Return the place after "from 4000 to 5000", or "from 4000", where that can be of what was changed."""
        after = self._end_value(tagged, place + 1)
        if not after:
            return place
        both = 0
        if after < len(tagged) and tokens[tagged[after].first].key == _TO:
            both = self._end_value(tagged, after + 1) if tagged[after].tag == "TO" else after + 1  # "to purchase"
        old = tagged[after - 1]
        moved = bool(both) and not change.names and bool(old.meanings)
        return both or after if moved or self._fits(old, change) else place

    def _is_range(self, tagged: Sequence[Tagged], place: int, change: _Change) -> bool:
        """Return whether "to" stands between the ends of a range: "silos 4 to 6"."""
        before = tagged[place - 1]
        if before.is_amount:
            return True
        after = self._end_value(tagged, place + 1)
        value = tagged[after - 1] if after else None
        if value is None or not before.meanings or self._fits(value, change):
            return False
        same = {meaning.field.name for meaning in before.meanings} & {meaning.field.name for meaning in value.meanings}
        return value.is_amount or bool(same)

    def _fits(self, stretch: Tagged, change: _Change) -> bool:
        """Return whether a stretch can be a value of what was changed."""
        numeric = stretch.is_amount and any(self._types[name] in _NUMERIC for name in change.names)
        return numeric or any(meaning.field.name in change.names for meaning in stretch.meanings)

    def _end_value(self, tagged: Sequence[Tagged], place: int) -> int:
        """Return the place after the values that stand at a place, 0 where there is none."""
        while place < len(tagged) and tagged[place].tag in _BEFORE_VALUE:
            place += 1
        following = place + 1
        if following < len(tagged) and tagged[place].tag in _NAMING and _is_value(tagged[following]):
            place = following  # "Silo 5", where there is no such silo
        if place >= len(tagged) or not _is_value(tagged[place]):
            return 0
        place += 1
        if place < len(tagged) and tagged[place].tag == "AMOUNT_OF":
            place += 1
        listed = place + 1 < len(tagged) and tagged[place].tag in _JOINING
        more = self._end_value(tagged, place + 1) if listed and _is_value(tagged[place + 1]) else 0
        return more or place


def _is_value(stretch: Tagged) -> bool:
    return stretch.is_amount or stretch.tag in _THINGS


def _changed(condition: Condition, names: str) -> Iterator[str]:
    """Yield the names of the fields that a condition says were changed, or were not."""
    match condition:
        case Not(operand):
            yield from _changed(operand, names)
        case Or(operands):
            for each in operands:
                yield from _changed(each, names)
        case Contains(name, text) if name == names:
            yield text
