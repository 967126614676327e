"""Dropping: which conditions of the question before are taken back ("drop the silo filter", "any area").

Gives `Dropped`, `read_dropped` and `DROPPED`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from nlq.followups.conjuncts import about, choice_of, conjuncts
from nlq.followups.cues import EVERY, Cue, cues_at
from nlq.normalize import Token
from nlq.query import Query, fold
from nlq.schema import FieldSpec, FieldType, Schema
from nlq.tagging.tags import FILLER, LABEL, RECORD, Event, Flagged, Tagged

_FAR: Final = 40
"""Stretches after a cue, or a word like "filter", in which another such word is looked for."""
_BETWEEN: Final = frozenset((FILLER, LABEL, "AND", "OR", "COMMA", "VALUE", "FLAG", "FIELD", "MEASURE", "EVENT", "SPAN"))
_NAMED: Final = frozenset(("VALUE", "FLAG", "FIELD", "MEASURE", "EVENT", "SPAN"))
_DATED: Final = frozenset((FieldType.DATE, FieldType.TIME))
DROPPED: Final = frozenset((Cue.FILTER, Cue.ORDERING, Cue.LIMIT, Cue.GROUPING, Cue.DATES, Cue.AMOUNTS))
"""Cues for what can be dropped: they mean nothing by themselves."""


@dataclass(slots=True)
class Dropped:
    """What of the question before does not hold any more."""

    fields: set[str] = field(default_factory=set)
    conditions: bool = False
    """All conditions."""
    unclear: bool = False
    """One condition of several, and nothing says which."""
    order: bool = False
    limit: bool = False
    groups: bool = False

    def __bool__(self) -> bool:
        return bool(self.fields) or self.conditions or self.unclear or self.order or self.limit or self.groups

    def merge(self, other: Dropped) -> None:
        """Take in what another one drops."""
        self.fields |= other.fields
        self.conditions |= other.conditions
        self.unclear |= other.unclear
        self.order |= other.order
        self.limit |= other.limit
        self.groups |= other.groups


def read_dropped(
    tagged: list[Tagged], tokens: list[Token], place: int, before: Query, schema: Schema
) -> tuple[int, Dropped] | None:
    """Return what the stretches from a position on name of the query before, and the position after them.

    Without the word "filter" or the like behind it a field alone is none: "without a contract" is a condition.
    """
    found = Dropped()
    filtered = False
    every = False
    start = end = place
    while place < min(len(tagged), end + _FAR):
        stretch = tagged[place]
        thing = _thing(tokens, tagged, place)
        if thing is not None and not (stretch.tag in ("FIELD", "MEASURE", "SORT") and filtered):
            place, cues = thing
            filtered = filtered or bool(cues & (DROPPED - {Cue.DATES, Cue.AMOUNTS}))
            _take_thing(found, cues, before, schema)
            end = place
            continue
        behind = filtered and not found and place > end and stretch.tag in _NAMED
        if stretch.tag not in _BETWEEN or (filtered and stretch.tag != FILLER and not behind):
            break
        if behind:
            end = place + 1  # "the filter on silo"
        every = every or (stretch.tag == FILLER and tokens[stretch.first].key in EVERY)
        found.fields |= set(named_fields(stretch, before, schema))
        place += 1
    if not filtered:
        return None
    if not found:
        of = _conditions(before, schema)
        found.conditions = every or _names_many(tagged[start:end], tokens) or of == 1
        found.unclear = of > 1 and not found.conditions
        if not found:
            return None
    return end, found


def _names_many(stretches: Iterable[Tagged], tokens: list[Token]) -> bool:
    """Return whether filters are spoken of in the plural."""
    return any(tokens[each.end - 1].raw.casefold().endswith("s") for each in stretches if each.end > each.first)


def _conditions(before: Query, schema: Schema) -> int:
    """Return how many conditions the query before has that are none by convention."""
    left_out = frozenset(schema.conventions.left_out)
    return sum(not about(condition, schema) <= left_out for condition in conjuncts(before.where))


def _thing(tokens: list[Token], tagged: list[Tagged], place: int) -> tuple[int, frozenset[Cue]] | None:
    """Return the word "filter", "sorting" or the like at a position, and the position after it."""
    ends = {stretch.end: position for position, stretch in enumerate(tagged[place : place + 4], place)}
    for end, cues in cues_at(tokens, tagged[place].first):
        if cues & DROPPED and end in ends:
            return ends[end] + 1, cues & DROPPED
    return None


def _take_thing(found: Dropped, cues: frozenset[Cue], before: Query, schema: Schema) -> None:
    found.order |= Cue.ORDERING in cues
    found.limit |= Cue.LIMIT in cues
    found.groups |= Cue.GROUPING in cues
    if Cue.DATES in cues:
        found.fields |= _limited(before, schema, _DATED)
    if Cue.AMOUNTS in cues:
        found.fields |= _limited(before, schema, (FieldType.MONEY,))


def _limited(before: Query, schema: Schema, types: Iterable[FieldType]) -> set[str]:
    """Return the fields of some types that the query before has conditions on."""
    names = {name for condition in conjuncts(before.where) for name in about(condition, schema)}
    return {name for name in names if schema.by_name[name].type in types}


def _amounts(field: FieldSpec, before: Query, schema: Schema) -> Iterable[str]:
    """Return the fields that "the rate filter" is on: those of an amount that differs by kind of record go together.

    It is the one amount's, whichever it was taken to be of.
    """
    limited = _limited(before, schema, (FieldType.MONEY,))
    together = [names for each in conjuncts(before.where) if field.name in (names := about(each, schema))]
    if not together and len(limited) == 1:
        return limited
    return {name for names in together for name in names if name in limited} or (field.name,)


def named_fields(stretch: Tagged, before: Query, schema: Schema) -> Iterable[str]:
    """Return the fields that a stretch names, by their own names or by values that the query before asks for."""
    if stretch.field is not None and stretch.tag in ("FIELD", "MEASURE", RECORD):
        return (
            _amounts(stretch.field, before, schema) if stretch.field.type is FieldType.MONEY else (stretch.field.name,)
        )
    payload = stretch.readings[0].payload
    if isinstance(payload, Flagged):
        return (payload.field.name,)
    if isinstance(payload, Event):
        limited = _limited(before, schema, _DATED)
        return [each.name for each in (payload.field, *payload.others) if each.name in limited] or [payload.field.name]
    if stretch.tag == "SPAN":
        return _limited(before, schema, _DATED)
    asked = [choice for choice in map(choice_of, conjuncts(before.where)) if choice is not None]
    said = {(meaning.field.name, fold(meaning.value)) for meaning in stretch.meanings}
    held = [each.field for each in asked if any((each.field, fold(str(value))) in said for value in each.values)]
    return held or [meaning.field.name for meaning in stretch.meanings[:1]]
