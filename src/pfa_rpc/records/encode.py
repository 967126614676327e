"""A record's wire form: `encode` values into a serialized pfa.v1.Record when they are written, `decode` them back.

Values are a mapping from field name to value in the forms that `schema.Field.type` lists; a missing value is None or
absent. Both directions derive from the table of fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import attrgetter, methodcaller
from typing import Any, Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.wire import prefix
from pfa_rpc.schema import FIELDS, Field

PAYLOAD_VERSION: Final = 1
"""Version of the encoding; a payload of another is encoded anew before it is used."""

Values = dict[str, Any]
"""Field name → value of one record."""

_NANOS: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def money_message(amount: int, decimals: int, currency: str) -> Money:
    """Return a google.type.Money for a scaled integer: 12345 with 2 decimals is 123.45."""
    scale = 10**decimals
    units, rest = divmod(abs(amount), scale)
    sign = -1 if amount < 0 else 1
    return Money(currency_code=currency, units=sign * units, nanos=sign * rest * (_NANOS // scale))


def money_amount(message: Money, decimals: int) -> int:
    """Return the scaled integer of a google.type.Money; what is finer than `decimals` is cut off."""
    scale = 10**decimals
    fraction: int = abs(message.nanos) * scale // _NANOS
    whole: int = message.units * scale
    return whole + fraction if message.nanos >= 0 else whole - fraction


@lru_cache(maxsize=16_384)
def date_message(day: date) -> Date:
    """Return a google.type.Date. Shared: not to be changed."""
    return Date(year=day.year, month=day.month, day=day.day)


@lru_cache(maxsize=4_096)
def timestamp_message(moment: datetime) -> Timestamp:
    """Return a google.protobuf.Timestamp for an aware time. Shared: not to be changed."""
    delta = moment - _EPOCH
    return Timestamp(seconds=delta.days * 86_400 + delta.seconds, nanos=delta.microseconds * 1000)


def _day(wire: bytes) -> date | None:
    """Return the day of a serialized google.type.Date; an empty one is none."""
    message = Date.FromString(wire)
    return date(message.year, message.month, message.day) if wire else None


# Days come again and again, and their bytes are had in less time than their three numbers.
_days: Final = Remembered(_day)
# A write gives all of its records the same times.
_moments: Final = Remembered(lambda pair: Timestamp(seconds=pair[0], nanos=pair[1]).ToDatetime(tzinfo=UTC))


def _to_wire(field: Field) -> Callable[[Any, str], Any]:
    """Return the function (value, currency) → wire value of a field."""
    match field.type:
        case FieldType.MONEY:
            return lambda value, currency: money_message(value, field.decimals, currency)
        case FieldType.DATE:
            return lambda value, _: date_message(value)
        case FieldType.TIME:
            return lambda value, _: timestamp_message(value)
        case FieldType.ENUM:
            numbers = {value.stored: value.number for value in field.values}
            return lambda value, _: numbers[value]
        case _:
            return lambda value, _: value


def _from_wire(field: Field) -> Callable[[Any], Any]:
    """Return the function wire value → value of a field."""
    match field.type:
        case FieldType.MONEY:
            return lambda message: money_amount(message, field.decimals)
        case FieldType.TIME:
            return lambda message: _moments[message.seconds, message.nanos]
        case FieldType.ENUM:
            stored = {value.number: value.stored for value in field.values}
            return stored.get
        case FieldType.NAMES:
            return tuple
        case _:
            return lambda value: value


_Writer = tuple[str, str, Callable[[Any, str], Any]]


def _writers() -> dict[str, tuple[type[Message], tuple[_Writer, ...]]]:
    """Return class and fields of each message inside Record by its path, and under "" those of Record itself."""
    prototype = Record()
    grouped: dict[str, list[_Writer]] = {}
    for field in FIELDS:
        parent, _, leaf = field.proto.rpartition(".")
        grouped.setdefault(parent, []).append((field.name, leaf, _to_wire(field)))
    return {
        parent: (type(getattr(prototype, parent)) if parent else Record, tuple(fields))
        for parent, fields in grouped.items()
    }


_NESTED: Final = _writers()
_TOP: Final = _NESTED.pop("")[1]
_ETAG_BYTES: Final = 8
_ETAG_PREFIX: Final = prefix(Record.ETAG_FIELD_NUMBER, 2 * _ETAG_BYTES)


def _arguments(values: Mapping[str, Any], fields: tuple[_Writer, ...], currency: str) -> dict[str, Any]:
    get = values.get
    return {leaf: wire(value, currency) for name, leaf, wire in fields if (value := get(name)) is not None}


def to_message(values: Mapping[str, Any], currency: str, **more: Any) -> Record:
    """Return the pfa.v1.Record of some values; more fields, such as the revision, can be given by name."""
    arguments = _arguments(values, _TOP, currency)
    for parent, (message_class, fields) in _NESTED.items():
        inner = _arguments(values, fields, currency)
        if inner:
            arguments[parent] = message_class(**inner)
    return Record(**arguments, **more)


def encode(values: Mapping[str, Any], *, organization_id: str, currency: str, revision: int) -> bytes:
    """Return the payload of a record: a serialized pfa.v1.Record with its revision and etag."""
    return with_etag(
        to_message(values, currency, organization_id=organization_id, revision=revision).SerializeToString()
    )


def etag_of(content: bytes) -> str:
    """Return the etag of a payload's content, which is all of it before the etag: 16 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=_ETAG_BYTES).hexdigest()


