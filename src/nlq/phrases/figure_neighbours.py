"""Figure neighbours: which of their readings words have that ask for figures and groups.

Gives `SETTLERS` and `settle_words_around`, parts of `neighbours.settle_neighbours`. "how much do the cranes cost" is a
total, "group the cranes by area" a grouping, "by 10 %" a margin.
"""

from __future__ import annotations

from typing import Final

from nlq.phrases.line import Line, Settler
from nlq.tagging.tags import FILLER, UNKNOWN, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_MARGINS: Final = frozenset(("PERCENT", "NUMBER", "MONEY", "COMPARE", "DURATION", "ABOUT"))
_COMPARING: Final = frozenset(("COMPARE", "WHEN", "CLAIM"))
_ASKING: Final = frozenset(("FUNCTION", "COUNT", "TOTAL_OF"))
_FIGURED: Final = frozenset(("FUNCTION", "COUNT", "EXTREME", "MEASURE"))
_BEFORE_PART: Final = frozenset(("BY", "AND", "COMMA", "FIELD", "SORT", "THEN"))
_PAID: Final = frozenset(("pay", "paying", "paid"))
_EACH: Final = frozenset(("per", "each", "every", "a"))
_GROUPING: Final = frozenset(("group", "split", "break", "divide", "tabulate"))


def _settle_function(line: Line, number: int, stretch: Tagged) -> None:
    """Read "how much do the cranes cost" as the total of what stands behind, "how much are they" as that of all."""
    after = line.at(number + 1)
    if line.key(stretch) != "how":
        return
    if after is not None and after.tag in _FIGURED:
        if after.tag != "MEASURE":
            stretch.readings = _FILLER
        return
    measured = line.behind(number, _is_measured)
    if measured is not None and measured is line.last(_is_measured):
        measure = measured.reading("MEASURE")
        assert measure is not None  # noqa: S101 - it was looked for
        measured.readings = (Reading("TOTAL_OF", measure.payload),)
        stretch.readings = _FILLER
    elif measured is None and after is not None and line.behind(number, _is_figured) is None:
        stretch.readings = (Reading("TOTAL_OF"),)


def _is_measured(stretch: Tagged) -> bool:
    return stretch.reading("MEASURE") is not None


def _is_figured(stretch: Tagged) -> bool:
    return stretch.tag in _FIGURED


def _settle_altogether(line: Line, number: int, stretch: Tagged) -> None:
    """Read "in total" as a count where no figure is named that it could be said of."""
    figured = line.is_before(number, _asks_figure) or line.behind(number, _asks_figure) is not None
    stretch.readings = _FILLER if figured else (Reading("COUNT"),)


def _asks_figure(stretch: Tagged) -> bool:
    return stretch.tag in _ASKING


def _settle_versus(line: Line, number: int, stretch: Tagged) -> None:
    """Read "plan cost versus actual cost" as the totals of both, or as two fields of the same figure."""
    left, right = line.at(number - 1), line.at(number + 1)
    figure = line.at(number - 2)
    again = left is not None and left.tag == "TOTAL_OF"  # "plan versus forecast versus actual"
    if left is None or right is None or right.reading("MEASURE") is None:
        return
    if left.reading("MEASURE") is None and not again:
        return
    if figure is not None and figure.tag in ("FUNCTION", "SORT", "BY", "COUNT"):
        stretch.readings = (Reading("JOIN_FIELD", "AND"),)
        return
    for side in (right,) if again else (left, right):
        measure = side.reading("MEASURE")
        assert measure is not None  # noqa: S101 - it was looked for
        side.readings = (Reading("TOTAL_OF", measure.payload),)
    stretch.readings = _FILLER


def settle_words_around(line: Line, number: int, stretch: Tagged) -> None:
    """Take "compare" and "group" as words around the figures and groups that they announce, "paid" as one of a rate."""
    _settle_compared(line, number, stretch)
    if line.key(stretch) in _PAID and line.is_before(number, _is_measured):
        stretch.readings = _FILLER  # "the highest rate we pay for a crane"
    _settle_grouping(line, number, stretch)


def _settle_grouping(line: Line, number: int, stretch: Tagged) -> None:
    """Take "group", "split" and "break down" before what "by" groups as words around it."""
    word, before = line.key(stretch), line.at(number - 1)
    after = line.at(number + 1)
    named = after is not None and (after.tag in ("VALUE", "FLAG", "BY") or line.key(after) == "down")
    opens = not number and word in _GROUPING and named
    goes_on = word == "down" and number == 1 and before is not None and line.key(before) in _GROUPING
    grouped = any(line.tagged[place].tag == "BY" for place in line.content[number:]) if opens or goes_on else False
    if grouped:
        stretch.readings = _FILLER


def _settle_compared(line: Line, number: int, stretch: Tagged) -> None:
    """Take "compare" before two figures as a word around them."""
    if number or line.key(stretch) != "compare":
        return
    figures = [place for place in line.content if line.tagged[place].reading("MEASURE") is not None]
    if len(figures) > 1:
        stretch.readings = _FILLER


def _settle_date_part(line: Line, number: int, stretch: Tagged) -> None:
    """Keep "month" where groups are named; "over $500 per week" names the unit of an amount, which no field has."""
    before, amount = line.at(number - 1), line.at(number - 2)
    rated = amount is not None and (amount.is_amount or amount.tag == "SUFFIX") and before is not None
    if rated and before is not None and before.tag == "BY" and line.key(before) in _EACH:
        before.readings = stretch.readings = _UNKNOWN
        return
    if before is None or before.tag not in _BEFORE_PART:
        stretch.readings = _UNKNOWN


def _settle_by(line: Line, number: int, stretch: Tagged) -> None:
    """Read "by" before an amount as a margin, behind a comparison."""
    after = line.at(number + 1)
    if after is not None and after.tag in _MARGINS and line.is_before(number, _compares):
        stretch.readings = (Reading("MARGIN"),)


def _compares(stretch: Tagged) -> bool:
    return stretch.tag in _COMPARING


SETTLERS: Final[dict[str, Settler]] = {
    "BY": _settle_by,
    "DATEPART": _settle_date_part,
    "FUNCTION": _settle_function,
    "ALTOGETHER": _settle_altogether,
    "VERSUS": _settle_versus,
}
"""Tag → what settles the stretches that carry it."""
