"""Pulls the rows of an organization from PEMS: `pull`, full or of those changed since the last one.

The cursor is a stamp of PEMS: everything stamped before it was read. Reading goes back behind it by `OVERLAP`, since
stamps have the resolution of a minute, clocks are set back, and rows move while they are read; rows that come again are
known by their digest. A full pull ends by looking for records that PEMS has no more.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.syncing.cursors import Cursor, drop_rejected, read_cursor, rejected_keys, save_cursor
from pfa_rpc.store.syncing.runs import Mode
from pfa_rpc.store.tables import not_in_pems, records
from pfa_rpc.sync.confirming import Confirming
from pfa_rpc.sync.ongoing import Ongoing
from pfa_rpc.sync.pages import PageTaker
from pfa_rpc.sync.pems import PemsClient
from pfa_rpc.sync.reading import reading, with_ranges
from pfa_rpc.sync.seen_rows import SeenCopies, SeenCopy

OVERLAP: Final = timedelta(hours=2)
"""How far behind the cursor reading begins again: more than a clock is wrong by, an hour for summer time included."""
RESUMED_WITHIN: Final = timedelta(hours=12)
"""How old a pull that was stopped may be to be gone on with."""
_IDS_AT_ONCE: Final = 5_000
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""Stamps before it stand for none, such as the first day of the calendar, before which there is no overlap."""


async def pull(ongoing: Ongoing, client: PemsClient, copies: SeenCopies) -> None:
    """Read PEMS and take in what it holds; a pull that was stopped is gone on with. Raises PemsError, LeaseLost."""
    organization_id = ongoing.organization_id
    await ongoing.enter("pulling")
    async with ongoing.database.reading() as connection:
        cursor = await read_cursor(connection, organization_id)
        rejected = await rejected_keys(connection, organization_id)
        seen = await copies.take(connection, organization_id)
    began = _begun(cursor, ongoing.run.mode, datetime.now(UTC))
    columns = await client.columns(organization_id)
    ongoing.notes += columns.drift.sentences()
    ongoing.total = await client.count(organization_id, began.since)
    began = await with_ranges(client, organization_id, began, ongoing.total)
    try:
        await _Pull(ongoing, client, seen, rejected, began).run()
    finally:
        copies.keep(organization_id, seen)


def _begun(cursor: Cursor, mode: Mode, now: datetime) -> Cursor:
    """Return the cursor of a pull that begins, or goes on where an earlier one was stopped.

    A sweep for what is gone begins anew, since nobody knows which rows came before it was stopped; what it has taken in
    costs little the second time. The first load of all goes on, and another sweep follows it.
    """
    if cursor.stamp is None or cursor.swept_at is None:
        mode = Mode.FULL
    is_recent = cursor.began_at is not None and now - cursor.began_at < RESUMED_WITHIN
    is_sweep = mode is Mode.FULL and cursor.swept_at is not None
    if cursor.mode is mode and cursor.is_begun and is_recent and not is_sweep:
        return cursor
    since = None if mode is Mode.FULL or cursor.stamp is None else max(cursor.stamp, _EARLIEST) - OVERLAP
    return replace(cursor, mode=mode, since=since, began_at=now, after_id=None, newest=None, ranges=())


