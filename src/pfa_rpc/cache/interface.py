"""What a cache offers: `Cache`, `Entry`, `Kind`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pfa_rpc.records.revision import Revision


class Kind(enum.StrEnum):
    """Families of entries besides the chunks of records."""

    QUERY = "query"
    MODIFIED = "modified"
    VOCABULARY = "vocabulary"


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer."""

    revision: Revision
    """What it was made from."""
    value: bytes
    age_seconds: float


class Cache(Protocol):
    """A cache. Nothing it does ever fails: what goes wrong is a miss."""

    async def get_chunks(self, organization_id: str, pairs: Mapping[int, Revision]) -> dict[int, bytes]:
        """Return chunk → framed payloads, of the chunks whose cached pair equals the given one."""

    async def put_chunks(self, organization_id: str, chunks: Mapping[int, tuple[Revision, bytes]]) -> None:
        """Keep framed payloads of chunks under their pairs."""
