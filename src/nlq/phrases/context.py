"""Context: what a word's neighbours decide, settled before the grammar sees the tags.

Gives `settle`. A label narrows the value beside it ("category: forklifts", "BEO as DOR"), "by" groups only before a
field, "from" and "to" frame amounts only, and a field with a value that it does not have is reported as one piece.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from nlq.normalize import Kind, Token
from nlq.phrases.neighbours import POLITE, by_part, settle_neighbours
from nlq.query import Function, Operator
from nlq.schema import FieldSpec, FieldType
from nlq.tagging.fillers import EVERYTHING, PRONOUNS
from nlq.tagging.tags import FILLER, LABEL, PRONOUN, RECORD, SILENT, UNKNOWN, Flagged, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_LABEL: Final = (Reading(LABEL),)
_NOT: Final = (Reading("NOT"),)
_JOINS: Final = frozenset(("AND", "OR", "COMMA"))
_GROUPED: Final = frozenset(("FUNCTION", "COUNT", "DATEPART"))
_ORDERING: Final = frozenset(("hold", "contain", "use", "supply", "provide", "come", "go", "type", "charge", "run"))
_ASKS: Final = frozenset(("is", "are", "was", "were", "do", "does", "have", "has", "did"))
_ALL: Final = frozenset(("all", "every", "each"))
_NEAR: Final = 8
"""Stretches before "to" that are looked at for "ratio of"."""
_LIMITS: Final = frozenset(("COMPARE", "LIMITING"))
_FIGURES: Final = frozenset(("FUNCTION", "COUNT"))
_OF: Final = frozenset(("from", "in", "by", "of", "at", "made", "manufactured", "built"))
_LISTED: Final = frozenset(("VALUE", "NUMBER", "MONEY"))
_BEFORE_FIELD: Final = frozenset(
    ("BY", "SORT", "THEN", "COUNT", "DIFFERENT", "WITHOUT", "ABSENT", "FUNCTION", "EXTREME", "JOIN_FIELD")
)
_CONNECTING: Final = frozenset(("AND", "OR", "BUT"))
_LIMITING: Final[dict[object, Operator]] = {Function.MIN: Operator.GE, Function.MAX: Operator.LE}
_DETERMINERS: Final = frozenset(("these", "those"))
_NOUNS: Final = frozenset(("VALUE", "FLAG", "FIELD", "MEASURE", RECORD))
_STATES: Final = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}
_AMOUNT_STARTS: Final = frozenset(
    ("COMPARE", "ABOUT", "BETWEEN", "NUMBER", "MONEY", "FROM", "DATE", "WHEN", "PERCENT", "LONGER", "DURATION")
)
_LABELLED: Final = frozenset((FieldType.TEXT, FieldType.ID, FieldType.ENUM))
_UNLISTED: Final = frozenset((FieldType.TEXT, FieldType.ID, FieldType.ENUM, FieldType.DATE, FieldType.TIME))


@dataclass(slots=True)
class Settled:
    """The tags after their neighbours had their say."""

    tagged: list[Tagged]
    labels: dict[int, tuple[int, int]] = field(default_factory=dict)
    """First token of a value → the tokens (first, end) of the label that belongs to it."""
    misfits: dict[int, tuple[int, FieldSpec]] = field(default_factory=dict)
    """First token of a field's name → the first token of what follows it and is none of its values; the field."""


def settle(tagged: list[Tagged], tokens: list[Token], *, goes_on: bool = False) -> Settled:
    """Settle in place what neighbours decide. Linear in the number of tags.

    `goes_on`: whether the question goes on from another one, which "those" then stands for.
    """
    settled = Settled(tagged)
    _settle_orders(tagged, tokens)
    _settle_references(tagged, tokens, goes_on=goes_on)
    settle_neighbours(tagged, tokens)
    _settle_sorts(tagged)
    after = _next_content(tagged)
    for position, stretch in enumerate(tagged):
        tag = stretch.readings[0].tag
        if tag in ("FROM", "TO"):
            _settle_frame(tagged, position, after[position], tokens)
        elif tag == "BY":
            _settle_by(stretch, after[position], tokens)
        elif tag == "FUNCTION":
            _settle_function(tagged, position)
        elif tag == "AMOUNT_OF":
            _settle_amount_of(tagged, position, tokens)
        elif tag == "COUNT" and stretch.reading("FUNCTION") is not None:
            _settle_total(tagged, position)
        elif tag == "FLAG" and _settle_flag(tagged, position, tokens):
            continue
        elif stretch.field is not None and not _take_label(settled, position):
            _settle_field(settled, position, tokens)
    for position, stretch in enumerate(tagged):
        if stretch.readings[0].tag in _JOINS:
            _settle_join(tagged, position)
    return settled


