"""Reads what a pull is to take in: `Reading`, several ranges of ids at once, each page while one before is taken in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from pfa_rpc.store.syncing.cursors import Cursor, KeyRange
from pfa_rpc.store.syncing.runs import Mode
from pfa_rpc.sync.pems import Page, PemsClient, SeenRows, Sweep

RANGE_ROWS: Final = 5_000
"""Rows that a range of its own is worth, at least: below, the requests that find the ranges weigh more."""


async def with_ranges(client: PemsClient, organization_id: str, cursor: Cursor, total: int) -> Cursor:
    """Return the cursor of a pull that begins, with the ranges that it reads at once; none where it reads one by one.

    Only a full pull has any: the changes of a day are a page. Raises PemsError.
    """
    number = min(client.ranges, total // RANGE_ROWS)
    if cursor.mode is not Mode.FULL or cursor.after_id is not None or cursor.ranges or number < 2:
        return cursor
    found = await client.key_ranges(organization_id, number)
    return replace(cursor, ranges=tuple(KeyRange(start, until) for start, until in found))


class Reading:
    """The pages of one pull, and how far they bring it. Made by `reading`.

    Attributes:
        needs_count: whether a row may have slipped past, so that only PEMS' count tells whether it is complete.
    """

    def __init__(self, sweeps: Sequence[Sweep], cursor: Cursor) -> None:
        self._sweeps = sweeps
        self._cursor = cursor
        self._pending: dict[asyncio.Task[Page], int] = {}
        self.needs_count = False

    async def pages(self) -> AsyncIterator[tuple[Page, Cursor]]:
        """Yield each page as it comes, with the cursor that it brings the pull to. Raises PemsError."""
        for place in self._open():
            self._ask(place)
        while self._pending:
            done, _ = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=self._pending.__getitem__):
                place = self._pending.pop(task)
                page = task.result()
                if not page.is_last:
                    self._ask(place)
                self.needs_count |= page.needs_count
                self._cursor = _moved(self._cursor, place, page)
                yield page, self._cursor

    def _open(self) -> list[int]:
        ranges = self._cursor.ranges
        return [place for place in range(len(self._sweeps)) if not (ranges and ranges[place].is_done)]

    def _ask(self, place: int) -> None:
        self._pending[asyncio.create_task(anext(self._sweeps[place]))] = place

    async def close(self) -> None:
        """End what is under way."""
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
        for sweep in self._sweeps:
            await sweep.aclose()


@asynccontextmanager
async def reading(client: PemsClient, organization_id: str, cursor: Cursor, seen: SeenRows) -> AsyncIterator[Reading]:
    """Give what reads the rows of a pull, from where its cursor is."""
    if cursor.ranges:
        sweeps = [
            client.pages(organization_id, cursor.since, one.after_id, within=(one.start, one.until), seen=seen)
            for one in cursor.ranges
        ]
    else:
        sweeps = [client.pages(organization_id, cursor.since, cursor.after_id, seen=seen)]
    found = Reading(sweeps, cursor)
    try:
        yield found
    finally:
        await found.close()


def _moved(cursor: Cursor, place: int, page: Page) -> Cursor:
    """Return the cursor behind a page of one of its ranges."""
    newest = max(filter(None, (page.newest(), cursor.newest)), default=None)
    if not cursor.ranges:
        after_id = None if page.is_last else page.last_id or cursor.after_id
        return replace(cursor, newest=newest, after_id=after_id)
    one = cursor.ranges[place]
    moved = one._replace(after_id=page.last_id or one.after_id, is_done=page.is_last)
    ranges = (*cursor.ranges[:place], moved, *cursor.ranges[place + 1 :])
    return replace(cursor, newest=newest, ranges=() if all(one.is_done for one in ranges) else ranges)
