"""What becomes of a push: claimed, read, sent, acknowledged, or not known and read back. Pure steps of the core.

What was sent stays in the record until PEMS' answer or PEMS itself has told what became of it.
"""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import datetime, timedelta

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import differing
from pfa_rpc.sync.conflicts import Stepped, absorb, ambiguous, held_by, is_changed
from pfa_rpc.sync.effects import Action, Audit, Effect, Get, Purpose, Retry, Update
from pfa_rpc.sync.events import (
    Acknowledged,
    Claim,
    Failed,
    LeaseExpired,
    OutcomeUnknown,
    Read,
    Refused,
    RemoteObject,
    StaleLock,
)
from pfa_rpc.sync.merge import Terms
from pfa_rpc.sync.precision import too_fine
from pfa_rpc.sync.sync_record import Phase, Presence, Push, Side, State, SyncRecord, rested, revived, with_values


def sendable(record: SyncRecord, terms: Terms) -> Values:
    """Return the fields that may be sent, with their values: those that differ and that no open conflict holds."""
    held = {name for conflict in record.conflicts for name in held_by(conflict, terms)}
    names = differing(record.values, record.base)
    return {name: record.values[name] for name in names if name not in held}


def released(record: SyncRecord, push: Push | None = None) -> Stepped:
    """End the work on a push; one that is in doubt is kept. What had to wait for its end is asked for."""
    after = rested(replace(record, push=push))
    wanted: list[Effect] = []
    if after.presence is Presence.MISSING:
        wanted.append(Get(Purpose.CONFIRM))
    elif after.repull is not None:
        wanted.append(Get(Purpose.PULL))
    return after, tuple(wanted)


def in_doubt(push: Push) -> Push | None:
    """Return what is kept of a push that nobody works on any more: nothing, unless it may still arrive."""
    return replace(push, phase=Phase.UNKNOWN, lease_until=None) if push.doubtful else None


def claimed(record: SyncRecord, event: Claim, terms: Terms) -> Stepped:
    """Take a record to write it; one that has nothing to be sent, or not yet, stays as it is."""
    is_due = record.next_attempt_at is None or record.next_attempt_at <= event.at
    if record.is_leased or record.state is State.ERROR or not is_due:
        return record, ()
    if record.push is not None:
        return _taken_over(record, record.push, event)
    values = sendable(record, terms)
    if not values:
        return record, ()
    if (message := too_fine(values, terms.steps)) is not None:
        return given_up(record, None, message, event.at)
    version = record.values["local_version"]
    push = Push(event.push_id, version, values, Phase.CLAIMED, event.lease_until)
    # PEMS may be changed back to a row that was seen before: from now on none passes for seen, and so none is dropped.
    return rested(replace(record, push=push, seen_digest=None)), (Get(Purpose.SEND, event.push_id),)


def lease_expired(record: SyncRecord, event: LeaseExpired, terms: Terms) -> Stepped:
    """Take over from a worker that is gone, or so slow that it counts as gone."""
    push = record.push
    if push is None or push.lease_until is None or push.lease_until > event.at:
        return record, ()
    if push.phase is Phase.CLAIMED:
        # It has not sent anything, and cannot any more: the commit before that asks for its push_id.
        return released(record)
    return _taken_over(record, push, event)


def _taken_over(record: SyncRecord, push: Push, event: Claim | LeaseExpired) -> Stepped:
    """Go on with a push whose outcome is not known: PEMS is read before anything else."""
    mine = replace(push, push_id=event.push_id, lease_until=event.lease_until, phase=Phase.UNKNOWN, doubtful=True)
    return rested(replace(record, push=mine, next_attempt_at=None)), (Get(Purpose.READ_BACK, event.push_id),)


def read_for_push(record: SyncRecord, push: Push, event: Read, remote: RemoteObject, terms: Terms) -> Stepped:
    """Go on with a push now that it is known what PEMS holds: merge it, then send what is left to be sent."""
    if push.phase is Phase.CLAIMED:
        after, effects = take_object(record, remote, event.at, terms)
        return _sent(after, remote, event.at, terms, effects)
    return _read_back(record, push, event, remote, terms)


def take_object(record: SyncRecord, remote: RemoteObject, at: datetime, terms: Terms) -> Stepped:
    """Take in an object that was read directly: it is what PEMS holds, whatever its stamp says."""
    side = Side(remote.modified_by, remote.stamp)
    after, effects = absorb(record, record.remote | remote.values, side, at, terms)
    is_news = is_changed(record, after)
    known: Values = {"pems_version": remote.lock}
    if is_news:
        known["last_synced_at"] = at
    if remote.stamp is not None:
        known["pems_stamp"] = remote.stamp
    if remote.modified_by is not None:
        known["pems_modified_by"] = remote.modified_by
    seen = None if is_news else after.seen_digest
    return with_values(replace(after, seen_digest=seen), **known), effects