def with_etag(content: bytes) -> bytes:
    """Return the payload of a content: a serialized message is its fields one after another, in any order."""
    return content + _ETAG_PREFIX + etag_of(content).encode("ascii")


def etag_in(payload: bytes) -> str:
    """Return the etag that a payload carries."""
    return payload[-2 * _ETAG_BYTES :].decode("ascii")


def without_etag(payload: bytes) -> bytes:
    """Return the content of a payload."""
    return payload[: -len(_ETAG_PREFIX) - 2 * _ETAG_BYTES]


def decode(payload: bytes) -> Values:
    """Return the values of a payload; a field without a value is None."""
    return from_message(Record.FromString(payload))


def from_message(record: Record) -> Values:
    """Return the values of a pfa.v1.Record; a field without a value is None."""
    return _read(record, _FIELD_READERS)


def some_from_message(record: Record, names: Iterable[str]) -> Values:
    """Return the values of some fields of a pfa.v1.Record; names that are no fields are passed over."""
    return _read(record, _readers_of(tuple(names)))


def columns_from_messages(records: Sequence[Record], names: Iterable[str]) -> dict[str, list[Any]]:
    """Return the values of some fields of many pfa.v1.Records, in columns; names that are no fields are passed over."""
    holders: dict[str, Sequence[Message]] = {"": records}
    columns = {}
    for name, parent, leaf, _ in _readers_of(tuple(names)):
        if parent not in holders:
            holders[parent] = list(map(attrgetter(parent), records))
        columns[name] = _COLUMN_READERS[name](holders[parent], leaf)
    return columns


@lru_cache(maxsize=256)
def _readers_of(names: tuple[str, ...]) -> tuple[_Reader, ...]:
    return tuple(reader for name in names if (reader := _READER_OF.get(name)) is not None)


def _read(record: Record, readers: Iterable[_Reader]) -> Values:
    values: Values = {}
    for name, parent, leaf, read in readers:
        message: Message = getattr(record, parent) if parent else record
        values[name] = read(message, leaf)
    return values


def _reader(field: Field) -> Callable[[Message, str], Any]:
    """Return the function (message, field of it) → value, which tells a missing value from a zero."""
    convert = _from_wire(field)
    parent, _, leaf = field.proto.rpartition(".")
    holder = type(getattr(Record(), parent)) if parent else Record
    has_presence = holder.DESCRIPTOR.fields_by_name[leaf].has_presence
    if field.type in _AS_THEY_ARE:
        return _optional if has_presence else getattr
    if field.type is FieldType.DATE:
        return lambda message, name: _days[getattr(message, name).SerializeToString()]
    if has_presence:
        return lambda message, name: convert(getattr(message, name)) if message.HasField(name) else None
    return lambda message, name: convert(getattr(message, name))


_AS_THEY_ARE: Final = (FieldType.ID, FieldType.TEXT, FieldType.BOOL, FieldType.INTEGER)


def _optional(message: Message, name: str) -> Any:
    value = getattr(message, name)
    return value if value or message.HasField(name) else None


def _column_reader(field: Field) -> Callable[[Sequence[Message], str], list[Any]]:
    """Return what gives of many messages what the function of `_reader` gives of one, in less time for each."""
    read = _reader(field)
    if read is getattr:
        return lambda messages, name: list(map(attrgetter(name), messages))
    if read is _optional:
        return lambda messages, name: [
            value if value or message.HasField(name) else None
            for message, value in zip(messages, map(attrgetter(name), messages), strict=True)
        ]
    if field.type is FieldType.DATE:
        return lambda messages, name: [_days[wire] for wire in map(_serialized, map(attrgetter(name), messages))]
    return lambda messages, name: [read(message, name) for message in messages]


_serialized: Final = methodcaller("SerializeToString")


_Reader = tuple[str, str, str, Callable[[Message, str], Any]]
_FIELD_READERS: Final[tuple[_Reader, ...]] = tuple((f.name, *f.proto.rpartition(".")[::2], _reader(f)) for f in FIELDS)
_READER_OF: Final = {reader[0]: reader for reader in _FIELD_READERS}
_COLUMN_READERS: Final = {field.name: _column_reader(field) for field in FIELDS}
