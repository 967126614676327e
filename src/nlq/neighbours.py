"""Neighbours: which of their readings words have that name ends of periods, layers, margins and steps.

Gives `settle_neighbours`, a part of `context.settle`. "modified" before a date is when, "on site" before a date asks
for an overlap, "plan" beside "over" is its cost, "by" before "10 %" is a margin.
"""

from __future__ import annotations

from typing import Final

from nlq.normalize import Token
from nlq.query import DatePart, Operator
from nlq.schema import FieldType
from nlq.tags import FILLER, SILENT, UNKNOWN, Reading, Tagged

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
_EACH: Final = frozenset(("per", "each", "every"))
_OPERANDS: Final = frozenset(("COMPARE", "FUNCTION", "WHEN", "SORT"))


def settle_neighbours(tagged: list[Tagged], tokens: list[Token]) -> None:
    """Settle in place what the tags beside a stretch say of it. Linear in the number of tags."""
    content = [place for place, stretch in enumerate(tagged) if stretch.tag not in SILENT]
    asking = True
    for number, place in enumerate(content):
        stretch = tagged[place]
        after = tagged[content[number + 1]] if number + 1 < len(content) else None
        before = tagged[content[number - 1]] if number else None
        tag = stretch.tag
        if tag == "YES_NO":
            polite = asking and all(token.key in _POLITE for token in tokens[: stretch.first])
            stretch.readings = stretch.readings if polite and not _counts(tagged) else _FILLER
        elif tag == "SPAN":
            _settle_span(stretch, tagged, content, number)
        elif tag == "LAYER":
            _settle_layer(stretch, before, after)
        elif tag == "BY":
            if after is not None and after.tag in _MARGINS and any(each.tag in _COMPARING for each in tagged[:place]):
                stretch.readings = (Reading("MARGIN"),)
        elif tag == "DATEPART":
            if before is None or before.tag not in ("BY", "AND", "COMMA", "FIELD", "SORT", "THEN"):
                stretch.readings = _UNKNOWN
        elif tag == "COMPARE":
            if number > 1 and _is_frame(tagged, content, number, after):
                stretch.readings = (Reading("TO"),)
        elif tag == "MEASURE" and _key(tokens, stretch) == "to":
            _settle_purpose(tagged, tokens, content, number)
        elif tag == "FUNCTION" and _key(tokens, stretch) == "how":
            _settle_how_much(stretch, after, tagged[content[-1]])
        elif after is not None and len(stretch.readings) > 1 and after.tag in ("DATE", "WHEN"):
            _settle_time(stretch, after)
        elif tag == "EVENT" and stretch.field is not None:
            stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == "FIELD")
        sign = _STEPS.get(_key(tokens, stretch))
        if sign is not None and after is not None and after.tag in _STEPPED and _compared(tagged, content, number):
            stretch.readings = (Reading("STEP", sign),)
        asking = False


def _key(tokens: list[Token], stretch: Tagged) -> str:
    """Return the first key of a stretch, "" where it has no tokens."""
    return tokens[stretch.first].key if stretch.end > stretch.first else ""


def _counts(tagged: list[Tagged]) -> bool:
    """Return whether figures are asked for, so that "are there" is no question of its own."""
    return any(stretch.tag in ("COUNT", "FUNCTION", "SHARE") for stretch in tagged)


def _settle_span(stretch: Tagged, tagged: list[Tagged], content: list[int], number: int) -> None:
    """Keep "on site" as what overlaps with a date where one follows; elsewhere it is the flag."""
    for place in content[number + 1 :]:
        if tagged[place].tag == "DATE":
            stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == "SPAN")
            return
        if tagged[place].tag not in _PASSED or tagged[place].reading("EVENT") is not None:
            break
    rest = tuple(reading for reading in stretch.readings if reading.tag != "SPAN")
    stretch.readings = rest or _UNKNOWN


def _settle_layer(stretch: Tagged, before: Tagged | None, after: Tagged | None) -> None:
    """Read a layer as its cost where it is compared: "forecast over plan"."""
    compared = any(each is not None and each.tag in _OPERANDS for each in (before, after))
    stretch.readings = tuple(reading for reading in stretch.readings if (reading.tag == "MEASURE") is compared)


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


def _settle_how_much(stretch: Tagged, after: Tagged | None, last: Tagged) -> None:
    """Read "how much do the cranes cost" as the total of what stands last."""
    if after is None or after.tag in ("FUNCTION", "COUNT", "EXTREME", "MEASURE"):
        if after is not None and after.tag != "MEASURE":
            stretch.readings = _FILLER
        return
    measure = last.reading("MEASURE")
    if measure is not None:
        last.readings = (Reading("TOTAL_OF", measure.payload),)
        stretch.readings = _FILLER


def _is_frame(tagged: list[Tagged], content: list[int], number: int, after: Tagged | None) -> bool:
    """Return whether "up to" stands between the ends of "from 2k up to 4k"."""
    low, opened = tagged[content[number - 1]], tagged[content[number - 2]]
    upper = tagged[content[number]].readings[0].payload is Operator.LE
    return upper and low.is_amount and opened.tag == "FROM" and after is not None and after.is_amount


def _settle_purpose(tagged: list[Tagged], tokens: list[Token], content: list[int], number: int) -> None:
    """Read "cost" as a verb where "to buy" says behind the amount of what it is."""
    place = number - 1
    while place >= 0 and tagged[content[place]].tag in _LIMITS:
        place -= 1
    verb = tagged[content[place]] if 0 <= place < number - 1 else None
    if verb is not None and verb.tag == "MEASURE" and _key(tokens, verb) == "cost" and verb.end == verb.first + 1:
        verb.readings = _FILLER


def _compared(tagged: list[Tagged], content: list[int], number: int) -> bool:
    """Return whether the stretch before is the other side of a comparison of fields."""
    if number < 2:
        return False
    other, comparing = tagged[content[number - 1]], tagged[content[number - 2]]
    return other.field is not None and comparing.tag in ("COMPARE", "WHEN")


def by_part(tokens: list[Token], stretch: Tagged) -> tuple[Reading, ...]:
    """Return what "per month" is where it stands behind no amount: groups by month, if it says "per"."""
    if tokens[stretch.first].key in _EACH and tokens[stretch.end - 1].key == "month":
        return (Reading("BY_PART", DatePart.MONTH),)
    return _UNKNOWN
