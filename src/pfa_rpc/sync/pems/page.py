"""What a sweep gives: `Page`. `TakenRows` puts one together from rows as they are read."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from pfa_rpc.sync.pems.row_reader import ForeignRow, ReadRow, RejectedRow, SweptRow

_log: Final = structlog.stdlib.get_logger("pfa")


class Paging(enum.StrEnum):
    """How the next page is asked for."""

    KEY = "key"  # from the last id on: nothing slips past
    POSITION = "position"  # behind the last position: what moves meanwhile can slip past


@dataclass(slots=True)
class Page:
    """Some rows of an organization. No id is in it twice; one can come again on a later page."""

    rows: list[SweptRow] = field(default_factory=list)
    """Rows to be taken in."""
    unchanged: list[str] = field(default_factory=list)
    """Ids of rows that are as they came last, by what the sweep was told it has seen."""
    rejected: list[RejectedRow] = field(default_factory=list)
    """Rows that cannot be taken in; their ids count as seen."""
    duplicates: int = 0
    """Rows that gave way to another with the same id: to the newer, on a tie to the later one."""
    foreign: int = 0
    """Rows of other organizations, which PEMS should not have sent; nothing of them is kept."""
    last_id: str = ""
    """What a sweep that was stopped here goes on `after`; empty where it has to begin anew, because the order of ids is
    not known to hold."""
    is_last: bool = False
    paging: Paging = Paging.KEY
    needs_count: bool = False
    """Whether a row may have slipped past so far: compare the number of ids with PEMS' count at the end."""

    def ids(self) -> list[str]:
        """Return the ids of all its rows that have one."""
        found = [swept.row.pfa_id for swept in self.rows]
        return found + self.unchanged + [row.pfa_id for row in self.rejected if row.pfa_id]


class TakenRows:
    """The rows of a page as they are read: of those with one id the newest, on a tie the last one."""

    def __init__(self) -> None:
        self._by_id: dict[str, SweptRow | RejectedRow] = {}
        self._nameless: list[RejectedRow] = []
        self._duplicates = self._foreign = 0

    def add(self, rows: Iterable[ReadRow]) -> None:
        """Add rows that come behind those added before."""
        for row in rows:
            if isinstance(row, ForeignRow):
                self._foreign += 1
                continue
            pfa_id = row.row.pfa_id if isinstance(row, SweptRow) else row.pfa_id
            if not pfa_id and isinstance(row, RejectedRow):
                self._nameless.append(row)
                continue
            other = self._by_id.get(pfa_id)
            self._duplicates += other is not None
            if other is None or not _is_newer(other, row):
                self._by_id[pfa_id] = row

    def page(self, known: Sequence[str]) -> Page:
        """Return the page, with the ids of rows that are as they came last."""
        if self._foreign:
            _log.warning("pems sent rows of other organizations, which were dropped", rows=self._foreign)
        # A row that came twice, once as before: what it is now is the one that differs.
        unchanged = [pfa_id for pfa_id in known if pfa_id not in self._by_id]
        return Page(
            rows=[row for row in self._by_id.values() if isinstance(row, SweptRow)],
            unchanged=unchanged,
            rejected=[*self._nameless, *(row for row in self._by_id.values() if isinstance(row, RejectedRow))],
            duplicates=self._duplicates + len(known) - len(unchanged),
            foreign=self._foreign,
        )


def _is_newer(one: SweptRow | RejectedRow, other: SweptRow | RejectedRow) -> bool:
    """Tell whether one row is newer than another by their stamps; one without a stamp is never newer."""
    first, second = (row.row.stamp if isinstance(row, SweptRow) else row.stamp for row in (one, other))
    return first is not None and second is not None and first > second
