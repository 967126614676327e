"""Figures over records: `aggregate` counts, sums, averages, extremes and medians in groups. Exact: no floats.

SQL sums and compares integers; means and medians are divided in Python. Totals of money (sums and averages) leave out
discontinued records, and funds-transferable ones unless they are asked for, and say how many they left out.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Aggregate, Aggregation, Condition, Function
from nlq.schema import FieldType
from nlq.vocabulary import Vocabulary
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.cost import LAYERS, divide_half_even, layer_cost, spread
from pfa_rpc.schema import BY_NAME, RATE_DECIMALS, Field, Origin
from pfa_rpc.store.filters import Expression, column, where
from pfa_rpc.store.tables import records

MONTH: Final = "month"
"""The group that spreads sums of costs over months by day."""
MONTH_SUFFIX: Final = ".month"
"""Ends the name of a group by the month of a date field: forecast_start.month."""
GROUP_LIMIT: Final = 10_000
"""Most groups in one answer."""

_TOTALS: Final = (Function.SUM, Function.AVG)
_STEP: Final = 250
"""Rows, or months of rows, that are worked on before other calls get their turn."""
_HALF: Final = 2**31

GroupKey = str | bool | date | None
"""Text in its most used spelling, the stored form of an enum value, a flag, a date or the first day of a month."""


@dataclass(slots=True)
class Figure:
    """One figure of one group."""

    value: int | Decimal | date | None = None
    """A count, an amount of money in currency units, or a date; None where no record had a value."""
    covered: int = 0
    """How many records it covers."""
    missing: int = 0
    """How many records had no value."""
    discontinued: int = 0
    """How many discontinued records a total left out."""
    transferable: int = 0
    """How many funds-transferable records a total left out."""
    projected: int = 0
    """How many of the covered records are still on site and costed to a projected end."""


@dataclass(slots=True)
class Group:
    """The figures of one group."""

    keys: tuple[GroupKey, ...]
    figures: list[Figure] = field(default_factory=list)


async def aggregate(
    connection: AsyncConnection,
    organization_id: str,
    condition: Condition | None,
    spec: Aggregate,
    vocabulary: Vocabulary,
    *,
    include_transferable: bool = False,
) -> list[Group]:
    """Return the groups of an aggregate, ordered by their keys, missing ones last.

    The spec has been checked: functions fit their fields, groups can be grouped by. Raises LimitExceeded for more
    than GROUP_LIMIT groups.
    """
    matching = where(organization_id, condition)
    if MONTH in spec.group_by:
        groups = await _by_month(connection, matching, spec, include_transferable=include_transferable)
    else:
        groups = await _in_sql(connection, matching, spec, include_transferable=include_transferable)
    groups.sort(key=lambda group: [(key is None, 0 if key is None else key) for key in group.keys])
    for number, group in enumerate(groups):
        if number % _STEP == _STEP - 1:
            await asyncio.sleep(0)
        group.keys = tuple(_label(name, key, vocabulary) for name, key in zip(spec.group_by, group.keys, strict=True))
    return groups


def _check_size(groups: int) -> None:
    if groups > GROUP_LIMIT:
        raise LimitExceeded(
            f"the answer has more than {GROUP_LIMIT:,} groups; narrow the filter, or group by less",
            metadata={"limit": "groups"},
        )


async def _in_turns(result: sa.CursorResult[Any]) -> AsyncIterator[sa.Row[Any]]:
    """Yield the rows of a result, letting other calls go on in between."""
    for part in result.partitions(_STEP):
        for row in part:
            yield row
        await asyncio.sleep(0)


def _label(name: str, key: Any, vocabulary: Vocabulary) -> GroupKey:
    """Return the value of a group as people write it."""
    if isinstance(key, str) and BY_NAME[name].type is FieldType.TEXT:
        return vocabulary.spelling(name, key) or key
    return key  # type: ignore[no-any-return] # a row's value is of the type that its column gives


# --- in SQL ----------------------------------------------------------------------------------------------------------


def _group_columns(names: Iterable[str]) -> list[sa.ColumnElement[Any]]:
    columns: list[sa.ColumnElement[Any]] = []
    for name in names:
        if name.endswith(MONTH_SUFFIX):
            day = column(BY_NAME[name.removesuffix(MONTH_SUFFIX)])
            columns.append(sa.extract("year", day) * 12 + sa.extract("month", day) - 1)
        else:
            columns.append(column(BY_NAME[name]))
    return columns


def _group_key(name: str, stored: Any) -> GroupKey:
    if name.endswith(MONTH_SUFFIX) and stored is not None:
        year, month = divmod(int(stored), 12)
        return date(year, month + 1, 1)
    return stored  # type: ignore[no-any-return]


def _kept(function: Function, measured: Field | None, *, include_transferable: bool) -> Expression:
    """Return the expression for records that a figure does not leave out."""
    if function not in _TOTALS or measured is None:
        return sa.true()
    kept = sa.not_(records.c.is_discontinued)
    return kept if include_transferable else sa.and_(kept, sa.not_(records.c.is_funds_transferable))


def _still_on_site() -> Expression:
    c = records.c
    return sa.and_(c.source == "rental", c.actual_start.is_not(None), c.actual_end.is_(None))


def _number(condition: Expression) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _measures(item: Aggregation, *, include_transferable: bool) -> list[sa.ColumnElement[Any]]:
    """Return the columns of one figure: raw value (of a sum the halves), covered, missing, what was left out, …."""
    zero: sa.ColumnElement[int] = sa.literal(0)
    if item.field is None:
        return [sa.func.count(), zero, sa.func.count(), zero, zero, zero, zero]
    measured = BY_NAME[item.field]
    value = column(measured)
    kept = _kept(item.function, measured, include_transferable=include_transferable)
    is_total = item.function in _TOTALS
    transferable = sa.and_(records.c.is_funds_transferable, sa.not_(records.c.is_discontinued))
    return [
        *_raw_value(item.function, value, kept),
        _number(sa.and_(kept, value.is_not(None))),
        _number(sa.and_(kept, value.is_(None))),
        _number(records.c.is_discontinued) if is_total else zero,
        _number(transferable) if is_total and not include_transferable else zero,
        _number(sa.and_(kept, value.is_not(None), _still_on_site())) if measured.name == "actual_cost" else zero,
    ]


def _raw_value(function: Function, value: sa.Column[Any], kept: Expression) -> list[sa.ColumnElement[Any]]:
    nothing = sa.null()
    match function:
        case Function.COUNT:
            return [sa.func.count(value), nothing]
        case Function.COUNT_DISTINCT:
            return [sa.func.count(sa.distinct(value)), nothing]
        case Function.SUM | Function.AVG:
            return _sum_in_halves(sa.case((kept, value)))
        case Function.MIN:
            return [sa.func.min(value), nothing]
        case Function.MAX:
            return [sa.func.max(value), nothing]
        case Function.MEDIAN:
            return [nothing, nothing]  # its own query: it needs the values in order


def _sum_in_halves(value: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """Return the sums of the multiples of _HALF and of what is left: SQLite refuses a sum beyond 64 bits."""
    half = sa.literal(_HALF, sa.BigInteger())
    return [sa.func.sum(value // half), sa.func.sum(value % half)]


def _whole(high: Any, low: Any) -> int | None:
    return None if low is None else int(high) * _HALF + int(low)


_MEASURES: Final = 7


async def _in_sql(
    connection: AsyncConnection, matching: Expression, spec: Aggregate, *, include_transferable: bool
) -> list[Group]:
    groups = _group_columns(spec.group_by)
    measures = [
        measure for item in spec.aggregations for measure in _measures(item, include_transferable=include_transferable)
    ]
    labelled = [expression.label(f"c{number}") for number, expression in enumerate([*groups, *measures])]
    # One more than fits tells that there are too many, however many there are.
    query = sa.select(*labelled).where(matching).group_by(*groups).limit(GROUP_LIMIT + 1)
    rows = [row async for row in _in_turns(await connection.execute(query))]
    _check_size(len(rows))
    medians = [
        await _medians(connection, matching, groups, BY_NAME[item.field])
        if item.function is Function.MEDIAN and item.field is not None
        else {}
        for item in spec.aggregations
    ]
    found = []
    for number, row in enumerate(rows):
        if number % _STEP == _STEP - 1:
            await asyncio.sleep(0)
        found.append(_group(spec, tuple(row[: len(groups)]), row[len(groups) :], medians))
    return found


def _group(
    spec: Aggregate, stored: tuple[Any, ...], measures: Sequence[Any], medians: list[dict[tuple[Any, ...], Decimal]]
) -> Group:
    keys = tuple(_group_key(name, key) for name, key in zip(spec.group_by, stored, strict=True))
    group = Group(keys)
    for number, item in enumerate(spec.aggregations):
        raw, low, *coverage = measures[number * _MEASURES : (number + 1) * _MEASURES]
        figure = Figure(None, *(int(part or 0) for part in coverage))
        if item.function is Function.MEDIAN:
            figure.value = medians[number].get(stored)
        else:
            total = _whole(raw, low) if item.function in _TOTALS else raw
            figure.value = _finished(item, total, figure.covered)
        group.figures.append(figure)
    return group


def _finished(item: Aggregation, raw: Any, covered: int) -> int | Decimal | date | None:
    """Return a figure's value from what SQL gave."""
    if raw is None or item.function in (Function.COUNT, Function.COUNT_DISTINCT) or item.field is None:
        return raw  # type: ignore[no-any-return]
    measured = BY_NAME[item.field]
    if measured.type is not FieldType.MONEY:
        return raw  # type: ignore[no-any-return]
    if item.function is Function.AVG:
        scaled = int(raw) * 10 ** (RATE_DECIMALS - measured.decimals)
        return Decimal(divide_half_even(scaled, covered)).scaleb(-RATE_DECIMALS) if covered else None
    return Decimal(int(raw)).scaleb(-measured.decimals)


