"""Figures over records: `aggregate` counts, sums, averages, extremes and medians in groups. Exact: no floats.

SQL sums and compares integers; means and medians are divided in Python. Totals of money (sums and averages) leave out
discontinued records, and funds-transferable ones unless they are asked for, and say how many they left out.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Aggregate, Aggregation, Condition, DatePart, Function, conjunction, group_field
from nlq.schema import FieldType
from nlq.vocabulary import Vocabulary
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.cost import LAYERS, divide_half_even, layer_cost, spread
from pfa_rpc.schema import BY_NAME, RATE_DECIMALS, Field, Origin
from pfa_rpc.store.filters import Expression, column
from pfa_rpc.store.groups import Figure, Group, GroupKey, arranged, share_of_all, share_of_own, with_hidden
from pfa_rpc.store.statements import Build, execute
from pfa_rpc.store.tables import records

MONTH: Final = "month"
"""The group that spreads sums of costs over months by day."""
GROUP_LIMIT: Final = 10_000
"""Most groups in one answer."""
READ_LIMIT: Final = 100_000
"""Most groups that are looked at for one answer."""

_TOTALS: Final = (Function.SUM, Function.AVG)
_STEP: Final = 250
"""Rows, or months of rows, that are worked on before other calls get their turn."""
_HALF: Final = 2**31


async def aggregate(
    connection: AsyncConnection,
    organization_id: str,
    condition: Condition | None,
    spec: Aggregate,
    vocabulary: Vocabulary,
    *,
    include_transferable: bool = False,
    limit: int | None = None,
) -> list[Group]:
    """Return the groups of an aggregate in its order, at most `limit`; without an order by their keys, missing last.

    The spec has been checked: functions fit their fields, groups can be grouped by. Raises LimitExceeded for more
    than GROUP_LIMIT groups, or for more than READ_LIMIT where conditions or a limit leave few of them.
    """
    full = with_hidden(spec)
    most = READ_LIMIT if spec.having or limit is not None else GROUP_LIMIT
    reading = _Reading(connection, organization_id, full, include_transferable, most)
    groups = await reading.groups(condition)
    if spec.percent and spec.part is not None:
        parts = await reading.groups(conjunction(condition, spec.part))
        groups = share_of_own(groups, parts, full.aggregations)
    elif spec.percent:
        share_of_all(groups, full.aggregations)
    shown = (
        await asyncio.to_thread(arranged, groups, spec, full, limit)
        if len(groups) > _STEP
        else arranged(groups, spec, full, limit)
    )
    _check_size(len(shown), GROUP_LIMIT)
    for number, group in enumerate(shown):
        if number % _STEP == _STEP - 1:
            await asyncio.sleep(0)
        group.keys = tuple(_label(name, key, vocabulary) for name, key in zip(spec.group_by, group.keys, strict=True))
    return shown


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is computed, of whatever condition."""

    connection: AsyncConnection
    organization_id: str
    spec: Aggregate
    include_transferable: bool
    most: int
    """Most groups."""

    async def groups(self, condition: Condition | None) -> list[Group]:
        """Return the groups of the records that a condition holds for, by stored keys, in any order."""
        return await (_by_month if MONTH in self.spec.group_by else _in_sql)(self, condition)

    async def execute(self, condition: Condition | None, build: Build) -> sa.CursorResult[Any]:
        """Execute what `build` makes of the records that a condition holds for."""
        return await execute(self.connection, self.organization_id, condition, build)


