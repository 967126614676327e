"""Neighbours: which of their readings words have that name ends of periods, layers, margins and steps.

Gives `settle_neighbours`, a part of `context.settle`. "modified" before a date is when, "on site" before a date asks
for an overlap, "plan" beside "over" is its cost, "by" before "10 %" is a margin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nlq.normalize import Token
from nlq.query import DatePart, Operator
from nlq.schema import FieldType, Layer
from nlq.tagging.tags import FILLER, SILENT, UNKNOWN, Amount, Event, Rank, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_TIMES: Final = (FieldType.DATE, FieldType.TIME)
_MARGINS: Final = frozenset(("PERCENT", "NUMBER", "MONEY", "COMPARE", "DURATION", "ABOUT"))
_COMPARING: Final = frozenset(("COMPARE", "WHEN", "CLAIM"))
_COPULAS: Final = frozenset(("is", "are", "isnt", "arent", "was", "were", "wasnt"))
_STEPS: Final = {"plus": "+", "+": "+", "minus": "-"}
_STEPPED: Final = frozenset(("NUMBER", "MONEY", "DURATION"))
_PASSED: Final = frozenset(("VALUE", "FIELD", "AND", "COMMA"))
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
_LIMITS: Final = frozenset(("NUMBER", "MONEY", "COMPARE", "SUFFIX", "ABOUT", "BETWEEN", "AND", "TO", "FROM"))
_PRESENCE: Final = frozenset(("WITHOUT", "WITH", "ABSENT"))
_LEADS: Final = frozenset(
    ("show", "me", "list", "give", "find", "get", "fetch", "display", "see", "which", "what", "the", "please", "just")
)
_ASKING: Final = frozenset(("FUNCTION", "COUNT", "TOTAL_OF"))
_FIGURED: Final = frozenset(("FUNCTION", "COUNT", "EXTREME", "MEASURE"))
_BEFORE_PART: Final = frozenset(("BY", "AND", "COMMA", "FIELD", "SORT", "THEN"))
_GROUPING: Final = frozenset(("group", "split", "break", "divide", "tabulate"))
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
        if stretch.reading("DEED") is not None:
            _settle_deed(line, number, stretch)
        after = line.at(number + 1)
        if after is None:
            continue
        if stretch.tag == "EXTREME":
            _settle_ranked(stretch, after)
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
    polite = not number and all(token.key in POLITE for token in line.tokens[: stretch.first])
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
    """Read a layer as its cost where it is compared ("forecast over plan"), as its end behind "ending after"."""
    before, after = line.at(number - 1), line.at(number + 1)
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
    operator = stretch.readings[0].payload
    if after is not None and after.tag == "DATE" and operator in (Operator.EQ, Operator.NE):
        stretch.readings = _FILLER if operator is Operator.EQ else (Reading("NOT"),)
        return
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
    if verb.tag == "MEASURE" and _is_cost(line, verb):
        verb.readings = _FILLER


def _settle_function(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "how much do the cranes cost" as the total of what stands behind, "how much are they" as that of all."""
    after = line.at(number + 1)
    if line.key(stretch) != "how":
        return
    if after is not None and after.tag in _FIGURED:
        if after.tag != "MEASURE":
            stretch.readings = _FILLER
        return
    behind = [line.tagged[place] for place in line.content[number + 1 :]]
    measured = [each for each in behind if each.reading("MEASURE") is not None]
    if len(measured) == 1 and after is not None:
        (last,) = measured
        measure = last.reading("MEASURE")
        assert measure is not None  # noqa: S101 - it was looked for
        last.readings = (Reading("TOTAL_OF", measure.payload),)
        stretch.readings = _FILLER
    elif not measured and after is not None and not any(each.tag in _FIGURED for each in behind):
        stretch.readings = (Reading("TOTAL_OF"),)


