"""Apart: values that alternatives ask of a field which is asked for beside them as well.

Gives `asked_twice`. A question cannot say "(cranes or late) and (pumps or discontinued)", and so a follow-up whose
conditions would come to that is refused, as the question would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from nlq.followups.conjuncts import choice_of
from nlq.query import And, Comparison, Condition, Operator, Or, fields_of
from nlq.schema import Schema


def asked_twice(where: Sequence[Condition], schema: Schema) -> str:
    """Return why conjuncts cannot be asked together, "" where they can."""
    if not any(isinstance(each, Or) for each in where):
        return ""
    named = [(_named(each, schema), isinstance(each, Or) and choice_of(each) is None) for each in where]
    for (mine, is_open), (other, other_is_open) in combinations(named, 2):
        for name in schema.by_name if (is_open or other_is_open) and mine & other else ():
            if name in mine & other:
                label = schema.by_name[name].label
                return f"The {label} would be asked for twice, apart from each other; ask for each in its own question."
    return ""


def _named(condition: Condition, schema: Schema) -> frozenset[str]:
    """Return the fields that a condition names values of, wherever it does; not the kinds that an amount differs by."""
    match condition:
        case Comparison(name, Operator.EQ, str() | bool()):
            return frozenset((name,))
        case And(operands) if fields_of(condition) & set(schema.conventions.amount_fields.values()):
            kinds = {enum for enum, _ in schema.conventions.amount_fields}
            return frozenset[str]().union(*(_named(each, schema) for each in operands)) - kinds
        case And(operands) | Or(operands):
            return frozenset[str]().union(*(_named(each, schema) for each in operands))
    return frozenset()
