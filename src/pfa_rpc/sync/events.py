"""What can happen to a record: the events of the core. Times come with them; the core has no clock."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pfa_rpc.records.encode import Values
from pfa_rpc.sync.mapping import PemsRow


@dataclass(frozen=True, slots=True)
class LocalEdit:
    """Somebody has edited the record; the rules of editing were checked."""

    updates: Values
    """New values of the fields that were edited, in the forms of the table of fields."""
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker wants to write the record to PEMS."""

    push_id: str
    """New, never used before."""
    lease_until: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """The object of a record as a direct read gave it."""

    values: Values
    """Values of the merged fields that it has."""
    lock: str
    """What an update must carry (`recordid`): PEMS counts the updates of the object in it."""
    stamp: datetime | None = None
    modified_by: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """PEMS was read directly: before a send, to learn what became of one, or since a row could not be judged."""

    remote: RemoteObject | None
    """None: PEMS says that it has no such record, be it in answer to an update."""
    requested_at: datetime
    """When the request left, by the clock that all events share."""
    at: datetime
    push_id: str | None = None
    """The push that it was read for."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """PEMS has the record, but with values that cannot be taken in."""

    reason: str
    at: datetime
    push_id: str | None = None
    """The push that it was read for; None: a row that was pulled."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """PEMS says that it has made the update."""

    push_id: str
    version: str
    """The object's new lock."""
    at: datetime
    stamp: datetime | None = None
    """When PEMS says that it changed the record."""


@dataclass(frozen=True, slots=True)
class Refused:
    """PEMS will never make the update: a value is not valid, the service may not write."""

    push_id: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StaleLock:
    """PEMS has not made the update, since the object was changed after it was read."""

    push_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """A request came to nothing for now, and certainly changed nothing."""

    push_id: str
    message: str
    at: datetime
    counts: bool
    """Whether it uses up one of the attempts: 429, 503 and an open breaker do not."""
    retry_after: timedelta | None = None
    """How long PEMS asked to wait."""
    jitter: float = 0.0
    """Drawn from [0, 1), so that records that failed together are not tried again together."""


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """An update was sent, and no answer tells whether it was made: a timeout, a 5xx, a broken connection."""

    push_id: str
    message: str
    at: datetime
    counts: bool = True
    retry_after: timedelta | None = None
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class LeaseExpired:
    """A worker found a push whose lease has run out, and takes it over."""

    push_id: str
    """New, never used before."""
    lease_until: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Pulled:
    """A row of the grid came."""

    row: PemsRow
    at: datetime
    requested_at: datetime | None = None
    """When its page was asked for; None for a file, whose age only its stamps tell."""
    version: str | None = None
    """The record's version, where the installation's grid shows it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A complete sweep did not find the record."""

    at: datetime


class Keep(enum.Enum):
    """Which side of a conflict a person keeps."""

    MINE = "mine"
    THEIRS = "theirs"


@dataclass(frozen=True, slots=True)
class Own:
    """A value that a person gives in place of both."""

    value: Any


Choice = Keep | Own


@dataclass(frozen=True, slots=True)
class Resolved:
    """A person has decided about open conflicts."""

    choices: Mapping[str, Choice]
    """By field. Fields that a rule ties together are decided together."""
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """A person wants the record to be sent again."""

    by: str
    at: datetime


Event = (
    LocalEdit
    | Claim
    | Read
    | Rejected
    | Acknowledged
    | Refused
    | StaleLock
    | Failed
    | OutcomeUnknown
    | LeaseExpired
    | Pulled
    | Missing
    | Resolved
    | RetryAsked
)
