"""A record's form joined from those of its fields: `Step`, and `grouped`, which takes neighbours together.

Values that come again and again are remembered, and so are the combinations of fields that vary little: to look one of
them up is a good part quicker than to look up each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from nlq.schema import FieldType
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.schema import Field, Origin

Values = Mapping[str, Any]
Make = Callable[[Any], bytes]
"""Makes the form of a value, which may be missing."""

_FEW: Final = (FieldType.ENUM, FieldType.BOOL)


class Step(NamedTuple):
    """One part of a form."""

    take: Callable[[Values], Any]
    """What is taken of the values of a record."""
    make: Make
    field: Field | None = None
    """The field whose form it is; None where it is anything else."""


def field_step(field: Field, make: Make) -> Step:
    """Return the step of a field."""
    return Step(itemgetter(field.name), make, field)


def grouped(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with neighbours that vary little joined to one."""
    joined: list[Step] = []
    for is_group, members in groupby(steps, key=_varies_little):
        part = list(members)
        joined += [_joined(part)] if is_group else part
    return joined


def _varies_little(step: Step) -> bool:
    """Tell whether a field's values are so few, or so often those of a new record, that combinations come again."""
    return step.field is not None and (step.field.type in _FEW or step.field.origin is Origin.SYNC)


def _joined(steps: list[Step]) -> Step:
    if len(steps) == 1:
        return steps[0]
    names = [step.field.name for step in steps if step.field is not None]
    made = Remembered(partial(_join, [step.make for step in steps]))
    return Step(itemgetter(*names), made.__getitem__)


def _join(makes: list[Make], values: tuple[Any, ...]) -> bytes:
    return b"".join([make(value) for make, value in zip(makes, values, strict=True)])
