"""What became of a row of PEMS that the core has taken in: `outcome_of`, which returns an `Outcome`."""

from __future__ import annotations

import enum

from pfa_rpc.sync.conflicts import is_changed
from pfa_rpc.sync.sync_record import SyncRecord


class Outcome(enum.Enum):
    """What became of a row. One that no record is known for is `INSERTED`."""

    INSERTED = "inserted"
    UPDATED = "updated"
    RESTAMPED = "restamped"  # PEMS has touched it without changing a value
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"  # changed here and in PEMS; what does not conflict was taken
    DEFERRED = "deferred"  # its record is being written to PEMS: to be looked at again


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
