"""A record with all that the two sides know of each other: `SyncRecord`, its `Push` in flight, its open `Conflict`s.

Everything here is a value: a step of the core makes a new one and changes nothing. Mappings are never changed in place.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import differing


class State(enum.StrEnum):
    """The states of a record's synchronization, as its field `sync_state` holds them."""

    PRISTINE = "pristine"
    MODIFIED = "modified"
    PENDING = "pending_sync"
    ERROR = "sync_error"


class Phase(enum.StrEnum):
    """How far a push is, as far as the database knows."""

    CLAIMED = "claimed"  # nothing was sent
    SENT = "sent"  # an update is on its way, or was
    UNKNOWN = "unknown"  # whether it arrived is not known: PEMS is to be read before anything else


class Presence(enum.StrEnum):
    """Whether PEMS has the record. Two witnesses are needed to believe that it has not."""

    PRESENT = "present"
    MISSING = "missing"  # a complete sweep lacked it
    UNFOUND = "unfound"  # a direct read did not find it
    DELETED = "deleted"  # both


@dataclass(frozen=True, slots=True)
class Side:
    """Who changed a value, and when; None where that is not known."""

    by: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed, and that a person has to decide about."""

    field: str
    base: Any
    """What both sides last agreed on."""
    mine: Any
    theirs: Any
    mine_side: Side
    theirs_side: Side
    opened_at: datetime
    ambiguous: bool = False
    """Whether it is unknown if PEMS had `mine` for a while. The record shows `theirs` then, otherwise `mine`."""
    decided: bool = False
    """Whether it was decided to keep `mine`, and only a field tied to it still waits for a decision."""

    @property
    def shown(self) -> Any:
        """The value that the record has while the conflict is open."""
        return self.theirs if self.ambiguous else self.mine


@dataclass(frozen=True, slots=True)
class Push:
    """A write to PEMS that was begun and whose end is not known yet."""

    push_id: str
    """Names the attempt. An event with another one is somebody else's, and too late."""
    local_version: int
    """The record's local version whose values were sent."""
    values: Values
    """The fields that were sent, or will be, with their values."""
    phase: Phase
    lease_until: datetime | None
    """Until when a worker has it to itself; None: nobody works on it."""
    lock: str | None = None
    """The lock that the update was sent with."""
    doubtful: bool = False
    """Whether an update with this lock may still arrive, although nobody waits for its answer."""


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """A record and its synchronization."""

    values: Values
    """Every field of the table of fields, those of the synchronization included."""
    base: Values
    """The merged fields as both sides last agreed on them."""
    remote: Values
    """The merged fields as PEMS was last known to hold them; other than base where a conflict is open only."""
    seen_digest: bytes | None = None
    """Digest of the row of PEMS that was taken in last, and that nothing came after."""
    conflicts: tuple[Conflict, ...] = ()
    push: Push | None = None
    repull: datetime | None = None
    """When it turned out that PEMS has to be read again, since a row of it could not be judged."""
    next_attempt_at: datetime | None = None
    """Not to be claimed before; None: at once."""
    presence: Presence = Presence.PRESENT
    rejected: str | None = None
    """Why the row of PEMS cannot be taken in; the record keeps its last good values."""
    editors: Mapping[str, Side] = field(default_factory=dict)
    """Who edited a field last, where that is known by field; others: the record's last editor."""
    position: int | None = None
    """Place in the order of insertion, passed on."""

    @property
    def state(self) -> State:
        """The state that the record shows."""
        return State(self.values["sync_state"])

    @property
    def retries(self) -> int:
        """Attempts to write it that have failed and count."""
        count: int = self.values["sync_retry_count"]
        return count

    @property
    def is_leased(self) -> bool:
        """Whether a worker has a push of it to itself."""
        return self.push is not None and self.push.lease_until is not None

    @property
    def is_held(self) -> bool:
        """Whether it has local edits of which none may be sent, since all are in open conflict."""
        open_fields = {conflict.field for conflict in self.conflicts}
        return self.push is None and bool(open_fields) and open_fields.issuperset(differing(self.values, self.base))

    def editor(self, name: str) -> Side:
        """Return who edited a field last."""
        return self.editors.get(name) or Side(self.values["modified_by"], self.values["modified_at"])


def with_values(record: SyncRecord, **changes: Any) -> SyncRecord:
    """Return the record with some of its fields changed."""
    return replace(record, values=record.values | changes)


def rested(record: SyncRecord) -> SyncRecord:
    """Return the record with its state computed from its values, its base and its push: never set, never cleared."""
    names = differing(record.values, record.base)
    changes: Values = {"modified_fields": names}
    next_attempt_at = record.next_attempt_at
    if record.is_leased:
        changes["sync_state"] = State.PENDING.value
    elif not names and record.push is None:
        changes |= {"sync_state": State.PRISTINE.value, "sync_error_message": None, "sync_retry_count": 0}
        next_attempt_at = None
    elif record.values["sync_state"] != State.ERROR:
        changes["sync_state"] = State.MODIFIED.value
    return replace(record, values=record.values | changes, next_attempt_at=next_attempt_at)


def revived(record: SyncRecord) -> SyncRecord:
    """Return the record with its failures forgotten, so that it is sent again."""
    if record.is_leased:
        return record
    fresh = with_values(record, sync_state=State.MODIFIED.value, sync_error_message=None, sync_retry_count=0)
    return rested(replace(fresh, next_attempt_at=None))
