"""Figures over records: `aggregate` counts, sums, averages, extremes and medians in groups. Exact: no floats.

SQL sums and compares integers; means and medians are divided in Python. Totals of money (sums and averages) leave out
discontinued records, and funds-transferable ones unless they are asked for, and say how many they left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Aggregate, Aggregation, Condition, DatePart, Function, conjunction, group_field
from nlq.schema import FieldType
from nlq.vocabulary import Vocabulary
from pfa_rpc.records.cost import divide_half_even
from pfa_rpc.records.differences import DIFFERENCES, costs_in
from pfa_rpc.records.vectors import Array
from pfa_rpc.schema import BY_NAME, COST_DECIMALS, RATE_DECIMALS, SORTED_BY
from pfa_rpc.store.figures.groups import (
    Figure,
    Group,
    GroupKey,
    arranged,
    share_of_all,
    share_of_own,
    with_hidden,
    without_records,
)
from pfa_rpc.store.figures.spreading import MONTH, Spreader, check_size
from pfa_rpc.store.filters import Expression, WeekOf, column
from pfa_rpc.store.sheets.reading import read_sheet
from pfa_rpc.store.statements import Build, execute
from pfa_rpc.store.tables import records

GROUP_LIMIT: Final = 10_000
"""Most groups in one answer."""
READ_LIMIT: Final = 100_000
"""Most groups that are looked at for one answer."""

_TOTALS: Final = (Function.SUM, Function.AVG)
_STEP: Final = 250
"""Rows that are worked on before other calls get their turn."""
_SHEET: Final = 32_768
"""Records whose costs are spread together, elsewhere, while other calls go on."""
_STEPS: Final = 128
"""Steps of that, of some 8,000 months each, that are not interrupted."""
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
    if spec.lacking:
        groups = without_records(await reading.groups(None), groups)
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
    check_size(len(shown), GROUP_LIMIT)
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
        is_spread = MONTH in self.spec.group_by or self.spec.window is not None
        return await (_spread if is_spread else _in_sql)(self, condition)

    async def execute(self, condition: Condition | None, build: Build) -> sa.CursorResult[Any]:
        """Execute what `build` makes of the records that a condition holds for."""
        return await execute(self.connection, self.organization_id, condition, build)


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
    """Return the column of a group; of a part of a date, the first day of the week, else the number of the part."""
    stored = column(BY_NAME[name])
    if part is None or part is DatePart.WEEK:
        return stored if part is None else WeekOf(stored)
    months = sa.extract("year", stored) * 12 + sa.extract("month", stored) - 1
    return months if part is DatePart.MONTH else sa.cast(months, sa.Integer) // _PERIODS[part]


def _group_key(name: str, stored: Any) -> GroupKey:
    """Return the key of a group; of a part of a date, its first day."""
    _, part = group_field(name)
    if part is None or part is DatePart.WEEK or stored is None:
        return stored  # type: ignore[no-any-return] # a driver gives what the column holds
    year, month = divmod(int(stored) * _PERIODS[part], 12)
    return date(year, month + 1, 1)


def _value(name: str) -> sa.ColumnElement[Any]:
    """Return the value of a record that a figure is made of; NULL where one of two costs is missing."""
    return column(SORTED_BY[name])


def _decimals(name: str) -> int | None:
    """Return the decimals of the money that a figure is made of; None where that is no money."""
    if name in DIFFERENCES:
        return COST_DECIMALS
    measured = BY_NAME[name]
    return measured.decimals if measured.type is FieldType.MONEY else None


def _kept(function: Function, *, include_transferable: bool) -> Expression:
    """Return the expression for records that a figure does not leave out."""
    if function not in _TOTALS:
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
    value = _value(item.field)
    kept = _kept(item.function, include_transferable=include_transferable)
    is_total = item.function in _TOTALS
    transferable = sa.and_(records.c.is_funds_transferable, sa.not_(records.c.is_discontinued))
    return [
        *_raw_value(item.function, value, kept),
        _number(sa.and_(kept, value.is_not(None))),
        _number(sa.and_(kept, value.is_(None))),
        _number(records.c.is_discontinued) if is_total else zero,
        _number(transferable) if is_total and not include_transferable else zero,
        _number(sa.and_(kept, value.is_not(None), _still_on_site())) if "actual_cost" in costs_in(item.field) else zero,
    ]


def _raw_value(function: Function, value: sa.ColumnElement[Any], kept: Expression) -> list[sa.ColumnElement[Any]]:
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
    check_size(len(rows), reading.most)
    medians = [
        await _medians(reading, condition, groups, item.field)
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
    decimals = _decimals(item.field)
    if decimals is None:
        return raw  # type: ignore[no-any-return] # a driver gives what the function gives
    if item.function is Function.AVG:
        scaled = int(raw) * 10 ** (RATE_DECIMALS - decimals)
        return Decimal(divide_half_even(scaled, covered)).scaleb(-RATE_DECIMALS) if covered else None
    return Decimal(int(raw)).scaleb(-decimals)


async def _medians(
    reading: _Reading, condition: Condition | None, groups: Sequence[sa.ColumnElement[Any]], name: str
) -> dict[tuple[Any, ...], Decimal]:
    """Return the median of a field in each group: the middle value, or the mean of the two."""
    result = await reading.execute(condition, lambda matching: _middles(matching, groups, _value(name)))
    medians = {}
    async for row in _in_turns(result):
        high, low, middles = row[len(groups) :]
        total = _whole(high, low)
        if total is not None:
            medians[tuple(row[: len(groups)])] = Decimal(total).scaleb(-(_decimals(name) or 0)) / middles
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


# --- spread over days -------------------------------------------------------------------------------------------------


async def _spread(reading: _Reading, condition: Condition | None) -> list[Group]:
    """Spread sums of costs over their days: by month, or within a window.

    A record counts as covered in each month that its cost falls in.
    """
    spec = reading.spec
    keys, positions, numbers = await _placed(reading, condition, [name for name in spec.group_by if name != MONTH])
    sums = Spreader(spec, keys, reading.most, include_transferable=reading.include_transferable)
    for start in range(0, len(positions), _SHEET):
        part = slice(start, start + _SHEET)
        sheet = await read_sheet(reading.connection, reading.organization_id, positions[part])
        steps = sums.add(sheet, numbers[part])
        while await asyncio.to_thread(_some, steps):
            pass
    groups = await asyncio.to_thread(sums.groups)
    return groups if groups or spec.group_by else [Group((), [Figure() for _ in spec.aggregations])]


def _some(steps: Iterator[None]) -> bool:
    """Take some steps; tell whether there may be more."""
    return sum(1 for _ in islice(steps, _STEPS)) == _STEPS


async def _placed(
    reading: _Reading, condition: Condition | None, names: Sequence[str]
) -> tuple[list[tuple[GroupKey, ...]], Array, Array]:
    """Return the keys of groups, the positions of all records, ascending, and the number of the group of each."""
    groups = [group.label(f"g{number}") for number, group in enumerate(_group_columns(names))]
    joined = sa.func.aggregate_strings(sa.cast(records.c.position, sa.Text), ",")
    rows = (await reading.execute(condition, sa.select(*groups, joined).group_by(*groups).where)).all()
    parts = [np.fromstring(places, np.int64, sep=",") for *_, places in rows if places is not None]
    numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    positions = np.concatenate([np.empty(0, np.int64), *parts])
    order = np.argsort(positions)
    keys = [tuple(map(_group_key, names, row[:-1])) for row in rows]
    return keys, positions[order], numbers[order]
