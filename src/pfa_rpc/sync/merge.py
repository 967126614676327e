"""Three-way merge of a record with a row of PEMS: `merge` for values, `take_in` for a record. Pure; no I/O.

Base is what both sides last agreed on. A field changed on one side only takes that side's value. Changed on both sides
to different values it is a conflict: the local value stays, and so does its base, so that the conflict is seen again
until a person has resolved it. Fields that a rule ties merge as one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import TIED_FIELDS, BrokenRule, broken_rules
from pfa_rpc.schema import MERGED_FIELDS
from pfa_rpc.store.records import StoredRecord, new_record
from pfa_rpc.sync.mapping import PemsRow

_NAMES: Final = tuple(field.name for field in MERGED_FIELDS)
_TIED: Final = frozenset(name for group in TIED_FIELDS for name in group)
GROUPS: Final = (*TIED_FIELDS, *((name,) for name in _NAMES if name not in _TIED))
"""The units of a merge: every merged field is in exactly one."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge gives."""

    values: Values
    """The local values from now on."""
    base: Values
    """What both sides now agree on."""
    conflicts: tuple[str, ...]
    """Names of the fields in conflict: those of a group that differ between the two sides."""


Rules = Callable[[Mapping[str, Any]], Sequence[BrokenRule]]


def merge(base: Values, local: Values, remote: Values, *, rules: Rules = broken_rules) -> Merged:
    """Merge the merged fields of a record; `remote` is what PEMS holds now.

    A group that PEMS changed, and with whose new values the record would break a rule, is a conflict too.
    """
    taken = {group for group in GROUPS if _may_take(base, local, remote, group)}
    merged = _overlay(local, remote, taken)
    while taken and (broken := {rule.field for rule in rules(merged)}):
        offending = {group for group in taken if broken.intersection(group) and _differ(local, remote, group)}
        # A rule across groups may blame a field that did not change: then nothing of PEMS is let in.
        taken -= offending or taken
        merged = _overlay(local, remote, taken)
    agreed = taken | {group for group in GROUPS if not _differ(local, remote, group)}
    open_groups = [group for group in GROUPS if group not in agreed and _differ(base, remote, group)]
    conflicts = {name for group in open_groups for name in group if local[name] != remote[name]}
    return Merged(merged, _overlay(base, remote, agreed), tuple(name for name in _NAMES if name in conflicts))


def _may_take(base: Values, local: Values, remote: Values, group: Sequence[str]) -> bool:
    return not _differ(base, local, group) and _differ(base, remote, group)


def _differ(one: Values, other: Values, names: Sequence[str]) -> bool:
    return any(one[name] != other[name] for name in names)


def _overlay(under: Values, over: Values, groups: set[tuple[str, ...]]) -> Values:
    return {name: under[name] for name in _NAMES} | {name: over[name] for group in groups for name in group}


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


class SeenRow(Protocol):
    """What of a row tells whether it was seen before."""

    @property
    def stamp(self) -> datetime | None:
        """When PEMS last changed it."""

    @property
    def digest(self) -> bytes:
        """Digest of its values."""


def is_seen(row: SeenRow, digest: bytes | None, stamp: datetime | None) -> bool:
    """Tell whether a row brings nothing new to a record that took in `digest` last, and has a stamp of PEMS."""
    if row.stamp is not None and stamp is not None and row.stamp < stamp:
        return True
    return digest == row.digest and (row.stamp is None or row.stamp == stamp)


def take_in(record: StoredRecord | None, row: PemsRow, at: datetime) -> Taken:
    """Return what a row of PEMS makes of a record; `at` is the time of the pull. The record is not changed.

    A local edit is never overwritten. A column that PEMS did not send leaves its field as it is.
    """
    if record is None:
        return Taken(Outcome.INSERTED, _inserted(row, at))
    values = record.values
    if is_seen(row, record.seen_digest, values["pems_stamp"]):
        return Taken(Outcome.UNCHANGED)
    if values["sync_state"] == "pending_sync":
        return Taken(Outcome.DEFERRED)
    local = {name: values[name] for name in _NAMES}
    base = local if record.base is None else record.base
    merged = merge(base, local, base | {name: row.values[name] for name in _NAMES if name in row.values})
    changed = merged.values != local or merged.base != base
    restamped = row.stamp is not None and row.stamp != values["pems_stamp"]
    if not changed and not restamped:
        return Taken(Outcome.CONFLICT if merged.conflicts else Outcome.UNCHANGED, None, merged.conflicts)
    outcome = Outcome.UPDATED if changed else Outcome.RESTAMPED
    after = _after(record, row, merged, at if changed else values["last_synced_at"])
    return Taken(Outcome.CONFLICT if merged.conflicts else outcome, after, merged.conflicts)


def _inserted(row: PemsRow, at: datetime) -> StoredRecord:
    stamps = {"pems_stamp": row.stamp, "pems_modified_by": row.modified_by, "last_synced_at": at}
    record = new_record(row.organization_id, row.pfa_id, row.values | stamps)
    record.seen_digest = row.digest
    return record


def _after(record: StoredRecord, row: PemsRow, merged: Merged, synced_at: datetime | None) -> StoredRecord:
    """Return the record with merged values, and with what is known of its synchronization computed anew."""
    values = record.values | merged.values
    values["last_synced_at"] = synced_at
    if row.stamp is not None:
        values["pems_stamp"] = row.stamp
    values["pems_modified_by"] = row.modified_by or values["pems_modified_by"]
    differing = tuple(name for name in _NAMES if merged.values[name] != merged.base[name])
    values["modified_fields"] = differing
    if not differing:
        values |= {"sync_state": "pristine", "sync_error_message": None, "sync_retry_count": 0}
    elif values["sync_state"] == "pristine":
        values["sync_state"] = "modified"
    # A row in conflict was not taken in as a whole: it must be looked at again when it comes again.
    seen = None if merged.conflicts else row.digest
    return StoredRecord(values, merged.base if differing else None, seen, record.position)
