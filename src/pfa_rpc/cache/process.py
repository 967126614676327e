"""The cache in the process: `ProcessCache`, bounded in bytes; what was used longest ago gives way."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pfa_rpc.cache.interface import CHUNKS, CacheStatus, Entry, FamilyStatus, Kind, LayerStatus, largest
from pfa_rpc.cache.metrics import PROCESS_BYTES, PROCESS_EVICTED, Counts, ReadResult, WriteResult
from pfa_rpc.records.revision import Revision

OVERHEAD_BYTES: Final = 700
"""What an entry takes besides its value and its key: objects, and its places in three tables (measured: 600)."""

Place = tuple[str, str, str | int]
"""Organization, family, key."""


@dataclass(frozen=True, slots=True)
class _Kept:
    revision: Revision
    value: bytes
    made: float
    size: int


class ProcessCache:
    """A `Cache` of one process. Not for use by several threads."""

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = time.time) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._bytes = 0
        self._kept: OrderedDict[Place, _Kept] = OrderedDict()
        self._organizations: dict[str, set[Place]] = {}
        self._closed = False
        self._counts = Counts("process")

    @property
    def size(self) -> int:
        """What the entries take, in bytes, overhead included."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    async def get_chunks(self, organization_id: str, pairs: Mapping[int, Revision]) -> dict[int, bytes]:
        """See `Cache`."""
        found = {}
        stale = 0
        for number, revision in pairs.items():
            kept = self._use((organization_id, CHUNKS, number))
            if kept is None:
                continue
            if kept.revision == revision:
                found[number] = kept.value
            else:
                stale += 1
        self._counts.read(CHUNKS, ReadResult.HIT, len(found))
        self._counts.read(CHUNKS, ReadResult.STALE, stale)
        self._counts.read(CHUNKS, ReadResult.MISS, len(pairs) - len(found) - stale)
        return found

    async def put_chunks(self, organization_id: str, chunks: Mapping[int, tuple[Revision, bytes]]) -> None:
        """See `Cache`."""
        for number, (revision, value) in chunks.items():
            self._keep((organization_id, CHUNKS, number), revision, value, self._clock())

    async def get(self, organization_id: str, kind: Kind, key: str, wanted: Revision | None = None) -> Entry | None:
        """See `Cache`."""
        place = (organization_id, kind.value, key)
        kept = self._use(place)
        age = 0.0 if kept is None else max(0.0, self._clock() - kept.made)
        if kept is not None and kind.seconds is not None and age >= kind.seconds:
            self._remove(place)
            kept = None
        if kept is None:
            self._counts.read(kind.value, ReadResult.MISS)
            return None
        if wanted is not None and kept.revision != wanted:
            self._counts.read(kind.value, ReadResult.STALE)
            return None
        self._counts.read(kind.value, ReadResult.HIT)
        return Entry(kept.revision, kept.value, age)

    async def put(self, organization_id: str, kind: Kind, key: str, revision: Revision, value: bytes) -> None:
        """See `Cache`."""
        self.put_aged(organization_id, kind, key, Entry(revision, value, 0.0))

    def put_aged(self, organization_id: str, kind: Kind, key: str, entry: Entry) -> None:
        """Keep an answer that another layer has had for a while."""
        made = self._clock() - entry.age_seconds
        self._keep((organization_id, kind.value, key), entry.revision, entry.value, made)

    async def clear(self, organization_id: str) -> int:
        """See `Cache`."""
        places = list(self._organizations.get(organization_id, ()))
        for place in places:
            self._remove(place)
        return len(places)

    async def status(self, organization_id: str) -> CacheStatus:
        """See `Cache`."""
        places = self._organizations.get(organization_id, set())
        layer = LayerStatus(
            name="process",
            reachable=not self._closed,
            families=tuple(self._family(name, places) for name in (CHUNKS, *Kind)),
            hits=self._counts.hits,
            misses=self._counts.misses,
            stale=self._counts.stale,
            errors=self._counts.errors,
        )
        return CacheStatus((layer,))

    async def close(self) -> None:
        """See `Cache`."""
        self._closed = True
        self._kept.clear()
        self._organizations.clear()
        self._count_bytes(-self._bytes)

    def _family(self, name: str, places: set[Place]) -> FamilyStatus:
        sizes = [self._kept[place].size for place in places if place[1] == name]
        return FamilyStatus(str(name), len(sizes), sum(sizes))

    def _use(self, place: Place) -> _Kept | None:
        kept = self._kept.get(place)
        if kept is not None:
            self._kept.move_to_end(place)
        return kept

    def _keep(self, place: Place, revision: Revision, value: bytes, made: float) -> None:
        self._remove(place)
        size = len(value) + len(str(place[2])) + len(place[0]) + OVERHEAD_BYTES
        if self._closed or len(value) > largest(place[1]) or size > self._max_bytes:
            self._counts.write(place[1], WriteResult.SKIPPED)
            return
        while self._bytes + size > self._max_bytes:
            self._remove(next(iter(self._kept)))
            PROCESS_EVICTED.inc()
        # A bytearray or a memoryview could change, or keep a larger buffer alive.
        self._kept[place] = _Kept(revision, bytes(value), made, size)
        self._organizations.setdefault(place[0], set()).add(place)
        self._count_bytes(size)
        self._counts.write(place[1], WriteResult.STORED)

    def _remove(self, place: Place) -> None:
        kept = self._kept.pop(place, None)
        if kept is None:
            return
        self._count_bytes(-kept.size)
        places = self._organizations[place[0]]
        places.discard(place)
        if not places:
            del self._organizations[place[0]]

    def _count_bytes(self, change: int) -> None:
        self._bytes += change
        PROCESS_BYTES.inc(change)
