"""What is known of the rows that came before: `SeenRows`, so that one which comes again as it was is not read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

MOST_PAGES: Final = 1_000
"""Most pages that are remembered for an organization."""


@dataclass(frozen=True, slots=True)
class SeenPage:
    """A page that came before."""

    digests: tuple[bytes, ...]
    """Digests of its rows, in their order."""
    tail: int
    """Bytes behind its rows."""
    last_id: str
    """Id of its last row."""


class SeenRows:
    """The rows of one organization as they came last, by digest.

    A digest covers every cell of a row as it was sent, its stamp included, and how it was mapped: equal digests are
    equal rows. It is only ever added once a row was taken in, or its rejection recorded, so that what was never
    committed is looked at again; the caller does that with `learn`.

    Args:
        rows: (pfa_id, digest) of rows that were taken in, or recorded as rejected, before.
    """

    def __init__(self, rows: Iterable[tuple[str, bytes]] = ()) -> None:
        self._digests: dict[str, bytes] = {}
        self._ids: dict[bytes, str] = {}
        self._pages: OrderedDict[bytes, SeenPage] = OrderedDict()
        for pfa_id, digest in rows:
            self.learn(pfa_id, digest)

    def __len__(self) -> int:
        return len(self._digests)

    def learn(self, pfa_id: str, digest: bytes) -> None:
        """Remember a row as it was taken in; what it was before is forgotten, lest its return pass unnoticed."""
        self.forget(pfa_id)
        self._digests[pfa_id] = digest
        self._ids[digest] = pfa_id

    def learn_all(self, pfa_ids: Sequence[str], digests: Sequence[bytes]) -> None:
        """Remember many rows, each of another id."""
        if self._digests.keys().isdisjoint(pfa_ids):
            self._digests.update(zip(pfa_ids, digests, strict=True))
            self._ids.update(zip(digests, pfa_ids, strict=True))
            return
        for pfa_id, digest in zip(pfa_ids, digests, strict=True):
            self.learn(pfa_id, digest)

    def forget(self, pfa_id: str) -> None:
        """Let a row be looked at when it comes again, whatever it holds."""
        before = self._digests.pop(pfa_id, None)
        if before is not None:
            self._ids.pop(before, None)

    def id_of(self, digest: bytes) -> str | None:
        """Return the id of the row that has a digest, or None where no row has."""
        return self._ids.get(digest)

    def learn_page(self, key: bytes, page: SeenPage) -> None:
        """Remember a page by the digest of its bytes."""
        self._pages[key] = page
        self._pages.move_to_end(key)
        if len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)

    def page(self, key: bytes) -> SeenPage | None:
        """Return the page that has a digest, or None."""
        return self._pages.get(key)

    def ids_of(self, digests: Sequence[bytes]) -> list[str] | None:
        """Return the ids of rows; None where one of them is not as it came last."""
        try:
            return list(map(self._ids.__getitem__, digests))
        except KeyError:
            return None