async def _medians(
    connection: AsyncConnection, matching: Expression, groups: Sequence[sa.ColumnElement[Any]], measured: Field
) -> dict[tuple[Any, ...], Decimal]:
    """Return the median of a field in each group: the middle value, or the mean of the two."""
    value = column(measured)
    labelled = [expression.label(f"g{number}") for number, expression in enumerate(groups)]
    ranked = (
        sa.select(
            *labelled,
            value.label("value"),
            sa.func.row_number().over(partition_by=groups or None, order_by=value).label("place"),
            sa.func.count().over(partition_by=groups or None).label("size"),
        )
        .where(matching, value.is_not(None))
        .subquery()
    )
    names = [ranked.c[label.name] for label in labelled]
    place, size = ranked.c.place, ranked.c.size
    query = (
        sa.select(*names, *_sum_in_halves(ranked.c.value), sa.func.count())
        .where(sa.or_(place * 2 == size, place * 2 == size + 1, place * 2 == size + 2))
        .group_by(*names)
    )
    medians = {}
    async for row in _in_turns(await connection.execute(query)):
        high, low, middles = row[len(names) :]
        total = _whole(high, low)
        if total is not None:
            medians[tuple(row[: len(names)])] = Decimal(total).scaleb(-measured.decimals) / middles
    return medians


