"""The core of the synchronization: `step(record, event) -> (record, effects)`, pure, without I/O and without a clock.

Who runs it keeps three promises. The record is read and written in one transaction. Effects are carried out after its
commit: an update is sent only once the database knows that it will be. And what a worker learns goes into the very next
event, under the push that it belongs to.

    claim:  modified → pending_sync, Get → Read: merged, Update → Acknowledged: base and state computed
    unknown: OutcomeUnknown, LeaseExpired → Get → Read: made, not made (sent again), or ambiguous (PEMS' values win)
    pull:   Pulled: taken, merged, or, while a push is under way, left for later (`repull`)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import MERGED_NAMES, differing, marked_edited
from pfa_rpc.store.records import new_record
from pfa_rpc.sync.conflicts import (
    Stepped,
    absorb,
    edited_unnoticed,
    is_changed,
    merged_fields,
    resolved,
    settled,
    tied_in,
)
from pfa_rpc.sync.effects import Action, Audit, Get, Purpose
from pfa_rpc.sync.events import (
    Acknowledged,
    Claim,
    Event,
    Failed,
    LeaseExpired,
    LocalEdit,
    Missing,
    OutcomeUnknown,
    Pulled,
    Read,
    Refused,
    Rejected,
    Resolved,
    RetryAsked,
    StaleLock,
)
from pfa_rpc.sync.merge import TERMS, Terms, is_seen
from pfa_rpc.sync.pushing import (
    acknowledged,
    claimed,
    failed,
    given_up,
    lease_expired,
    outcome_unknown,
    read_for_push,
    refused,
    released,
    stale,
    take_object,
)
from pfa_rpc.sync.sync_record import Presence, Push, Side, State, SyncRecord, rested, revived, with_values

_GONE: Final = "PEMS does not have this record any more; its local changes were kept and not sent"
_NEVER_THERE: Final = "PEMS has no record of this id and lets none be added from outside: add it there, then sync again"


def step(record: SyncRecord, event: Event, terms: Terms = TERMS) -> Stepped:
    """Return what an event makes of a record, and what is then to be done. The record given is not changed.

    An event that comes too late, or twice, changes nothing and asks for nothing. Raises NotResolvable where a person's
    decision about conflicts cannot be carried out.
    """
    noticed, effects = edited_unnoticed(record, terms)
    of_push = _OF_PUSH.get(type(event))
    if of_push is not None:
        push = noticed.push
        if push is None or not noticed.is_leased or push.push_id != event.push_id:  # type: ignore[union-attr]
            return noticed, effects
        after, more = of_push(noticed, push, event, terms)
    else:
        after, more = _OF_RECORD[type(event)](noticed, event, terms)
    return after, effects + more


def first_seen(event: Pulled) -> SyncRecord:
    """Return the record that a row makes where there was none."""
    row = event.row
    known: Values = {"pems_stamp": row.stamp, "pems_modified_by": row.modified_by, "pems_version": event.version}
    record = new_record(row.organization_id, row.pfa_id, row.values | known | {"last_synced_at": event.at})
    base = merged_fields(record.values)
    return SyncRecord(record.values, base, base, row.digest)


def _edited(record: SyncRecord, event: LocalEdit, terms: Terms) -> Stepped:
    """Edit the record. A field in open conflict that is named has its own value from now on, even if it is the same."""
    side = Side(event.by, event.at)
    after, effects = settled(record, event.updates.keys(), event.updates, side, terms)
    values, _ = marked_edited(after.values, after.base, after.values | event.updates, event.by, event.at)
    if values is after.values and not effects:
        return record, ()
    editors = {**after.editors, **dict.fromkeys(event.updates, side)}
    edited = revived(rested(replace(after, values=values, editors=editors)))
    after, more = tied_in(edited, event.at, terms)
    return after, effects + more


def _read(record: SyncRecord, event: Read, terms: Terms) -> Stepped:
    """Take in what PEMS says directly; for the push that it was read for, go on with that."""
    push = record.push
    if event.push_id is not None:
        if push is None or not record.is_leased or push.push_id != event.push_id:
            return record, ()
    elif record.is_leased:
        return _to_be_read_again(record, event.at), ()
    elif _is_outdated(record, event.requested_at):
        return _to_be_read_again(record, event.at), (Get(Purpose.PULL),)
    if event.remote is None:
        return _not_found(record, event, terms)
    found, effects = _found(record, event.requested_at, event.at)
    if push is not None:
        after, more = read_for_push(found, push, event, event.remote, terms)
    else:
        after, more = take_object(found, event.remote, event.at, terms)
    return after, effects + more


def _is_outdated(record: SyncRecord, requested_at: datetime | None) -> bool:
    """Tell whether the record was brought up to date after PEMS was asked for what came now.

    A push may have ended meanwhile: what came could be what PEMS held before it, under the very same stamp.
    """
    known_at = record.values["last_synced_at"]
    return requested_at is not None and known_at is not None and requested_at < known_at


def _to_be_read_again(record: SyncRecord, at: datetime) -> SyncRecord:
    """Return the record with the wish that PEMS be read; until then no row of it may pass for one that was seen."""
    return replace(record, repull=at, seen_digest=None)


def _satisfied(record: SyncRecord, requested_at: datetime | None, at: datetime) -> SyncRecord:
    """Return the record without its wish to be read again, where this reading was begun after the wish.

    It is up to date then, even if nothing changed: readings that were begun before do not count any more.
    """
    if record.repull is None or requested_at is None or requested_at < record.repull:
        return record
    return with_values(replace(record, repull=None), last_synced_at=at)


def _found(record: SyncRecord, requested_at: datetime | None, at: datetime) -> Stepped:
    """Note that PEMS has the record, with values that can be taken in; unless something newer raised doubts."""
    satisfied = _satisfied(record, requested_at, at)
    if satisfied.repull is not None or (record.presence is Presence.PRESENT and record.rejected is None):
        return satisfied, ()
    was_gone = record.presence in (Presence.DELETED, Presence.UNFOUND)
    back = replace(satisfied, presence=Presence.PRESENT, rejected=None)
    if (was_gone or record.rejected is not None) and record.state is State.ERROR:
        back = revived(back)  # what it was in error for is over
    return back, (Audit(Action.RETURNED, at),) if was_gone else ()


def _not_found(record: SyncRecord, event: Read, terms: Terms) -> Stepped:
    """PEMS has no such record. What was sent is void; local edits are kept, and are not sent again by themselves."""
    believed = record.presence in (Presence.MISSING, Presence.DELETED)
    presence = Presence.DELETED if believed else Presence.UNFOUND
    told = replace(_satisfied(record, event.requested_at, event.at), presence=presence, seen_digest=None)
    after = with_values(told, pems_version=None, last_synced_at=event.at)
    return _gone(after, record.presence, event.at)


def _gone(record: SyncRecord, before: Presence, at: datetime) -> Stepped:
    deleted = record.presence is Presence.DELETED and before is not Presence.DELETED
    effects = (Audit(Action.DELETED, at),) if deleted else ()
    if not differing(record.values, record.base):
        after, wanted = released(record)
        return after, effects + wanted
    was_ever_there = any(value not in (None, False) for value in record.base.values())
    after, wanted = given_up(record, None, _GONE if was_ever_there else _NEVER_THERE, at)
    return after, effects + wanted


def _missing(record: SyncRecord, event: Missing, terms: Terms) -> Stepped:
    """A sweep lacked the record: believed where a direct read did not find it either; else that is asked for."""
    was_ever_there = record.values["last_synced_at"] is not None or record.seen_digest is not None
    if not was_ever_there or record.presence in (Presence.MISSING, Presence.DELETED):
        return record, ()
    if record.presence is Presence.UNFOUND:
        deleted = replace(record, presence=Presence.DELETED)
        return _gone(deleted, record.presence, event.at) if deleted.push is None else (deleted, ())
    after = replace(_to_be_read_again(record, event.at), presence=Presence.MISSING)
    return after, () if record.is_leased else (Get(Purpose.CONFIRM),)


def _pulled(record: SyncRecord, event: Pulled, terms: Terms) -> Stepped:
    """Take a row in. A local edit is never overwritten; a column that PEMS did not send leaves its field as it is."""
    row, values = event.row, record.values
    is_known = record.presence is Presence.PRESENT and record.rejected is None
    if is_known and is_seen(row, record.seen_digest, values["pems_stamp"]):
        is_older = row.stamp is not None and values["pems_stamp"] is not None and row.stamp < values["pems_stamp"]
        return (record if is_older else _satisfied(record, event.requested_at, event.at)), ()
    if record.push is not None or record.state is State.PENDING:
        return _to_be_read_again(record, event.at), () if record.is_leased else (Get(Purpose.PULL),)
    sent = {name: row.values[name] for name in MERGED_NAMES if name in row.values}
    remote = record.remote | sent
    if (remote != record.remote or not is_known) and _is_outdated(record, event.requested_at):
        return _to_be_read_again(record, event.at), (Get(Purpose.PULL),)
    found, effects = _found(record, event.requested_at, event.at)
    after, more = absorb(found, remote, Side(row.modified_by, row.stamp), event.at, terms)
    return _stamped(after, event, is_changed=is_changed(record, after)), effects + more


def _stamped(record: SyncRecord, event: Pulled, *, is_changed: bool) -> SyncRecord:
    """Return the record with what a row says of itself."""
    row, known = event.row, record.values
    changes: Values = {"pems_modified_by": row.modified_by or known["pems_modified_by"]}
    if is_changed:
        changes["last_synced_at"] = event.at
    if row.stamp is not None:
        changes["pems_stamp"] = row.stamp
    if event.version is not None:
        changes["pems_version"] = event.version
    # A row in conflict was not taken in as a whole: it must be looked at again when it comes again.
    seen = None if record.conflicts else row.digest
    return with_values(replace(record, seen_digest=seen), **changes)


def _rejected(record: SyncRecord, event: Rejected, terms: Terms) -> Stepped:
    """Mark the record with the reason; it keeps its last good values, and counts as seen."""
    push = record.push
    is_late = event.push_id is not None and (push is None or push.push_id != event.push_id)
    if is_late or (event.push_id is None and record.rejected == event.reason):
        return record, ()
    marked = replace(record, rejected=event.reason, presence=Presence.PRESENT, seen_digest=None)
    audit = Audit(Action.REJECTED, event.at, detail=event.reason)
    if event.push_id is None:
        return rested(marked), (audit,)
    message = f"PEMS holds values of this record that cannot be taken in: {event.reason}"
    after, effects = given_up(marked, push, message, event.at)
    return after, (audit, *effects)


def _retry_asked(record: SyncRecord, event: RetryAsked, terms: Terms) -> Stepped:
    """Forget the failures, so that the record is sent again."""
    if record.state not in (State.ERROR, State.MODIFIED):
        return record, ()
    return revived(record), (Audit(Action.RETRY_ASKED, event.at, by=event.by),)


_OF_PUSH: Final[dict[type, Callable[[SyncRecord, Push, Any, Terms], Stepped]]] = {
    Acknowledged: acknowledged,
    Refused: refused,
    StaleLock: stale,
    Failed: failed,
    OutcomeUnknown: outcome_unknown,
}
"""Events that concern a push which somebody works on, and nothing else."""
_OF_RECORD: Final[dict[type, Callable[[SyncRecord, Any, Terms], Stepped]]] = {
    LocalEdit: _edited,
    Claim: claimed,
    LeaseExpired: lease_expired,
    Read: _read,
    Rejected: _rejected,
    Pulled: _pulled,
    Missing: _missing,
    Resolved: resolved,
    RetryAsked: _retry_asked,
}
