"""Neighbours: which of their readings words have that name ends of periods, layers, margins and steps.

Gives `settle_neighbours`, a part of `context.settle`. "modified" before a date is when, "on site" before a date asks
for an overlap, "plan" beside "over" is its cost, "by" before "10 %" is a margin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nlq.normalize import Token
from nlq.query import DatePart, Operator
from nlq.schema import FieldType
from nlq.tagging.tags import FILLER, SILENT, UNKNOWN, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_TIMES: Final = (FieldType.DATE, FieldType.TIME)
_MARGINS: Final = frozenset(("PERCENT", "NUMBER", "MONEY", "COMPARE", "DURATION", "ABOUT"))
_COMPARING: Final = frozenset(("COMPARE", "WHEN", "CLAIM"))
_STEPS: Final = {"plus": "+", "+": "+", "minus": "-"}
_STEPPED: Final = frozenset(("NUMBER", "MONEY", "DURATION"))
_PASSED: Final = frozenset(("VALUE", "FIELD", "AND", "COMMA"))
_POLITE: Final = frozenset(
    (
        *(
            "hi",
            "hello",
            "hey",
            "ok",
            "okay",
            "so",
            "please",
            "well",
            "tell",
            "me",
            "if",
            "whether",
            "know",
            "can",
            "you",
        ),
        *("could", "i", "want", "to", "would", "like", "now", "just", "check", "wonder"),
    )
)
_LIMITS: Final = frozenset(("NUMBER", "MONEY", "COMPARE", "SUFFIX", "ABOUT", "BETWEEN", "AND", "TO", "FROM"))
_FIGURED: Final = frozenset(("FUNCTION", "COUNT", "EXTREME", "MEASURE"))
_BEFORE_PART: Final = frozenset(("BY", "AND", "COMMA", "FIELD", "SORT", "THEN"))
_EACH: Final = frozenset(("per", "each", "every"))
_OPERANDS: Final = frozenset(("COMPARE", "FUNCTION", "WHEN", "SORT"))


def settle_neighbours(tagged: list[Tagged], tokens: list[Token]) -> None:
    """Settle in place what the tags beside a stretch say of it. Linear in the number of tags."""
    line = _Line(tagged, tokens)
    for number, place in enumerate(line.content):
        stretch = tagged[place]
        settler = _SETTLERS.get(stretch.tag)
        if settler is not None:
            settler(line, number, stretch)
        after = line.at(number + 1)
        if after is None:
            continue
        if len(stretch.readings) > 1 and after.tag in ("DATE", "WHEN"):
            _settle_time(stretch, after)
        sign = _STEPS.get(line.key(stretch))
        if sign is not None and after.tag in _STEPPED and line.is_other_side(number - 1):
            stretch.readings = (Reading("STEP", sign),)


class _Line:
    """The stretches of a question, and those among them that have content."""

    def __init__(self, tagged: list[Tagged], tokens: list[Token]) -> None:
        self.tagged = tagged
        self.tokens = tokens
        self.content = [place for place, stretch in enumerate(tagged) if stretch.tag not in SILENT]

    def at(self, number: int) -> Tagged | None:
        """Return the stretch of that number among those with content, None beyond them."""
        return self.tagged[self.content[number]] if 0 <= number < len(self.content) else None

    def key(self, stretch: Tagged) -> str:
        """Return the first key of a stretch, "" where it has no tokens."""
        return self.tokens[stretch.first].key if stretch.end > stretch.first else ""

    def is_other_side(self, number: int) -> bool:
        """Return whether a stretch is the field behind a comparison."""
        other, comparing = self.at(number), self.at(number - 1)
        compared = comparing is not None and comparing.tag in ("COMPARE", "WHEN")
        return compared and other is not None and other.field is not None


def _settle_yes_no(line: _Line, number: int, stretch: Tagged) -> None:
    """Keep "are there" where the question begins with it, and asks for no figure besides."""
    polite = not number and all(token.key in _POLITE for token in line.tokens[: stretch.first])
    counts = any(each.tag in ("COUNT", "FUNCTION", "SHARE") for each in line.tagged)
    stretch.readings = stretch.readings if polite and not counts else _FILLER


def _settle_span(line: _Line, number: int, stretch: Tagged) -> None:
    """Keep "on site" as what overlaps with a date where one follows; elsewhere it is the flag."""
    for place in line.content[number + 1 :]:
        if line.tagged[place].tag == "DATE":
            stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == "SPAN")
            return
        if line.tagged[place].tag not in _PASSED or line.tagged[place].reading("EVENT") is not None:
            break
    rest = tuple(reading for reading in stretch.readings if reading.tag != "SPAN")
    stretch.readings = rest or _UNKNOWN


def _settle_layer(line: _Line, number: int, stretch: Tagged) -> None:
    """Read a layer as its cost where it is compared: "forecast over plan"."""
    compared = any(each is not None and each.tag in _OPERANDS for each in (line.at(number - 1), line.at(number + 1)))
    stretch.readings = tuple(reading for reading in stretch.readings if (reading.tag == "MEASURE") is compared)


def _settle_by(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "by" before an amount as a margin, behind a comparison."""
    after = line.at(number + 1)
    compared = any(line.tagged[place].tag in _COMPARING for place in line.content[:number])
    if after is not None and after.tag in _MARGINS and compared:
        stretch.readings = (Reading("MARGIN"),)


