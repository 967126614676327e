"""Mutations of a request → `Entry`, what is to be done to which record: `read_entries`, which lists every violation."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from nlq.schema import FieldType
from pfa.v1.mutation_pb2 import Mutation, MutationOperation
from pfa.v1.record_pb2 import Record
from pfa_rpc.errors import InvalidRequest, Violation
from pfa_rpc.records.edited import why_fixed
from pfa_rpc.schema import BY_NAME, FIELDS, ID_LENGTH, MERGED_FIELDS, Field
from pfa_rpc.store.organizations import Organization

UPDATE: Final = MutationOperation.MUTATION_OPERATION_UPDATE
CREATE: Final = MutationOperation.MUTATION_OPERATION_CREATE
DISCONTINUE: Final = MutationOperation.MUTATION_OPERATION_DISCONTINUE
MAX_MUTATIONS: Final = 1_000
"""Most mutations of one request."""
_READ_AT_ONCE: Final = 100
"""Mutations that are read before other calls get their turn: some 3 ms."""
_SHOWN: Final = 100
_NANO_DECIMALS: Final = 9
_NANOS: Final = 10**_NANO_DECIMALS
_BY_PATH: Final = {field.proto: field.name for field in FIELDS}
_PARENTS: Final = {path.rpartition(".")[0] for path in _BY_PATH} - {""}


@dataclass(slots=True)
class Entry:
    """What is to be done to one record."""

    path: str
    """Of the mutation in the request: mutations[3]."""
    operation: MutationOperation.ValueType
    key: Literal["id", "pfa_id"]
    """The field that names the record."""
    name: str
    other_name: str = ""
    """The pfa_id that was told beside the id."""
    etag: str = ""
    updates: dict[str, Any] = field(default_factory=dict)
    """Field → new value, as `editing.edit` takes it."""

    def of(self, name: str) -> str:
        """Return the path of a field of the record in the request."""
        return f"{self.path}.record.{BY_NAME[name].proto}" if name in BY_NAME else f"{self.path}.record"


class NotRead(ValueError):
    """A value of a message is none; its text says why."""


async def read_entries(mutations: Sequence[Mutation], organization: Organization) -> list[Entry]:
    """Return what mutations ask for. Raises InvalidRequest with every violation."""
    if not 0 < len(mutations) <= MAX_MUTATIONS:
        said = f"{len(mutations):,} of them" if mutations else "is missing"
        raise InvalidRequest.of("mutations", f"{said}; write 1 to {MAX_MUTATIONS:,}")
    entries: list[Entry] = []
    violations: list[Violation] = []
    for number, mutation in enumerate(mutations):
        entries.append(_read(f"mutations[{number}]", mutation, organization, violations))
        if number % _READ_AT_ONCE == _READ_AT_ONCE - 1:
            await asyncio.sleep(0)
    if violations:
        raise violations_error(violations)
    return entries


def violations_error(violations: Sequence[Violation]) -> InvalidRequest:
    """Return the error of some violations; its message is the first."""
    more = f"; and {len(violations) - 1:,} more" if len(violations) > 1 else ""
    return InvalidRequest(
        f"{violations[0].field}: {violations[0].description}{more}",
        violations=violations,
        metadata={"violations": str(len(violations))},
    )


def _read(path: str, mutation: Mutation, organization: Organization, violations: list[Violation]) -> Entry:
    record = mutation.record
    entry = Entry(path, mutation.operation, *_name(path, mutation, violations))
    if record.organization_id not in ("", organization.organization_id):
        wrong = f"is {record.organization_id[:_SHOWN]!r}; the request is about {organization.organization_id!r}"
        violations.append(Violation(f"{path}.record.organization_id", wrong))
    if mutation.etag and record.etag and mutation.etag != record.etag:
        violations.append(Violation(f"{path}.etag", "is not that of the record; give one of the two"))
    entry.etag = mutation.etag or record.etag
    if mutation.operation == UPDATE:
        _read_updates(entry, mutation, organization.currency_code, violations)
    elif mutation.operation == CREATE:
        _read_new(entry, record, organization.currency_code, violations)
    elif mutation.operation == DISCONTINUE:
        entry.updates = {"is_discontinued": True}
    else:
        violations.append(Violation(f"{path}.operation", "is missing, or unknown; write UPDATE, CREATE or DISCONTINUE"))
    return entry


def _name(path: str, mutation: Mutation, violations: list[Violation]) -> tuple[Literal["id", "pfa_id"], str, str]:
    """Return the field that names a record, the name, and the pfa_id that was told beside an id."""
    record = mutation.record
    if record.id and mutation.operation != CREATE:
        try:
            return "id", str(uuid.UUID(record.id)), record.pfa_id
        except ValueError:
            violations.append(Violation(f"{path}.record.id", f"{record.id[:_SHOWN]!r} is not a UUID"))
    elif not record.pfa_id:
        rule = "give the pfa_id" if mutation.operation == CREATE else "give id or pfa_id"
        violations.append(Violation(f"{path}.record", f"names no record; {rule}"))
    elif len(record.pfa_id) > ID_LENGTH or "\0" in record.pfa_id:
        rule = f"write 1 to {ID_LENGTH} characters, none of them U+0000"
        violations.append(Violation(f"{path}.record.pfa_id", f"is no id; {rule}"))
    return "pfa_id", record.pfa_id, ""


def _read_updates(entry: Entry, mutation: Mutation, currency: str, violations: list[Violation]) -> None:
    paths = mutation.update_mask.paths
    if not paths:
        wrong = "is missing; name the fields that are set, such as forecast.start_date"
        violations.append(Violation(f"{entry.path}.update_mask", wrong))
    for path in paths:
        names = _names_of(path)
        if not names:
            wrong = f"{path[:_SHOWN]!r} is not a path that can be set, such as forecast.start_date"
            violations.append(Violation(f"{entry.path}.update_mask", wrong))
        _take(entry, names, mutation.record, currency, violations)


def _names_of(path: str) -> list[str]:
    if path in _BY_PATH:
        return [_BY_PATH[path]]
    return [name for known, name in _BY_PATH.items() if known.startswith(f"{path}.")] if path in _PARENTS else []


def _read_new(entry: Entry, record: Record, currency: str, violations: list[Violation]) -> None:
    _take(entry, (each.name for each in MERGED_FIELDS), record, currency, violations)
    entry.updates = {name: value for name, value in entry.updates.items() if value is not None and value is not False}
    entry.updates["pfa_id"] = record.pfa_id


def _take(entry: Entry, names: Iterable[str], record: Record, currency: str, violations: list[Violation]) -> None:
    """Take the values of some fields of a message as updates."""
    for name in names:
        read = _READERS.get(name)
        if read is None:
            violations.append(Violation(entry.of(name), f"cannot be set: {why_fixed(BY_NAME[name])}"))
            continue
        try:
            entry.updates[name] = read(record, currency)
        except NotRead as wrong:
            violations.append(Violation(entry.of(name), str(wrong)))


def read_value(record: Record, name: str, currency: str) -> Any:
    """Return the value that a message gives a field, as `entered` takes it; None for none. Raises NotRead."""
    read = _READERS.get(name)
    if read is None:
        raise NotRead(f"cannot be set: {why_fixed(BY_NAME[name])}")
    return read(record, currency)


_Reader = Callable[[Record, str], Any]


def _readers() -> Mapping[str, _Reader]:
    """Return what reads each field that a request may give a value for; the others are set by the service alone."""
    return {each.name: _reader(each) for each in (*MERGED_FIELDS, BY_NAME["pfa_id"])}


def _reader(field: Field) -> _Reader:
    convert = _converter(field)
    parent, _, leaf = field.proto.rpartition(".")
    holder = getattr(Record(), parent) if parent else Record()
    has_presence = holder.DESCRIPTOR.fields_by_name[leaf].has_presence

    def read(record: Record, currency: str) -> Any:
        message: Message = getattr(record, parent) if parent else record
        if has_presence and not message.HasField(leaf):
            return None
        return convert(getattr(message, leaf), currency)

    return read


def _converter(field: Field) -> Callable[[Any, str], Any]:
    match field.type:
        case FieldType.DATE:
            return lambda message, _: read_day(message)
        case FieldType.MONEY:
            return read_amount
        case FieldType.ENUM:
            stored = {value.number: value.stored for value in field.values}
            return lambda number, _: stored.get(number, str(number)) if number else None
        case _:
            return lambda value, _: value


def read_day(message: Date) -> date:
    """Return the day of a message. Raises NotRead."""
    try:
        return date(message.year, message.month, message.day)
    except ValueError:
        shown = f"{message.year}-{message.month}-{message.day}"
        raise NotRead(f"{shown} is not a day; give year, month and day") from None


def read_amount(message: Money, currency: str) -> Decimal:
    """Return the amount of a message, in currency units. Raises NotRead."""
    if message.currency_code not in ("", currency):
        raise NotRead(f"is in {message.currency_code[:_SHOWN]}; amounts of this organization are in {currency}")
    if abs(message.nanos) >= _NANOS or message.units * message.nanos < 0:
        raise NotRead("is not an amount: nanos have the sign of units, and are less than a unit")
    return Decimal(message.units) + Decimal(message.nanos).scaleb(-_NANO_DECIMALS)


_READERS: Final = _readers()
