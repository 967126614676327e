"""What is to be done after a step: the effects of the core, carried out once its record is committed.

An effect may be lost by a crash. Each leaves a mark in the record that finds it again: a lease that runs out, `repull`,
a presence that is not confirmed, the time of the next attempt.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from pfa_rpc.records.encode import Values
from pfa_rpc.sync.sync_record import Conflict


class Purpose(enum.StrEnum):
    """Why PEMS is read directly."""

    SEND = "send"  # for the lock, and to see whether anything changed
    READ_BACK = "read_back"  # to learn what became of an update
    CONFIRM = "confirm"  # whether a record that a sweep lacked is gone
    PULL = "pull"  # a row came that could not be judged


@dataclass(frozen=True, slots=True)
class Get:
    """Read the object, and give a `Read` with the push it is for."""

    purpose: Purpose
    push_id: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Overlay values on the whole object that was just read, and send it with its lock."""

    push_id: str
    values: Values
    lock: str


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """Keep an open conflict of the field, in place of the one that it may have."""

    conflict: Conflict


class Settlement(enum.StrEnum):
    """How a conflict ended."""

    MINE = "mine"
    THEIRS = "theirs"
    OWN = "own"
    AGREED = "agreed"  # the sides came to agree by themselves
    POLICY = "policy"  # a rule of the installation decided, and nobody was asked


@dataclass(frozen=True, slots=True)
class CloseConflict:
    """Log the end of a conflict, with all its values."""

    conflict: Conflict
    how: Settlement
    at: datetime
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again then."""

    at: datetime


class Action(enum.StrEnum):
    """What is worth an entry in the log of the synchronization."""

    ACKNOWLEDGED = "acknowledged"
    FOUND_APPLIED = "found_applied"  # the answer was lost, the update was not
    FOUND_UNAPPLIED = "found_unapplied"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    GAVE_UP = "gave_up"
    DELETED = "deleted"
    RETURNED = "returned"  # a record that was thought to be gone is there
    REJECTED = "rejected"
    RETRY_ASKED = "retry_asked"


@dataclass(frozen=True, slots=True)
class Audit:
    """Write an entry into the log."""

    action: Action
    at: datetime
    fields: tuple[str, ...] = ()
    by: str | None = None
    detail: str = ""


Effect = Get | Update | OpenConflict | CloseConflict | Retry | Audit
