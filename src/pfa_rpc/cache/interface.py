"""What a cache does, in the process or in Redis: `Cache`, and what it gives: `Entry`, `CacheStatus`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from pfa_rpc.records.revision import Revision

CHUNKS: Final = "records"
"""Name of the family of chunks, beside those of `Kind`."""
CHUNK_SECONDS: Final = 900
"""How long chunks are kept in Redis after their last use, in seconds."""
MAX_VALUE_BYTES: Final = 1_000_000
"""Largest entry, its header counted, in bytes; what is larger is kept in parts, or nowhere."""
MAX_PARTS: Final = 16
"""Most parts of a chunk, of modified records or of a vocabulary; an answer has one."""


class Kind(enum.StrEnum):
    """A family of entries besides chunks."""

    QUERY = "query"
    """Answers to questions and lists, by the hash of what was asked and of what the caller may see."""
    MODIFIED = "modified"
    """The records of an organization that PEMS does not know of yet."""
    VOCABULARY = "vocabulary"
    """The values of an organization that people can name."""

    @property
    def seconds(self) -> int | None:
        """How long an entry is kept, in seconds; None: until it is replaced."""
        return _SECONDS[self]

    @property
    def may_have_parts(self) -> bool:
        """Whether a large entry is kept in parts, not passed over."""
        return self is not Kind.QUERY


def largest(family: str) -> int:
    """Return how large what is kept in a family may be, in bytes."""
    return MAX_VALUE_BYTES if family == Kind.QUERY else MAX_VALUE_BYTES * MAX_PARTS


_SECONDS: Final[Mapping[Kind, int | None]] = {Kind.QUERY: 300, Kind.MODIFIED: None, Kind.VOCABULARY: 900}


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer."""

    revision: Revision
    """What it was made from: who wants fresh data compares it, for equality, with the pair in the database."""
    value: bytes
    age_seconds: float


@dataclass(frozen=True, slots=True)
class FamilyStatus:
    """What one layer holds of a family of entries."""

    name: str
    """`records`, or that of a `Kind`."""
    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LayerStatus:
    """What one layer holds of an organization, and how this process has fared with it for all organizations."""

    name: str
    """`process` or `redis`."""
    reachable: bool
    families: tuple[FamilyStatus, ...]
    """Of every family, those without entries too; bytes as the layer counts them, its overhead included."""
    hits: int
    misses: int
    stale: int
    errors: int

    @property
    def entries(self) -> int:
        """Entries of all families."""
        return sum(family.entries for family in self.families)

    @property
    def bytes(self) -> int:
        """Bytes of all families."""
        return sum(family.bytes for family in self.families)


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """The layers of a cache, from the nearest to the farthest."""

    layers: tuple[LayerStatus, ...]


class Cache(Protocol):
    """Keeps answers, each with the pair that it was made from.

    Nothing here raises: where a layer is away, slow, full or holds garbage, a read finds nothing and a write keeps
    nothing. Cancellation passes.
    """

    async def get_chunks(self, organization_id: str, pairs: Mapping[int, Revision]) -> dict[int, bytes]:
        """Return chunk number → framed payloads, of the chunks that are cached at exactly the given pair."""
        ...

    async def put_chunks(self, organization_id: str, chunks: Mapping[int, tuple[Revision, bytes]]) -> None:
        """Keep chunks: number → the pair and the framed payloads that one snapshot showed together."""
        ...

    async def get(self, organization_id: str, kind: Kind, key: str, wanted: Revision | None = None) -> Entry | None:
        """Return an answer; `key` is the caller's hash, "" for a kind with one entry for each organization.

        With `wanted`, only an answer made from exactly that pair is returned, from whichever layer has it.
        """
        ...

    async def put(self, organization_id: str, kind: Kind, key: str, revision: Revision, value: bytes) -> None:
        """Keep an answer and the pair that it was made from."""
        ...

    async def clear(self, organization_id: str) -> int:
        """Forget an organization and return the number of entries removed."""
        ...

    async def status(self, organization_id: str) -> CacheStatus:
        """Return what each layer holds."""
        ...

    async def close(self) -> None:
        """Let go of connections and tasks; nothing is found or kept from now on."""
        ...
