"""Mends what the database says twice, where one side is right: `repair`, after `examine` told what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from google.protobuf.message import DecodeError

from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.encode import decode
from pfa_rpc.records.revision import CHUNK_RECORDS
from pfa_rpc.store.bulk import insert_rows
from pfa_rpc.store.database import Database, NothingChanged, Write
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import StoredRecord, batches, save_records
from pfa_rpc.store.tables import field_values, organization_commits, organization_revisions, record_chunks, records
from pfa_rpc.store.upkeep.doctor import NAMED, NAMES, VALUES_TOGETHER, Report, read_row, rows_of

_REPAIRED: Final = 500
"""Records that one transaction mends."""
_CAUSE: Final = Cause(How.REPAIR, "pfa doctor")


async def repair(database: Database, report: Report) -> None:
    """Mend what a report found and what can be mended; `examine` again tells what is left.

    Records are read again within each transaction, so that what was changed since the report stays.
    """
    if report.counts["revision"]:
        await _raise_revision(database, report.organization_id)
    for ids in batches(report.damaged, _REPAIRED):
        async with database.write(report.organization_id, _CAUSE) as write:
            await _rewrite(write, ids)
    if report.counts["position"] or report.counts["chunk"]:
        async with database.write(report.organization_id, _CAUSE) as write:
            await _renumber(write)
    if report.counts["vocabulary"]:
        async with database.write(report.organization_id, _CAUSE) as write:
            await _recount(write)


async def _raise_revision(database: Database, organization_id: str) -> None:
    """Put an organization at the newest revision of its records and its history."""
    revisions = [
        sa.select(table.c.revision).where(table.c.organization_id == organization_id)
        for table in (records, organization_commits)
    ]
    newest = sa.select(sa.func.max(sa.union_all(*revisions).subquery().c.revision))
    table = organization_revisions
    async with database.writing() as connection:
        revision = await connection.scalar(newest)
        await connection.execute(
            sa.update(table)
            .where(table.c.organization_id == organization_id, table.c.revision < revision)
            .values(revision=revision)
        )


async def _rewrite(write: Write, ids: Sequence[str]) -> None:
    """Write records anew from what is right of them."""
    organization = await get_organization(write.connection, write.organization_id)
    query = sa.select(records).where(records.c.organization_id == write.organization_id, records.c.id.in_(ids))
    changes = []
    for found in await write.connection.execute(query):
        row = dict(zip(NAMES, found, strict=True))
        reading = read_row(row)
        if reading.values is not None and reading.differences and reading.can_repair:
            record = StoredRecord(reading.values, reading.base, row["seen_digest"], row["position"])
            # The values stay those of the payload, so the vocabulary does: it is counted by itself.
            changes.append((record.copy(), record))
    if not changes:
        raise NothingChanged
    await save_records(write, organization, changes)


async def _renumber(write: Write) -> None:
    """Close gaps between positions, keeping the order; put the next position and every chunk right."""
    mine, code = records.c.organization_id == write.organization_id, write.organization_id
    positions = list(
        await write.connection.scalars(sa.select(records.c.position).where(mine).order_by(records.c.position))
    )
    move = (
        sa.update(records).where(mine, records.c.position == sa.bindparam("from_")).values(position=sa.bindparam("to_"))
    )
    # Upwards where numbers grow and downwards where they shrink, a record always moves to a place that is free.
    moves = [(old, new) for new, old in enumerate(positions) if old != new]
    ordered = [pair for pair in moves if pair[1] < pair[0]] + [pair for pair in reversed(moves) if pair[1] > pair[0]]
    if ordered:
        await write.connection.execute(move, [{"from_": old, "to_": new} for old, new in ordered])
    table = organization_revisions
    await write.connection.execute(
        sa.update(table).where(table.c.organization_id == code).values(next_position=len(positions))
    )
    last = (len(positions) + CHUNK_RECORDS - 1) // CHUNK_RECORDS
    await write.connection.execute(
        sa.delete(record_chunks).where(
            record_chunks.c.organization_id == code, sa.or_(record_chunks.c.chunk >= last, record_chunks.c.chunk < 0)
        )
    )
    write.chunks.update(range(last))


async def _recount(write: Write) -> None:
    """Count the vocabulary anew."""
    uses: Counter[tuple[str, str]] = Counter()
    async for rows in rows_of(write.connection, write.organization_id):
        for row in rows:
            try:
                values = decode(row["payload"])
            except (DecodeError, ValueError):
                continue  # reported, and beyond repair
            uses.update((name, values[name]) for name in NAMED if values[name] is not None)
    write.vocabulary_changed = True
    mine = field_values.c.organization_id == write.organization_id
    await write.connection.execute(sa.delete(field_values).where(mine))
    counted = [
        {"organization_id": write.organization_id, "field": name, "spelling": spelling, "uses": number}
        for (name, spelling), number in sorted(uses.items())
    ]
    for part in batches(counted, VALUES_TOGETHER):
        await insert_rows(write.connection, field_values, list(part))