def _settle_altogether(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "in total" as a count where no figure is named that it could be said of."""
    figured = any(place != line.content[number] and line.tagged[place].tag in _ASKING for place in line.content)
    stretch.readings = _FILLER if figured else (Reading("COUNT"),)


def _settle_longer(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "for more than" before an amount of money as a comparison with it."""
    after = line.at(number + 1)
    if after is not None and after.is_amount and after.reading("DURATION") is None and line.key(stretch) == "for":
        stretch.readings = (Reading("COMPARE", stretch.readings[0].payload),)


def _settle_not(line: _Line, number: int, stretch: Tagged) -> None:
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


def _settle_amount_of(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "cost" as a verb where "a month" says behind the amount of what it is."""
    after = line.at(number + 1)
    again = after.reading("MEASURE") if after is not None else None
    if again is not None and again.payload is stretch.readings[0].payload:
        stretch.readings = _FILLER  # "5k a month to rent"
    place = number - 1
    while (each := line.at(place)) is not None and each.tag in _LIMITS:
        place -= 1
    verb = line.at(place)
    if verb is not None and place < number - 1 and verb.tag == "MEASURE" and _is_cost(line, verb):
        verb.readings = _FILLER


def _is_cost(line: _Line, verb: Tagged) -> bool:
    return line.key(verb) == "cost" and verb.end == verb.first + 1


def _settle_versus(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "plan cost versus actual cost" as the totals of both, or as two fields of the same figure."""
    left, right = line.at(number - 1), line.at(number + 1)
    figure = line.at(number - 2)
    if left is None or right is None or left.reading("MEASURE") is None or right.reading("MEASURE") is None:
        return
    if figure is not None and figure.tag in ("FUNCTION", "SORT", "BY", "COUNT"):
        stretch.readings = (Reading("JOIN_FIELD", "AND"),)
        return
    for side in (left, right):
        measure = side.reading("MEASURE")
        assert measure is not None  # noqa: S101 - it was looked for
        side.readings = (Reading("TOTAL_OF", measure.payload),)
    stretch.readings = _FILLER


def _settle_event(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "start date" as the field where no date follows it, and no "each month" or "soonest" behind the verb."""
    after, before = line.at(number + 1), line.at(number - 1)
    if line.key(stretch) == "return" and not stretch.first and (after is None or after.tag not in ("DATE", "WHEN")):
        stretch.readings = _FILLER  # "return the cranes in Silo 4", asked of an answer
        return
    verb = stretch.end == stretch.first + 1 and before is not None and before.tag in ("VALUE", "FLAG")
    if verb and after is not None and after.tag in ("AMOUNT_OF", "BY"):
        stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == "EVENT")
    elif stretch.reading("FLAG") is not None:
        said = "EVENT" if after is not None and after.tag in ("DATE", "WHEN") else "FLAG"
        stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == said)
    elif stretch.field is not None and (after is None or after.tag not in ("DATE", "WHEN")):
        stretch.readings = tuple(reading for reading in stretch.readings if reading.tag == "FIELD")


def _settle_limit(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "first plan start" as the earliest, and "ending first" as ending soonest."""
    after, before = line.at(number + 1), line.at(number - 1)
    if line.key(stretch) == "first" and after is None and before is not None and before.tag == "EVENT":
        stretch.readings = (Reading("EXTREME", Rank(descending=False)),)
        return
    if line.key(stretch) == "first" and after is not None and after.tag == "FIELD" and _is_date(after):
        stretch.readings = (Reading("EXTREME", Rank(descending=False)),)


def _is_date(stretch: Tagged) -> bool:
    return stretch.field is not None and stretch.field.type is FieldType.DATE


def _settle_and(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "plus" behind an amount that nothing else limits as "or more": "$12k plus"."""
    amount, limit, after = line.at(number - 1), line.at(number - 2), line.at(number + 1)
    if line.key(stretch) != "plus" or amount is None or not amount.is_amount or (after is not None and after.is_amount):
        return
    if limit is None or limit.tag in ("MEASURE", "VALUE", "FLAG"):
        stretch.readings = (Reading("SUFFIX", Operator.GE),)
    elif after is None:
        stretch.readings = _UNKNOWN


def _settle_when(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "different from" before an amount as a comparison with it."""
    after = line.at(number + 1)
    operator = stretch.readings[0].payload
    if after is not None and after.is_amount and operator in (Operator.EQ, Operator.NE):
        stretch.readings = (Reading("COMPARE", operator),)


def _settle_deed(line: _Line, number: int, stretch: Tagged) -> None:
    """Take "changed" behind the person who did it as a part of that: "records that maria changed"."""
    deed, before = stretch.reading("DEED"), line.at(number - 1)
    done = before is not None and any(deed is not None and each.field is deed.payload for each in before.meanings)
    rest = tuple(reading for reading in stretch.readings if reading.tag != "DEED")
    stretch.readings = _FILLER if done else rest or _UNKNOWN


def _settle_unknown(line: _Line, number: int, stretch: Tagged) -> None:
    """Take "assigned" behind a field that is missing as a part of that: "without equipment assigned"."""
    _settle_compared(line, number, stretch)
    last = line.at(number - 1)
    if line.key(stretch) == "range" and last is not None and last.is_amount:
        stretch.readings = _FILLER
    _settle_grouping(line, number, stretch)
    if line.key(stretch) == "last":
        after = line.at(number + 1)
        if after is not None and after.tag == "FIELD" and _is_date(after):
            stretch.readings = (Reading("EXTREME", Rank(descending=True)),)
        elif after is None and any(line.tagged[place].tag == "WHO" for place in line.content):
            stretch.readings = _FILLER  # "who changed EQ-2087 last"
    if stretch.end > stretch.first and line.tokens[stretch.first].raw.casefold() in _GIVEN:
        before, missing = line.at(number - 1), line.at(number - 2)
        if before is not None and before.field is not None and missing is not None and missing.tag in _PRESENCE:
            stretch.readings = _FILLER


def _settle_grouping(line: _Line, number: int, stretch: Tagged) -> None:
    """Take "group", "split" and "break down" before what "by" groups as words around it."""
    word, before = line.key(stretch), line.at(number - 1)
    after = line.at(number + 1)
    named = after is not None and (after.tag in ("VALUE", "FLAG", "BY") or line.key(after) == "down")
    opens = not number and word in _GROUPING and named
    goes_on = word == "down" and number == 1 and before is not None and line.key(before) in _GROUPING
    grouped = any(line.tagged[place].tag == "BY" for place in line.content[number:]) if opens or goes_on else False
    if grouped:
        stretch.readings = _FILLER


def _settle_compared(line: _Line, number: int, stretch: Tagged) -> None:
    """Take "compare" before two figures as a word around them."""
    if number or line.key(stretch) != "compare":
        return
    figures = [place for place in line.content if line.tagged[place].reading("MEASURE") is not None]
    if len(figures) > 1:
        stretch.readings = _FILLER


def _settle_number(line: _Line, number: int, stretch: Tagged) -> None:
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


def _settle_within(line: _Line, number: int, stretch: Tagged) -> None:
    """Read "within" as "between" before two amounts, as "up to" before one; keep "within 10 % of $5,000"."""
    after, second, third = (line.at(number + place) for place in (1, 2, 3))
    framed = after is not None and after.is_amount and second is not None and second.tag in ("AND", "TO")
    if framed and third is not None and third.is_amount:
        stretch.readings = (Reading("BETWEEN"),)
    elif after is None or not (after.is_amount or after.tag == "PERCENT"):
        stretch.readings = _FILLER
    elif second is None or not second.is_amount:
        stretch.readings = (Reading("COMPARE", Operator.LE),) if after.is_amount else _UNKNOWN


def _settle_newest(line: _Line, number: int, stretch: Tagged) -> None:
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
    "ALTOGETHER": _settle_altogether,
    "LONGER": _settle_longer,
    "NOT": _settle_not,
    "EXCEPT": _settle_not,
    "AMOUNT_OF": _settle_amount_of,
    "VERSUS": _settle_versus,
    "WITHIN": _settle_within,
    "EXTREME": _settle_newest,
    "LIMIT": _settle_limit,
    "AND": _settle_and,
    "WHEN": _settle_when,
    "NUMBER": _settle_number,
    UNKNOWN: _settle_unknown,
}


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


def _settle_ranked(stretch: Tagged, after: Tagged) -> None:
    """Read a word that names a time, too, as that behind "most recently", and "largest categories" as a ranking."""
    if after.field is None:
        return
    if after.field.type is FieldType.TIME:
        after.readings = (Reading("FIELD", after.field),)
    elif after.field.groupable and after.tag == "FIELD":
        stretch.readings = (Reading("RANK", stretch.readings[0].payload),)


def by_part(tokens: list[Token], stretch: Tagged) -> tuple[Reading, ...]:
    """Return what "per month" is where it stands behind no amount: groups by month, if it says "per"."""
    if tokens[stretch.first].key in _EACH and tokens[stretch.end - 1].key == "month":
        return (Reading("BY_PART", DatePart.MONTH),)
    return _UNKNOWN
