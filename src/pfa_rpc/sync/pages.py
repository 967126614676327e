"""Takes pages of rows in: `PageTaker`, some rows in each transaction, the cursor in the one that ends the page.

Rows that are as they came last cost nothing but a look at their digest, and write nothing. What a page brings is in the
database before the cursor is behind it: a process that is killed reads the page again, and finds its rows seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.database import Write
from pfa_rpc.store.records import batches, seen_rows
from pfa_rpc.store.syncing.cursors import Cursor, RejectedRow, drop_rejected, save_cursor, save_rejected
from pfa_rpc.store.syncing.runs import Counts
from pfa_rpc.store.syncing.tables import record_sync
from pfa_rpc.store.tables import organization_revisions, records
from pfa_rpc.sync.batch import SyncBatch, Wanted
from pfa_rpc.sync.events import Pulled, Rejected
from pfa_rpc.sync.merge import is_seen
from pfa_rpc.sync.ongoing import Ongoing
from pfa_rpc.sync.pems import Page, SweptRow
from pfa_rpc.sync.pems import RejectedRow as SentRejected
from pfa_rpc.sync.seen_rows import SeenCopy
from pfa_rpc.sync.sync_record import State
from pfa_rpc.sync.taking import Outcome

BATCH_ROWS: Final = 1_000
"""Rows that one transaction writes, at most."""
_AT_ONCE: Final = 50
"""Rows that are taken in before other calls get their turn: some 3 ms."""
_FAULTS: Final = 5
"""Faults that a record tells of; the list of rejected rows has all of them."""
_COUNTED: Final = {
    Outcome.INSERTED: "inserted",
    Outcome.UPDATED: "updated",
    Outcome.RESTAMPED: "unchanged",
    Outcome.UNCHANGED: "unchanged",
    Outcome.CONFLICT: "conflicts",
    Outcome.DEFERRED: "deferred",
}


@dataclass(slots=True)
class _Part:
    """What became of some rows of a page."""

    counts: Counts = field(default_factory=Counts)
    learned: list[tuple[str, bytes]] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)


class PageTaker:
    """Takes the pages of one pull in.

    Attributes:
        wanted: what records want to be done now: PEMS to be read directly.
    """

    def __init__(self, ongoing: Ongoing, seen: SeenCopy, rejected: set[str]) -> None:
        self._ongoing = ongoing
        self._seen = seen
        self._rejected = rejected
        """Keys of the rows that are rejected."""
        self.wanted: list[Wanted] = []

    async def take(self, page: Page, requested_at: datetime, cursor: Cursor) -> None:
        """Take a page in; `cursor` is where its end brings the pull. Raises LeaseLost and SyncCancelled."""
        known = self._rejected.intersection(page.unchanged)
        # A row without an id is known by its cells alone.
        fresh_rejected = [row for row in page.rejected if row.pfa_id or _key(row) not in self._rejected]
        whole = Counts(
            pages=1,
            fetched=len(page.rows) + len(page.unchanged) + len(page.rejected) + page.duplicates,
            unchanged=len(page.unchanged) - len(known) + page.duplicates,
            rejected=len(known) + len(page.rejected) - len(fresh_rejected),
        )
        fresh, same = await self._sort_out(page.rows)
        whole.unchanged += len(same)
        for rows in batches(fresh, BATCH_ROWS):
            self._ongoing.check()
            if not await self._take_rows(rows, requested_at, whole):
                same += rows
        for rejected in batches(fresh_rejected, BATCH_ROWS):
            await self._reject(rejected)
        await self._finish(same, whole, cursor)

    async def _sort_out(self, rows: Sequence[SweptRow]) -> tuple[list[SweptRow], list[SweptRow]]:
        """Return the rows that bring something new, and those that their records have taken in already."""
        if not rows:
            return [], []
        async with self._ongoing.database.reading() as connection:
            known = await _holding(connection, self._ongoing.organization_id, rows)
        return [row for row in rows if row.row.pfa_id not in known], [row for row in rows if row.row.pfa_id in known]

    async def _take_rows(self, rows: Sequence[SweptRow], requested_at: datetime, whole: Counts) -> bool:
        """Take rows in within one transaction; return whether anything was written."""
        part = _Part()
        nonce = None
        async with self._ongoing.database.write(self._ongoing.organization_id, self._ongoing.cause) as write:
            await self._ongoing.hold(write.connection)
            await self._step(write, rows, requested_at, part)
            nonce = await self._learn(write.connection, part.learned)
            await self._accept(write.connection, [row.row.pfa_id for row in rows])
            await self._ongoing.report(write.connection, part.counts)
        if nonce is None:
            whole.add(part.counts)
            return False
        self._ongoing.count(part.counts)
        self._seen.learned(nonce, part.learned)
        self.wanted += part.wanted
        return True

    async def _step(self, write: Write, rows: Sequence[SweptRow], requested_at: datetime, part: _Part) -> None:
        """Take rows through the core and save what comes of it. Raises NothingChanged."""
        batch = await SyncBatch.begin(write, self._ongoing.terms, run_id=self._ongoing.run.run_id)
        await batch.read("pfa_id", [swept.row.pfa_id for swept in rows])
        for number, swept in enumerate(rows, start=1):
            event = Pulled(swept.row, write.at, requested_at, swept.version)
            before = batch.find(swept.row.pfa_id)
            outcome = batch.take(event)
            name = _COUNTED[outcome]
            if outcome is Outcome.UPDATED and before is not None and before.state is not State.PRISTINE:
                name = "merged"
            setattr(part.counts, name, getattr(part.counts, name) + 1)
            if outcome is not Outcome.DEFERRED and batch.holds(event):
                part.learned.append((swept.row.pfa_id, swept.cells_digest))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        await batch.save()
        part.wanted += batch.wanted

    async def _learn(self, connection: AsyncConnection, rows: Sequence[tuple[str, bytes]]) -> int:
        return await self._seen.store(connection, self._ongoing.organization_id, rows)

    async def _accept(self, connection: AsyncConnection, pfa_ids: Sequence[str]) -> None:
        """Forget that rows were rejected, now that they could be taken in."""
        accepted = self._rejected.intersection(pfa_ids)
        if accepted:
            await drop_rejected(connection, self._ongoing.organization_id, sorted(accepted))
            self._rejected -= accepted

    async def _reject(self, rows: Sequence[SentRejected]) -> None:
        """Mark the records of rows that cannot be taken in, and list the rows."""
        counts = Counts(rejected=len(rows))
        async with self._ongoing.database.write(self._ongoing.organization_id, self._ongoing.cause) as write:
            await self._ongoing.hold(write.connection)
            batch = await SyncBatch.begin(write, self._ongoing.terms, run_id=self._ongoing.run.run_id)
            await batch.read("pfa_id", [row.pfa_id for row in rows if row.pfa_id])
            for row in rows:
                record = batch.find(row.pfa_id)
                if record is not None:
                    batch.step(record.values["id"], Rejected(_reason(row), write.at))
            await batch.save(is_needed=True)
            listed = [self._listed(row, write.at) for row in rows]
            await save_rejected(write.connection, self._ongoing.organization_id, listed)
            nonce = await self._learn(write.connection, [])
            await self._ongoing.report(write.connection, counts)
        self._ongoing.count(counts)
        self._rejected.update(row.row_key for row in listed)
        self._seen.learned(nonce, [(row.pfa_id, row.digest) for row in listed if row.pfa_id])

    def _listed(self, row: SentRejected, at: datetime) -> RejectedRow:
        faults = tuple((fault.column, fault.value, fault.reason) for fault in row.rejection.faults)
        return RejectedRow(
            _key(row), row.pfa_id, row.cells_digest, row.cells, faults, row.stamp, at, self._ongoing.run.run_id
        )

    async def _finish(self, same: Sequence[SweptRow], whole: Counts, cursor: Cursor) -> None:
        """Put down that a page was gone through, and what its rows are known by from now on."""
        organization_id = self._ongoing.organization_id
        nonce, learned = self._seen.nonce, list[tuple[str, bytes]]()
        async with self._ongoing.database.writing() as connection:
            if same:
                # As a write does: what is learned must not be older than what somebody else makes the record forget.
                table = organization_revisions.c
                await connection.execute(
                    sa.select(table.revision).where(table.organization_id == organization_id).with_for_update()
                )
                known = await _holding(connection, organization_id, same)
                learned = [(row.row.pfa_id, row.cells_digest) for row in same if row.row.pfa_id in known]
                nonce = await self._learn(connection, learned)
            await self._ongoing.hold(connection)
            await save_cursor(connection, organization_id, cursor)
            await self._ongoing.report(connection, whole)
        self._ongoing.count(whole)
        self._seen.learned(nonce, learned)


def _key(row: SentRejected) -> str:
    return row.pfa_id or f"#{row.cells_digest.hex()}"


def _reason(row: SentRejected) -> str:
    """Return why a row cannot be taken in; what stands in its cells may be money, which not everybody may see."""
    return "; ".join(f"{fault.reason} ({fault.column or 'row'})" for fault in row.rejection.faults[:_FAULTS])


async def _holding(connection: AsyncConnection, organization_id: str, rows: Sequence[SweptRow]) -> set[str]:
    """Return the ids of those rows that their records have taken in as they are, and know nothing later of."""
    stored = await seen_rows(connection, organization_id, [swept.row.pfa_id for swept in rows])
    held = {
        swept.row.pfa_id
        for swept in rows
        if (found := stored.get(swept.row.pfa_id)) is not None
        and found[0] == swept.row.digest
        and is_seen(swept.row, *found)
    }
    if not held:
        return held
    r, s = records.c, record_sync.c
    query = (
        sa.select(r.pfa_id)
        .join_from(record_sync, records, (s.organization_id == r.organization_id) & (s.record_id == r.id))
        .where(s.organization_id == organization_id)
        .where((s.presence != "present") | s.rejected.is_not(None) | s.repull.is_not(None))
    )
    return held.difference(await connection.scalars(query))
