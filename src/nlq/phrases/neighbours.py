"""Neighbours: which of their readings words have that name ends of periods, layers, margins and steps.

Gives `settle_neighbours`, a part of `context.settle`, and `NEIGHBOURED`. "modified" before a date is when, "on site"
before a date asks for an overlap, "plan" beside "over" is its cost, "by" before "10 %" is a margin.
"""

from __future__ import annotations

from typing import Final

from nlq.normalize import Token
from nlq.phrases import amount_neighbours, figure_neighbours
from nlq.phrases.amount_neighbours import is_date, settle_ranked
from nlq.phrases.figure_neighbours import settle_words_around
from nlq.phrases.line import Line, Settler
from nlq.query import DatePart, Operator
from nlq.schema import FieldType, Layer
from nlq.tagging.tags import FILLER, UNKNOWN, Event, Rank, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_TIMES: Final = (FieldType.DATE, FieldType.TIME)
_COMPARING: Final = frozenset(("COMPARE", "WHEN", "CLAIM"))
_COPULAS: Final = frozenset(("is", "are", "isnt", "arent", "was", "were", "wasnt"))
_STEPS: Final = {"plus": "+", "+": "+", "minus": "-"}
_DATED: Final = frozenset(("DATE", "WHEN"))
_STEPPED: Final = frozenset(("NUMBER", "MONEY", "DURATION"))
_PASSED: Final = frozenset(("VALUE", "FIELD", "AND", "COMMA"))
_TRENDS: Final = frozenset(("running", "trending", "tracking", "going", "coming", "projected", "predicted", "set"))
"""Words before "over budget" that say that it will be."""
_PLACED: Final = frozenset(("working", "deployed"))
_TIMING: Final = frozenset(("WHEN", "COMPARE", "DURATION", "LONGER", "CLAIM"))
"""Tags behind "arrived" that say when, or by how much too late."""
_GIVEN: Final = frozenset(("assigned", "set", "entered", "recorded", "specified", "given", "allocated", "known", "yet"))
POLITE: Final = frozenset(
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
_PRESENCE: Final = frozenset(("WITHOUT", "WITH", "ABSENT"))
_EACH: Final = frozenset(("per", "each", "every"))
_OPERANDS: Final = frozenset(("COMPARE", "FUNCTION", "WHEN", "SORT"))


def settle_neighbours(tagged: list[Tagged], tokens: list[Token]) -> None:
    """Settle in place what the tags beside a stretch say of it. Linear in the number of tags."""
    line = Line(tagged, tokens)
    content = line.content
    last = len(content) - 1
    for number, place in enumerate(content):
        stretch = tagged[place]
        tag = stretch.readings[0].tag
        settler = _SETTLERS.get(tag)
        if settler is not None:
            settler(line, number, stretch)
        if (tag == "DEED" or len(stretch.readings) > 1) and stretch.reading("DEED") is not None:
            _settle_deed(line, number, stretch)
        if number == last:
            break
        after = tagged[content[number + 1]]
        following = after.readings[0].tag
        if stretch.readings[0].tag == "EXTREME":
            settle_ranked(stretch, after)
        if following in _DATED and len(stretch.readings) > 1:
            _settle_time(stretch, after)
        if following in _STEPPED and (sign := _STEPS.get(line.key(stretch))) and line.is_other_side(number - 1):
            stretch.readings = (Reading("STEP", sign),)


def _settle_yes_no(line: Line, number: int, stretch: Tagged) -> None:
    """Keep "are there" where the question begins with it, and asks for no figure besides."""
    polite = not number and all(token.key in POLITE for token in line.tokens[: stretch.first])
    stretch.readings = stretch.readings if polite and line.behind(number, _asks_figure) is None else _FILLER


def _asks_figure(stretch: Tagged) -> bool:
    return stretch.tag in ("COUNT", "FUNCTION", "SHARE")


def _settle_span(line: Line, number: int, stretch: Tagged) -> None:
    """Keep "on site" as what overlaps with a date where one follows; elsewhere it is the flag."""
    if _settle_trend(line, number, stretch):
        return
    dated = _leads_to_date(line, number)
    rest = tuple(reading for reading in stretch.readings if (reading.tag == "SPAN") is dated)
    placed = line.key(stretch) in _PLACED and (after := line.at(number + 1)) is not None and after.tag == "VALUE"
    stretch.readings = rest or (_FILLER if placed else _UNKNOWN)  # "cranes working in Silo 4"


def _is_history(stretch: Tagged) -> bool:
    return stretch.tag == "HISTORY"


def _settle_trend(line: Line, number: int, stretch: Tagged) -> bool:
    """Take "trending" in "trending over budget" as a word around it; return whether it is one."""
    after = line.at(number + 1)
    if line.key(stretch) not in _TRENDS or after is None or after.tag not in _COMPARING:
        return False
    if after.tag == "COMPARE":
        behind = line.at(number + 2)
        if behind is None or behind.field is None:
            return False
    stretch.readings = _FILLER
    return True


def _leads_to_date(line: Line, number: int) -> bool:
    """Return whether a date follows, with nothing but values and fields before it."""
    for place in line.content[number + 1 :]:
        if line.tagged[place].tag == "DATE":
            return True
        if line.tagged[place].tag not in _PASSED or line.tagged[place].reading("EVENT") is not None:
            break
    return False


def _settle_layer(line: Line, number: int, stretch: Tagged) -> None:
    """Read a layer as its cost where it is compared ("forecast over plan"), as its end behind "ending after"."""
    before, after = line.at(number - 1), line.at(number + 1)
    if before is not None and before.tag == "LAYER" and before.readings[0].payload is stretch.readings[0].payload:
        before.readings = _FILLER  # "originally planned to end in April"
    if after is not None and after.tag == "TO" and (behind := line.at(number + 2)) and behind.tag == "COMPARE":
        after.readings, after = _FILLER, behind  # "forecast to exceed plan cost"
    end = _end_of(line.at(number - 2), stretch) if before is not None and before.tag in _COMPARING else None
    if end is not None:
        stretch.readings = (end,)
        return
    compared = any(each is not None and each.tag in _OPERANDS for each in (before, after))
    compared = compared or _is_joined_cost(after, line.at(number + 2))
    chosen = tuple(reading for reading in stretch.readings if (reading.tag == "MEASURE") is compared)
    stretch.readings = chosen or stretch.readings


def _end_of(event: Tagged | None, stretch: Tagged) -> Reading | None:
    """Return the end of a layer that an event is compared with: "starting later than planned"."""
    named = event.reading("EVENT") if event is not None else None
    layers = (reading.payload for reading in stretch.readings if isinstance(reading.payload, Layer))
    layer = next(layers, None)
    if named is None or layer is None or not isinstance(named.payload, Event):
        return None
    ends = (named.payload.field, *named.payload.others)
    return next((Reading("FIELD", end) for end in ends if end.name in (layer.start, layer.end)), None)


def _is_joined_cost(join: Tagged | None, after: Tagged | None) -> bool:
    """Return whether a list goes on with a cost: "plan and actual cost"."""
    joined = join is not None and join.tag in ("AND", "VERSUS", "COMMA")
    return joined and after is not None and after.tag in ("MEASURE", "LAYER") and after.reading("MEASURE") is not None


def _settle_not(line: Line, number: int, stretch: Tagged) -> None:
    """Read "not" between a figure and an amount as the comparison, and "not empty" behind a field as a value."""
    before, after = line.at(number - 1), line.at(number + 1)
    if before is None or after is None or before.field is None:
        return
    compared = after.field is not None and after.field.type is before.field.type and after.field is not before.field
    if before.tag == "MEASURE" and after.is_amount:
        stretch.readings = (Reading("COMPARE", Operator.NE),)
    elif compared and before.tag == after.tag and line.key(stretch) in _COPULAS:
        stretch.readings = (Reading("COMPARE", Operator.NE),)  # "forecast end is not plan end"
    elif after.tag == "ABSENT":
        stretch.readings, after.readings = _FILLER, (Reading("FILLED"),)


def _settle_event(line: Line, number: int, stretch: Tagged) -> None:
    """Read "start date" as the field where no date follows it, and no "each month" or "soonest" behind the verb."""
    if _settle_trend(line, number, stretch):
        return
    after, before = line.at(number + 1), line.at(number - 1)
    asks = line.tokens[stretch.first].raw.casefold() == "return"
    if asks and not stretch.first and (after is None or after.tag not in ("DATE", "WHEN")):
        stretch.readings = _FILLER  # "return the cranes in Silo 4", asked of an answer
        return
    verb = stretch.end == stretch.first + 1 and before is not None and before.tag in ("VALUE", "FLAG")
    if verb and after is not None and after.tag in ("AMOUNT_OF", "BY"):
        stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == "EVENT")
    elif stretch.reading("FLAG") is not None or stretch.reading("CLAIM") is not None:
        timed = (after is not None and after.tag in _TIMING) or _leads_to_date(line, number)
        stretch.readings = tuple(reading for reading in stretch.readings if (reading.tag == "EVENT") is timed)
    elif stretch.field is not None and (after is None or after.tag not in ("DATE", "WHEN")):
        stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == "FIELD")


