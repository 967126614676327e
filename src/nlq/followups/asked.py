"""Asked: the figures, the order and the limit of a follow-up, from those before it and those it says.

Gives `asked` and `included`, pure functions over queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from nlq.followups.follow_up import FollowUp, Move
from nlq.phrases.notes import Note
from nlq.phrases.windows import can_have_window
from nlq.query import (
    SPREAD,
    Aggregate,
    Aggregation,
    And,
    Comparison,
    Condition,
    DatePart,
    FigureSort,
    Function,
    Operator,
    Or,
    Query,
    Sort,
    refigured,
)
from nlq.schema import FieldType, Schema

_TOTALS: Final = frozenset((Function.SUM, Function.AVG))
_COUNTED: Final = "count()"


@dataclass(slots=True)
class Shape:
    """What is asked about the records: a query whose conditions are not settled yet."""

    query: Query
    settled: list[Note] = field(default_factory=list)
    """Choices of the follow-up that the question before decides otherwise."""
    added: list[Note] = field(default_factory=list)
    """Choices in their place."""
    warnings: list[str] = field(default_factory=list)
    refused: str = ""


def asked(follow: FollowUp, before: Query, said: Query, notes: Sequence[Note], schema: Schema) -> Shape:
    """Return figures, order and limit: those said take the place of those before, and what is dropped is gone."""
    if lacking := _lacking(follow, before):
        return Shape(before, refused=lacking)
    base = _dropped(follow, before)
    if said.aggregate is not None:
        return _figures(follow, base, said, notes, schema)
    by_convention = any(note.chosen == schema.conventions.ranking_field for note in notes)
    grouped = base.aggregate is not None and bool(base.aggregate.group_by)
    if grouped and by_convention and said.limit is not None and not follow.wants_records:
        shape = _groups(follow, base, said)
        shape.settled += [note for note in notes if note.chosen == schema.conventions.ranking_field]
        return shape
    if grouped and (ranked := _ranked_by(base, said, schema)) is not None and not follow.wants_records:
        return Shape(ranked)
    wants_records = follow.wants_records and follow.having is None and follow.order is None
    if base.aggregate is not None and (wants_records or said.sort):
        base = replace(base, aggregate=None, sort=(), limit=None)
    if base.aggregate is not None:
        return _groups(follow, base, said)
    return _records(follow, base, said, notes, schema)


def _ranked_by(base: Query, said: Query, schema: Schema) -> Query | None:
    """Return ranked groups by another figure of the same kind: "by plan cost instead"; None where there are none."""
    ranked = base.aggregate
    if ranked is None or not ranked.order or len(said.sort) != 1 or said.limit is not None:
        return None
    by, new = ranked.order[0].by, schema.by_name[said.sort[0].field]
    of = by.field if isinstance(by, Aggregation) else None
    if of is None or schema.by_name[of].type is not FieldType.MONEY or new.type is not FieldType.MONEY:
        return None
    return replace(base, aggregate=refigured(ranked, of, new.name))


def _lacking(follow: FollowUp, before: Query) -> str:
    """Return why what is dropped cannot be: the question before lacks it; "" where it can."""
    drop = follow.dropped
    figures = before.aggregate
    if drop.order and not before.sort and not (figures is not None and figures.order):
        return "The question before has no order."
    if drop.limit and before.limit is None:
        return "The question before has no limit."
    return "The question before has no groups." if drop.groups and not (figures and figures.group_by) else ""


def _dropped(follow: FollowUp, before: Query) -> Query:
    """Return the query without the order, limit and groups that are dropped."""
    drop = follow.dropped
    aggregate = before.aggregate
    if aggregate is not None and drop.groups:
        percent = aggregate.percent and aggregate.part is not None  # of groups together there are no shares
        aggregate = replace(aggregate, group_by=(), having=(), order=(), distinct=False, lacking=False, percent=percent)
    if aggregate is not None and drop.order:
        aggregate = replace(aggregate, order=())
    sort = () if drop.order else before.sort
    is_of_groups = aggregate is not None and drop.groups
    limit = None if drop.limit or follow.unlimited or is_of_groups else before.limit
    return replace(before, sort=sort, limit=limit, aggregate=aggregate)


def _figures(follow: FollowUp, base: Query, said: Query, notes: Sequence[Note], schema: Schema) -> Shape:
    """Return the figures said, of the records before."""
    figures = said.aggregate
    assert figures is not None  # noqa: S101 - the caller has looked
    shape = Shape(said)
    counted = [note for note in notes if note.chosen == _COUNTED]
    if counted and base.aggregate is not None and not base.aggregate.distinct and not base.aggregate.yes_no:
        # "by category" after "total cost of rentals" is the total cost by category.
        shape.settled += counted
        of_before = replace(figures, aggregations=base.aggregate.aggregations, percent=base.aggregate.percent)
        spread = _spread(of_before, notes, schema)
        shape.settled += [note for note in notes if spread is not of_before and note.chosen in figures.group_by]
        shape.query = replace(said, aggregate=spread)
    elif (
        base.aggregate is not None
        and not figures.group_by
        and not figures.yes_no
        and follow.move in (Move.EXCHANGE, Move.ADJUST)
    ):
        shape.query = replace(said, aggregate=_grouped(figures, base.aggregate.group_by, schema))
    if base.aggregate is None and base.limit is not None:
        if any(figure.function is not Function.COUNT for figure in figures.aggregations):
            shape.refused = f"Figures of only the first {base.limit} records are not answered; say “all of them” first."
        else:
            shape.warnings.append(f"All records are counted, not only the first {base.limit}.")
    return shape


def _spread(asked: Aggregate, notes: Sequence[Note], schema: Schema) -> Aggregate:
    """Return figures by month, where months were said of no date, as sums of costs are by month: spread by day."""
    layers, chosen = schema.conventions.dates.layers, {note.chosen for note in notes}
    if not layers or not can_have_window(replace(asked, group_by=()), schema):
        return asked
    month = f"{layers[0].start}{DatePart.MONTH.value}"
    if month not in asked.group_by or month not in chosen:
        return asked
    return replace(asked, group_by=tuple(SPREAD if name == month else name for name in asked.group_by))


def _grouped(asked: Aggregate, groups: tuple[str, ...], schema: Schema) -> Aggregate:
    """Return figures by some groups; only sums of costs are spread over months, all others are by the month of a date.

    "and the average?" behind "cost per month".
    """
    layers = schema.conventions.dates.layers
    if layers and not can_have_window(replace(asked, group_by=()), schema):
        month = f"{layers[0].start}{DatePart.MONTH.value}"
        groups = tuple(month if name == SPREAD else name for name in groups)
    return replace(asked, group_by=groups)


def _groups(follow: FollowUp, base: Query, said: Query) -> Shape:
    """Return the figures before, in the order and up to the limit said."""
    aggregate = base.aggregate
    assert aggregate is not None  # noqa: S101 - the caller has looked
    order = aggregate.order
    if said.limit is not None and not order:
        order = (FigureSort(aggregate.aggregations[0], descending=True),)
    if follow.reverse:
        order = tuple(replace(term, descending=not term.descending) for term in order)
    order = (follow.order,) if follow.order is not None else order
    having = (*aggregate.having, follow.having) if follow.having is not None else aggregate.having
    if said.sort and not said.sort[0].descending:
        order = tuple(replace(term, descending=not term.descending) for term in order)
    limit = base.limit if said.limit is None else said.limit
    shape = Shape(replace(base, limit=limit, aggregate=replace(aggregate, order=order, having=having)))
    if (follow.having or follow.order) and not aggregate.group_by:
        shape.refused = "The question before has no groups."
    elif (said.limit is not None and not aggregate.group_by) or (follow.reverse and not order):
        shape.refused = "The question before asks for figures that have no order."
    return shape


def _records(follow: FollowUp, base: Query, said: Query, notes: Sequence[Note], schema: Schema) -> Shape:
    """Return the order and the limit said, or else those before."""
    shape = Shape(base)
    ranked = [note for note in notes if note.chosen == schema.conventions.ranking_field]
    sort = said.sort or base.sort
    if base.sort and ranked and said.limit is not None and [term.field for term in said.sort] == [ranked[0].chosen]:
        # "top 5 of those" ranks by what the records were sorted by before.
        shape.settled += ranked
        sort = _ranked(base.sort, said.sort[0], schema)
        text = f"records are ranked by {schema.by_name[sort[0].field].label}, as they were sorted before"
        shape.added.append(replace(ranked[0], text=text, chosen=sort[0].field))
    if follow.direction is not None and sort:
        sort = (*sort[:-1], replace(sort[-1], descending=follow.direction))
    if follow.reverse:
        shape.refused = "" if sort else "The question before has no order to reverse."
        sort = _reversed(sort)
    if said.sort and sort != base.sort and base.limit is not None and said.limit is None and not follow.single:
        shape.warnings.append(f"The first {base.limit} are taken in the new order; say “all of them” to have all.")
    limit = 1 if follow.single and said.sort and said.limit is None else said.limit
    shape.query = replace(base, sort=sort, limit=base.limit if limit is None else limit)
    return shape


def _ranked(sort: tuple[Sort, ...], rank: Sort, schema: Schema) -> tuple[Sort, ...]:
    """Return an order from the end that a ranking asks for: of figures the most for "top", of others as they were."""
    first = sort[0]
    figured = schema.by_name[first.field].type in (FieldType.MONEY, FieldType.INTEGER)
    turned = first.descending is not rank.descending if figured else not rank.descending
    return _reversed(sort) if turned else sort


def _reversed(sort: Sequence[Sort]) -> tuple[Sort, ...]:
    return tuple(replace(term, descending=not term.descending) for term in sort)


def included(query: Query, said: Query, schema: Schema) -> Query:
    """Return the query with the flags whose records its totals take in because they are asked for."""
    aggregate = query.aggregate
    if aggregate is None:
        return query
    wanted = set(said.aggregate.including if said.aggregate is not None else aggregate.including)
    wanted.update(aggregate.group_by)
    wanted.update(_flags_set(query.where), _flags_set(aggregate.part))
    totals = any(figure.function in _TOTALS for figure in aggregate.aggregations)
    names = tuple(name for name in schema.conventions.left_out_of_totals if totals and name in wanted)
    return replace(query, aggregate=replace(aggregate, including=names))


def _flags_set(condition: Condition | None) -> set[str]:
    """Return the flags that a condition asks to be set, those of its alternatives too."""
    match condition:
        case Comparison(name, Operator.EQ, True):
            return {name}
        case And(operands) | Or(operands):
            return set().union(*map(_flags_set, operands))
    return set()