def _sent(record: SyncRecord, remote: RemoteObject, at: datetime, terms: Terms, effects: tuple[Effect, ...]) -> Stepped:
    """Send what is left to be sent over the object that was just read; without any, the push is over."""
    push, values = record.push, sendable(record, terms)
    if push is None or not values:
        after, wanted = released(record)
        return after, effects + wanted
    if (message := too_fine(values, terms.steps)) is not None:
        after, wanted = given_up(record, push, message, at)
        return after, effects + wanted
    version = record.values["local_version"]
    on_its_way = replace(push, values=values, lock=remote.lock, phase=Phase.SENT, local_version=version)
    after = rested(replace(record, push=on_its_way))
    return after, (*effects, Update(push.push_id, values, remote.lock))


class Verdict(enum.Enum):
    """What became of an update whose answer is not known."""

    APPLIED = enum.auto()
    NOT_YET = enum.auto()  # the object has not changed since: it may still arrive
    NEVER = enum.auto()  # the object has changed by another's update, so that the lock is void
    AMBIGUOUS = enum.auto()


def verdict(push: Push, remote: RemoteObject, terms: Terms) -> Verdict:
    """Judge by what PEMS holds now whether it has made the update of a push."""
    if remote.lock == push.lock:
        return Verdict.NOT_YET
    is_there = (terms.rounded(name, remote.values.get(name)) == value for name, value in push.values.items())
    if all(is_there):
        return Verdict.APPLIED
    return Verdict.NEVER if _follows(push.lock, remote.lock) else Verdict.AMBIGUOUS


def _follows(lock: str | None, later: str) -> bool:
    """Tell whether exactly one update was made between two locks, which count updates."""
    return lock is not None and lock.isdecimal() and later.isdecimal() and int(later) == int(lock) + 1


def _read_back(record: SyncRecord, push: Push, event: Read, remote: RemoteObject, terms: Terms) -> Stepped:
    """Learn what became of an update, and go on from there."""
    found = verdict(push, remote, terms)
    if found in (Verdict.APPLIED, Verdict.AMBIGUOUS):
        return _taken_as_applied(record, push, remote, event.at, terms)
    kept = push if found is Verdict.NOT_YET else replace(push, doubtful=False)
    after, effects = take_object(replace(record, push=kept), remote, event.at, terms)
    effects = (Audit(Action.FOUND_UNAPPLIED, event.at, tuple(push.values)), *effects)
    if push.lease_until is None:
        left, wanted = released(after, in_doubt(kept))
        return left, effects + wanted
    if record.retries >= terms.attempts:
        message = f"PEMS failed or did not answer {record.retries} times, and has not taken the changes"
        left, wanted = given_up(after, kept, message, event.at)
        return left, effects + wanted
    if record.next_attempt_at is not None and record.next_attempt_at > event.at:
        left, wanted = _not_yet(after, kept, record.next_attempt_at)
        return left, effects + wanted
    if found is Verdict.NOT_YET:
        return _sent_again(after, kept, remote, effects)
    return _sent(after, remote, event.at, terms, effects)


def _not_yet(record: SyncRecord, push: Push, when: datetime) -> Stepped:
    """Wait for the time of the next attempt; what may still arrive is read back again then."""
    if not push.doubtful:
        after, wanted = released(record)
        return after, (Retry(when), *wanted)
    return rested(replace(record, push=replace(push, phase=Phase.UNKNOWN, lease_until=when))), (Retry(when),)


def _sent_again(record: SyncRecord, push: Push, remote: RemoteObject, effects: tuple[Effect, ...]) -> Stepped:
    """Send the very same update again: whichever of the two arrives first, the lock lets only one of them be made.

    What was edited since goes out with the next push; sent along now, it would leave open which of the two was made.
    """
    again = rested(replace(record, push=replace(push, phase=Phase.SENT)))
    return again, (*effects, Update(push.push_id, push.values, remote.lock))


def _taken_as_applied(record: SyncRecord, push: Push, remote: RemoteObject, at: datetime, terms: Terms) -> Stepped:
    """Take in what PEMS holds after it has made the update, or may have: then its values win over those sent."""
    both = replace(record, base=record.base | push.values, remote=record.remote | push.values, push=None)
    after, effects = take_object(both, remote, at, terms)
    action = Action.FOUND_APPLIED
    if verdict(push, remote, terms) is Verdict.AMBIGUOUS:
        action = Action.AMBIGUOUS
        lost = {
            name: value
            for name, value in push.values.items()
            if record.values[name] == value != terms.rounded(name, after.values[name])
        }
        after, more = ambiguous(after, lost, Side(remote.modified_by, remote.stamp), at)
        effects += more
    left, wanted = released(revived(with_values(replace(after, seen_digest=None), last_synced_at=at)))
    return left, (Audit(action, at, tuple(push.values)), *effects, *wanted)


