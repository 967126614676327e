"""The forms of many records joined from those of their fields: `Step`, `joined`, and `grouped`, for fields in a row.

A step makes its part of all records at once, from columns of values (`columns_of`): what is done for each value is then
a look-up that Python's own loop makes. Values that come again and again are remembered, and so are the combinations of
fields that vary little: to look one of them up is a good part quicker than to look up each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple

from nlq.schema import FieldType
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.schema import FIELDS, Field, Origin

Values = Mapping[str, Any]
Columns = Mapping[str, Sequence[Any]]
"""Field name → its values in some records, one for each, in the order of the records."""
Make = Callable[[Any], bytes]
"""Makes the form of a value, which may be missing."""

_FEW: Final = (FieldType.ENUM, FieldType.BOOL)
_NAMES: Final = tuple(field.name for field in FIELDS)
_take_all: Final = itemgetter(*_NAMES)


class Step(NamedTuple):
    """One part of a form."""

    make: Callable[[Columns], Iterable[bytes]]
    """Makes the part of each record."""
    field: Field | None = None
    """The field whose form it is; None where it is anything else."""
    of_value: Make | None = None
    """Makes the same of one value of the field."""


def columns_of(records: Iterable[Values]) -> dict[str, Sequence[Any]]:
    """Return the columns of records, one at least, of which every field of the table of fields is given."""
    return dict(zip(_NAMES, zip(*map(_take_all, records), strict=True), strict=True))


def number_of(columns: Columns) -> int:
    """Return how many records columns are of."""
    return len(columns[_NAMES[0]])


def joined(steps: Iterable[Step], columns: Columns) -> Iterator[bytes]:
    """Yield the form of each record: its parts one after another."""
    return map(b"".join, zip(*[step.make(columns) for step in steps], strict=True))


def constant_step(content: Callable[[], bytes]) -> Step:
    """Return the step of what is the same in all records that are made at once."""
    return Step(lambda columns: repeat(content(), number_of(columns)))


def field_step(field: Field, make: Make) -> Step:
    """Return the step of a field."""
    name = field.name
    return Step(lambda columns: map(make, columns[name]), field, make)


def grouped(steps: Iterable[Step]) -> list[Step]:
    """Return the steps with neighbours that vary little joined to one."""
    result: list[Step] = []
    for is_group, members in groupby(steps, key=_varies_little):
        part = list(members)
        result += [_group(part)] if is_group and len(part) > 1 else part
    return result


def _varies_little(step: Step) -> bool:
    """Tell whether a field's values are so few, or so often those of a new record, that combinations come again."""
    return step.field is not None and (step.field.type in _FEW or step.field.origin is Origin.SYNC)


def _group(steps: list[Step]) -> Step:
    names = [step.field.name for step in steps if step.field is not None]
    makes = [step.of_value for step in steps if step.of_value is not None]
    made = Remembered(partial(_join, makes)).__getitem__
    return Step(lambda columns: map(made, zip(*[columns[name] for name in names], strict=True)))


def _join(makes: list[Make], values: tuple[Any, ...]) -> bytes:
    return b"".join([make(value) for make, value in zip(makes, values, strict=True)])
