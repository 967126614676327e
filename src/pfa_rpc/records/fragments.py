"""Payloads for many records of few different values: `FragmentEncoder` joins the wire forms of fields.

It remembers those that it has made, within bounds. It gives the very bytes that `encode` gives, in less time.
`field_wires` gives the wire forms of single fields, for payloads that hold some only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record
from pfa_rpc.records.encode import date_message, money_message, timestamp_message, to_message, with_etag
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.steps import Columns, Make, Step, constant_step, field_step, grouped, joined
from pfa_rpc.records.wire import prefix, varint
from pfa_rpc.schema import FIELDS, Field, Origin

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FragmentEncoder:
    """Encodes the records of one organization. For one thread at a time."""

    def __init__(self, organization_id: str, currency: str) -> None:
        # Not an attribute: steps that knew this object would keep what it remembers until cycles are looked for.
        revision_wire = self._revision_wire = [b""]
        organization_wire = Record(organization_id=organization_id).SerializeToString()
        steps = [
            *_top_steps(currency),
            (Record.ORGANIZATION_ID_FIELD_NUMBER, constant_step(lambda: organization_wire)),
            (Record.REVISION_FIELD_NUMBER, constant_step(lambda: revision_wire[0])),
        ]
        self._steps = grouped([step for _, step in sorted(steps, key=itemgetter(0))])

    def encode(self, columns: Columns, revision: int) -> Iterator[bytes]:
        """Yield the payload of each record."""
        self._revision_wire[0] = Record(revision=revision).SerializeToString()
        return map(with_etag, joined(self._steps, columns))


def field_wires(currency: str) -> dict[str, Make]:
    """Return field name → function value → serialized pfa.v1.Record that has this field only.

    Joined, in any order, they are the record of all of these fields: a parser merges the parts of a nested message.
    """
    wires = {}
    for field in FIELDS:
        parent, _, leaf = field.proto.rpartition(".")
        wire = _wire_of(field, _descriptor(parent, leaf).number, currency)
        if parent:
            wire = _wrapped(_head(_descriptor("", parent).number), wire)
        wires[field.name] = _remembering(field, wire)
    return wires


def _wrapped(head: Callable[[int], bytes], wire: Make) -> Make:
    """Return the function that puts a field into the message that it belongs to; nothing is put into none."""

    def wrapped(value: Any) -> bytes:
        content = wire(value)
        return head(len(content)) + content if content else content

    return wrapped


def _top_steps(currency: str) -> list[tuple[int, Step]]:
    """Return (field number, step) of what stands in a payload beside the organization and the revision."""
    by_parent: dict[str, list[Field]] = {}
    for field in FIELDS:
        by_parent.setdefault(field.proto.rpartition(".")[0], []).append(field)
    steps = _steps_of(by_parent.pop(""), currency)
    for parent, fields in by_parent.items():
        number = _descriptor("", parent).number
        inner = [step for _, step in sorted(_steps_of(fields, currency), key=itemgetter(0))]
        steps.append((number, _nested(number, fields, grouped(inner))))
    return steps


def _steps_of(fields: list[Field], currency: str) -> list[tuple[int, Step]]:
    """Return (field number, step) of fields of one message."""
    steps = []
    for field in fields:
        number = _descriptor(*field.proto.rpartition(".")[::2]).number
        steps.append((number, field_step(field, _remembering(field, _wire_of(field, number, currency)))))
    return steps


def _nested(number: int, fields: list[Field], steps: list[Step]) -> Step:
    """Return the step of a nested message, which is there where one of its fields is."""
    head = _head(number)
    # A zero of these is written as nothing is.
    names = [field.name for field in fields if not _descriptor(*field.proto.rpartition(".")[::2]).has_presence]

    def is_there(columns: Columns, place: int) -> bool:
        return any(columns[name][place] is not None for name in names)

    def make(columns: Columns) -> Iterable[bytes]:
        if not names:
            return [head(len(inner)) + inner if inner else b"" for inner in joined(steps, columns)]
        return [
            head(len(inner)) + inner if inner or is_there(columns, place) else b""
            for place, inner in enumerate(joined(steps, columns))
        ]

    return Step(make)


def _descriptor(parent: str, leaf: str) -> FieldDescriptor:
    holder = getattr(Record(), parent) if parent else Record
    descriptor: FieldDescriptor = holder.DESCRIPTOR.fields_by_name[leaf]
    return descriptor


def _head(number: int) -> Callable[[int], bytes]:
    """Return the function length → tag and length of a field."""
    return Remembered(partial(prefix, number)).__getitem__


def _wire_of(field: Field, number: int, currency: str) -> Make:
    """Return the function value → field of its message as it is serialized, tag and all."""
    head = _head(number)
    any_wire = partial(_any_wire, field, currency)

    def delimited(content: bytes) -> bytes:
        return head(len(content)) + content

    match field.type:
        case FieldType.ID | FieldType.TEXT:
            return lambda value: head(len(content := value.encode())) + content if value else any_wire(value)
        case FieldType.MONEY:
            return _money_wire(head, field.decimals, currency)
        case FieldType.DATE:
            return lambda value: delimited(date_message(value).SerializeToString())
        case FieldType.TIME:
            return _time_wire(head)
        case _:
            return any_wire


def _money_wire(head: Callable[[int], bytes], decimals: int, currency: str) -> Make:
    """Return the function scaled integer → google.type.Money as it is serialized within a message."""
    scale = 10**decimals
    code = Money(currency_code=currency).SerializeToString()
    code_and_tag = code + varint(Money.UNITS_FIELD_NUMBER << 3)
    nanos = Remembered(lambda rest: Money(nanos=money_message(rest, decimals, "").nanos).SerializeToString())

    def wire(amount: int) -> bytes:
        if amount >= scale:
            content = code_and_tag + varint(amount // scale) + nanos[amount % scale]
        else:
            content = money_message(amount, decimals, currency).SerializeToString()
        return head(len(content)) + content

    return wire


def _time_wire(head: Callable[[int], bytes]) -> Make:
    """Return the function aware time → google.protobuf.Timestamp as it is serialized within a message."""
    seconds_tag = varint(Timestamp.SECONDS_FIELD_NUMBER << 3)

    def wire(moment: datetime) -> bytes:
        since = moment - _EPOCH
        if since.microseconds or since.days < 0 or not since:
            content = timestamp_message(moment).SerializeToString()
        else:
            content = seconds_tag + varint(since.days * 86_400 + since.seconds)
        return head(len(content)) + content

    return wire


def _any_wire(field: Field, currency: str, value: Any) -> bytes:
    """Return the same by way of a message that has this field only."""
    message = to_message({field.name: value}, currency)
    parent = field.proto.rpartition(".")[0]
    return (getattr(message, parent) if parent else message).SerializeToString()


def _remembering(field: Field, wire: Make) -> Make:
    """Return a function that gives nothing for a missing value, and remembers values that come again."""
    if field.origin in (Origin.KEY, Origin.COST) or field.type is FieldType.TIME:
        return lambda value: b"" if value is None else wire(value)
    remembered = Remembered(wire)
    remembered[None] = b""
    return remembered.__getitem__
