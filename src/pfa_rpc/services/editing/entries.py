"""Mutations of a request → `Entry`, what is to be done to which record: `read_entries`, which keeps every violation."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn

from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from nlq.schema import FieldType
from pfa.v1.mutation_pb2 import Mutation, MutationOperation
from pfa.v1.record_pb2 import Record
from pfa_rpc.errors import InvalidRequest, Violation
from pfa_rpc.records.edited import why_fixed
from pfa_rpc.records.entered import NotTaken
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
_CANONICAL: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
"""Knows an id as we write it, in less time than it takes to read any other way of writing it."""
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
    """Empty where the mutation names none."""
    other_name: str = ""
    """The pfa_id that was told beside the id."""
    etag: str = ""
    updates: dict[str, Any] = field(default_factory=dict)
    """Field → new value, as `editing.edit` takes it: in place of one that could not be read, why not."""
    is_malformed: bool = False
    """Whether something is wrong with it, whatever the records are; `malformed` tells."""
    violations: list[Violation] = field(default_factory=list)
    """What is wrong with it besides values that could not be read."""

    def blame(self, path: str, description: str) -> None:
        """Add a violation."""
        self.is_malformed = True
        self.violations.append(Violation(path, description))

    def malformed(self) -> list[Violation]:
        """Return everything that is wrong with it, whatever the records are."""
        unread = [(name, value) for name, value in self.updates.items() if isinstance(value, NotTaken)]
        return [*self.violations, *(Violation(self.of(name), str(why)) for name, why in unread)]

    def blames(self, name: str) -> bool:
        """Return whether `malformed` tells of a field."""
        return isinstance(self.updates.get(name), NotTaken) or (name == "pfa_id" and not self.name)

    def of(self, name: str) -> str:
        """Return the path of a field of the record in the request."""
        return f"{self.path}.record.{BY_NAME[name].proto}" if name in BY_NAME else f"{self.path}.record"


class NotRead(NotTaken):
    """A value of a message is none; its text says why."""


async def read_entries(mutations: Sequence[Mutation], organization: Organization) -> list[Entry]:
    """Return what mutations ask for, malformed ones among them. Raises InvalidRequest for too many, or none."""
    if not 0 < len(mutations) <= MAX_MUTATIONS:
        said = f"{len(mutations):,} of them" if mutations else "is missing"
        raise InvalidRequest.of("mutations", f"{said}; write 1 to {MAX_MUTATIONS:,}")
    entries: list[Entry] = []
    for number, mutation in enumerate(mutations):
        entries.append(_read(f"mutations[{number}]", mutation, organization))
        if number % _READ_AT_ONCE == _READ_AT_ONCE - 1:
            await asyncio.sleep(0)
    return entries


def violations_error(violations: Sequence[Violation], count: int | None = None) -> InvalidRequest:
    """Return the error of some violations, or of `count`, of which these are the first; its message is the first."""
    number = len(violations) if count is None else count
    message = first_of(violations, number)
    return InvalidRequest(message, violations=violations, metadata={"violations": str(number)})


def first_of(violations: Sequence[Violation], count: int | None = None) -> str:
    """Return a sentence with the first of some violations, which may be the first of `count`."""
    number = len(violations) if count is None else count
    more = f"; and {number - 1:,} more" if number > 1 else ""
    return f"{violations[0].field}: {violations[0].description}{more}"


def _read(path: str, mutation: Mutation, organization: Organization) -> Entry:
    record = mutation.record
    entry = Entry(path, mutation.operation, "pfa_id", "")
    _read_name(entry, record)
    if record.organization_id not in ("", organization.organization_id):
        wrong = f"is {record.organization_id[:_SHOWN]!r}; the request is about {organization.organization_id!r}"
        entry.blame(f"{path}.record.organization_id", wrong)
    if mutation.etag and record.etag and mutation.etag != record.etag:
        entry.blame(f"{path}.etag", "is not that of the record; give one of the two")
    entry.etag = mutation.etag or record.etag
    if mutation.operation == UPDATE:
        _read_updates(entry, mutation, organization.currency_code)
    elif mutation.operation == CREATE:
        _read_new(entry, record, organization.currency_code)
    elif mutation.operation == DISCONTINUE:
        entry.updates = {"is_discontinued": True}
    else:
        entry.name = ""  # whether there should be such a record is not known
        entry.blame(f"{path}.operation", "is missing, or unknown; write UPDATE, CREATE or DISCONTINUE")
    return entry


def _read_name(entry: Entry, record: Record) -> None:
    """Take the field that names a record, the name, and the pfa_id that was told beside an id."""
    if record.id and entry.operation != CREATE:
        try:
            name = record.id if _CANONICAL(record.id) else str(uuid.UUID(record.id))
            entry.key, entry.name, entry.other_name = "id", name, record.pfa_id
        except ValueError:
            entry.blame(f"{entry.path}.record.id", f"{record.id[:_SHOWN]!r} is not a UUID")
    elif not record.pfa_id:
        rule = "give the pfa_id" if entry.operation == CREATE else "give id or pfa_id"
        entry.blame(f"{entry.path}.record", f"names no record; {rule}")
    elif len(record.pfa_id) > ID_LENGTH or "\0" in record.pfa_id:
        rule = f"write 1 to {ID_LENGTH} characters, none of them U+0000"
        entry.blame(f"{entry.path}.record.pfa_id", f"is no id; {rule}")
    else:
        entry.name = record.pfa_id


def _read_updates(entry: Entry, mutation: Mutation, currency: str) -> None:
    paths = mutation.update_mask.paths
    if not paths:
        entry.blame(
            f"{entry.path}.update_mask", "is missing; name the fields that are set, such as forecast.start_date"
        )
    for path in paths:
        names = _names_of(path)
        if not names:
            wrong = f"{path[:_SHOWN]!r} is not a path that can be set, such as forecast.start_date"
            entry.blame(f"{entry.path}.update_mask", wrong)
        _take(entry, names, mutation.record, currency)


def _names_of(path: str) -> list[str]:
    if path in _BY_PATH:
        return [_BY_PATH[path]]
    return [name for known, name in _BY_PATH.items() if known.startswith(f"{path}.")] if path in _PARENTS else []


def _read_new(entry: Entry, record: Record, currency: str) -> None:
    _take(entry, (each.name for each in MERGED_FIELDS), record, currency)
    entry.updates = {name: value for name, value in entry.updates.items() if value is not None and value is not False}
    entry.updates["pfa_id"] = record.pfa_id


def _take(entry: Entry, names: Iterable[str], record: Record, currency: str) -> None:
    """Take the values of some fields of a message as updates, and where one cannot be read, why not."""
    for name in names:
        read = _READERS.get(name)
        try:
            entry.updates[name] = _not_set(name) if read is None else read(record, currency)
        except NotRead as why:
            entry.updates[name] = why
            entry.is_malformed = True


def read_value(record: Record, name: str, currency: str) -> Any:
    """Return the value that a message gives a field, as `entered` takes it; None for none. Raises NotRead."""
    read = _READERS.get(name)
    return _not_set(name) if read is None else read(record, currency)


def _not_set(name: str) -> NoReturn:
    raise NotRead(f"cannot be set: {why_fixed(BY_NAME[name])}")


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
