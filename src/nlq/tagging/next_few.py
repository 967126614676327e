"""Next few: "the next 5 cranes to arrive", "the last 10 modified records": so many in the order of a time.

Gives `take_few` and `FEW`. "Next" are those from today on, "first" and "last" those at the ends of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from nlq.dates import DateReading
from nlq.normalize import Token
from nlq.schema import FieldSpec, FieldType
from nlq.tagging.changed_openings import keyed
from nlq.tagging.tags import FILLER, RECORD, Amount, Event, Rank, Reading, Tagged

FEW: Final = keyed("next", "first", "last", "recently")
"""The words, as keys, one of which says which of them."""
_NEXT, _LAST, _RECENTLY = "next", keyed("last"), keyed("recently")
_FILLER: Final = (Reading(FILLER),)
_SILENT: Final = frozenset((FILLER, RECORD))
_NAMING: Final = frozenset(("VALUE", "FLAG", "COMMA", "AND", "OR", "TO"))


def take_few(tagged: list[Tagged], tokens: Sequence[Token], today: date) -> list[Tagged]:
    """Return stretches with "next 5 ... to arrive" as a number of records in that order, the same ones elsewhere."""
    content = [number for number, each in enumerate(tagged) if each.tag not in _SILENT]
    word = _key(tagged[content[0]], tokens) if content else ""
    if word in _RECENTLY:
        return _recently(tagged, content)
    if word not in FEW or len(content) < 2:
        return _coming(tagged, content, tokens, today)
    numbered = tagged[content[1]].tag == "NUMBER"
    rest = content[2:] if numbered else content[1:]
    if word in _LAST and numbered and (timed := next(filter(_time, (tagged[each] for each in rest)), None)):
        tagged[content[0]].readings = (Reading("EXTREME", Rank(descending=True)),)
        return _ordered(tagged, content[1], _time(timed), timed)
    ends = [number for number in rest if tagged[number].reading("EVENT") is not None]
    if len(ends) != 1 or not all(tagged[each].tag in _NAMING for each in rest if each != ends[0]):
        return tagged
    for each in (each for each in tagged if each.tag == "TO"):
        each.readings = _FILLER
    plural = any(_is_plural(tagged[each], tokens) for each in rest if tagged[each].tag == "VALUE")
    if not numbered and plural:
        return _all_to_come(tagged, content[0], ends[0], today) if word == _NEXT else tagged
    if not numbered:
        one = Tagged(tagged[content[0]].end, tagged[content[0]].end, (Reading("NUMBER", Amount(Decimal(1))),))
        tagged = [*tagged[: content[0] + 1], one, *tagged[content[0] + 1 :]]
        ends, numbered = [ends[0] + 1], True
    return _in_order_of(tagged, content[0] + numbered, ends[0], word, today)


def _in_order_of(tagged: list[Tagged], numbered: int, end: int, word: str, today: date) -> list[Tagged]:
    """Return stretches with the end of a period as what records are in the order of."""
    start = next(number for number, each in enumerate(tagged) if each.tag not in _SILENT)
    tagged[start].readings = (Reading("EXTREME", Rank(descending=word in _LAST)),)
    field = _end(tagged[end])
    if word == _NEXT:
        return _ordered(_from_today(tagged, end, today), numbered, field, None)
    return _ordered(tagged, numbered, field, tagged[end])


def _coming(tagged: list[Tagged], content: Sequence[int], tokens: Sequence[Token], today: date) -> list[Tagged]:
    """Read "next" behind the end of a period as the order of those that are to come: "cranes arriving next"."""
    *_, event, last = content if len(content) > 1 else (0, 0)
    if event == last or _key(tagged[last], tokens) != _NEXT or tagged[event].reading("EVENT") is None:
        return tagged
    return _all_to_come(tagged, last, event, today)


def _all_to_come(tagged: list[Tagged], word: int, end: int, today: date) -> list[Tagged]:
    """Return stretches with a word as the order of the end of a period, and that from today on."""
    tagged[word].readings = (Reading("SORT"),)
    dated = _from_today(tagged, end, today)
    place = word if word < end else word + 1
    return _ordered(dated, place, _end(tagged[end]), None)


def _from_today(tagged: list[Tagged], end: int, today: date) -> list[Tagged]:
    """Return stretches with the end of a period from today on."""
    place = tagged[end].end
    tagged[end].readings = tuple(each for each in tagged[end].readings if each.tag == "EVENT")
    coming = Reading("DATE", DateReading(place, today, None, point=False))
    return [*tagged[: end + 1], Tagged(place, place, (coming,)), *tagged[end + 1 :]]


def _end(stretch: Tagged) -> FieldSpec:
    """Return the end of a period that a stretch means."""
    event = stretch.reading("EVENT")
    assert event is not None and isinstance(event.payload, Event)  # noqa: S101, PT018 - it was looked for
    return event.payload.field


def _is_plural(stretch: Tagged, tokens: Sequence[Token]) -> bool:
    last = tokens[stretch.end - 1]
    return last.raw.casefold() != last.key


def _ordered(tagged: list[Tagged], number: int, field: FieldSpec | None, said: Tagged | None) -> list[Tagged]:
    """Return stretches with a field behind the number at a place, and without the word that said it."""
    if said is not None:
        said.readings = _FILLER
    of = Tagged(tagged[number].end, tagged[number].end, (Reading("FIELD", field),))
    return [*tagged[: number + 1], of, *tagged[number + 1 :]]


def _recently(tagged: list[Tagged], content: Sequence[int]) -> list[Tagged]:
    """Read "recently" before "modified" as "most recently"."""
    timed = tagged[content[1]] if len(content) > 1 else None
    field = _time(timed) if timed is not None else None
    if timed is not None and field is not None:
        tagged[content[0]].readings = (Reading("EXTREME", Rank(descending=True)),)
        timed.readings = (Reading("FIELD", field),)
    return tagged


def _time(stretch: Tagged) -> FieldSpec | None:
    """Return the time that a stretch can name, None where it names none."""
    field = stretch.field
    return field if field is not None and field.type is FieldType.TIME else None


def _key(stretch: Tagged, tokens: Sequence[Token]) -> str:
    return tokens[stretch.first].key if stretch.end == stretch.first + 1 else ""
