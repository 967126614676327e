"""What rules and costs look at, of many records, column by column: `Sheet`, and its `parts` of records that are alike.

Only fields whose columns say all of them are in a sheet: flags, the two enumerations, dates and money. What a change
asks of a text it is told by `Marks`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise, repeat
from typing import Any, Final, NamedTuple

import numpy as np

from pfa_rpc.records.cost import LAYERS
from pfa_rpc.records.encode import Values
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.vectors import LAST_DAY, Array, Part, Vector
from pfa_rpc.schema import BY_NAME

DAYS: Final = tuple(f"{layer}_{end}" for layer in LAYERS for end in ("start", "end"))
MONEY: Final = ("monthly_rate", "purchase_price")
FLAGS: Final = ("is_actualized", "is_discontinued", "is_funds_transferable")
CHOICES: Final = ("source", "dor")
ON_SHEETS: Final = (*CHOICES, *FLAGS, *DAYS, *MONEY)
"""The fields of a sheet."""

NO_DAY: Final = 0
NO_MONEY: Final = -(2**63)
"""What stands for a missing value: no day has this ordinal, no amount is so far below zero."""

_BITS: Final[Mapping[str, int]] = {name: 1 << place for place, name in enumerate((*CHOICES, *FLAGS, *DAYS, *MONEY))}
"""Field → its bit in a shape: of a choice the second value, of a flag yes, of others that there is none."""
_VALUES: Final = {name: tuple(value.stored for value in BY_NAME[name].values) for name in CHOICES}
_MARK: Final = 1 << len(_BITS)
_NARROW: Final = 2**16 - 1
_ROW: Final = np.dtype(
    [
        ("position", np.int64),
        ("shape", np.int64),
        *((name, np.int32) for name in DAYS),
        *((name, np.int64) for name in MONEY),
    ]
)


class _Other:
    """A value that nothing depends on, or a text that is none of those that a change names."""

    def __repr__(self) -> str:
        return "another value"


OTHER: Final = _Other()


@dataclass(frozen=True, slots=True)
class Marks:
    """What is known of a text of records: a value that all records at some positions have."""

    field: str
    value: str | None
    positions: Array
    """In ascending order."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Fields of many records, in ascending order of their positions."""

    rows: Array
    """Of a record its position, its shape (flags, choices, and what is missing), days as ordinals, and money."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def positions(self) -> Array:
        """The records' places in the order of insertion."""
        return self.rows["position"]

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self.rows.nbytes

    def at(self, positions: Array) -> Sheet:
        """Return the rows of some positions, which are there, in ascending order."""
        if len(positions) == len(self.rows):
            return self
        return Sheet(self.rows[np.searchsorted(self.positions, positions)])

    def parts(self, marks: Sequence[Marks] = (), *, passing_over: Collection[str] = ()) -> Iterator[Part]:
        """Yield the records of each shape, their values by field; of texts those that marks tell of.

        Records that differ in the choices that are passed over only are of one shape; these have no value then.
        """
        shapes = self.rows["shape"]
        if passing_over:
            shapes = shapes & ~np.int64(sum(_BITS[name] for name in passing_over))
        for number, mark in enumerate(marks):
            shapes = shapes | np.isin(self.positions, mark.positions, assume_unique=True) * np.int64(_MARK << number)
        # Numbers of 16 bits are put in order by counting them, in a tenth of the time.
        is_narrow = len(shapes) > 0 and int(shapes.max()) <= _NARROW
        order = np.argsort(shapes.astype(np.uint16) if is_narrow else shapes, kind="stable")
        columns = {name: self.rows[name][order].astype(np.int64) for name in (*DAYS, *MONEY)}
        bounds = np.flatnonzero(np.diff(shapes[order], prepend=-1, append=-1)).tolist()
        for first, end in pairwise(bounds):
            some = slice(first, end)
            values = _values(int(shapes[order[first]]), {name: column[some] for name, column in columns.items()}, marks)
            yield Part(order[some], values | dict.fromkeys(passing_over, OTHER))


def _values(shape: int, columns: Mapping[str, Array], marks: Sequence[Marks]) -> dict[str, Any]:
    """Return the values of records of a shape, given the columns of their days and money."""
    values: dict[str, Any] = {name: _VALUES[name][bool(shape & _BITS[name])] for name in CHOICES}
    values |= {name: bool(shape & _BITS[name]) for name in FLAGS}
    for name in (*DAYS, *MONEY):
        most = LAST_DAY if name in DAYS else None
        values[name] = None if shape & _BITS[name] else Vector(columns[name], most)
    values |= {mark.field: OTHER for mark in marks}
    return values | {mark.field: mark.value for number, mark in enumerate(marks) if shape & _MARK << number}


class SheetEdit(NamedTuple):
    """What becomes of records of a sheet that take the same way through the rules."""

    positions: Sequence[int]
    updates: Mapping[str, Any]
    """Field → the value that all of them get, or a vector of theirs."""

    def each(self) -> Iterator[tuple[int, Values]]:
        """Yield the position of each record, and its new values by field."""
        names = tuple(self.updates)
        columns = [_plain(name, value) for name, value in self.updates.items()]
        for position, *values in zip(self.positions, *columns, strict=False):
            yield position, dict(zip(names, values, strict=True))


_day_of: Final = Remembered(date.fromordinal).__getitem__


def _plain(name: str, value: Any) -> Iterable[Any]:
    """Return what a field has in each record, as elsewhere."""
    if not isinstance(value, Vector):
        return repeat(value)
    values = value.array.tolist()
    return map(_day_of, values) if name in DAYS else values


def sheet_of(columns: Mapping[str, Any]) -> Sheet:
    """Return the sheet of columns of `position`, `choices` and the others by name.

    `choices` has bits of the shape; days are ordinals, with NO_DAY and NO_MONEY for what is missing.
    """
    rows = np.empty(len(columns["position"]), _ROW)
    for name in ("position", *DAYS, *MONEY):
        rows[name] = columns[name]
    shape = np.asarray(columns["choices"], np.int64)
    for name in DAYS:
        shape = shape | (rows[name] == NO_DAY) * np.int64(_BITS[name])
    for name in MONEY:
        shape = shape | (rows[name] == NO_MONEY) * np.int64(_BITS[name])
    rows["shape"] = shape
    return Sheet(rows[np.argsort(rows["position"], kind="stable")])


def choice_bits() -> Mapping[str, tuple[str | bool, int]]:
    """Return field → the value that sets its bit in `choices`, and that bit; for statements that put them together."""
    chosen: dict[str, str | bool] = {name: _VALUES[name][1] for name in CHOICES} | dict.fromkeys(FLAGS, True)
    return {name: (value, _BITS[name]) for name, value in chosen.items()}


def joined(sheets: Iterable[Sheet]) -> Sheet:
    """Return one sheet of several that share no record."""
    # As bytes: of rows of fields numpy would look at each field of each array.
    rows = np.frombuffer(b"".join(sheet.rows.tobytes() for sheet in sheets), _ROW)
    if len(rows) and (rows["position"][1:] < rows["position"][:-1]).any():
        rows = rows[np.argsort(rows["position"], kind="stable")]
    return Sheet(rows)
