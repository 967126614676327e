"""Amount neighbours: which of their readings words have that limit amounts, count records or rank them.

Gives `SETTLERS`, `settle_ranked` and `is_date`, parts of `neighbours.settle_neighbours`. "within" before two amounts is
"between", "plus" behind one is "or more", "newest" without a field orders by date.
"""

from __future__ import annotations

from typing import Final

from nlq.phrases.line import Line, Settler
from nlq.query import Operator
from nlq.schema import FieldType
from nlq.tagging.tags import FILLER, UNKNOWN, Amount, Rank, Reading, Tagged

_JUST: Final = frozenset(("exactly", "precisely"))
_SORTED_BY: Final = frozenset(("BY", "COUNT", "FUNCTION", "EVENT"))
_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_LIMITS: Final = frozenset(("NUMBER", "MONEY", "COMPARE", "SUFFIX", "ABOUT", "BETWEEN", "AND", "TO", "FROM"))
_COUNTED: Final = frozenset(("RANK", "EXTREME", "LIMIT"))
"""Tags before a number that says how many."""
_FAR: Final = frozenset(("COMPARE", "ABOUT", "BETWEEN", "FROM", "WITHIN", "SIGNED", "PERCENT"))
"""Tags behind "variance" that begin how far it is."""
_LEADS: Final = frozenset(
    ("show", "me", "list", "give", "find", "get", "fetch", "display", "see", "which", "what", "the", "please", "just")
)


def _settle_compare(line: Line, number: int, stretch: Tagged) -> None:
    """Read "up to" as "to" between the ends of "from 2k up to 4k"."""
    opened, low, after = line.at(number - 2), line.at(number - 1), line.at(number + 1)
    operator = stretch.readings[0].payload
    if after is not None and after.tag == "DATE" and operator in (Operator.EQ, Operator.NE):
        stretch.readings = _FILLER if operator is Operator.EQ else (Reading("NOT"),)
        return
    behind = low is not None and low.is_amount and (after is None or not after.is_amount)
    if behind and line.key(stretch) in _JUST and (opened is None or opened.tag in ("MEASURE", "VALUE")):
        stretch.readings = _FILLER  # "plan cost of $50,000 exactly"
        return
    if line.key(stretch) == "under" and after is not None and after.tag == "VALUE" and not after.is_amount:
        stretch.readings = _FILLER  # "whatever is under C-1042"
        return
    framed = opened is not None and opened.tag == "FROM" and low is not None and low.is_amount
    if framed and stretch.readings[0].payload is Operator.LE and after is not None and after.is_amount:
        stretch.readings = (Reading("TO"),)


def _settle_purpose(line: Line, number: int, stretch: Tagged) -> None:
    """Read "cost" as a verb where "to buy" says behind the amount of what it is, and "rate of 2500" as an amount."""
    after, named = line.at(number + 1), line.at(number + 2)
    if after is not None and after.tag == "VALUE" and after.is_amount and (named is None or named.tag != "VALUE"):
        after.readings = tuple(reading for reading in after.readings if reading.tag != "VALUE")
    place = number - 1
    while (each := line.at(place)) is not None and each.tag in _LIMITS:
        place -= 1
    verb = line.at(place)
    if line.key(stretch) != "to" or verb is None or place == number - 1:
        return
    if verb.tag == "MEASURE" and _is_cost(line, verb):
        verb.readings = _FILLER


def _settle_gap(line: Line, number: int, stretch: Tagged) -> None:
    """Read "variance" as how far one cost is above another where an amount says how far, elsewhere as a figure."""
    before, after, ranked = line.at(number - 1), line.at(number + 1), line.at(number - 2)
    limited = before is not None and (before.is_amount or before.tag == "SIGNED")
    limited = limited and (ranked is None or ranked.tag not in _COUNTED)
    if not limited and (after is None or not (after.is_amount or after.tag in _FAR)):
        stretch.readings = tuple(reading for reading in stretch.readings if reading.tag != "GAP")


def _settle_longer(line: Line, number: int, stretch: Tagged) -> None:
    """Read "for more than" before an amount of money as a comparison with it."""
    after = line.at(number + 1)
    if after is not None and after.is_amount and after.reading("DURATION") is None and line.key(stretch) == "for":
        stretch.readings = (Reading("COMPARE", stretch.readings[0].payload),)


def _settle_amount_of(line: Line, number: int, stretch: Tagged) -> None:
    """Read "cost" as a verb where "a month" says behind the amount of what it is; "a month" says nothing of a rate."""
    after = line.at(number + 1)
    again = after.reading("MEASURE") if after is not None else None
    if again is not None and again.payload is stretch.readings[0].payload:
        stretch.readings = _FILLER  # "5k a month to rent"
    place = number - 1
    while (each := line.at(place)) is not None and each.tag in _LIMITS:
        place -= 1
    verb = line.at(place)
    if verb is None or place == number - 1 or verb.tag != "MEASURE":
        return
    if verb.readings[0].payload is stretch.readings[0].payload:
        stretch.readings = _FILLER  # "with a rate over 5k a month"
    elif _is_cost(line, verb):
        verb.readings = _FILLER


def _is_cost(line: Line, verb: Tagged) -> bool:
    return line.key(verb) == "cost" and verb.end == verb.first + 1


