"""A cache that keeps nothing, for measuring what the others bring: `NoCache`."""

from __future__ import annotations

from collections.abc import Mapping

from pfa_rpc.records.revision import Revision


class NoCache:
    """Every read misses."""

    async def get_chunks(self, _organization_id: str, _pairs: Mapping[int, Revision]) -> dict[int, bytes]:
        """Return nothing."""
        return {}

    async def put_chunks(self, _organization_id: str, _chunks: Mapping[int, tuple[Revision, bytes]]) -> None:
        """Keep nothing."""
