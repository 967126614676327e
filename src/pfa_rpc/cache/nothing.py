"""A cache that keeps nothing, for measuring what the others bring: `NoCache`."""

from __future__ import annotations

from collections.abc import Mapping

from pfa_rpc.cache.interface import CacheStatus, Entry, Kind
from pfa_rpc.records.revision import Revision


class NoCache:
    """Every read misses."""

    async def get_chunks(self, organization_id: str, pairs: Mapping[int, Revision]) -> dict[int, bytes]:
        """Return nothing."""
        return {}

    async def put_chunks(self, organization_id: str, chunks: Mapping[int, tuple[Revision, bytes]]) -> None:
        """Keep nothing."""

    async def get(self, organization_id: str, kind: Kind, key: str, wanted: Revision | None = None) -> Entry | None:
        """Return nothing."""

    async def put(self, organization_id: str, kind: Kind, key: str, revision: Revision, value: bytes) -> None:
        """Keep nothing."""

    async def clear(self, organization_id: str) -> int:
        """Have nothing to forget."""
        return 0

    async def status(self, organization_id: str) -> CacheStatus:
        """Tell of no layer."""
        return CacheStatus(())

    async def close(self) -> None:
        """Do nothing."""
