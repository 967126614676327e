"""Takes rows of PEMS into stored records by the core: `take_in`, which tells what became of a row as an `Outcome`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from operator import ne

from pfa_rpc.store.records import StoredRecord
from pfa_rpc.sync.conflicts import is_changed, merged_fields
from pfa_rpc.sync.core import first_seen, step
from pfa_rpc.sync.events import Pulled
from pfa_rpc.sync.mapping import PemsRow
from pfa_rpc.sync.sync_record import SyncRecord
from pfa_rpc.sync.sync_rows import stored, sync_record


class Outcome(enum.Enum):
    """What became of a row."""

    INSERTED = "inserted"
    UPDATED = "updated"
    RESTAMPED = "restamped"  # PEMS has touched it without changing a value
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"  # changed here and in PEMS; what does not conflict was taken
    DEFERRED = "deferred"  # its record is being written to PEMS: to be looked at again


@dataclass(frozen=True, slots=True)
class Taken:
    """A row taken in."""

    outcome: Outcome
    record: StoredRecord | None = None
    """The record to be written; None where nothing is."""
    conflicts: tuple[str, ...] = ()
    """Names of the fields in conflict."""


def outcome_of(before: SyncRecord, after: SyncRecord) -> Outcome:
    """Return what became of a row that the core has taken in."""
    if after.repull is not None and after.repull != before.repull:
        return Outcome.DEFERRED
    # A row that was seen before leaves the very record.
    if after.conflicts and after is not before:
        return Outcome.CONFLICT
    if is_changed(before, after):
        return Outcome.UPDATED
    is_restamped = after.values["pems_stamp"] != before.values["pems_stamp"]
    return Outcome.RESTAMPED if is_restamped else Outcome.UNCHANGED


def take_in(record: StoredRecord | None, row: PemsRow, at: datetime) -> Taken:
    """Return what a row of PEMS makes of a record; `at` is the time of the pull. The record is not changed.

    A local edit is never overwritten. A column that PEMS did not send leaves its field as it is.
    """
    event = Pulled(row, at)
    if record is None:
        new = first_seen(event)  # about which there is nothing else to remember
        return Taken(Outcome.INSERTED, StoredRecord(new.values, None, new.seen_digest))
    before = sync_record(record)
    after, _ = step(before, event)
    outcome = outcome_of(before, after)
    is_written = outcome is not Outcome.DEFERRED and _is_written(before, after)
    names = tuple(conflict.field for conflict in after.conflicts)
    return Taken(outcome, stored(after)[0] if is_written else None, names)


def _is_written(before: SyncRecord, after: SyncRecord) -> bool:
    """Tell whether the record itself changed; that it is in conflict still is no change."""
    stamps = (record.values["pems_stamp"] for record in (before, after))
    return after.base != before.base or merged_fields(after.values) != merged_fields(before.values) or ne(*stamps)
