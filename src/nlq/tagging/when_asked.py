"""When asked: questions that begin with "when" and ask for a day: "when does the first pump arrive".

Gives `ask_when` and `WHEN`; `ask_which_period` and `PERIODS` for "which month has the most arrivals". With "first" or
"last" the day itself is asked for, as a figure; else the records, in the order of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from nlq.normalize import Token
from nlq.query import Function
from nlq.tagging.changed_openings import keyed
from nlq.tagging.tags import FILLER, UNKNOWN, Event, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
WHEN: Final = keyed("when")
"""The word, as a key, without which no question asks so."""
_HELPING: Final = keyed("do", "does", "will", "is", "are", "would")
_BETWEEN: Final = frozenset(("the", "my", "our", "a", "an"))
_ENDS: Final = {
    **dict.fromkeys(("first", "earliest", "next", "soonest"), Function.MIN),
    **dict.fromkeys(("last", "latest", "final"), Function.MAX),
}
PERIODS: Final = keyed("week", "month", "quarter", "year")
"""The words, as keys, one of which is asked for by "which month"."""
_WHICH: Final = keyed("which", "what")
_RANKED: Final = frozenset(("EXTREME", "MOST"))
_OTHERWISE: Final = frozenset(("DATE", "WHEN", "HISTORY", "WHO", "FUNCTION", "COUNT", "SORT", "BY"))
"""Tags of what else a question can ask for, or compare a day with."""


def ask_when(tagged: list[Tagged], tokens: Sequence[Token], _today: date) -> list[Tagged]:
    """Return stretches with "when" as the figure or the order that it asks for, the same ones where it asks neither."""
    place = next((number for number, each in enumerate(tagged) if each.tag != FILLER), len(tagged))
    events = [each for each in tagged if each.tag == "EVENT"]
    helped = place + 1 < len(tagged) and tokens[tagged[place + 1].first].key in _HELPING
    if not helped or tokens[tagged[place].first].key not in WHEN or tagged[place].tag != UNKNOWN or len(events) != 1:
        return tagged
    event = events[0].readings[0].payload
    if not isinstance(event, Event) or any(each.tag in _OTHERWISE for each in tagged):
        return tagged
    asked = tagged[place]
    function = _extreme(tagged, tokens, place + 2)
    asked.readings = (Reading("SORT") if function is None else Reading("FUNCTION", function),)
    events[0].readings = _FILLER
    of = Tagged(asked.end, asked.end, (Reading("FIELD", event.field),))
    return [*tagged[: place + 1], of, *tagged[place + 1 :]]


def ask_which_period(tagged: list[Tagged], tokens: Sequence[Token], _today: date) -> list[Tagged]:
    """Return stretches with "which month has the most ..." as groups by month, the same ones where none asks so."""
    place = next((number for number, each in enumerate(tagged) if each.tag != FILLER), len(tagged))
    if place in (0, len(tagged)) or tagged[place].reading("DATEPART") is None:
        return tagged
    led = any(tokens[each.first].key in _WHICH for each in tagged[:place])
    if not led or not any(each.tag in _RANKED for each in tagged[place:]):
        return tagged
    start = tagged[place].first
    return [*tagged[:place], Tagged(start, start, (Reading("BY"),)), *tagged[place:]]


def _extreme(tagged: Sequence[Tagged], tokens: Sequence[Token], place: int) -> Function | None:
    """Return the figure that "first" or "last" before the records asks for, None where neither stands there."""
    while place < len(tagged) and tokens[tagged[place].first].key in _BETWEEN:
        place += 1
    function = _ENDS.get(tokens[tagged[place].first].key) if place < len(tagged) else None
    if function is not None:
        tagged[place].readings = _FILLER
    return function