def _next_content(tagged: list[Tagged]) -> list[Tagged | None]:
    """Return for each stretch the next one that is no filler."""
    following: list[Tagged | None] = [None] * len(tagged)
    content: Tagged | None = None
    for position in range(len(tagged) - 1, -1, -1):
        following[position] = content
        if tagged[position].readings[0].tag not in SILENT:
            content = tagged[position]
    return following


def _skip_filler(tagged: list[Tagged], position: int, step: int) -> int:
    """Return the next position with content in a direction, -1 where there is none."""
    position += step
    while 0 <= position < len(tagged):
        if tagged[position].readings[0].tag not in SILENT:
            return position
        position += step
    return -1


def _settle_references(tagged: list[Tagged], tokens: list[Token], *, goes_on: bool) -> None:
    """Report what goes on from another question where there is none: "and Silo 5?", "those over 5k"."""
    content = [stretch for stretch in tagged if stretch.readings[0].tag not in SILENT]
    fillers = not content and not goes_on and all(stretch.tag == FILLER for stretch in tagged)
    if fillers and not any(token.key in EVERYTHING for token in tokens):
        for stretch in tagged:
            stretch.readings = _UNKNOWN
    ends = [stretch for stretch in content[:1] + content[-1:] if stretch.readings[0].tag in _CONNECTING]
    plus = len(ends) > 0 and len(content) > 1 and content[-2].is_amount and tokens[content[-1].first].key == "plus"
    for stretch in ends if not plus else ():  # "$12k plus"
        stretch.readings = _UNKNOWN
    said = goes_on
    for position, stretch in enumerate(tagged):
        tag = stretch.readings[0].tag
        if tag == PRONOUN:
            determines = tokens[stretch.first].key in _DETERMINERS and position + 1 < len(tagged)
            stretch.readings = _FILLER if said or (determines and tagged[position + 1].tag in _NOUNS) else _UNKNOWN
        elif tag == "SORT" and not said and tokens[stretch.end - 2].key in PRONOUNS:
            stretch.readings = _UNKNOWN
        said = said or stretch.tag in _NOUNS


def _settle_sorts(tagged: list[Tagged]) -> None:
    """Read "sort rentals by rate" as "rentals sorted by rate"."""
    apart: Tagged | None = None
    for position, stretch in enumerate(tagged):
        if stretch.readings[0].tag not in ("SORT", "BY") or (after := _skip_filler(tagged, position, 1)) < 0:
            continue
        if stretch.tag == "SORT":
            grouped = tagged[after].field is not None and _is_by(tagged, after)
            apart = stretch if tagged[after].tag in _NOUNS and (tagged[after].field is None or grouped) else None
        elif apart is not None and (tagged[after].field is not None or tagged[after].tag in _FIGURES):
            stretch.readings, apart.readings, apart = apart.readings, _FILLER, None


def _is_by(tagged: list[Tagged], position: int) -> bool:
    """Return whether "by" follows: "rank the categories by cost"."""
    after = _skip_filler(tagged, position, 1)
    return after >= 0 and tagged[after].tag == "BY"


def _settle_orders(tagged: list[Tagged], tokens: list[Token]) -> None:
    """Report verbs that say something of the records, where they open a question: "hold the cranes" is an order.

    "are all cranes rented" asks for no records, either.
    """
    if len(tokens) > 2 and tokens[0].key in _ASKS and tokens[1].key in _ALL:
        for stretch in tagged:
            if stretch.first < 2 and stretch.end <= 2:
                stretch.readings = _UNKNOWN
    for stretch in tagged:
        key = tokens[stretch.first].key if stretch.first < stretch.end else ""
        if stretch.tag == FILLER and key in _ORDERING and len(tagged) > 1:
            stretch.readings = _UNKNOWN
        if key not in POLITE:
            return