# --- spread over months ----------------------------------------------------------------------------------------------

_LAYER_FIELDS: Final = (
    "source",
    "monthly_rate",
    "purchase_price",
    "is_actualized",
    "is_discontinued",
    "is_funds_transferable",
    *(f"{layer}_{end}" for layer in LAYERS for end in ("start", "end")),
)


async def _by_month(
    connection: AsyncConnection, matching: Expression, spec: Aggregate, *, include_transferable: bool
) -> list[Group]:
    """Spread sums of costs over months. A record counts as covered in each month that its cost falls in."""
    groups = _group_columns(name for name in spec.group_by if name != MONTH)
    columns = [*(records.c[name] for name in _LAYER_FIELDS), *groups]
    spreader = _Spreader(spec, include_transferable=include_transferable)
    rows = _in_turns(await connection.execute(sa.select(*columns).where(matching)))
    async for row in rows:
        await spreader.add(dict(zip(_LAYER_FIELDS, row, strict=False)), tuple(row[len(_LAYER_FIELDS) :]))
    return spreader.groups()


class _Spreader:
    """Gathers the costs of records by month and group."""

    def __init__(self, spec: Aggregate, *, include_transferable: bool) -> None:
        self._spec = spec
        self._include_transferable = include_transferable
        self._layers = [str(item.field).removesuffix("_cost") for item in spec.aggregations]
        self._place = spec.group_by.index(MONTH)
        self._others = [name for name in spec.group_by if name != MONTH]
        self._figures: dict[tuple[Any, ...], list[Figure]] = defaultdict(lambda: [Figure() for _ in spec.aggregations])
        self._worked = 0

    async def add(self, values: dict[str, Any], stored: tuple[Any, ...]) -> None:
        """Add one record, given the values of its other groups as they are stored. Raises LimitExceeded."""
        for number, layer in enumerate(self._layers):
            if values["is_discontinued"]:
                self._figure(None, stored, number).discontinued += 1
            elif values["is_funds_transferable"] and not self._include_transferable:
                self._figure(None, stored, number).transferable += 1
            else:
                await self._add_cost(values, stored, number, layer)

    async def _add_cost(self, values: dict[str, Any], stored: tuple[Any, ...], number: int, layer: str) -> None:
        cost = layer_cost(values, layer)
        if cost.cents is None:
            self._figure(None, stored, number).missing += 1
        for month, cents in spread(cost):
            figure = self._figure(month, stored, number)
            figure.value = Decimal(cents).scaleb(-2) + (figure.value or 0)  # type: ignore[operator] # always Decimal
            figure.covered += 1
            figure.projected += cost.projected
            self._worked += 1
            if self._worked % _STEP == 0:  # counted in months: a record can fall in thousands of them
                _check_size(len(self._figures))
                await asyncio.sleep(0)

    def _figure(self, month: date | None, stored: tuple[Any, ...], number: int) -> Figure:
        keys = [_group_key(name, key) for name, key in zip(self._others, stored, strict=True)]
        keys.insert(self._place, month)
        return self._figures[tuple(keys)][number]

    def groups(self) -> list[Group]:
        """Return what was gathered. Raises LimitExceeded."""
        _check_size(len(self._figures))
        return [Group(keys, figures) for keys, figures in self._figures.items()]


def is_spreadable(name: str | None) -> bool:
    """Tell whether a field's sums can be spread over months: whether it is a cost."""
    return name is not None and name in BY_NAME and BY_NAME[name].origin is Origin.COST
