"""What is remembered of records' synchronization, as it is stored: `read_sync_rows`, `write_sync_rows`.

A record without a row has nothing to remember. Open conflicts are rows of their own; closed ones stay, as a log.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.deltas import decode_partial, encode_partial
from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import MERGED_NAMES
from pfa_rpc.store.bulk import insert_for, insert_rows
from pfa_rpc.store.database import Write
from pfa_rpc.store.records import among, batches
from pfa_rpc.store.syncing.tables import record_sync, sync_conflicts, sync_log
from pfa_rpc.sync.conflicts import in_order
from pfa_rpc.sync.effects import Audit, CloseConflict, Effect, OpenConflict
from pfa_rpc.sync.sync_record import Conflict, Side
from pfa_rpc.sync.sync_rows import SyncRow

_IDS_A_QUERY: Final = 500
_SAME: Final = ("push_id", "pushed_local_version", "push_phase", "push_lock", "push_doubtful", "lease_until")
_PLAIN: Final = (*_SAME, "repull", "next_attempt_at", "presence", "rejected", "held")
"""Columns that hold what the field of `SyncRow` with their name holds."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a write makes of what is remembered of a record."""

    record_id: str
    before: SyncRow | None
    after: SyncRow | None
    effects: Sequence[Effect]
    """What the steps between the two gave: conflicts and entries of the log are taken from them."""


async def read_sync_rows(
    connection: AsyncConnection, organization_id: str, record_ids: Sequence[str]
) -> dict[str, SyncRow]:
    """Return record id → row of those records about which something is remembered, as the connection sees them."""
    found: dict[str, SyncRow] = {}
    key, columns = record_sync.c.record_id, tuple(record_sync.c)
    for statement, parameters in among(connection.dialect.name, organization_id, key, record_ids, columns):
        for row in await connection.execute(statement, parameters):
            found[row.record_id] = _row_of(row)
    if found:
        for record_id, conflicts in (await open_conflicts(connection, organization_id, list(found))).items():
            found[record_id] = replace(found[record_id], conflicts=in_order(conflicts))
    return found


async def open_conflicts(
    connection: AsyncConnection, organization_id: str, record_ids: Sequence[str]
) -> dict[str, list[Conflict]]:
    """Return record id → its open conflicts, of those records that have any."""
    found: dict[str, list[Conflict]] = {}
    table = sync_conflicts.c
    for part in batches(record_ids, _IDS_A_QUERY):
        query = sa.select(sync_conflicts).where(
            table.organization_id == organization_id, table.record_id.in_(part), sa.text("closed_at IS NULL")
        )
        for row in await connection.execute(query):
            found.setdefault(row.record_id, []).append(conflict_of(row))
    return found


def _row_of(row: Any) -> SyncRow:
    """Return what a row of `record_sync` holds; its conflicts are elsewhere."""
    theirs = None if row.theirs is None else _complete(decode_partial(row.theirs, MERGED_NAMES))
    push_values = None if row.push_id is None else decode_partial(row.push_values, row.push_fields)
    return SyncRow(theirs=theirs, push_values=push_values, **{name: getattr(row, name) for name in _PLAIN})


def _complete(values: Values) -> Values:
    return {name: values.get(name) for name in MERGED_NAMES}


def conflict_of(row: Any) -> Conflict:
    """Return the conflict that a row of `sync_conflicts` holds."""
    base, mine, theirs = (decode_partial(part, (row.field,))[row.field] for part in (row.base, row.mine, row.theirs))
    return Conflict(
        field=row.field,
        base=base,
        mine=mine,
        theirs=theirs,
        mine_side=Side(row.mine_by, row.mine_at),
        theirs_side=Side(row.theirs_by, row.theirs_at),
        opened_at=row.opened_at,
        ambiguous=row.ambiguous,
        decided=row.decided,
    )