def _settle_function(tagged: list[Tagged], position: int) -> None:
    """Read "max 5k", "max rate 5k" and "5k max" as a limit."""
    operator = _LIMITING.get(tagged[position].readings[0].payload)
    after = _skip_filler(tagged, position, 1)
    another = after >= 0 and tagged[after].is_amount and position > 1 and tagged[position - 2].tag in _LIMITS
    if operator is not None and position and tagged[position - 1].is_amount and not another:
        tagged[position].readings = (Reading("SUFFIX", operator),)
        return
    if operator is None or after < 0:
        return
    amount = _skip_filler(tagged, after, 1) if tagged[after].tag == "MEASURE" else after
    if amount >= 0 and tagged[amount].is_amount:
        tagged[position].readings = (Reading("COMPARE" if amount == after else "LIMITING", operator),)


def _settle_amount_of(tagged: list[Tagged], position: int, tokens: list[Token]) -> None:
    """Read "per month" behind an amount as the field that it says the amount is of."""
    stretch = tagged[position]
    before = _skip_filler(tagged, position, -1)
    behind = before >= 0 and (tagged[before].is_amount or tagged[before].tag == "SUFFIX")
    stretch.readings = (Reading("MEASURE", stretch.readings[0].payload),) if behind else by_part(tokens, stretch)


def _settle_frame(tagged: list[Tagged], position: int, after: Tagged | None, tokens: list[Token]) -> None:
    """Keep "from" before an amount and "to" between two; elsewhere they join nothing."""
    stretch = tagged[position]
    before = _skip_filler(tagged, position, -1)
    framed = after is not None and after.is_amount
    if stretch.tag == "TO":
        framed = framed and before >= 0 and tagged[before].is_amount
    if framed and stretch.tag == "FROM" and not _goes_to(tagged, position):
        stretch.readings = (Reading("COMPARE", Operator.GE),)  # "a rate from 5k"
        return
    if not framed:
        listed = stretch.tag == "TO" and before >= 0 and after is not None and _share_field(tagged[before], after)
        if listed and any(each.tag == "SHARE" for each in tagged[max(0, position - _NEAR) : position]):
            stretch.readings = (Reading("VERSUS"),)
            return
        plain = not listed and (stretch.end == stretch.first or tokens[stretch.first].key in ("from", "to"))
        # "EQ-2087 to Silo 5" is an order without its verb
        plain = plain and not (stretch.tag == "TO" and _names_both(tagged, before, after))
        stretch.readings = _FILLER if plain else _UNKNOWN


def _names_both(tagged: list[Tagged], before: int, after: Tagged | None) -> bool:
    """Return whether values stand on both sides."""
    return before >= 0 and after is not None and tagged[before].tag == after.tag == "VALUE"


def _goes_to(tagged: list[Tagged], position: int) -> bool:
    """Return whether a range goes on behind the amount that "from" stands before: "from 5k up to 8k"."""
    after = _skip_filler(tagged, position, 1)
    behind = _skip_filler(tagged, after, 1) if after >= 0 else -1
    return behind >= 0 and tagged[behind].tag in ("TO", "AND", "COMPARE", "SUFFIX")


def _share_field(before: Tagged, after: Tagged) -> bool:
    """Return whether two stretches can be values of one field: "Silo 1 to Silo 4" is no list of the two."""
    return any(meaning.field is other.field for meaning in before.meanings for other in after.meanings)


def _settle_by(stretch: Tagged, after: Tagged | None, tokens: list[Token]) -> None:
    """Keep "by" before a field; "by JLG" and "each crane" say nothing more; the rest is not understood."""
    if after is not None and (after.field is not None or after.tag in _GROUPED):
        return
    if tokens[stretch.first].key in ("by", "each", "across") and (after is None or after.tag in ("VALUE", "FLAG")):
        stretch.readings = _FILLER
    else:
        stretch.readings = _UNKNOWN


def _settle_total(tagged: list[Tagged], position: int) -> None:
    """Read "total" before a figure as its sum ("total and average monthly rate"), elsewhere as a count."""
    stretch = tagged[position]
    after = _skip_filler(tagged, position, 1)
    while after >= 0 and (tagged[after].tag in _JOINS or tagged[after].reading("FUNCTION") is not None):
        after = _skip_filler(tagged, after, 1)
    measured = after >= 0 and tagged[after].reading("MEASURE") is not None
    chosen = stretch.reading("FUNCTION" if measured else "COUNT")
    if chosen is not None:
        stretch.readings = (chosen,)