def _settle_deed(line: Line, number: int, stretch: Tagged) -> None:
    """Take "changed" behind the person who did it as a part of that: "records that maria changed"."""
    deed, before = stretch.reading("DEED"), line.at(number - 1)
    done = before is not None and any(deed is not None and each.field is deed.payload for each in before.meanings)
    rest = tuple(reading for reading in stretch.readings if reading.tag != "DEED")
    stretch.readings = _FILLER if done else rest or _UNKNOWN


def _settle_unknown(line: Line, number: int, stretch: Tagged) -> None:
    """Take "assigned" behind a field that is missing as a part of that: "without equipment assigned"."""
    settle_words_around(line, number, stretch)
    if _settle_trend(line, number, stretch):
        return
    last = line.at(number - 1)
    if line.key(stretch) == "range" and last is not None and last.is_amount:
        stretch.readings = _FILLER
    if (
        line.key(stretch) == "made"
        and last is not None
        and any(each.field.type is FieldType.TEXT for each in last.meanings)
    ):
        said = line.is_before(number, _is_history)
        stretch.readings = _FILLER if said else stretch.readings  # "changes that maria made"
    if line.key(stretch) == "last":
        after = line.at(number + 1)
        if after is not None and after.tag == "FIELD" and is_date(after):
            stretch.readings = (Reading("EXTREME", Rank(descending=True)),)
        elif after is None and any(line.tagged[place].tag == "WHO" for place in line.content):
            stretch.readings = _FILLER  # "who changed EQ-2087 last"
    if not number and line.key(stretch) == "who" and line.tokens[stretch.end : stretch.end + 1]:
        named, copula = line.at(number + 1), line.tokens[stretch.end].key
        if named is not None and named.tag == "FIELD" and copula in ("is", "are"):
            stretch.readings = _FILLER  # "who are the vendors of the pumps"
    if stretch.end > stretch.first and line.tokens[stretch.first].raw.casefold() in _GIVEN:
        before, missing = line.at(number - 1), line.at(number - 2)
        if before is not None and before.field is not None and missing is not None and missing.tag in _PRESENCE:
            stretch.readings = _FILLER


