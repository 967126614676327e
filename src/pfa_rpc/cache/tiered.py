"""The cache in the process above the one in Redis: `TieredCache`."""

from __future__ import annotations

from collections.abc import Mapping

from pfa_rpc.cache.interface import Cache, CacheStatus, Entry, Kind
from pfa_rpc.cache.process import ProcessCache
from pfa_rpc.records.revision import Revision


class TieredCache:
    """A `Cache` that looks near first, then far, and keeps what it finds there near too: valid by the same pair."""

    def __init__(self, near: ProcessCache, far: Cache) -> None:
        self._near = near
        self._far = far

    async def get_chunks(self, organization_id: str, pairs: Mapping[int, Revision]) -> dict[int, bytes]:
        """See `Cache`."""
        found = await self._near.get_chunks(organization_id, pairs)
        missing = {number: revision for number, revision in pairs.items() if number not in found}
        if not missing:
            return found
        fetched = await self._far.get_chunks(organization_id, missing)
        await self._near.put_chunks(organization_id, {number: (pairs[number], fetched[number]) for number in fetched})
        return found | fetched

    async def put_chunks(self, organization_id: str, chunks: Mapping[int, tuple[Revision, bytes]]) -> None:
        """See `Cache`."""
        await self._near.put_chunks(organization_id, chunks)
        await self._far.put_chunks(organization_id, chunks)

    async def get(self, organization_id: str, kind: Kind, key: str, wanted: Revision | None = None) -> Entry | None:
        """See `Cache`."""
        entry = await self._near.get(organization_id, kind, key, wanted)
        if entry is not None:
            return entry
        entry = await self._far.get(organization_id, kind, key, wanted)
        if entry is not None:
            self._near.put_aged(organization_id, kind, key, entry)
        return entry

    async def put(self, organization_id: str, kind: Kind, key: str, revision: Revision, value: bytes) -> None:
        """See `Cache`."""
        await self._near.put(organization_id, kind, key, revision, value)
        await self._far.put(organization_id, kind, key, revision, value)

    async def clear(self, organization_id: str) -> int:
        """See `Cache`: the entries of both layers are counted."""
        return await self._near.clear(organization_id) + await self._far.clear(organization_id)

    async def status(self, organization_id: str) -> CacheStatus:
        """See `Cache`."""
        near = await self._near.status(organization_id)
        far = await self._far.status(organization_id)
        return CacheStatus((*near.layers, *far.layers))

    async def close(self) -> None:
        """See `Cache`."""
        await self._near.close()
        await self._far.close()
