"""What an organization's data, or a chunk of its records, is at: `Revision`."""

from __future__ import annotations

from typing import Final, NamedTuple

CHUNK_RECORDS: Final = 512
"""Records of a chunk: those whose positions divided by this give the chunk's number."""


class Revision(NamedTuple):
    """A pair: equal pairs mean equal data. A number alone can come back with other data after a restore."""

    number: int
    nonce: int
    """Drawn by the write that made the revision."""


def chunk_of(position: int) -> int:
    """Return the number of the chunk that a record belongs to, by its place in the order of insertion."""
    return position // CHUNK_RECORDS