def _settle_flag(tagged: list[Tagged], position: int, tokens: list[Token]) -> bool:
    """Read "discontinued: no" and "discontinued = false" as a state of the flag; return whether it is one."""
    stretch = tagged[position]
    state = position + 1
    equals = state < len(tagged) and tokens[tagged[state].first].key == "="
    state += equals
    if state >= len(tagged):
        return False
    token = tokens[tagged[state].first]
    flagged = stretch.readings[0].payload
    if token.key not in _STATES or not (equals or ":" in token.gap) or not isinstance(flagged, Flagged):
        return False
    stretch.readings = (Reading("FLAG", replace(flagged, state=flagged.state is _STATES[token.key])),)
    stretch.end = tagged[state].first + 1
    for taken in tagged[position + 1 : state + 1]:
        taken.readings = _LABEL
    return True


def _take_label(settled: Settled, position: int) -> bool:
    """Make a field the label of the value after it, or else before it; return whether it is one."""
    tagged = settled.tagged
    stretch = tagged[position]
    named = stretch.field
    if named is None or named.type not in _LABELLED or stretch.tag in ("VALUE", "FLAG"):
        return False
    before = _skip_filler(tagged, position, -1)
    if before >= 0 and tagged[before].tag in ("BY", "DIFFERENT"):
        return False
    value = _labelled_after(tagged, position, named)
    if value >= 0:
        settled.labels[tagged[value].first] = (stretch.first, stretch.end)
        _narrow_list(tagged, value, named)
    elif before >= 0 and tagged[before].tag == "VALUE" and _narrow(tagged[before], named):
        known = settled.labels.get(tagged[before].first, (stretch.first, stretch.end))
        settled.labels[tagged[before].first] = (min(known[0], stretch.first), stretch.end)
    else:
        return False
    stretch.readings = _LABEL
    return True


def _labelled_after(tagged: list[Tagged], position: int, named: FieldSpec) -> int:
    """Return the position of the value that a label stands before, -1 where there is none.

    Between them may stand "=", "!=", "not" and words without meaning.
    """
    between: list[int] = []
    following = _skip_filler(tagged, position, 1)
    while following >= 0 and len(between) < 2 and tagged[following].tag in ("COMPARE", "NOT", "EXCEPT"):
        between.append(following)
        following = _skip_filler(tagged, following, 1)
    if following < 0 or not any(meaning.field is named for meaning in tagged[following].meanings):
        return -1
    if tagged[following].tag == "FIELD" and tagged[following].field is named:
        return -1  # the field again, though a value is called like it
    operators = [tagged[index].readings[0].payload for index in between if tagged[index].tag == "COMPARE"]
    if any(operator not in (Operator.EQ, Operator.NE) for operator in operators):
        return -1
    for index in between:
        if tagged[index].tag == "COMPARE":
            tagged[index].readings = _FILLER if tagged[index].readings[0].payload is Operator.EQ else _NOT
    return following


def _narrow(stretch: Tagged, named: FieldSpec) -> bool:
    """Make a value one of a field; return whether it can be."""
    meanings = tuple(meaning for meaning in stretch.meanings if meaning.field is named)
    if not meanings:
        return False
    stretch.readings = (Reading("VALUE", meanings),)
    return True


def _narrow_list(tagged: list[Tagged], position: int, named: FieldSpec) -> None:
    """Narrow a value and the list that goes on from it: "forecast category cranes, forklifts or pumps"."""
    while _narrow(tagged[position], named):
        after = _skip_filler(tagged, position, 1)
        join = after
        while after >= 0 and tagged[after].tag in _JOINS:
            after = _skip_filler(tagged, after, 1)
        if after < 0 or after == join or tagged[after].tag not in _LISTED:
            break
        position = after


def _settle_field(settled: Settled, position: int, tokens: list[Token]) -> None:
    """Settle a field that is no label: the records themselves, a misfit ("Silo 444"), or a field for the grammar."""
    tagged = settled.tagged
    stretch = tagged[position]
    named = stretch.field
    before = _skip_filler(tagged, position, -1)
    asked = before >= 0 and tagged[before].tag in _BEFORE_FIELD and not _is_none_of(tagged, before, position, tokens)
    asked = asked or _goes_on_with_fields(tagged, before)
    run = _misfit_run(tagged, position, tokens) if not asked and stretch.tag in ("FIELD", "MEASURE") else position + 1
    if named is not None and run > position + 1 and named.type in _UNLISTED:
        settled.misfits[stretch.first] = (tagged[position + 1].first, named)
        for misfit in tagged[position:run]:
            misfit.readings = _UNKNOWN
    elif stretch.reading(RECORD) is not None and not (asked or (before >= 0 and tagged[before].tag == "WITH")):
        stretch.readings = (Reading(RECORD),)


