"""One rule for one record or for many: `Vector` stands for a field of many records where a rule has a single value.

Rules are plain functions of values that compare, add and branch. Given vectors they do so for all records at once.
Where a branch would go one way for some records and the other way for others, `Divided` is raised, and `each_way`
carries on with the two parts. So there is one statement of each rule, and each part has taken one path through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""Of int64, of booleans, or of Python's integers where 64 bits would not do."""

LARGEST: Final = 2**63 - 1
LAST_DAY: Final = date.max.toordinal()
"""Ordinal of the last day of the calendar."""
_T = TypeVar("_T")


class Divided(Exception):
    """A branch goes one way for some records only; `mask` is true for them."""

    def __init__(self, mask: Array) -> None:
        super().__init__("a branch goes both ways")
        self.mask = mask


class Vector:
    """The values of one field of many records: whole numbers, truths, or days as their ordinals."""

    __slots__ = ("_most", "array")
    __hash__ = None  # type: ignore[assignment] # it changes nothing, and equals others value by value

    def __init__(self, array: Array, most: int | None = None) -> None:
        """Make one of values, of which none has a larger magnitude than `most`; None: they are looked through."""
        self.array = array
        self._most = most

    def __bool__(self) -> bool:
        true = int(np.count_nonzero(self.array))
        if 0 < true < self.array.size:
            raise Divided(self.array.astype(np.bool_))
        return true > 0

    @property
    def most(self) -> int:
        """What no magnitude is above."""
        if self._most is None:
            self._most = max(int(self.array.max()), -int(self.array.min())) if self.array.size else 0
        return self._most

    @property
    def days(self) -> Self:
        """The numbers of days where this is the time between days: themselves."""
        return self

    def taken(self, places: Array) -> Vector:
        """Return the values at some places, or where a mask is true."""
        return Vector(self.array[places], self._most)

    def mapped_days(self, change: Callable[[date], date]) -> Vector:
        """Return what a function makes of each day, which it is asked for once. Raises as it does, or Divided."""
        days, places = np.unique(self.array, return_inverse=True)
        changed: list[int] = []
        failure: Exception | None = None
        for day in days.tolist():
            try:
                changed.append(change(date.fromordinal(day)).toordinal())
            except (OverflowError, ValueError) as error:
                failure = error
                changed.append(0)
        if failure is not None and not any(changed):
            raise failure
        moved = np.array(changed, np.int64)[places]
        if failure is not None:
            raise Divided(moved == 0)
        return Vector(moved, LAST_DAY)

    def __eq__(self, other: object) -> Any:
        return False if other is None else Vector(self.array == _plain(other), 1)

    def __ne__(self, other: object) -> Any:
        return True if other is None else Vector(self.array != _plain(other), 1)

    def __lt__(self, other: Any) -> Vector:
        return Vector(self.array < _plain(other), 1)

    def __le__(self, other: Any) -> Vector:
        return Vector(self.array <= _plain(other), 1)

    def __gt__(self, other: Any) -> Vector:
        return Vector(self.array > _plain(other), 1)

    def __ge__(self, other: Any) -> Vector:
        return Vector(self.array >= _plain(other), 1)

    def __add__(self, other: Any) -> Vector:
        if isinstance(other, timedelta):
            return self._later(other.days)
        most = self.most + _most(other)
        mine, others = _wide(self, other, most)
        return Vector(mine + others, most)

    __radd__ = __add__

    def _later(self, days: int) -> Vector:
        """Return days so much later. Raises OverflowError beyond the calendar."""
        later = self.array + days
        beyond = Vector((later < 1) | (later > LAST_DAY), 1)
        if beyond:
            raise OverflowError("beyond the calendar")
        return Vector(later, LAST_DAY)

    def __sub__(self, other: Any) -> Vector:
        most = self.most + _most(other)
        mine, others = _wide(self, other, most)
        return Vector(mine - others, most)

    def __rsub__(self, other: Any) -> Vector:
        most = self.most + _most(other)
        mine, others = _wide(self, other, most)
        return Vector(others - mine, most)

    def __mul__(self, other: Any) -> Vector:
        most = self.most * _most(other)
        mine, others = _wide(self, other, most)
        return Vector(mine * others, most)

    __rmul__ = __mul__

    def __and__(self, other: int) -> Vector:
        return Vector(self.array & other, other)

    def __divmod__(self, divisor: int) -> tuple[Vector, Vector]:
        mine, by = _wide(self, divisor, max(self.most, divisor))
        quotient = mine // by
        return Vector(quotient, self.most // divisor + 1), Vector(mine - quotient * by, divisor)


def _plain(value: Any) -> Any:
    """Return a value as arrays compare with it."""
    if isinstance(value, Vector):
        return value.array
    return value.toordinal() if isinstance(value, date) else value


def filled(value: Any, count: int) -> Array:
    """Return the values of many records as an array, given a vector or what all of them have; days as ordinals."""
    plain = _plain(value)
    return plain if isinstance(value, Vector) else np.full(count, plain, np.int64 if abs(plain) <= LARGEST else object)


def _most(value: Any) -> int:
    return value.most if isinstance(value, Vector) else abs(int(_plain(value)))


def _wide(one: Vector, other: Any, most: int) -> tuple[Array, Any]:
    """Return two operands whose result is at most so large: Python's integers where 64 bits would not do for each."""
    mine, others = one.array, _plain(other)
    if mine.dtype == np.bool_:
        mine = mine.astype(np.int64)
    if max(most, _most(other)) > LARGEST:
        mine = mine.astype(object)
    return mine, others


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the records of a sheet that are alike in what is missing and in their flags."""

    places: Array
    """Their places in the sheet."""
    values: Mapping[str, Any]
    """Field → the value that all of them have, or a vector of theirs."""

    def taken(self, mask: Array) -> Part:
        """Return those that a mask is true for."""
        vectors = {name: value.taken(mask) for name, value in self.values.items() if isinstance(value, Vector)}
        return Part(self.places[mask], {**self.values, **vectors})


def each_way(part: Part, judge: Callable[[Mapping[str, Any]], _T]) -> Iterator[tuple[Part, _T]]:
    """Yield what a function of values gives for records that take the same way through it, for all of them."""
    pending = [part]
    while pending:
        some = pending.pop()
        try:
            found = judge(some.values)
        except Divided as divided:
            pending += [some.taken(divided.mask), some.taken(~divided.mask)]
            continue
        yield some, found