class _Pull:
    """One pull, from where it begins to its end."""

    def __init__(
        self, ongoing: Ongoing, client: PemsClient, seen: SeenCopy, rejected: set[str], cursor: Cursor
    ) -> None:
        self._ongoing = ongoing
        self._client = client
        self._seen = seen
        self._rejected = rejected
        self._cursor = cursor
        self._is_whole = not cursor.is_begun
        """Whether this process sees every row of the pull."""
        self._ids: set[str] = set()
        self._pages: list[bytes] = []
        self._taker = PageTaker(ongoing, seen, rejected)

    async def run(self) -> None:
        """Read the pages to the last one, then what they left open."""
        needs_count = await self._read_pages()
        is_full = self._cursor.mode is Mode.FULL
        confirming = Confirming(self._ongoing, self._client)
        is_complete = await self._is_complete(needs_count=needs_count) if is_full else True
        if is_full and self._is_whole and is_complete:
            await self._ongoing.enter("confirming")
            await self._drop_rejected()
            await confirming.missing(await self._missing())
        await self._end(is_complete=is_complete)
        await confirming.read(dict.fromkeys(wanted.pfa_id for wanted in self._taker.wanted))
        await confirming.waiting()

    async def _read_pages(self) -> bool:
        """Take every page in; return whether a row may have slipped past."""
        async with reading(self._client, self._ongoing.organization_id, self._cursor, self._seen.rows) as found:
            async for page, self._cursor in found.pages():
                self._ongoing.check()
                self._ids.update(page.ids())
                self._pages.append(page.key)
                await self._taker.take(page, self._cursor)
        return found.needs_count

    async def _is_complete(self, *, needs_count: bool) -> bool:
        """Tell whether no row can have slipped past, which is known where pages were asked for by key."""
        if not self._is_whole:
            return True
        counted = await self._client.count(self._ongoing.organization_id)
        if counted == len(self._ids):
            return True
        self._ongoing.notes.append(f"PEMS counts {counted:,} rows, {len(self._ids):,} were read")
        return not needs_count or counted <= len(self._ids)

    async def _missing(self) -> list[str]:
        """Return the ids of records that PEMS once had and that no row came for."""
        missing: list[str] = []
        organization_id = self._ongoing.organization_id
        async with self._ongoing.database.reading() as connection:
            count = (await get_organization(connection, organization_id)).record_count
            others = sa.select(sa.func.count()).where(records.c.organization_id == organization_id, not_in_pems())
            if count - (await connection.scalar(others) or 0) == len(self._ids) and not self._rejected:
                return missing  # every row that is not rejected has its record
            for part in await _ids_by_part(connection, organization_id):
                missing += [pfa_id for pfa_id in part if pfa_id not in self._ids]
                await asyncio.sleep(0)
        return missing

    async def _drop_rejected(self) -> None:
        """Forget rejected rows that are gone."""
        gone = sorted(key for key in self._rejected if not key.startswith("#") and key not in self._ids)
        if gone:
            async with self._ongoing.database.writing() as connection:
                await self._ongoing.hold(connection)
                await drop_rejected(connection, self._ongoing.organization_id, gone)

    async def _end(self, *, is_complete: bool) -> None:
        """Put the cursor where this pull has brought it."""
        cursor = self._cursor
        # Not behind its begin: what was changed while it read may stand before where it was by then.
        known = [moment for moment in (cursor.newest, cursor.began_at) if moment is not None]
        reached = min(known) if cursor.newest is not None else cursor.stamp
        stamp = max(filter(None, (cursor.stamp, reached)), default=None)
        is_swept = cursor.mode is Mode.FULL and is_complete
        swept_at = cursor.began_at if is_swept and self._is_whole else cursor.swept_at
        ended = Cursor(stamp=stamp, swept_at=swept_at, seen_nonce=cursor.seen_nonce)
        async with self._ongoing.database.writing() as connection:
            await self._ongoing.hold(connection)
            if is_swept and self._is_whole:
                await self._seen.store_pages(connection, self._ongoing.organization_id, self._pages)
            await save_cursor(connection, self._ongoing.organization_id, ended)
            await self._ongoing.report(connection)


async def _ids_by_part(connection: AsyncConnection, organization_id: str) -> list[list[str]]:
    """Return the ids of the records that PEMS once had, and is not known to have no more."""
    r = records.c
    is_known = sa.not_(r.deleted_in_pems) & (r.last_synced_at.is_not(None) | r.seen_digest.is_not(None))
    query = sa.select(r.pfa_id).where(r.organization_id == organization_id, is_known)
    result = await connection.stream_scalars(query)
    return [list(part) async for part in result.partitions(_IDS_AT_ONCE)]
