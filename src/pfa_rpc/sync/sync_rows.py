"""Between the core's records and what is stored: `sync_record` joins a record and its `SyncRow`, `stored` parts them.

A record about which there is nothing to remember beside its values has no such row: most have none. What a row holds is
the list of columns that the table `record_sync` needs; open conflicts are rows of their own, one a field.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import differing
from pfa_rpc.store.records import StoredRecord
from pfa_rpc.sync.conflicts import merged_fields
from pfa_rpc.sync.sync_record import Conflict, Phase, Presence, Push, SyncRecord


@dataclass(frozen=True, slots=True)
class SyncRow:
    """What is remembered of a record's synchronization beside its values, its base and its digest."""

    theirs: Values | None = None
    """The merged fields as PEMS was last known to hold them; None: as base."""
    push_id: str | None = None
    """The push in flight, and below what is known of it; None: there is none."""
    pushed_local_version: int | None = None
    push_values: Values | None = None
    """The fields that were sent, with their values; a value may be None, so their names have to be stored too."""
    push_phase: str | None = None
    push_lock: str | None = None
    push_doubtful: bool = False
    lease_until: datetime | None = None
    """Indexed: pushes whose lease has run out are taken over."""
    repull: datetime | None = None
    """Indexed with lease_until: where it is set and no lease runs, PEMS is to be read directly."""
    next_attempt_at: datetime | None = None
    presence: str = Presence.PRESENT.value
    """Indexed where it is not "present": what is missing is to be confirmed."""
    rejected: str | None = None
    """Indexed where it is set: rejected rows are listed."""
    held: bool = False
    """Whether all of its local edits are in open conflict: there is nothing to claim."""
    conflicts: tuple[Conflict, ...] = ()
    """Rows of a table of their own: (organization, record, field), base, mine, theirs, who and when on each side,
    ambiguous, opened_at."""


_NOTHING = SyncRow()


def sync_record(record: StoredRecord, row: SyncRow | None = None) -> SyncRecord:
    """Return the record that the core works on. `row` is None where nothing is remembered."""
    row = row or _NOTHING
    base = merged_fields(record.values) if record.base is None else record.base
    return SyncRecord(
        record.values,
        base,
        base if row.theirs is None else row.theirs,
        seen_digest=record.seen_digest,
        conflicts=row.conflicts,
        push=_push(row),
        repull=row.repull,
        next_attempt_at=row.next_attempt_at,
        presence=Presence(row.presence),
        rejected=row.rejected,
        position=record.position,
    )


def _push(row: SyncRow) -> Push | None:
    if row.push_id is None or row.push_phase is None:
        return None
    return Push(
        row.push_id,
        row.pushed_local_version or 0,
        row.push_values or {},
        Phase(row.push_phase),
        row.lease_until,
        row.push_lock,
        row.push_doubtful,
    )


def stored(record: SyncRecord) -> tuple[StoredRecord, SyncRow | None]:
    """Return the record as it is saved, and its row; None where nothing is to be remembered."""
    base = record.base if differing(record.values, record.base) else None
    saved = StoredRecord(record.values, base, record.seen_digest, record.position)
    row = _row(record)
    return saved, None if row == _NOTHING else row


def _row(record: SyncRecord) -> SyncRow:
    push = record.push
    row = SyncRow(
        theirs=record.remote if record.remote != record.base else None,
        repull=record.repull,
        next_attempt_at=record.next_attempt_at,
        presence=record.presence.value,
        rejected=record.rejected,
        held=record.is_held,
        conflicts=record.conflicts,
    )
    if push is None:
        return row
    return replace(
        row,
        push_id=push.push_id,
        pushed_local_version=push.local_version,
        push_values=push.values,
        push_phase=push.phase.value,
        push_lock=push.lock,
        push_doubtful=push.doubtful,
        lease_until=push.lease_until,
    )
