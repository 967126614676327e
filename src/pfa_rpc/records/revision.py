"""What an organization's data, or a chunk of its records, is at: `Revision`."""

from __future__ import annotations

from typing import Final, NamedTuple

CHUNK_RECORDS: Final = 512
"""Records of a chunk: those whose positions divided by this give the chunk's number."""
DRAWN_BITS: Final = 39
"""How many bits of a nonce every write draws."""
HISTORY_BITS: Final = ((1 << 63) - 1) & ~((1 << DRAWN_BITS) - 1)
"""The other bits of a nonce: drawn for a new organization, a copy and by `pfa restored`, and kept by every write."""


class Revision(NamedTuple):
    """A pair: equal pairs mean equal data. A number alone can come back with other data after a restore."""

    number: int
    nonce: int
    """Drawn by the write that made the revision, all but the bits that name its history."""

    @property
    def history(self) -> int:
        """Names the history that the revision belongs to: revisions that followed one another, no restore between."""
        return self.nonce & HISTORY_BITS

    def shows(self, other: Revision) -> bool:
        """Tell whether this shows all that another shows.

        Numbers count within one history only. Of equal ones with unlike nonces one was lost.
        """
        return self == other or (self.history == other.history and self.number > other.number)


def chunk_of(position: int) -> int:
    """Return the number of the chunk that a record belongs to, by its place in the order of insertion."""
    return position // CHUNK_RECORDS