def _settle_date_part(line: _Line, number: int, stretch: Tagged) -> None:
    """Keep "month" where groups are named."""
    before = line.at(number - 1)
    if before is None or before.tag not in _BEFORE_PART:
        stretch.readings = _UNKNOWN


def _settle_compare(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "up to" as "to" between the ends of "from 2k up to 4k"."""
    opened, low, after = line.at(number - 2), line.at(number - 1), line.at(number + 1)
    framed = opened is not None and opened.tag == "FROM" and low is not None and low.is_amount
    if framed and stretch.readings[0].payload is Operator.LE and after is not None and after.is_amount:
        stretch.readings = (Reading("TO"),)


def _settle_purpose(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "cost" as a verb where "to buy" says behind the amount of what it is."""
    place = number - 1
    while (each := line.at(place)) is not None and each.tag in _LIMITS:
        place -= 1
    verb = line.at(place)
    if line.key(stretch) != "to" or verb is None or place == number - 1:
        return
    if verb.tag == "MEASURE" and line.key(verb) == "cost" and verb.end == verb.first + 1:
        verb.readings = _FILLER


def _settle_function(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "how much do the cranes cost" as the total of what stands last."""
    after = line.at(number + 1)
    if line.key(stretch) != "how":
        return
    if after is None or after.tag in _FIGURED:
        if after is not None and after.tag != "MEASURE":
            stretch.readings = _FILLER
        return
    last = line.tagged[line.content[-1]]
    measure = last.reading("MEASURE")
    if measure is not None:
        last.readings = (Reading("TOTAL_OF", measure.payload),)
        stretch.readings = _FILLER


def _settle_event(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "start date" as the field where no date follows it."""
    after = line.at(number + 1)
    if stretch.field is not None and (after is None or after.tag not in ("DATE", "WHEN")):
        stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == "FIELD")


_SETTLERS: Final[dict[str, Callable[[_Line, int, Tagged], None]]] = {
    "YES_NO": _settle_yes_no,
    "SPAN": _settle_span,
    "LAYER": _settle_layer,
    "BY": _settle_by,
    "DATEPART": _settle_date_part,
    "COMPARE": _settle_compare,
    "MEASURE": _settle_purpose,
    "FUNCTION": _settle_function,
    "EVENT": _settle_event,
}


def _settle_time(stretch: Tagged, after: Tagged) -> None:
    """Read a word that names a time, too, as that where a date follows: "modified last week"."""
    event = stretch.reading("EVENT")
    if event is not None:
        stretch.readings = (event,)
        return
    for reading in stretch.readings:
        field = stretch.field if reading.tag == "FIELD" else None
        if field is not None and field.type in _TIMES and after.tag == "DATE":
            stretch.readings = (reading,)
            return


def by_part(tokens: list[Token], stretch: Tagged) -> tuple[Reading, ...]:
    """Return what "per month" is where it stands behind no amount: groups by month, if it says "per"."""
    if tokens[stretch.first].key in _EACH and tokens[stretch.end - 1].key == "month":
        return (Reading("BY_PART", DatePart.MONTH),)
    return _UNKNOWN
