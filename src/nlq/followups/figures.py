"""Figures: what a follow-up says of the figures, the groups and the order before it in fewer words than a question.

Gives `take_order` ("highest first", "those with more than 5") and `lend_measure` ("the total").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.followups.conjuncts import about, conjuncts
from nlq.followups.follow_up import FollowUp
from nlq.phrases.amounts import is_whole
from nlq.query import Aggregate, Aggregation, FigureSort, Function, Having, Operator, Query
from nlq.schema import FieldType, Schema
from nlq.tagging.tags import FILLER, SILENT, Amount, Rank, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_COUNTS: Final = (Function.COUNT, Function.COUNT_DISTINCT)
_LIMITS: Final = (["COMPARE", "NUMBER"], ["COMPARE", "MONEY"])


def take_order(follow: FollowUp, tagged: Sequence[Tagged], before: Query) -> None:
    """Take what is only an order or a limit of what the query before gives; its stretches become fillers."""
    content = [stretch for stretch in tagged if stretch.tag not in SILENT]
    if before.aggregate is not None and before.aggregate.group_by:
        taken = _take_limit(follow, content, before.aggregate) or _take_group_order(follow, content, before.aggregate)
    else:
        taken = bool(before.sort) and _take_direction(follow, content)
    if taken:
        follow.cues += [(each.first, each.end) for each in content]
        for each in content:
            each.readings = _FILLER


def _take_limit(follow: FollowUp, content: Sequence[Tagged], before: Aggregate) -> bool:
    """Take what must hold of the groups before: "those with more than 5"."""
    said = [each for each in content if each.tag not in ("SORT", "WITH")]
    if [each.tag for each in said] not in _LIMITS:
        return False
    operator, amount = (each.readings[0].payload for each in said)
    if not isinstance(operator, Operator) or not isinstance(amount, Amount) or amount.foreign:
        return False
    figure = before.aggregations[0]
    if figure.function in _COUNTS and (amount.marked or not is_whole(amount.value)):
        return False
    follow.having = Having(figure, operator, amount.value)
    return True


def _take_group_order(follow: FollowUp, content: Sequence[Tagged], before: Aggregate) -> bool:
    """Take an order of the groups before: "highest first", "sort by count"."""
    if not any(each.tag in ("SORT", "DIRECTION") for each in content):
        return False
    said = [each for each in content if each.tag not in ("SORT", "WITH")]
    if not said:
        return False
    descending = False
    if said[-1].tag == "DIRECTION":
        payload = said.pop().readings[0].payload
        descending = isinstance(payload, Rank) and payload.descending
    by = _figure(said, before)
    if by is None:
        return False
    follow.order = FigureSort(by, descending)
    return True


def _take_direction(follow: FollowUp, content: Sequence[Tagged]) -> bool:
    """Take "descending" on its own as the direction of the order before."""
    if not content or any(each.tag not in ("SORT", "DIRECTION") for each in content):
        return False
    payload = content[-1].readings[0].payload
    if not isinstance(payload, Rank) or payload.money:
        return False
    follow.direction = payload.descending
    return True


def lend_measure(follow: FollowUp, tagged: list[Tagged], before: Query, schema: Schema) -> None:
    """Let "the total" or "the highest" without a figure be of the one that the question before is about."""
    content = [stretch for stretch in tagged if stretch.tag not in SILENT]
    if len(content) == 1 and content[0].tag == "MEASURE":
        _lend_function(content[0], tagged, before)
        return
    figures = [each for each in content if each.reading("FUNCTION") is not None or each.tag == "EXTREME"]
    if not figures or any(
        each.tag == "MEASURE" or each.is_amount or (each.tag == "COUNT" and each not in figures) for each in content
    ):
        return
    known = measure_of(before, schema)
    measure = schema.by_name.get(known or schema.conventions.ranking_field)
    if measure is None:
        return
    last = figures[-1]
    tagged.insert(tagged.index(last) + 1, Tagged(last.end, last.end, (Reading("MEASURE", measure),)))
    follow.measure = (measure, figures[0].first, last.end, bool(known))


def _lend_function(measure: Tagged, tagged: list[Tagged], before: Query) -> None:
    """Let a figure's name alone, "and plan cost?", be computed as the one figure of a field before."""
    computed = before.aggregate.aggregations if before.aggregate is not None else ()
    if len(computed) == 1 and computed[0].field is not None:
        function = Reading("FUNCTION", computed[0].function)
        tagged.insert(tagged.index(measure), Tagged(measure.first, measure.first, (function,)))


def _figure(content: Sequence[Tagged], before: Aggregate) -> Aggregation | None:
    """Return the figure that groups are ordered by: the one named, or the first there is; None for anything else."""
    match [each.tag for each in content]:
        case []:
            return before.aggregations[0]
        case ["COUNT"]:
            return Aggregation(Function.COUNT)
        case ["FUNCTION", "MEASURE"]:
            function, measure = content[0].readings[0].payload, content[1].field
            if isinstance(function, Function) and measure is not None:
                return Aggregation(function, measure.name)
    return None


def measure_of(before: Query, schema: Schema) -> str:
    """Return the one field of money that a query is about: of its figures, its order or its limits; "" if none is."""
    figures = [figure.field for figure in before.aggregate.aggregations] if before.aggregate is not None else []
    limited = [name for condition in conjuncts(before.where) for name in sorted(about(condition, schema))]
    for names in (figures, [term.field for term in before.sort], limited):
        money = {name for name in names if name is not None and schema.by_name[name].type is FieldType.MONEY}
        if len(money) == 1:
            return money.pop()
    return ""