def _goes_on_with_fields(tagged: list[Tagged], join: int) -> bool:
    """Return whether a list of missing fields goes on: "without a contract or equipment"."""
    if join < 0 or tagged[join].tag not in _JOINS:
        return False
    named = _skip_filler(tagged, join, -1)
    missing = _skip_filler(tagged, named, -1) if named >= 0 and tagged[named].tag == "FIELD" else -1
    return missing >= 0 and tagged[missing].tag in ("WITHOUT", "ABSENT")


def _is_none_of(tagged: list[Tagged], no: int, position: int, tokens: list[Token]) -> bool:
    """Return whether "no equipment from JLG" speaks of the records, and not of a field that is missing."""
    after = position + 1
    opens = tokens[tagged[no].first].key == "no" and _skip_filler(tagged, no, -1) < 0
    return opens and after < len(tagged) and tokens[tagged[after].first].key in _OF


def _misfit_run(tagged: list[Tagged], position: int, tokens: list[Token]) -> int:
    """Return the position after the unknown words and numbers that follow a field at once."""
    run = position + 1
    while run < len(tagged) and _is_misfit(tagged[run], tokens):
        run += 1
    if tagged[position].reading(RECORD) is None:
        return run
    # "equipment" names a field and the records alike: only a code after it ("equipment EQ-9999") makes it the field.
    coded = any(stretch.tag == "NUMBER" for stretch in tagged[position + 1 : run])
    return run if coded else position + 1


def _is_misfit(stretch: Tagged, tokens: list[Token]) -> bool:
    """Return whether a stretch after a field can only be meant as its value: unknown, a number, or another's code."""
    if stretch.tag in (UNKNOWN, "NUMBER", "TO"):
        return True
    digits = any(token.kind is Kind.NUMBER for token in tokens[stretch.first : stretch.end])
    return stretch.tag == "VALUE" and digits


def _settle_join(tagged: list[Tagged], position: int) -> None:
    """Let "and" before a field go on with a list of fields, unless a comparison of that field begins there."""
    if tagged[position].tag == "OR" and _is_or_not(tagged, position):
        return
    field_at = _skip_filler(tagged, position, 1)
    if field_at < 0:
        return
    after = _skip_filler(tagged, field_at, 1)
    follows = tagged[after].tag if after >= 0 else ""
    if tagged[field_at].tag == "THEN":  # "by area, then by rate"
        tagged[position].readings = _FILLER
        return
    if tagged[field_at].tag == "DATEPART":
        tagged[position].readings = (Reading("JOIN_FIELD", tagged[position].tag),)
    elif tagged[field_at].tag == "FUNCTION":
        tagged[position].readings = (Reading("JOIN_FUNCTION", tagged[position].tag), *tagged[position].readings)
    elif (tagged[field_at].tag in ("FIELD", "MEASURE") and follows not in _AMOUNT_STARTS) or (
        # Flags are named to group by, too: "by category and discontinued", but not "..., discontinued left out".
        tagged[field_at].tag == "FLAG"
        and tagged[field_at].field is not None
        and tagged[position].tag == "AND"
        and follows != "LEFT_OUT"
    ):
        tagged[position].readings = (Reading("JOIN_FIELD", tagged[position].tag), *tagged[position].readings)


def _is_or_not(tagged: list[Tagged], position: int) -> bool:
    """Make "or" the end of "discontinued or not" where the "not" negates nothing after it; return whether it is."""
    negation = _skip_filler(tagged, position, 1)
    flag = _skip_filler(tagged, position, -1)
    if negation < 0 or tagged[negation].tag != "NOT" or flag < 0 or tagged[flag].tag != "FLAG":
        return False
    after = _skip_filler(tagged, negation, 1)
    if after >= 0 and tagged[after].tag in ("VALUE", "FLAG", "WITH", "FIELD", "MEASURE", "COMPARE", UNKNOWN):
        return False
    tagged[position].readings = (Reading("OR_NOT"),)
    tagged[negation].readings = _FILLER
    return True