async def write_sync_rows(
    write: Write, currency: str, changes: Sequence[RowChange], *, run_id: str | None = None
) -> None:
    """Store what is remembered of records from now on, their conflicts, and the entries of the log."""
    gone = [change.record_id for change in changes if change.before is not None and change.after is None]
    kept = [
        _columns(write.organization_id, change.record_id, change.after, currency)
        for change in changes
        if change.after is not None and change.after != change.before
    ]
    for part in batches(gone, _IDS_A_QUERY):
        table = record_sync.c
        where = table.organization_id == write.organization_id, table.record_id.in_(part)
        await write.connection.execute(sa.delete(record_sync).where(*where))
    if kept:
        insert = insert_for(write.connection.dialect.name, record_sync)
        keys = ("organization_id", "record_id")
        updated = {column.name: insert.excluded[column.name] for column in record_sync.c if column.name not in keys}
        await write.connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=updated), kept)
    await _write_conflicts(write, currency, changes)
    await _write_log(write, changes, run_id)


def _columns(organization_id: str, record_id: str, row: SyncRow, currency: str) -> dict[str, Any]:
    push = row.push_values
    return {
        "organization_id": organization_id,
        "record_id": record_id,
        "theirs": None if row.theirs is None else encode_partial(row.theirs, MERGED_NAMES, currency),
        "push_fields": None if push is None else tuple(push),
        "push_values": None if push is None else encode_partial(push, push, currency),
        **{name: getattr(row, name) for name in _PLAIN},
    }


async def _write_conflicts(write: Write, currency: str, changes: Iterable[RowChange]) -> None:
    """Bring the conflicts in step with what the steps gave, in the order in which they gave it."""
    for change in changes:
        known = {conflict.field for conflict in change.before.conflicts} if change.before is not None else set()
        for effect in change.effects:
            if not isinstance(effect, OpenConflict | CloseConflict):
                continue
            columns = _conflict_columns(effect.conflict, currency)
            if isinstance(effect, CloseConflict):
                columns |= {"closed_at": effect.at, "settlement": effect.how.value, "closed_by": effect.by}
            name = effect.conflict.field
            if name in known:
                await _update_conflict(write, change.record_id, name, columns)
            else:
                await _insert_conflict(write, change.record_id, columns)
            (known.add if isinstance(effect, OpenConflict) else known.discard)(name)


def _conflict_columns(conflict: Conflict, currency: str) -> dict[str, Any]:
    name = conflict.field
    sides = {"base": conflict.base, "mine": conflict.mine, "theirs": conflict.theirs}
    return {
        "field": name,
        **{side: encode_partial({name: value}, (name,), currency) for side, value in sides.items()},
        "mine_by": conflict.mine_side.by,
        "mine_at": conflict.mine_side.at,
        "theirs_by": conflict.theirs_side.by,
        "theirs_at": conflict.theirs_side.at,
        "opened_at": conflict.opened_at,
        "ambiguous": conflict.ambiguous,
        "decided": conflict.decided,
    }


async def _insert_conflict(write: Write, record_id: str, columns: Mapping[str, Any]) -> None:
    key = {"organization_id": write.organization_id, "conflict_id": str(uuid.uuid4()), "record_id": record_id}
    await write.connection.execute(sa.insert(sync_conflicts).values(**key, **columns))


async def _update_conflict(write: Write, record_id: str, name: str, columns: Mapping[str, Any]) -> None:
    table = sync_conflicts.c
    where = (
        table.organization_id == write.organization_id,
        table.record_id == record_id,
        table.field == name,
        sa.text("closed_at IS NULL"),
    )
    await write.connection.execute(sa.update(sync_conflicts).where(*where).values(**columns))


async def _write_log(write: Write, changes: Iterable[RowChange], run_id: str | None) -> None:
    entries = [(change.record_id, effect) for change in changes for effect in change.effects]
    rows = [
        {
            "organization_id": write.organization_id,
            "revision": write.revision.number,
            "ordinal": ordinal,
            "record_id": record_id,
            "action": effect.action.value,
            "at": effect.at,
            "fields": effect.fields,
            "by": effect.by,
            "detail": effect.detail,
            "run_id": run_id,
        }
        for ordinal, (record_id, effect) in enumerate(entries)
        if isinstance(effect, Audit)
    ]
    if rows:
        await insert_rows(write.connection, sync_log, rows)
