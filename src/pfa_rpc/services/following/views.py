"""What watchers see of changes: `View` makes the messages that tell of them, once for all who want the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from nlq.query import Condition
from pfa.v1.watch_pb2 import LeftRecord, WatchRecordsResponse
from pfa_rpc.records.encode import Values
from pfa_rpc.records.matching import matcher
from pfa_rpc.services.reading.framing import BATCH_BYTES, embed, frame_records, split_by_bytes
from pfa_rpc.services.requests import Mask, canonical
from pfa_rpc.store.history.feed import ChangedRecord

BATCH_RECORDS: Final = 512
_AT_ONCE: Final = 200
"""Records, each in each of its states, that filters are applied to before other calls get their turn."""
_LEFT_FIELD: Final = WatchRecordsResponse.LEFT_FIELD_NUMBER


class View:
    """What a watcher wants to see of each change; equal views are worked out once."""

    def __init__(self, condition: Condition | None, mask: Mask) -> None:
        self.key = (canonical(condition)[0], mask)
        self.condition = condition
        self.mask = mask
        self._matches: Callable[[Values], bool] | None = None if condition is None else matcher(condition)

    @property
    def is_whole(self) -> bool:
        """Whether every record is in it."""
        return self._matches is None

    async def messages(self, changes: Sequence[ChangedRecord], through: str, *, is_begun: bool = False) -> list[bytes]:
        """Return the messages that tell of changes, the last with `through`; none where nothing is to be told.

        `is_begun`: messages were sent that `through` is still to come for.
        """
        matching: list[bytes] = []
        left: list[bytes] = []
        done = 0
        for change in changes:
            done += 1
            if self._matches is None or self._matches(change.values):
                matching.append(change.payload)
            else:
                done += len(change.deltas)
                if change.is_cut or any(map(self._matches, change.earlier())):
                    left.append(LeftRecord(id=change.record_id, pfa_id=change.pfa_id).SerializeToString())
            if done >= _AT_ONCE:
                done = 0
                await asyncio.sleep(0)
        payloads = await self.mask.apply_all(matching)
        bodies = [frame_records(part) for part in _parts(payloads)]
        bodies += [_frame_left(left[start : start + BATCH_RECORDS]) for start in range(0, len(left), BATCH_RECORDS)]
        if through and is_begun and not bodies:
            bodies.append(b"")
        if bodies:
            bodies[-1] += WatchRecordsResponse(changes_through=through).SerializeToString()
        return bodies


def _parts(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    start = 0
    while start < len(payloads):
        part = payloads[start : start + BATCH_RECORDS]
        part = part[: split_by_bytes(part, BATCH_BYTES)]
        yield part
        start += len(part)


def _frame_left(left: Sequence[bytes]) -> bytes:
    return b"".join(embed(_LEFT_FIELD, message) for message in left)
