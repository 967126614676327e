"""The one write path of records: `read_for_write` them, change them, `save_records`.

Columns and payload are made from the same values in the same statement, so that they cannot drift apart. The vocabulary
is kept in step: each save adds and takes away the uses of the values that it changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Condition
from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record
from pfa_rpc.records.deltas import Deltas, deltas_of
from pfa_rpc.records.encode import Values, columns_from_messages, decode
from pfa_rpc.records.revision import chunk_of
from pfa_rpc.records.steps import Columns, columns_of
from pfa_rpc.schema import FIELDS
from pfa_rpc.store.bulk import FEW, insert_rows, text_array
from pfa_rpc.store.database import Write
from pfa_rpc.store.drafts.view import by_position, seen, view_of
from pfa_rpc.store.driver import fetch
from pfa_rpc.store.history.recording import ROWS_AT_ONCE, history_of
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.rows import RowMaker, decode_base, with_costs
from pfa_rpc.store.statements import execute
from pfa_rpc.store.syncing.tables import record_sync
from pfa_rpc.store.tables import records
from pfa_rpc.store.updating import NAMED, Made, Uses, count_uses, send_updates
from pfa_rpc.store.vocabulary import add_uses

_NAMESPACE: Final = uuid.UUID("4e5f1f0a-6d0b-4b39-9a0e-2c8b2f1a7c55").bytes
_VARIANTS: Final = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}
"""Hexadecimal digit → what a UUID has in its place: 10 as the first two bits."""
_IDS_A_QUERY: Final = 500
_NO_VALUES: Final[Values] = dict.fromkeys(field.name for field in FIELDS)
_SYNC_DEFAULTS: Final[Values] = {
    "sync_state": "pristine",
    "local_version": 1,
    "sync_retry_count": 0,
    "modified_fields": (),
    "conflicting_fields": (),
    "deleted_in_pems": False,
}


@dataclass(slots=True)
class StoredRecord:
    """A record as the write path holds it."""

    values: Values
    """Every field of the table of fields by name; costs are computed anew by a save."""
    base: Values | None
    """Merged fields as both sides last agreed on them; None: equal to the values."""
    seen_digest: bytes | None
    """Digest of the row of PEMS that was taken in last."""
    position: int | None = None
    """Place in the order of insertion; None: not stored yet."""

    def copy(self) -> StoredRecord:
        """Return a record that can be changed without changing this one."""
        base = None if self.base is None else dict(self.base)
        return StoredRecord(dict(self.values), base, self.seen_digest, self.position)

    def edited(self, values: Values, base: Values | None) -> StoredRecord:
        """Return the record with other values and another base, all else as it is."""
        return StoredRecord(values, base, self.seen_digest, self.position)


class StoredRow(NamedTuple):
    """A record as its row has it, for who may not have to decode it."""

    id: str
    pfa_id: str
    position: int
    payload: bytes
    base: bytes | None
    seen_digest: bytes | None
    is_remembered: bool | None = None
    """Whether the synchronization remembers something of it; None where that was not asked."""
    held: tuple[Any, ...] | None = None
    """The fields `_HELD`, where they were read: to take them out of the payload takes several times as long."""

    def values(self) -> Values:
        """Return its fields."""
        return decode(self.payload)

    def decoded(self) -> StoredRecord:
        """Return the record."""
        base = None if self.base is None else decode_base(self.base)
        return StoredRecord(decode(self.payload), base, self.seen_digest, self.position)


ROW_COLUMNS: Final = tuple(records.c[name] for name in StoredRow._fields if name in records.c)
"""What a `StoredRow` is made of, in its order."""
_HELD: Final = tuple(f for f in FIELDS if f.type is not FieldType.TEXT and f.name not in StoredRow._fields)
"""The fields that columns have as the payload has them."""
_LISTS: Final = {field.name for field in _HELD if field.type is FieldType.NAMES}
_Selected = tuple[sa.ColumnElement[Any], ...]
_IS_REMEMBERED: Final = (
    sa.exists()
    .where(record_sync.c.organization_id == records.c.organization_id, record_sync.c.record_id == records.c.id)
    .correlate(records)
    .label("is_remembered")
)
FOR_EDITS: Final = (*ROW_COLUMNS, _IS_REMEMBERED, *(records.c[field.column] for field in _HELD))
"""What a `StoredRow` is made of that is to be edited."""

Change = tuple[StoredRecord | None, StoredRecord]
"""(before, after); before is None for a record that is new."""


def record_id(organization_id: str, pfa_id: str) -> str:
    """Return the key of a record that came from PEMS: the same on every import into any database."""
    # uuid5 of the two, whose objects would take four times as long.
    digits = hashlib.sha1(_NAMESPACE + f"{organization_id}/{pfa_id}".encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANTS[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def new_record(organization_id: str, pfa_id: str, values: Values) -> StoredRecord:
    """Return a record that PEMS has and this database does not: pristine, at its first version."""
    complete = _NO_VALUES | values | {"id": record_id(organization_id, pfa_id), "pfa_id": pfa_id}
    for name, default in _SYNC_DEFAULTS.items():
        if complete[name] is None:
            complete[name] = default
    return StoredRecord(complete, base=None, seen_digest=None)


def fields_of(
    rows: Sequence[StoredRow], names: Iterable[str], messages: Sequence[Record] | None = None
) -> dict[str, Sequence[Any]]:
    """Return some fields of records, in columns; names that are no fields are passed over.

    The payloads need not be decoded for it again where their messages are given.
    """
    columns = _held(rows)
    others = [name for name in names if name not in columns]
    if others:
        messages = messages or [Record.FromString(row.payload) for row in rows]
        columns |= columns_from_messages(messages, others)
    return {name: columns[name] for name in names if name in columns}


def _held(rows: Sequence[StoredRow]) -> dict[str, Sequence[Any]]:
    """Return the fields that the rows hold, in columns."""
    held = [row.held for row in rows if row.held is not None]
    if len(held) < len(rows):
        return {}
    columns: dict[str, Sequence[Any]] = dict(zip((f.name for f in _HELD), zip(*held, strict=True), strict=False))
    for name in _LISTS & columns.keys():  # which a driver gives as a list, or not at all
        columns[name] = [tuple(names) if names else () for names in columns[name]]
    return columns | {"id": [row.id for row in rows], "pfa_id": [row.pfa_id for row in rows]}


async def seen_rows(
    connection: AsyncConnection, organization_id: str, pfa_ids: Sequence[str]
) -> dict[str, tuple[bytes | None, datetime | None]]:
    """Return pfa_id → (digest of the row taken in last, PEMS stamp) of the records that exist among the ids."""
    found: dict[str, tuple[bytes | None, datetime | None]] = {}
    columns = (records.c.pfa_id, records.c.seen_digest, records.c.pems_stamp)
    async for pfa_id, digest, stamp in _by_key(connection, organization_id, records.c.pfa_id, pfa_ids, columns):
        found[pfa_id] = (digest, stamp)
    return found


async def read_for_write(write: Write, pfa_ids: Sequence[str]) -> dict[str, StoredRecord]:
    """Return pfa_id → record of those that exist among the ids, as of this write."""
    rows = await read_rows(write.connection, write.organization_id, "pfa_id", pfa_ids)
    return {pfa_id: row.decoded() for pfa_id, row in rows.items()}


async def read_rows(
    connection: AsyncConnection, organization_id: str, key: Literal["id", "pfa_id"], names: Sequence[str]
) -> dict[str, StoredRow]:
    """Return id, or pfa_id, → row of the records that exist among the names, as the connection sees them."""
    found: dict[str, StoredRow] = {}
    async for row in _by_key(connection, organization_id, records.c[key], names, FOR_EDITS):
        stored = row_for_edits(row)
        found[getattr(stored, key)] = stored
    return found


def row_for_edits(row: Sequence[Any]) -> StoredRow:
    """Return a row of the columns `FOR_EDITS`."""
    first = len(FOR_EDITS) - len(_HELD)
    return StoredRow._make((*row[:first], row[first:]))


async def read_row_stretch(
    connection: AsyncConnection, organization_id: str, condition: Condition | None, *, after: int, limit: int
) -> Sequence[StoredRow]:
    """Return the rows of the next records that a condition holds for, at most `limit`, in order of insertion."""
    stretch: sa.Select[Any] = sa.select(*ROW_COLUMNS).where(records.c.position > after)
    rows: Iterable[Any] = await execute(connection, organization_id, condition, stretch.where, by_position(limit))
    return [StoredRow(*row) for row in rows]


async def read_rows_at(
    connection: AsyncConnection, organization_id: str, positions: Sequence[int]
) -> Sequence[StoredRow]:
    """Return the rows of the records at some positions, in their order, as the connection sees them."""
    if connection.dialect.name == "postgresql" and view_of(connection) is None:
        # One statement for any number, which stays prepared.
        parameters = {"organization_id": organization_id, "positions": list(positions)}
        return list(map(row_for_edits, await fetch(connection, _AT_POSITIONS, parameters)))
    query = sa.select(*FOR_EDITS).where(records.c.organization_id == organization_id).order_by(records.c.position)
    found: list[StoredRow] = []
    for part in batches(positions, _IDS_A_QUERY):
        at = records.c.position.in_(part)
        found += map(row_for_edits, await connection.execute(seen(connection, query.where(at))))
    return found


_AT_POSITIONS: Final = (
    sa.select(*FOR_EDITS)
    .where(records.c.organization_id == sa.bindparam("organization_id", type_=sa.Text()))
    .where(records.c.position == sa.any_(sa.bindparam("positions", type_=postgresql.ARRAY(sa.BigInteger()))))
    .order_by(records.c.position)
)


async def read_created(connection: AsyncConnection, organization_id: str, first: int, end: int) -> Sequence[StoredRow]:
    """Return the rows of the records whose positions are from the first to before the end."""
    places = (records.c.position >= first, records.c.position < end)
    query = sa.select(*FOR_EDITS).where(records.c.organization_id == organization_id, *places)
    return list(map(row_for_edits, await connection.execute(query.order_by(records.c.position))))


async def _by_key(
    connection: AsyncConnection,
    organization_id: str,
    key: sa.Column[Any],
    names: Sequence[str],
    columns: Sequence[sa.ColumnElement[Any]],
) -> Any:
    for statement, parameters in among(connection.dialect.name, organization_id, key, names, tuple(columns)):
        through = seen(connection, statement)
        rows: Iterable[Any]
        if through is statement:
            rows = await fetch(connection, statement, parameters)
        else:  # which is of one draft, and made anew each time
            rows = await connection.execute(through, parameters)
        for row in rows:
            yield row


def among(
    dialect: str,
    organization_id: str,
    key: sa.Column[Any],
    names: Sequence[str],
    columns: tuple[sa.ColumnElement[Any], ...],
) -> Iterator[tuple[sa.Select[Any], dict[str, Any]]]:
    """Yield the statements, with their parameters, that read columns of the rows whose key is among names."""
    of = {"organization_id": organization_id}
    if len(names) == 1:
        yield _whose(key, columns), of | {"name": names[0]}
    elif dialect == "postgresql" and names:
        yield _among_rows(key, columns), of | {"names": text_array(names)}
    else:
        for part in batches(names, _IDS_A_QUERY):
            yield _among(key, columns), of | {"names": part}


def _of_organization(table: sa.FromClause, columns: _Selected) -> sa.Select[Any]:
    return sa.select(*columns).where(table.c.organization_id == sa.bindparam("organization_id", type_=sa.Text()))


# Made once: to put them together takes as long as to run them.
@lru_cache(maxsize=16)
def _whose(key: sa.Column[Any], columns: _Selected) -> sa.Select[Any]:
    return _of_organization(key.table, columns).where(key == sa.bindparam("name", type_=sa.Text()))


@lru_cache(maxsize=16)
def _among(key: sa.Column[Any], columns: _Selected) -> sa.Select[Any]:
    return _of_organization(key.table, columns).where(key.in_(sa.bindparam("names", expanding=True)))


@lru_cache(maxsize=16)
def _among_rows(key: sa.Column[Any], columns: _Selected) -> sa.Select[Any]:
    """Return the statement for any number of names, which PostgreSQL keeps prepared."""
    # Rows of names, not `= ANY` of an array: as a filter, that would take the text apart again for each record.
    names = sa.func.unnest(sa.cast(sa.bindparam("names", type_=sa.Text()), postgresql.ARRAY(sa.Text())))
    return _of_organization(key.table, columns).where(key.in_(sa.select(names)))


def batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield the items in slices of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


@lru_cache(maxsize=4)
def rows_of(organization_id: str, currency: str) -> RowMaker:
    """Return what makes the rows of an organization: its records have few different values, and it remembers them."""
    return RowMaker(organization_id, currency)


def to_rows(stored: Sequence[StoredRecord], organization: Organization, revision: int) -> list[dict[str, Any]]:
    """Return the columns of records, their costs computed and their payloads encoded."""
    return rows_of(organization.organization_id, organization.currency_code).rows(
        [record.values for record in stored],
        bases=[record.base for record in stored],
        seen_digests=[record.seen_digest for record in stored],
        positions=[record.position for record in stored],
        revision=revision,
    )


async def save_records(write: Write, organization: Organization, changes: Sequence[Change]) -> list[bytes]:
    """Write records within a transaction: those without a before are inserted, the others updated.

    Sets positions, costs, columns, payload and revision, keeps the vocabulary in step, and what changed in the history.
    Of an update only the columns that differ are written; a record given as it was is written anew as a whole.
    Returns the payloads, in the order of the changes.
    """
    new = [after for before, after in changes if before is None]
    first = write.reserve_positions(len(new))
    for offset, record in enumerate(new):
        record.position = first + offset
    uses: Uses = Counter()
    inserted = iter(await _insert(write, organization, new, uses) if new else ())
    old = [(before, after) for before, after in changes if before is not None]
    updated = iter(await send_updates(write, _update(write, organization, old, uses)))
    write.chunks.update(chunk_of(after.position) for _, after in changes if after.position is not None)
    await add_uses(write, uses)
    return [next(inserted if before is None else updated) for before, _ in changes]


_Updates = Sequence[tuple[StoredRecord, StoredRecord]]


async def _insert(write: Write, organization: Organization, new: Sequence[StoredRecord], uses: Uses) -> Sequence[bytes]:
    """Insert records, count their values, and return their payloads."""
    rows: list[dict[str, Any]] = []
    for part in batches(new, ROWS_AT_ONCE):
        rows += to_rows(part, organization, write.revision.number)
        for name in NAMED:
            uses.update((name, value) for record in part if (value := record.values[name]) is not None)
        await asyncio.sleep(0)
    await insert_rows(write.connection, records, rows)
    return [row["payload"] for row in rows]


def _update(write: Write, organization: Organization, changes: _Updates, uses: Uses) -> Iterator[Made]:
    """Yield what is written of records that are updated, some at a time, and count what becomes of their values."""
    return (_updated(write, organization, part, uses) for part in batches(changes, ROWS_AT_ONCE))


def _updated(write: Write, organization: Organization, changes: _Updates, uses: Uses) -> Made:
    """Return what is written of some records, one at least."""
    old = columns_of([before.values for before, _ in changes])
    new = with_costs([after.values for _, after in changes])
    deltas = deltas_of(old, new, organization.currency_code)
    count_uses(uses, deltas.names, old, new)
    columns = _columns_of_update(write, organization, changes, new, deltas)
    return Made(columns, history_of(write, new["id"], deltas))


def _columns_of_update(
    write: Write,
    organization: Organization,
    changes: _Updates,
    values: Columns,
    deltas: Deltas,
) -> dict[str, Sequence[Any]]:
    """Return the columns that are written of records, given the values that they get."""
    maker, revision = rows_of(organization.organization_id, organization.currency_code), write.revision.number
    is_whole = len(changes) <= FEW or not all(deltas.fields)
    made = {"id": values["id"], "payload": maker.payloads(values, revision)}
    made |= {
        name: [value] * len(changes) for name, value in maker.shared(revision).items() if name != "organization_id"
    }
    made |= maker.of_fields(values, values if is_whole else deltas.names)
    if is_whole or any(after.base is not before.base for before, after in changes):
        made["base"] = maker.bases([after.base for _, after in changes])
    if is_whole or any(after.seen_digest != before.seen_digest for before, after in changes):
        made["seen_digest"] = [after.seen_digest for _, after in changes]
    if is_whole:
        made["position"] = [after.position for _, after in changes]
    return made
