"""Compares what the database says twice: `examine` an organization; `repairing` mends what can be made right.

What is the truth depends on what differs:

* a column and the payload: the payload, which readers get, and which columns are derived from. Costs are computed anew;
* the keys (organization_id, id, pfa_id): the columns, by which the record is found;
* an etag that is not that of the payload's content: the content, if every column agrees with it. If one does not, the
  payload itself was damaged, and nothing here knows what it held: it is reported, and a backup must be asked;
* `base` and the list of modified fields: the values of both sides, from which the list is computed. A record with
  modified fields and no base has lost what PEMS held: it is reported only;
* vocabulary, positions, the next position and chunks: the records.

Everything is read in batches of one snapshot. A repair writes as any change does: new revision, new nonces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from google.protobuf.message import DecodeError
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import fold
from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record
from pfa_rpc.records.cost import costs_of
from pfa_rpc.records.encode import PAYLOAD_VERSION, Values, etag_of, from_message, without_etag
from pfa_rpc.records.revision import chunk_of
from pfa_rpc.records.tracking import differing
from pfa_rpc.schema import FIELDS, Origin
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.rows import decode_base
from pfa_rpc.store.tables import field_values, organization_revisions, record_chunks, records

BATCH_RECORDS: Final = 2_000
"""Records that are read together."""
VALUES_TOGETHER: Final = 5_000
"""Values of the vocabulary that are read or written together."""
_KEYS: Final = frozenset(field.name for field in FIELDS if field.origin is Origin.KEY)
_REQUIRED: Final = tuple(field.name for field in FIELDS if field.required)
NAMED: Final = tuple(field.name for field in FIELDS if field.named)
_COLUMNS: Final = tuple((field.name, field.column, field.type) for field in FIELDS)
NAMES: Final = tuple(column.name for column in records.columns)

Progress = Callable[[int, int], None]
"""Is told (records examined, records in all)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    organization_id: str
    kind: str
    """column, key, etag, payload, version, base, revision, vocabulary, position, chunk or cache."""
    pfa_id: str | None
    """The record; None where it is about the organization."""
    field: str
    """The field, the spelling or the number of the chunk."""
    stored: str
    """What is there."""
    right: str
    """What should be."""
    can_repair: bool = True


@dataclass(slots=True)
class Report:
    """What was found in an organization."""

    organization_id: str
    listed: int
    """Most findings that are kept; all are counted."""
    records: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Findings by kind."""
    beyond_repair: int = 0
    """Findings that a repair leaves as they are."""
    damaged: list[str] = field(default_factory=list)
    """Ids of the records that a repair writes anew."""

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if there is room."""
        self.counts[finding.kind] += 1
        self.beyond_repair += not finding.can_repair
        if len(self.findings) < self.listed:
            self.findings.append(finding)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.counts


async def organization_sizes(connection: AsyncConnection) -> dict[str, int]:
    """Return how many records each organization has, by code, counted by its positions."""
    table = organization_revisions.c
    query = sa.select(table.organization_id, table.next_position).order_by(table.organization_id)
    return {row.organization_id: row.next_position for row in await connection.execute(query)}


async def examine(
    database: Database, organization_id: str, *, listed: int = 20, read: Callable[[int], None] | None = None
) -> Report:
    """Compare everything that an organization has, as of one snapshot; `read` is told of each batch of records.

    Raises OrganizationNotFound.
    """
    report = Report(organization_id, listed)
    async with database.reading() as connection:
        organization = await get_organization(connection, organization_id)
        uses: Counter[tuple[str, str]] = Counter()
        chunks: dict[int, int] = {}
        async for rows in rows_of(connection, organization_id):
            for row in rows:
                _examine_place(report, row, organization.revision.number)
                report.records += 1
                values = _examine_record(report, row)
                if values is not None:
                    uses.update((name, values[name]) for name in NAMED if values[name] is not None)
                chunk = chunk_of(row["position"])
                chunks[chunk] = max(chunks.get(chunk, 0), row["revision"])
            if read is not None:
                read(len(rows))
        if organization.record_count != report.records:
            _note(report, "position", "next_position", organization.record_count, report.records)
        await _examine_vocabulary(connection, report, uses)
        await _examine_chunks(connection, report, chunks, organization.revision.number)
    return report


