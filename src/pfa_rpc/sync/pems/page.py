"""What a sweep gives: `Page`. `TakenRows` puts one together from rows as they are read."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

import structlog

from pfa_rpc.sync.pems.row_reader import ForeignRow, ReadPart, RejectedRow, SweptPart, SweptRow

NEVER: Final = datetime.min.replace(tzinfo=UTC)
_log: Final = structlog.stdlib.get_logger("pfa")


class Paging(enum.StrEnum):
    """How the next page is asked for."""

    KEY = "key"  # from the last id on: nothing slips past
    POSITION = "position"  # behind the last position: what moves meanwhile can slip past


@dataclass(slots=True)
class Page:
    """Some rows of an organization. No id is in it twice; one can come again on a later page."""

    rows: SweptRows = field(default_factory=lambda: SweptRows(()))
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
    key: bytes = b""
    """What `SeenRows` knows the page by as a whole; empty where it does not."""
    paging: Paging = Paging.KEY
    asked_at: datetime = NEVER
    """When it was asked for: it is as old as that, at most."""
    needs_count: bool = False
    """Whether a row may have slipped past so far: compare the number of ids with PEMS' count at the end."""

    def ids(self) -> list[str]:
        """Return the ids of all its rows that have one."""
        return [*self.rows.ids(), *self.unchanged, *(row.pfa_id for row in self.rejected if row.pfa_id)]

    def newest(self) -> datetime | None:
        """Return the newest stamp of the rows to be taken in."""
        stamps = (stamp for part in self.rows.parts for stamp in part.rows.stamps)
        return max(filter(None, stamps), default=None)


class SweptRows(Sequence[SweptRow]):
    """The rows of a page that can be taken in, in parts, each in columns."""

    def __init__(self, parts: Sequence[SweptPart]) -> None:
        self.parts = [part for part in parts if part]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, place: Any) -> Any:
        return [row for part in self.parts for row in part][place]

    def __iter__(self) -> Iterator[SweptRow]:
        return chain.from_iterable(self.parts)

    def ids(self) -> Iterator[str]:
        """Yield the ids of the rows."""
        return chain.from_iterable(part.rows.pfa_ids for part in self.parts)


class TakenRows:
    """The rows of a page as they are read: of those with one id the newest, on a tie the last one."""

    def __init__(self) -> None:
        self._parts: list[ReadPart] = []

    def add(self, part: ReadPart) -> None:
        """Add rows that come behind those added before."""
        self._parts.append(part)

    def page(self, known: Sequence[str]) -> Page:
        """Return the page, with the ids of rows that are as they came last."""
        others = [row for part in self._parts for row in part.others]
        foreign = sum(isinstance(row, ForeignRow) for row in others)
        if foreign:
            _log.warning("pems sent rows of other organizations, which were dropped", rows=foreign)
        rejected = [row for row in others if isinstance(row, RejectedRow)]
        rejected.sort(key=lambda row: bool(row.pfa_id))
        page = Page(SweptRows([part.good() for part in self._parts]), rejected=rejected, foreign=foreign)
        ids = page.ids()
        found = set(ids)
        if len(found) != len(ids):
            self._of_each_id_one(page)
        # A row that came twice, once as before: what it is now is the one that differs.
        page.unchanged = [pfa_id for pfa_id in known if pfa_id not in found]
        page.duplicates = len(ids) - len(found) + len(known) - len(page.unchanged)
        return page

    def _of_each_id_one(self, page: Page) -> None:
        """Leave the row of each id that is to be believed, in the place of the first one with its id."""
        by_id: dict[str, SweptRow | RejectedRow] = {}
        for row in (row for part in self._parts for row in part.in_order()):
            if isinstance(row, ForeignRow):
                continue
            pfa_id = row.row.pfa_id if isinstance(row, SweptRow) else row.pfa_id
            other = by_id.get(pfa_id)
            if pfa_id and (other is None or not _is_newer(other, row)):
                by_id[pfa_id] = row
        nameless = [row for row in page.rejected if not row.pfa_id]
        page.rejected = [*nameless, *(row for row in by_id.values() if isinstance(row, RejectedRow))]
        page.rows = SweptRows([SweptPart.of([row for row in by_id.values() if isinstance(row, SweptRow)])])


def _is_newer(one: SweptRow | RejectedRow, other: SweptRow | RejectedRow) -> bool:
    """Tell whether one row is newer than another by their stamps; one without a stamp is never newer."""
    first, second = (row.row.stamp if isinstance(row, SweptRow) else row.stamp for row in (one, other))
    return first is not None and second is not None and first > second
