"""A replica of records that a client keeps: `Replica`, and the `Change` that each message makes to it."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pfa.v1.record_pb2 import Record
from pfa.v1.watch_pb2 import WatchRecordsResponse


class ChangeKind(enum.Enum):
    """What became of a record, as far as the replica is concerned."""

    ADDED = "added"
    """It matches, and the replica did not have it."""
    CHANGED = "changed"
    """The replica had it in another state."""
    REMOVED = "removed"
    """It does not match any more."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record that is not what it was."""

    kind: ChangeKind
    record: Record
    """As it is; of a removed record, as the replica had it."""
    before: Record | None
    """As the replica had it; None for one that was added."""


class Replica:
    """The records that match a filter, as of some revision, and what it takes to go on from there.

    It may be kept between processes: `records` and `token` are all there is to it. A read mask, if there is one, must
    leave `id` in.
    """

    def __init__(self, records: Mapping[str, Record] | None = None, token: str = "") -> None:
        self._records = dict(records or {})
        self._unconfirmed: set[str] = set()
        self.token = token
        """Names the revision that the replica shows; empty until it shows one."""

    @property
    def records(self) -> Mapping[str, Record]:
        """Id → record."""
        return MappingProxyType(self._records)

    def restart(self) -> None:
        """Take what comes next as all there is: records that do not come again are removed."""
        self.token = ""
        self._unconfirmed = set(self._records)

    def apply(self, message: WatchRecordsResponse) -> Iterator[Change]:
        """Take a message in, and yield what it changes, as it is changed. It must be used up."""
        for record in message.records:
            self._unconfirmed.discard(record.id)
            before = self._records.get(record.id)
            if before == record:
                continue
            self._records[record.id] = record
            yield Change(ChangeKind.ADDED if before is None else ChangeKind.CHANGED, record, before)
        for left in message.left:
            yield from self._remove(left.id)
        if message.changes_through:
            gone, self._unconfirmed = self._unconfirmed, set()
            for record_id in sorted(gone):
                yield from self._remove(record_id)
            self.token = message.changes_through

    def _remove(self, record_id: str) -> Iterator[Change]:
        before = self._records.pop(record_id, None)
        if before is not None:
            yield Change(ChangeKind.REMOVED, before, before)