def _settle_and(line: Line, number: int, stretch: Tagged) -> None:
    """Read "plus" behind an amount that nothing else limits as "or more": "$12k plus"."""
    amount, limit, after = line.at(number - 1), line.at(number - 2), line.at(number + 1)
    if line.key(stretch) != "plus" or amount is None or not amount.is_amount or (after is not None and after.is_amount):
        return
    if limit is None or limit.tag in ("MEASURE", "VALUE", "FLAG"):
        stretch.readings = (Reading("SUFFIX", Operator.GE),)
    elif after is None:
        stretch.readings = _UNKNOWN


def _settle_when(line: Line, number: int, stretch: Tagged) -> None:
    """Read "different from" before an amount as a comparison with it."""
    after = line.at(number + 1)
    operator = stretch.readings[0].payload
    if after is not None and after.is_amount and operator in (Operator.EQ, Operator.NE):
        stretch.readings = (Reading("COMPARE", operator),)


def _settle_within(line: Line, number: int, stretch: Tagged) -> None:
    """Read "within" as "between" before two amounts, as "up to" before one; keep "within 10 % of $5,000"."""
    after, second, third = (line.at(number + place) for place in (1, 2, 3))
    framed = after is not None and after.is_amount and second is not None and second.tag in ("AND", "TO")
    if framed and third is not None and third.is_amount:
        stretch.readings = (Reading("BETWEEN"),)
    elif after is None or not (after.is_amount or after.tag == "PERCENT"):
        stretch.readings = _FILLER
    elif second is None or not second.is_amount:
        stretch.readings = (Reading("COMPARE", Operator.LE),) if after.is_amount else _UNKNOWN


def _settle_number(line: Line, number: int, stretch: Tagged) -> None:
    """Read "show me 10 rentals" and "which 3 areas have the most" as how many are asked for."""
    if number or len(stretch.readings) > 1:
        return
    place = line.content[number]
    amount = stretch.readings[0].payload
    ranked = any(each.tag in ("MOST", "EXTREME") for each in line.tagged)
    led = (stretch.first or ranked) and all(token.key in _LEADS for token in line.tokens[: stretch.first])
    if not led or place + 1 == len(line.tagged):
        return
    after = line.tagged[place + 1]
    if isinstance(amount, Amount) and ((ranked and after.tag == "FIELD") or after.tag in ("VALUE", "FLAG", "RECORD")):
        stretch.readings = (Reading("SOME", amount),)


def _settle_limit(line: Line, number: int, stretch: Tagged) -> None:
    """Read "first plan start" as the earliest, and "ending first" as ending soonest."""
    after, before = line.at(number + 1), line.at(number - 1)
    if line.key(stretch) == "first" and after is None and before is not None and before.tag == "EVENT":
        stretch.readings = (Reading("EXTREME", Rank(descending=False)),)
        return
    if line.key(stretch) == "first" and after is not None and after.tag == "FIELD" and is_date(after):
        stretch.readings = (Reading("EXTREME", Rank(descending=False)),)


def is_date(stretch: Tagged) -> bool:
    """Return whether a stretch can name a field of dates."""
    return stretch.field is not None and stretch.field.type is FieldType.DATE


def _settle_newest(line: Line, number: int, stretch: Tagged) -> None:
    """Read "newest" as an order by date where nothing is named that it is of."""
    ranked, after, before = stretch.reading("RANK"), line.at(number + 1), line.at(number - 1)
    if ranked is None or stretch.tag != "EXTREME":
        return
    of = after is not None and (after.field is not None or after.reading("EVENT") is not None or after.is_amount)
    behind = before is not None and before.reading("EVENT") is not None
    if not behind and (not of or (after is not None and after.tag not in ("FIELD", "MEASURE", "EVENT"))):
        stretch.readings = (ranked,)
    else:
        stretch.readings = stretch.readings[:1]


def settle_ranked(stretch: Tagged, after: Tagged) -> None:
    """Read a word that names a time, too, as that behind "most recently", and "largest categories" as a ranking."""
    if after.field is None:
        return
    if after.field.type is FieldType.TIME:
        after.readings = (Reading("FIELD", after.field),)
    elif after.field.groupable and after.tag == "FIELD":
        stretch.readings = (Reading("RANK", stretch.readings[0].payload),)


def _settle_rank(line: Line, number: int, stretch: Tagged) -> None:
    """Read "tops" behind an amount as its limit: "rentals, $4k tops"."""
    before = line.at(number - 1)
    if line.tokens[stretch.first].raw.casefold() == "tops" and before is not None and before.is_amount:
        stretch.readings = (Reading("SUFFIX", Operator.LE),)


def _settle_sort(line: Line, number: int, stretch: Tagged) -> None:
    """Take "sort" as a word around "cheapest first" and the like, where nothing else is named to sort by."""
    if line.behind(number, _is_sorted_by) is None and line.behind(number, _is_direction) is not None:
        stretch.readings = _FILLER


def _is_sorted_by(stretch: Tagged) -> bool:
    return stretch.field is not None or stretch.tag in _SORTED_BY


def _is_direction(stretch: Tagged) -> bool:
    return stretch.tag == "DIRECTION"


SETTLERS: Final[dict[str, Settler]] = {
    "SORT": _settle_sort,
    "COMPARE": _settle_compare,
    "MEASURE": _settle_purpose,
    "GAP": _settle_gap,
    "LONGER": _settle_longer,
    "AMOUNT_OF": _settle_amount_of,
    "WITHIN": _settle_within,
    "EXTREME": _settle_newest,
    "LIMIT": _settle_limit,
    "RANK": _settle_rank,
    "AND": _settle_and,
    "WHEN": _settle_when,
    "NUMBER": _settle_number,
}
"""Tag → what settles the stretches that carry it."""
