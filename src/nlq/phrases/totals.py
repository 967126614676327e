"""Totals: what sums and averages leave out unless a question wants it, and whether they are of costs.

Gives `included`, the flags whose records totals take in, and `totals_costs`.
"""

from __future__ import annotations

from nlq.phrases.alternatives import flat
from nlq.phrases.gathered import Gathered
from nlq.phrases.terms import FlagTerm, Term
from nlq.query import Aggregate, Function
from nlq.schema import Schema


def included(asked: Aggregate, terms: list[Term], gathered: Gathered) -> tuple[str, ...]:
    """Return the flags whose records totals take in because the question wants them."""
    if not any(item.function in (Function.SUM, Function.AVG) for item in asked.aggregations):
        return ()
    flags = [term for term in flat(terms) if isinstance(term, FlagTerm)]
    wanted = {term.field.name for term in flags if term.state is None or term.state is not term.negative}
    wanted.update(asked.group_by)
    for name in (name for name in gathered.schema.conventions.left_out if name in wanted):
        flag = gathered.schema.by_name[name].true_words[0]
        gathered.result.warnings.append(f"Totals and averages leave out {flag} records, whatever is asked for.")
    return tuple(name for name in gathered.schema.conventions.left_out_of_totals if name in wanted)


def totals_costs(asked: Aggregate, schema: Schema) -> bool:
    """Return whether costs are totalled, each of which falls in many months."""
    costs = schema.conventions.dates.spread
    return any(each.function is Function.SUM and each.field in costs for each in asked.aggregations)