async def rows_of(connection: AsyncConnection, organization_id: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield records by column, in order of insertion."""
    last: int | None = None
    while True:
        query = sa.select(records).where(records.c.organization_id == organization_id)
        if last is not None:
            query = query.where(records.c.position > last)
        found = await connection.execute(query.order_by(records.c.position).limit(BATCH_RECORDS))
        rows = [dict(zip(NAMES, row, strict=True)) for row in found]
        if not rows:
            return
        last = rows[-1]["position"]
        yield rows


def _note(report: Report, kind: str, name: str, stored: object, right: object) -> None:
    report.add(Finding(report.organization_id, kind, None, name, _shown(stored), _shown(right)))


def _shown(value: object) -> str:
    return "(missing)" if value is None or value == () else str(value)


def _examine_place(report: Report, row: dict[str, Any], revision: int) -> None:
    """Check that positions have no gaps, and that no record is newer than its organization."""
    if row["position"] != report.records:
        report.add(
            Finding(
                report.organization_id,
                "position",
                row["pfa_id"],
                "position",
                _shown(row["position"]),
                _shown(report.records),
            )
        )
    if row["revision"] > revision:
        report.add(
            Finding(
                report.organization_id,
                "revision",
                row["pfa_id"],
                "revision",
                _shown(row["revision"]),
                f"at most {revision}",
            )
        )


# --- records ---------------------------------------------------------------------------------------------------------


def _examine_record(report: Report, row: dict[str, Any]) -> Values | None:
    """Compare a record with itself; return its values, or None where they cannot be read."""
    reading = read_row(row)
    for kind, name, stored, right, can_repair in reading.differences:
        report.add(
            Finding(report.organization_id, kind, row["pfa_id"], name, _shown(stored), _shown(right), can_repair)
        )
    if reading.differences and reading.can_repair:
        report.damaged.append(row["id"])
    return reading.values


@dataclass(slots=True)
class Reading:
    """A row of records as it should be."""

    values: Values | None = None
    """What the record's values are; None where they cannot be known."""
    base: Values | None = None
    differences: list[tuple[str, str, object, object, bool]] = field(default_factory=list)
    """(kind, field, stored, right, can be repaired) of everything that is not as it should be."""

    @property
    def can_repair(self) -> bool:
        """Whether the row can be written anew without losing anything."""
        return self.values is not None and all(can_repair for *_, can_repair in self.differences)


def read_row(row: dict[str, Any]) -> Reading:
    """Compare the columns of a row with its payload; return what the row should be, and what differs."""
    reading = Reading()
    try:
        message = Record.FromString(row["payload"])
        values = from_message(message)
        missing = [name for name in _REQUIRED if values[name] is None]
    except (DecodeError, ValueError) as error:
        reading.differences.append(("payload", "payload", f"cannot be read: {error}", "a record", False))
        return reading
    if missing:
        reading.differences.append(("payload", ", ".join(missing), None, "a value", False))
        return reading
    reading.values = values
    _compare_columns(reading, row, message)
    _compare_payload(reading, row, message)
    _compare_base(reading, row)
    return reading


def _compare_columns(reading: Reading, row: dict[str, Any], message: Record) -> None:
    """Compare each column with the payload, which is the truth for all but keys; compute costs anew."""
    values, differences = reading.values or {}, reading.differences
    for name in _KEYS:
        if values[name] != row[name]:
            differences.append(("key", name, f"{values[name]} in the payload", row[name], True))
            values[name] = row[name]
    if message.organization_id != row["organization_id"]:
        stored = f"{message.organization_id} in the payload"
        differences.append(("key", "organization_id", stored, row["organization_id"], True))
    for name, cost in costs_of(values).items():
        if values[name] != cost:
            differences.append(("payload", name, values[name], cost, True))
            values[name] = cost
    for name, column, kind in _COLUMNS:
        value = values[name]
        right = fold(value) if kind is FieldType.TEXT and value is not None else value
        if row[column] != right:
            differences.append(("column", name, row[column], right, True))


def _compare_payload(reading: Reading, row: dict[str, Any], message: Record) -> None:
    """Compare the payload with itself: its etag, its revision, its version."""
    differences = reading.differences
    if message.revision != row["revision"]:
        differences.append(("payload", "revision", message.revision, row["revision"], True))
    if row["payload_version"] != PAYLOAD_VERSION:
        differences.append(("version", "payload_version", row["payload_version"], PAYLOAD_VERSION, True))
    etag = etag_of(without_etag(row["payload"]))
    if message.etag != etag:
        # With a column against it too, the payload is not to be believed, and a new etag would hide that.
        is_believed = not any(kind in ("column", "key", "payload") for kind, *_ in differences)
        differences.append(("etag", "etag", message.etag, etag, is_believed))


def _compare_base(reading: Reading, row: dict[str, Any]) -> None:
    """Compare the list of modified fields with the values of both sides."""
    values, differences = reading.values or {}, reading.differences
    if row["base"] is None:
        if values["modified_fields"]:
            right = f"what PEMS holds of {', '.join(values['modified_fields'])}"
            differences.append(("base", "base", None, right, False))
        return
    try:
        reading.base = decode_base(row["base"])
    except (DecodeError, ValueError) as error:
        differences.append(("base", "base", f"cannot be read: {error}", "a record", not values["modified_fields"]))
        return
    names = differing(values, reading.base)
    if set(names) != set(values["modified_fields"]):
        differences.append(("base", "modified_fields", ", ".join(values["modified_fields"]), ", ".join(names), True))
        values["modified_fields"] = names
        if values["sync_state"] in ("pristine", "modified"):
            values["sync_state"] = "modified" if names else "pristine"
    if not names:
        reading.base = None


# --- what is kept of records -----------------------------------------------------------------------------------------


async def _examine_vocabulary(connection: AsyncConnection, report: Report, uses: Counter[tuple[str, str]]) -> None:
    """Compare the kept numbers of uses with the counted ones; empties the count."""
    table = field_values.c
    query = sa.select(table.field, table.spelling, table.uses).where(table.organization_id == report.organization_id)
    result = await connection.execute(query)
    for part in result.partitions(VALUES_TOGETHER):
        for name, spelling, kept in part:
            counted = uses.pop((name, spelling), 0)
            if kept != counted:
                _note(report, "vocabulary", f"{name}: {spelling}", kept, counted)
    for (name, spelling), counted in uses.items():
        _note(report, "vocabulary", f"{name}: {spelling}", None, counted)


async def _examine_chunks(connection: AsyncConnection, report: Report, chunks: dict[int, int], newest: int) -> None:
    """Check that every chunk is there, at least as new as its records, and no newer than the organization."""
    table = record_chunks.c
    query = sa.select(table.chunk, table.revision).where(table.organization_id == report.organization_id)
    kept = {row.chunk: row.revision for row in await connection.execute(query.order_by(table.chunk))}
    for chunk, revision in chunks.items():
        if chunk not in kept:
            _note(report, "chunk", f"chunk {chunk}", None, f"revision {revision}")
        elif kept[chunk] < revision:
            _note(report, "chunk", f"chunk {chunk}", f"revision {kept[chunk]}", f"revision {revision} or later")
        elif kept[chunk] > newest:
            _note(report, "chunk", f"chunk {chunk}", f"revision {kept[chunk]}", f"at most revision {newest}")
    for chunk in sorted(kept.keys() - chunks.keys()):
        _note(report, "chunk", f"chunk {chunk}", f"revision {kept[chunk]}", None)
