"""Changed times: dates that stand apart from the verb that they are of: "what changed in Silo 4 today".

Gives `take_times`. Such a verb is a word for a state as well ("changed pumps"); where the question has a date that
nothing else claims, and that is not to come, it tells when records were changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from nlq.dates import DateReading
from nlq.schema import FieldType
from nlq.tagging.tags import FILLER, SILENT, UNKNOWN, Reading, Tagged

_CLAIMING: Final = frozenset(("EVENT", "SPAN", "LAYER", "WHEN", "WHO", "HISTORY", "WINDOW", "UNDONE"))
"""Tags of words that a date can be of, or that it limits."""
_TIMES: Final = (FieldType.DATE, FieldType.TIME)
_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)


def take_times(tagged: list[Tagged], today: date) -> list[Tagged]:
    """Return stretches with the date of a verb for changes right behind words for their time, where it stood apart."""
    content = [stretch for stretch in tagged if stretch.tag not in SILENT]
    verbs = [number for number, stretch in enumerate(content) if _time_of(stretch) is not None]
    if len(verbs) != 1:
        return tagged
    verb = verbs[0]
    free = _unclaimed(content, verb)
    if free is None or free == verb + 1 or not _is_over(content[free], today):
        return tagged  # right behind the verb it is read as it stands
    when, reading = content[free], _time_of(content[verb])
    if reading is None:
        return tagged
    if verb and content[verb - 1].tag == "NOT":
        when.readings = _UNKNOWN  # what is denied of the day, and what of the rest, is not said
        return tagged
    content[verb].readings = _FILLER
    place = next(number for number, stretch in enumerate(tagged) if stretch is when)
    return [*tagged[:place], Tagged(when.first, when.first, (reading,)), *tagged[place:]]


def _unclaimed(content: Sequence[Tagged], verb: int) -> int | None:
    """Return the number of the one date that nothing else in the question claims, None where that is not sure."""
    claimed: set[int] = set()
    free: list[int] = []
    for number, stretch in enumerate(content):
        if stretch.tag != "DATE":
            continue
        owner = number - 1
        if owner >= 0 and owner != verb and _claims(content[owner]):
            claimed.add(owner)
        else:
            free.append(number)
    others = (number for number, stretch in enumerate(content) if number != verb and _claims(stretch))
    return free[0] if len(free) == 1 and claimed.issuperset(others) else None


def _time_of(stretch: Tagged) -> Reading | None:
    """Return the reading of a verb as the time of changes, None for what is no verb that names a state, too."""
    if stretch.reading("DEED") is None or stretch.reading("VALUE") is None:
        return None
    field = stretch.field
    return stretch.reading("FIELD") if field is not None and field.type is FieldType.TIME else None


def _claims(stretch: Tagged) -> bool:
    """Return whether a date can be of a stretch."""
    field = stretch.field
    return any(reading.tag in _CLAIMING for reading in stretch.readings) or (field is not None and field.type in _TIMES)


def _is_over(stretch: Tagged, today: date) -> bool:
    """Return whether the days of a date have begun."""
    found = stretch.readings[0].payload
    return isinstance(found, DateReading) and (found.start is None or found.start <= today)
