"""Doubts: what is asked back where words are values of several fields, none of which is the likelier one.

Gives `question_about` and `each_reading`. Which field is meant is told by its name ("area Grove"), by the word before
("in Grove"), and by how many records have the value in each field; only where none of these decides is it asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Final

from nlq.phrases.terms import ValueTerm
from nlq.query import And, Comparison, Condition, Not, Or, Query
from nlq.wording.phrasing import Phrasing

_MOST: Final = 8
"""Most readings that are offered."""


def question_about(doubts: Sequence[ValueTerm], phrasing: Phrasing) -> str:
    """Return what is asked back: which field each value is meant of."""
    asked = []
    for term in doubts:
        labels = [phrasing.label(each.name) for each in (term.field, *(rival.field for rival in term.rivals))]
        said = " or ".join(f"“{label} {term.values[0]}”" for label in labels)
        asked.append(f"“{term.values[0]}” can be {' or '.join(labels)}: which is meant? Say {said}.")
    return " ".join(asked)


def each_reading(query: Query, doubts: Sequence[ValueTerm]) -> Iterator[Query]:
    """Yield the readings of a query, that with the first field of each doubt first; a few at most."""
    options = [
        [(term.field.name, term.values[0]), *((rival.field.name, rival.value) for rival in term.rivals)]
        for term in doubts
    ]
    for chosen in islice(product(*options), _MOST):
        meant = {option[0]: pick for option, pick in zip(options, chosen, strict=True)}
        aggregate = query.aggregate
        if aggregate is not None and aggregate.part is not None:
            aggregate = replace(aggregate, part=_of(aggregate.part, meant))
        where = _of(query.where, meant) if query.where is not None else None
        yield replace(query, where=where, aggregate=aggregate)


def _of(condition: Condition, meant: dict[tuple[str, str], tuple[str, str]]) -> Condition:
    """Return a condition with each comparison of a doubt made of the field that is meant."""
    match condition:
        case Comparison(name, operator, str(value)) if (name, value) in meant:
            field, spelling = meant[name, value]
            return Comparison(field, operator, spelling)
        case And(operands):
            return And(tuple(_of(operand, meant) for operand in operands))
        case Or(operands):
            return Or(tuple(_of(operand, meant) for operand in operands))
        case Not(operand):
            return Not(_of(operand, meant))
    return condition
