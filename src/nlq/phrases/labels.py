"""Labels: a field beside a value narrows what the value can be: "category: forklifts", "BEO as DOR", "Silo 444".

Gives `Settled`, `take_label` and `settle_field`, parts of `context.settle`. A field with a value that it does not have
is reported as one piece.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nlq.normalize import Kind, Token
from nlq.phrases.line import skip_silent
from nlq.query import Operator
from nlq.schema import FieldSpec, FieldType
from nlq.tagging.tags import FILLER, LABEL, RECORD, UNKNOWN, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_LABEL: Final = (Reading(LABEL),)
_NOT: Final = (Reading("NOT"),)
_JOINS: Final = frozenset(("AND", "OR", "COMMA"))
_OF: Final = frozenset(("from", "in", "by", "of", "at", "made", "manufactured", "built"))
_LISTED: Final = frozenset(("VALUE", "NUMBER", "MONEY"))
_BEFORE_FIELD: Final = frozenset(
    ("BY", "SORT", "THEN", "COUNT", "DIFFERENT", "WITHOUT", "ABSENT", "FUNCTION", "EXTREME", "JOIN_FIELD")
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
    said: list[int] = field(default_factory=list)
    """Positions of the stretches with content before the one that is being settled."""
    summed: int = -1
    """Position of the last word of a list of figures in which one was settled: it is not gone through again."""

    def before(self, number: int = 1) -> int:
        """Return the position of the last stretch with content before the one being settled, -1 where there is none.

        2 and 3 are those before it.
        """
        return self.said[-number] if len(self.said) >= number else -1


def take_label(settled: Settled, position: int) -> bool:
    """Make a field the label of the value after it, or else before it; return whether it is one."""
    tagged = settled.tagged
    stretch = tagged[position]
    named = stretch.field
    if named is None or named.type not in _LABELLED or stretch.tag in ("VALUE", "FLAG"):
        return False
    before = settled.before()
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
    following = skip_silent(tagged, position, 1)
    while following >= 0 and len(between) < 2 and tagged[following].tag in ("COMPARE", "NOT", "EXCEPT"):
        between.append(following)
        following = skip_silent(tagged, following, 1)
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
        after = skip_silent(tagged, position, 1)
        join = after
        while after >= 0 and tagged[after].tag in _JOINS:
            after = skip_silent(tagged, after, 1)
        if after < 0 or after == join or tagged[after].tag not in _LISTED:
            break
        position = after


def settle_field(settled: Settled, position: int, tokens: list[Token]) -> None:
    """Settle a field that is no label: the records themselves, a misfit ("Silo 444"), or a field for the grammar."""
    tagged = settled.tagged
    stretch = tagged[position]
    named = stretch.field
    if named is None:
        return
    before = settled.before()
    asked = before >= 0 and tagged[before].tag in _BEFORE_FIELD and not _is_none_of(settled, position, tokens)
    asked = asked or _goes_on_with_fields(settled)
    run = _misfit_run(tagged, position, tokens) if not asked and stretch.tag in ("FIELD", "MEASURE") else position + 1
    if run > position + 1 and named.type in _UNLISTED:
        settled.misfits[stretch.first] = (tagged[position + 1].first, named)
        for misfit in tagged[position:run]:
            misfit.readings = _UNKNOWN
    elif stretch.reading(RECORD) is not None and not (asked or (before >= 0 and tagged[before].tag == "WITH")):
        stretch.readings = (Reading(RECORD),)


def _goes_on_with_fields(settled: Settled) -> bool:
    """Return whether a list of missing fields goes on: "without a contract or equipment"."""
    missing, named, join = (settled.before(number) for number in (3, 2, 1))
    if missing < 0 or settled.tagged[join].tag not in _JOINS or settled.tagged[named].tag != "FIELD":
        return False
    return settled.tagged[missing].tag in ("WITHOUT", "ABSENT")


def _is_none_of(settled: Settled, position: int, tokens: list[Token]) -> bool:
    """Return whether "no equipment from JLG" speaks of the records, and not of a field that is missing."""
    tagged, after = settled.tagged, position + 1
    opens = len(settled.said) == 1 and tokens[tagged[settled.said[0]].first].key == "no"
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
