"""The records of an organization that PEMS does not know of yet, all in one cached entry: `ModifiedRecords`.

    offset  bytes  what
    0       4      how many records there are; 0xFFFFFFFF: too many to be kept, and nothing follows
    4       8 × n  their positions, in order
            n      their states, as places in UNSYNCED_STATES
            4 × n  where each ends in what follows
                   the records, each framed as field 1

Everything is big-endian.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Comparison, Condition, Operator, Or
from pfa_rpc.cache.interface import Kind
from pfa_rpc.schema import BY_NAME
from pfa_rpc.services.reading.answers import Answer, Answers, Need
from pfa_rpc.services.reading.framing import frame_records, split_frames
from pfa_rpc.store import reads
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.tables import UNSYNCED_STATES

MOST_RECORDS: Final = 5_000
"""Most modified records of an organization that are kept, unless a setting says otherwise; beyond it SQL serves."""
_FIELD: Final = BY_NAME["sync_state"]
_STORED: Final = {value.name: value.stored for value in _FIELD.values}
_UNPACKED: Final = 8
"""How many are kept unpacked, those used last."""
_COUNT: Final = struct.Struct(">I")
_TOO_MANY: Final = 0xFFFF_FFFF


def unsynced_states(condition: Condition | None) -> frozenset[str] | None:
    """Return the states of which a condition asks for every record and for nothing else, as they are stored.

    None where it asks for anything else.
    """
    operands = condition.operands if isinstance(condition, Or) else (condition,)
    states = set()
    for operand in operands:
        match operand:
            case Comparison(_FIELD.name, Operator.EQ, str(value)) if _STORED.get(value) in UNSYNCED_STATES:
                states.add(_STORED[value])
            case _:
                return None
    return frozenset(states)


@dataclass(frozen=True, slots=True)
class Modified:
    """The records of some states, in order of insertion."""

    answer: Answer
    """What they were made from, and how old they are."""
    positions: Sequence[int]
    places: Sequence[int]
    """Where each is among all that are kept."""
    ends: Sequence[int]
    """Where each of all that are kept ends in `framed`."""
    framed: memoryview

    def after(self, position: int) -> int:
        """Return the number of the first record that comes after a position."""
        return bisect_right(self.positions, position)

    def frames(self, start: int, end: int) -> bytes:
        """Return records by their numbers, framed as they are sent."""
        places = self.places[start:end]
        if not places:
            return b""
        if places[-1] - places[0] == len(places) - 1:
            return bytes(self.framed[self._start(places[0]) : self.ends[places[-1]]])
        return b"".join(self.framed[self._start(place) : self.ends[place]] for place in places)

    def _start(self, place: int) -> int:
        return self.ends[place - 1] if place else 0

    def stretch(self, after: int) -> list[tuple[int, bytes]]:
        """Return (position, payload) of the records that come after a position."""
        first = self.after(after)
        payloads = split_frames(self.frames(first, len(self.positions)))
        return list(zip(self.positions[first:], payloads, strict=True))


class ModifiedRecords:
    """The modified records of organizations, as long as they are not too many."""

    def __init__(self, answers: Answers, most: int = MOST_RECORDS) -> None:
        self._answers = answers
        self._most = most
        self._unpacked: OrderedDict[tuple[str, frozenset[str]], Modified] = OrderedDict()

    async def get(self, organization_id: str, states: frozenset[str], need: Need) -> Modified | None:
        """Return the records of some states, as new as is needed; None where there are too many.

        Raises OrganizationNotFound.
        """
        if not self._most:
            return None
        answer = await self._answers.get(organization_id, "", need, self._fill, Kind.MODIFIED)
        key = organization_id, states
        before = self._unpacked.pop(key, None)
        if before is not None and before.answer.value is answer.value:  # kept by the cache in the process
            modified: Modified | None = replace(before, answer=answer)
        else:
            modified = _unpack(answer, states)
        if modified is not None:
            self._unpacked[key] = modified
            if len(self._unpacked) > _UNPACKED:
                self._unpacked.popitem(last=False)
        return modified

    async def _fill(self, connection: AsyncConnection, organization: Organization) -> bytes:
        rows = await reads.read_unsynced(connection, organization.organization_id, limit=self._most + 1)
        return pack(rows) if len(rows) <= self._most else _COUNT.pack(_TOO_MANY)


def count_of(value: bytes) -> int | None:
    """Return how many records a cached value holds; None where there were too many."""
    (number,) = _COUNT.unpack_from(value)
    return None if number == _TOO_MANY else int(number)


def pack(rows: Sequence[tuple[int, str, bytes]]) -> bytes:
    """Return (position, state, payload) of records, in order, as they are cached."""
    number = len(rows)
    frames = [frame_records([payload]) for _, _, payload in rows]
    return b"".join(
        (
            _COUNT.pack(number),
            struct.pack(f">{number}q", *(position for position, _, _ in rows)),
            bytes(UNSYNCED_STATES.index(state) for _, state, _ in rows),
            struct.pack(f">{number}I", *accumulate(map(len, frames))),
            *frames,
        )
    )


def _unpack(answer: Answer, wanted: frozenset[str]) -> Modified | None:
    value = answer.value
    number = count_of(value)
    if number is None:
        return None
    start = _COUNT.size
    positions: Sequence[int] = struct.unpack_from(f">{number}q", value, start)
    states = value[start + 8 * number : start + 9 * number]
    ends = struct.unpack_from(f">{number}I", value, start + 9 * number)
    framed = memoryview(value)[start + 13 * number :]
    kept = bytes(UNSYNCED_STATES.index(state) for state in wanted)
    places: Sequence[int] = range(number)
    if states.strip(kept):  # there are others among them
        places = [place for place, state in enumerate(states) if state in kept]
        positions = [positions[place] for place in places]
    return Modified(answer, positions, places, ends, framed)
