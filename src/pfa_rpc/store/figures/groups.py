"""Groups and their figures: what they are (`Group`, `Figure`), which are kept, in which order, and what share they are.

All of it in whole numbers and Decimal: no floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from nlq.natural_order import natural
from nlq.query import Aggregate, Aggregation, FigureSort, Function, Having, Operator
from pfa_rpc.records.matching import COMPARE

GroupKey = str | bool | date | None
"""Text in its most used spelling, the stored form of an enum value, a flag, a date or the first day of a period."""
Amount = int | Decimal | date | None

_SHARED: Final = (Function.COUNT, Function.SUM)
"""Figures that are told as shares: the others of a whole are not the sum of those of its parts."""


@dataclass(slots=True)
class Figure:
    """One figure of one group."""

    value: Amount = None
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
    whole: int | Decimal | None = None
    """What it is a share of; None where no shares are asked for."""


_COVERAGE: Final = ("covered", "missing", "discontinued", "transferable", "projected")


@dataclass(slots=True)
class Group:
    """The figures of one group."""

    keys: tuple[GroupKey, ...]
    figures: list[Figure] = field(default_factory=list)


def with_hidden(spec: Aggregate) -> Aggregate:
    """Return an aggregate that computes what its conditions and its order need, too, behind what it shows."""
    needed = [having.figure for having in spec.having]
    needed += [term.by for term in spec.order if isinstance(term.by, Aggregation)]
    return replace(spec, aggregations=tuple(dict.fromkeys((*spec.aggregations, *needed))))


def arranged(groups: Iterable[Group], spec: Aggregate, full: Aggregate, limit: int | None) -> list[Group]:
    """Return the groups that an aggregate asks for, in its order, at most `limit`, with the figures that it shows.

    `full` is the aggregate that the groups were computed by: `with_hidden` of the other.
    """
    places = {item: place for place, item in enumerate(full.aggregations)}
    kept = [group for group in groups if all(_holds(having, group, places) for having in spec.having)]
    if spec.distinct:
        kept = [group for group in kept if any(key is not None for key in group.keys)]
    kept.sort(key=lambda group: [(key is None, 0 if key is None else _in_order(key)) for key in group.keys])
    for term in reversed(spec.order):  # sorts are stable: the last to be done counts most
        _sort(kept, term, _value_of(term, spec, places))
    shown = kept[:limit]
    for group in shown:
        group.figures = [group.figures[places[item]] for item in spec.aggregations]
    return shown


def _holds(having: Having, group: Group, places: Mapping[Aggregation, int]) -> bool:
    """Return whether a condition holds for a group; where the figure has no value only an inequality does."""
    value = group.figures[places[having.figure]].value
    if value is None or isinstance(value, date):
        return having.operator is Operator.NE
    return bool(COMPARE[having.operator](Decimal(value), having.value))


def _value_of(term: FigureSort, spec: Aggregate, places: Mapping[Aggregation, int]) -> Callable[[Group], Any]:
    """Return what gives the value of a group that a term of the order looks at."""
    if isinstance(term.by, str):
        place = spec.group_by.index(term.by)
        return lambda group: None if (key := group.keys[place]) is None else _in_order(key)
    place = places[term.by]
    return lambda group: group.figures[place].value


def _in_order(key: str | bool | date) -> Any:
    """Return what a key is sorted by; texts that differ in case or in zeros only, by code point."""
    return (natural(key), key) if isinstance(key, str) else key


def _sort(groups: list[Group], term: FigureSort, value_of: Callable[[Group], Any]) -> None:
    """Sort by one term, missing values last either way."""
    present = [group for group in groups if value_of(group) is not None]
    missing = [group for group in groups if value_of(group) is None]
    present.sort(key=value_of, reverse=term.descending)
    groups[:] = present + missing


def added_up(groups: Iterable[Group], place: int) -> list[Group]:
    """Return groups of one key, at a place of those that sums and counts were computed by, in the order of the keys.

    Of groups that share no record but by that key.
    """
    sums: dict[GroupKey, list[Figure]] = {}
    for group in groups:
        key = group.keys[place]
        of_key = sums.get(key)
        sums[key] = group.figures if of_key is None else list(map(_added, of_key, group.figures))
    found = [Group((key,), figures) for key, figures in sums.items()]
    return sorted(found, key=lambda group: [(key is None, 0 if key is None else _in_order(key)) for key in group.keys])


def _added(one: Figure, other: Figure) -> Figure:
    is_missing = one.value is None and other.value is None
    return Figure(
        None if is_missing else _number(one) + _number(other),
        *(getattr(one, name) + getattr(other, name) for name in _COVERAGE),
    )


def without_records(every: Iterable[Group], found: Iterable[Group]) -> list[Group]:
    """Return the groups that are not among those found, with the count of their records: none."""
    known = {group.keys for group in found}
    return [Group(group.keys, [Figure(0)]) for group in every if group.keys not in known]


def share_of_all(groups: Sequence[Group], items: Sequence[Aggregation]) -> None:
    """Make each count and sum a share of those of all groups together."""
    for place, item in enumerate(items):
        if item.function not in _SHARED:
            continue
        whole = sum((_number(group.figures[place]) for group in groups), start=Decimal(0))
        for group in groups:
            group.figures[place].whole = whole


def share_of_own(wholes: Sequence[Group], parts: Sequence[Group], items: Sequence[Aggregation]) -> list[Group]:
    """Return the groups of the wholes with the figures of their parts, counts and sums being shares of the whole's."""
    by_keys = {group.keys: group for group in parts}
    found = []
    for whole in wholes:
        nothing = Group(whole.keys, [Figure() for _ in items])
        part = by_keys.get(whole.keys, nothing)
        for item, figure, of in zip(items, part.figures, whole.figures, strict=True):
            if item.function in _SHARED:
                figure.whole = _number(of)
                figure.value = figure.value or (0 if item.function is Function.COUNT else Decimal(0))
        found.append(part)
    return found


def _number(figure: Figure) -> Decimal:
    """Return a count or a sum; 0 for one of nothing."""
    value = figure.value
    return Decimal(0) if value is None or isinstance(value, date) else Decimal(value)