def _check_size(groups: int, most: int) -> None:
    if groups > most:
        raise LimitExceeded(
            f"the answer has more than {most:,} groups; narrow the filter, or group by less",
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


_PERIODS: Final = {DatePart.MONTH: 1, DatePart.QUARTER: 3, DatePart.YEAR: 12}
"""Months of a period."""


def _group_columns(names: Iterable[str]) -> list[sa.ColumnElement[Any]]:
    return [_group_column(*group_field(name)) for name in names]


def _group_column(name: str, part: DatePart | None) -> sa.ColumnElement[Any]:
    """Return the column of a group; of a part of a date, the number of the month, quarter or year."""
    stored = column(BY_NAME[name])
    if part is None:
        return stored
    months = sa.extract("year", stored) * 12 + sa.extract("month", stored) - 1
    return months if part is DatePart.MONTH else sa.cast(months, sa.Integer) // _PERIODS[part]


def _group_key(name: str, stored: Any) -> GroupKey:
    """Return the key of a group; of a part of a date, its first day."""
    _, part = group_field(name)
    if part is None or stored is None:
        return stored  # type: ignore[no-any-return] # a driver gives what the column holds
    year, month = divmod(int(stored) * _PERIODS[part], 12)
    return date(year, month + 1, 1)


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


async def _in_sql(reading: _Reading, condition: Condition | None) -> list[Group]:
    spec = reading.spec
    groups = _group_columns(spec.group_by)
    measures = [
        measure
        for item in spec.aggregations
        for measure in _measures(item, include_transferable=reading.include_transferable)
    ]
    labelled = [expression.label(f"c{number}") for number, expression in enumerate([*groups, *measures])]
    # One more than fits tells that there are too many, however many there are.
    query = sa.select(*labelled).group_by(*groups).limit(reading.most + 1)
    rows = [row async for row in _in_turns(await reading.execute(condition, query.where))]
    _check_size(len(rows), reading.most)
    medians = [
        await _medians(reading, condition, groups, BY_NAME[item.field])
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
        return raw  # type: ignore[no-any-return] # a driver gives what the function gives
    measured = BY_NAME[item.field]
    if measured.type is not FieldType.MONEY:
        return raw  # type: ignore[no-any-return] # a driver gives what the function gives
    if item.function is Function.AVG:
        scaled = int(raw) * 10 ** (RATE_DECIMALS - measured.decimals)
        return Decimal(divide_half_even(scaled, covered)).scaleb(-RATE_DECIMALS) if covered else None
    return Decimal(int(raw)).scaleb(-measured.decimals)


async def _medians(
    reading: _Reading, condition: Condition | None, groups: Sequence[sa.ColumnElement[Any]], measured: Field
) -> dict[tuple[Any, ...], Decimal]:
    """Return the median of a field in each group: the middle value, or the mean of the two."""
    result = await reading.execute(condition, lambda matching: _middles(matching, groups, column(measured)))
    medians = {}
    async for row in _in_turns(result):
        high, low, middles = row[len(groups) :]
        total = _whole(high, low)
        if total is not None:
            medians[tuple(row[: len(groups)])] = Decimal(total).scaleb(-measured.decimals) / middles
    return medians


def _middles(
    matching: Expression, groups: Sequence[sa.ColumnElement[Any]], value: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """Return the statement of the sum and the number of the one or two middle values of each group."""
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
    return (
        sa.select(*names, *_sum_in_halves(ranked.c.value), sa.func.count())
        .where(sa.or_(place * 2 == size, place * 2 == size + 1, place * 2 == size + 2))
        .group_by(*names)
    )


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


async def _by_month(reading: _Reading, condition: Condition | None) -> list[Group]:
    """Spread sums of costs over months. A record counts as covered in each month that its cost falls in."""
    groups = _group_columns(name for name in reading.spec.group_by if name != MONTH)
    columns = [*(records.c[name] for name in _LAYER_FIELDS), *groups]
    spreader = _Spreader(reading)
    rows = _in_turns(await reading.execute(condition, sa.select(*columns).where))
    async for row in rows:
        await spreader.add(dict(zip(_LAYER_FIELDS, row, strict=False)), tuple(row[len(_LAYER_FIELDS) :]))
    return spreader.groups()


class _Spreader:
    """Gathers the costs of records by month and group."""

    def __init__(self, reading: _Reading) -> None:
        spec = reading.spec
        self._include_transferable = reading.include_transferable
        self._most = reading.most
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
                _check_size(len(self._figures), self._most)
                await asyncio.sleep(0)

    def _figure(self, month: date | None, stored: tuple[Any, ...], number: int) -> Figure:
        keys = [_group_key(name, key) for name, key in zip(self._others, stored, strict=True)]
        keys.insert(self._place, month)
        return self._figures[tuple(keys)][number]

    def groups(self) -> list[Group]:
        """Return what was gathered. Raises LimitExceeded."""
        _check_size(len(self._figures), self._most)
        return [Group(keys, figures) for keys, figures in self._figures.items()]


def is_spreadable(name: str | None) -> bool:
    """Tell whether a field's sums can be spread over months: whether it is a cost."""
    return name is not None and name in BY_NAME and BY_NAME[name].origin is Origin.COST