def acknowledged(record: SyncRecord, push: Push, event: Acknowledged, terms: Terms) -> Stepped:
    """PEMS has made the update: both sides agree on what was sent. What was edited meanwhile is still to be sent."""
    if push.phase is not Phase.SENT:
        return record, ()
    values = record.values | {"pems_version": event.version, "last_synced_at": event.at}
    values |= {"sync_error_message": None, "sync_retry_count": 0}
    if event.stamp is not None:
        values["pems_stamp"] = event.stamp
    after = replace(
        record,
        values=values,
        base=record.base | push.values,
        remote=record.remote | push.values,
        seen_digest=None,
        next_attempt_at=None,
    )
    left, wanted = released(after)
    return left, (Audit(Action.ACKNOWLEDGED, event.at, tuple(push.values)), *wanted)


def refused(record: SyncRecord, push: Push, event: Refused, terms: Terms) -> Stepped:
    """PEMS will never take this: no further attempt waits for it."""
    return given_up(record, push, event.message, event.at)


def given_up(record: SyncRecord, push: Push | None, message: str, at: datetime) -> Stepped:
    """Mark the record as in error, for a person to look at; a record without local edits has no error."""
    marked = with_values(record, sync_state=State.ERROR.value, sync_error_message=message)
    after, wanted = released(replace(marked, next_attempt_at=None), in_doubt(push) if push is not None else None)
    return after, (Audit(Action.GAVE_UP, at, detail=message), *wanted)


def stale(record: SyncRecord, push: Push, event: StaleLock, terms: Terms) -> Stepped:
    """Read the object again: it was changed in PEMS, or by an earlier update of this push that came late."""
    if push.phase is not Phase.SENT:
        return record, ()
    if push.doubtful:
        return replace(record, push=replace(push, phase=Phase.UNKNOWN)), (Get(Purpose.READ_BACK, push.push_id),)
    if push.lease_until is not None and push.lease_until <= event.at:
        return _put_off(record, event.at + terms.first_delay, event.at, "PEMS changes the record again and again")
    return replace(record, push=replace(push, phase=Phase.CLAIMED)), (Get(Purpose.SEND, push.push_id),)


def outcome_unknown(record: SyncRecord, push: Push, event: OutcomeUnknown, terms: Terms) -> Stepped:
    """Remember that the update may have been made; PEMS is read before it is sent again, which has its own time."""
    if push.phase is not Phase.SENT:
        return record, ()
    retries = record.retries + event.counts
    unsure = replace(push, phase=Phase.UNKNOWN, doubtful=True)
    failure = Audit(Action.FAILED, event.at, tuple(push.values), detail=event.message)
    when = event.at + _delay(event, retries, terms)
    counted = replace(with_values(record, sync_retry_count=retries), push=unsure, next_attempt_at=when)
    return counted, (failure, Get(Purpose.READ_BACK, push.push_id))


def failed(record: SyncRecord, push: Push, event: Failed, terms: Terms) -> Stepped:
    """Put the next attempt off. After enough that count, give up."""
    retries = record.retries + event.counts
    when = event.at + _delay(event, retries, terms)
    if push.doubtful or push.phase is Phase.UNKNOWN:
        # Not to know the outcome is no reason to give up: whoever finds the lease run out reads PEMS again.
        waiting = replace(push, phase=Phase.UNKNOWN, doubtful=True, lease_until=when)
        failure = Audit(Action.FAILED, event.at, tuple(push.values), detail=event.message)
        return rested(replace(record, push=waiting)), (failure, Retry(when))
    counted = with_values(record, sync_retry_count=retries)
    if event.counts and retries >= terms.attempts:
        return given_up(counted, push, event.message, event.at)
    return _put_off(counted, when, event.at, event.message)


def _put_off(record: SyncRecord, when: datetime, at: datetime, message: str) -> Stepped:
    after, wanted = released(replace(record, next_attempt_at=when))
    return after, (Audit(Action.FAILED, at, detail=message), Retry(when), *wanted)


def _delay(event: Failed | OutcomeUnknown, retries: int, terms: Terms) -> timedelta:
    """Return how long to wait: longer with each attempt, spread by up to a half, and as PEMS asks, within limits."""
    doubled = terms.first_delay * float(1 << min(max(retries - 1, 0), 16))
    spread = min(doubled, terms.longest_delay) * (1 + event.jitter / 2)
    return max(spread, min(event.retry_after or timedelta(0), terms.longest_delay))
