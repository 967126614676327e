"""What a change made different in a record: `differences` names the fields, `encode_partial` keeps the values of them.

`deltas_of` does both for many records. `overlay` puts such values into a message, `rewound` puts them back: the record
as it was before its latest changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from operator import itemgetter, ne
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from pfa.v1.record_pb2 import Period, Record
from pfa_rpc.records.encode import Values, some_from_message
from pfa_rpc.records.fragments import field_wires
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.steps import Columns, number_of
from pfa_rpc.schema import BY_NAME, FIELDS

_NAMES: Final = tuple(field.name for field in FIELDS)
_take: Final = itemgetter(*_NAMES)
_MISSING: Final[Values] = dict.fromkeys(_NAMES)
_PERIODS: Final = tuple(field.name for field in Record.DESCRIPTOR.fields if field.message_type is Period.DESCRIPTOR)
"""Messages that are there where one of their dates is."""
_wires: Final = lru_cache(maxsize=16)(field_wires)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the fields that differ between two states of a record, in the order of the table of fields.

    A field that is absent counts as missing.
    """
    try:
        old, new = _take(before), _take(after)
    except KeyError:
        old, new = _take(_MISSING | dict(before)), _take(_MISSING | dict(after))
    return tuple(compress(_NAMES, map(ne, old, new)))


class Deltas(NamedTuple):
    """What changed of some records; columns are in their order."""

    names: tuple[str, ...]
    """Names of the fields that differ in any of them, in the order of the table of fields."""
    fields: Sequence[tuple[str, ...]]
    """Names of those that differ in each; none of a record that is as it was."""
    old: Sequence[bytes]
    """These fields before, as partial records."""
    new: Sequence[bytes]
    """These fields after."""


def deltas_of(before: Columns, after: Columns, currency: str) -> Deltas:
    """Return for many records, one at least, what `differences` and `encode_partial` give of one of them.

    Both sides have columns of the same fields, the id among them; others are taken to be as they were.
    """
    names = tuple(name for name in _NAMES if name in before and before[name] != after[name])
    if not names:
        number = number_of(before)
        return Deltas(names, [()] * number, [b""] * number, [b""] * number)
    wires = _wires(currency)
    differ = [list(map(ne, before[name], after[name])) for name in names]
    fields = Remembered(lambda mask: tuple(compress(names, mask)))
    old, new = (
        [
            [wires[name](value) if is_other else b"" for value, is_other in zip(side[name], others, strict=True)]
            for name, others in zip(names, differ, strict=True)
        ]
        for side in (before, after)
    )
    return Deltas(
        names,
        list(map(fields.__getitem__, zip(*differ, strict=True))),
        list(map(b"".join, zip(*old, strict=True))),
        list(map(b"".join, zip(*new, strict=True))),
    )


def encode_partial(values: Mapping[str, Any], names: Iterable[str], currency: str) -> bytes:
    """Return a serialized pfa.v1.Record that holds some fields only; those that are missing are not in it.

    The currency is that of the organization. KeyError where a name is no field, or not among the values.
    """
    wires = _wires(currency)
    return b"".join([wires[name](values[name]) for name in names])


def decode_partial(stored: bytes, names: Iterable[str]) -> Values:
    """Return the values of the named fields of a partial record, None where one is not in it.

    A name that is no field is passed over: what is kept may be older than the table of fields.
    """
    return some_from_message(Record.FromString(stored), names)


def overlay(record: Message, names: tuple[str, ...], new: bytes) -> None:
    """Give a pfa.v1.Record other values of the named fields: those of a partial one, None where one is not in it."""
    paths, periods = _paths(names)
    for parent, leaves in paths:
        clear = (getattr(record, parent) if parent else record).ClearField
        for leaf in leaves:
            clear(leaf)
    record.MergeFromString(new)
    for period in periods:
        if not getattr(record, period).ListFields():
            record.ClearField(period)


@lru_cache(maxsize=256)
def _paths(names: tuple[str, ...]) -> tuple[Sequence[tuple[str, Sequence[str]]], Sequence[str]]:
    """Return the messages of fields, "" for the record itself, with the names there; and those that are periods."""
    leaves: dict[str, list[str]] = {}
    for parent, _, leaf in (BY_NAME[name].proto.rpartition(".") for name in names):
        leaves.setdefault(parent, []).append(leaf)
    return list(leaves.items()), [period for period in _PERIODS if period in leaves]


def rewound(values: Values, deltas: Iterable[tuple[Iterable[str], bytes]]) -> Values:
    """Return the values that a record had before some changes, given those that it has after them.

    Args:
        values: the record after the newest of the changes; it is left as it is.
        deltas: of each change, the newest first, the names of its fields and their old values, as a partial record.
    """
    earlier = dict(values)
    for names, old in deltas:
        earlier |= decode_partial(old, names)
    return earlier