def _settle_filled(line: Line, number: int, stretch: Tagged) -> None:
    """Take "is assigned" behind a field that is missing as a part of that: "where no contract is assigned"."""
    before, missing = line.at(number - 1), line.at(number - 2)
    if stretch.end < len(line.tokens) and line.tokens[stretch.end].key == "to":
        stretch.readings = _FILLER  # "what is assigned to Silo 7"
        return
    if before is not None and before.field is not None and missing is not None and missing.tag == "WITHOUT":
        stretch.readings = _FILLER


def _settle_including(line: Line, number: int, stretch: Tagged) -> None:
    """Let "included" behind a state be said of it: "with the discontinued ones included"."""
    flag, with_ = line.at(number - 1), line.at(number - 2)
    if flag is None or flag.tag != "FLAG" or line.tokens[stretch.first].raw.casefold() != "included":
        return
    if with_ is not None and with_.tag == "WITH":
        with_.readings = _FILLER
    place = line.content[number - 1]
    before = line.tagged[place - 1] if place else None
    if before is not None and before.tag == FILLER:
        before.readings, stretch.readings = stretch.readings, _FILLER


def _settle_time(stretch: Tagged, after: Tagged) -> None:
    """Read a word that names a time, too, as that where a date follows: "modified last week"."""
    said = stretch.reading("EVENT") or (stretch.reading("UNDONE") if after.tag == "DATE" else None)
    if said is not None:
        stretch.readings = (said,)
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


_SETTLERS: Final[dict[str, Settler]] = {
    **amount_neighbours.SETTLERS,
    **figure_neighbours.SETTLERS,
    "YES_NO": _settle_yes_no,
    "SPAN": _settle_span,
    "LAYER": _settle_layer,
    "EVENT": _settle_event,
    "NOT": _settle_not,
    "EXCEPT": _settle_not,
    "FILLED": _settle_filled,
    "INCLUDING": _settle_including,
    UNKNOWN: _settle_unknown,
}
NEIGHBOURED: Final = _SETTLERS.keys() | _STEPPED | {"DEED"}
"""Tags, one of which a question has in which neighbours settle anything, unless a stretch has several readings."""
