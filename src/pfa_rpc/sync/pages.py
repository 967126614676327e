"""Takes pages of rows in: `PageTaker`, some rows in each transaction, the cursor in the one that ends the page.

Rows that are as they came last cost nothing but a look at their digest, and write nothing. Rows that no record is known
for stay in columns all the way into the database; the others are taken through the core one by one. What a page brings
is in the database before the cursor is behind it: a process that is killed reads the page again, and finds its rows
seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.database import NothingChanged, Write
from pfa_rpc.store.inserting import Inserting, new_rows, pristine
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import batches, seen_rows
from pfa_rpc.store.syncing.cursors import Cursor, RejectedRow, drop_rejected, save_cursor, save_rejected
from pfa_rpc.store.syncing.runs import Counts
from pfa_rpc.store.syncing.tables import record_sync
from pfa_rpc.store.tables import organization_revisions, records
from pfa_rpc.sync.batch import SyncBatch, Wanted
from pfa_rpc.sync.events import Pulled, Rejected
from pfa_rpc.sync.merge import is_seen
from pfa_rpc.sync.ongoing import Ongoing
from pfa_rpc.sync.pems import Page, SweptPart, SweptRow
from pfa_rpc.sync.pems import RejectedRow as SentRejected
from pfa_rpc.sync.seen_rows import SeenCopy
from pfa_rpc.sync.sync_record import State
from pfa_rpc.sync.taking import Outcome

BATCH_ROWS: Final = 1_000
"""Rows that one transaction takes through the core, at most."""
INSERTED_PARTS: Final = 8
"""Parts of a page, of some hundred rows each, whose records one transaction inserts, at most."""
_AT_ONCE: Final = 50
"""Rows that are taken in before other calls get their turn: some 3 ms."""
_SHOWN: Final = 1_000
"""Characters of a cell that are listed of a row that cannot be taken in: it may hold a megabyte."""
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


@dataclass(slots=True)
class _Sorted:
    """The rows of a page, by what is known of them."""

    new: list[SweptPart] = field(default_factory=list)
    """Those that no record is known for."""
    changed: list[SweptRow] = field(default_factory=list)
    same: list[SweptPart] = field(default_factory=list)
    """Those that their records have taken in."""


class _Seen(NamedTuple):
    """What of a row tells whether it was seen before."""

    stamp: datetime | None
    digest: bytes


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
        self._next_position = -1
        """Of the next record, when what is known of records was read: as long as it is that, there are no others."""
        self.wanted: list[Wanted] = []

    async def take(self, page: Page, cursor: Cursor) -> None:
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
        sorted_out = await self._sort_out(page.rows.parts)
        whole.unchanged += sum(map(len, sorted_out.same))
        for parts in batches(sorted_out.new, INSERTED_PARTS):
            self._ongoing.check()
            sorted_out.changed += await self._insert(parts)
        for rows in batches(sorted_out.changed, BATCH_ROWS):
            self._ongoing.check()
            if not await self._take_rows(rows, page.asked_at, whole):
                sorted_out.same.append(SweptPart.of(rows))
        for rejected in batches(fresh_rejected, BATCH_ROWS):
            await self._reject(rejected)
        await self._finish(sorted_out.same, whole, cursor)

    async def _sort_out(self, parts: Sequence[SweptPart]) -> _Sorted:
        """Tell rows that no record is known for from those that bring something new, or that were taken in already."""
        if not parts:
            return _Sorted()
        organization_id = self._ongoing.organization_id
        async with self._ongoing.database.reading() as connection:
            self._next_position = (await get_organization(connection, organization_id)).record_count
            if not self._next_position:
                return _Sorted(new=[*parts])
            stored = await seen_rows(connection, organization_id, _ids(parts))
            held = await _holding(connection, organization_id, parts, stored)
        return _sorted_out(parts, stored, held)

    async def _insert(self, parts: Sequence[SweptPart]) -> list[SweptRow]:
        """Insert the records of rows that none was known for; return the rows that somebody made one for meanwhile."""
        known: list[SweptRow] = []
        number = 0
        async with self._ongoing.database.write(self._ongoing.organization_id, self._ongoing.cause) as write:
            await self._ongoing.hold(write.connection)
            if write.next_position != self._next_position:
                parts, known = await _still_new(write, parts)
            number = sum(map(len, parts))
            if not number:
                raise NothingChanged
            organization = await get_organization(write.connection, write.organization_id)
            inserting = Inserting(write, new_rows(write.organization_id, organization.currency_code))
            await inserting.add((pristine(part.rows.known(write.at), part.rows.digests) for part in parts), number)
            await inserting.finish()
            learned = [pair for part in parts for pair in zip(part.rows.pfa_ids, part.digests, strict=True)]
            nonce = await self._learn(write.connection, learned)
            await self._accept(write.connection, _ids(parts))
            counts = Counts(inserted=number)
            await self._ongoing.report(write.connection, counts)
        if number:
            self._next_position = write.next_position + number
            self._ongoing.count(counts)
            self._seen.learned(nonce, learned)
        return known

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
        faults = tuple((fault.column, fault.value[:_SHOWN], fault.reason) for fault in row.rejection.faults)
        cells = {column: text[:_SHOWN] for column, text in row.cells.items()}
        return RejectedRow(
            _key(row), row.pfa_id, row.cells_digest, cells, faults, row.stamp, at, self._ongoing.run.run_id
        )

    async def _finish(self, same: Sequence[SweptPart], whole: Counts, cursor: Cursor) -> None:
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
                stored = await seen_rows(connection, organization_id, _ids(same))
                known = await _holding(connection, organization_id, same, stored)
                pairs = (pair for part in same for pair in zip(part.rows.pfa_ids, part.digests, strict=True))
                learned = [(pfa_id, digest) for pfa_id, digest in pairs if pfa_id in known]
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


def _ids(parts: Sequence[SweptPart]) -> list[str]:
    return [pfa_id for part in parts for pfa_id in part.rows.pfa_ids]


def _sorted_out(parts: Sequence[SweptPart], stored: Mapping[str, Any], held: Collection[str]) -> _Sorted:
    """Sort rows out by the records that are stored, and those that hold them."""
    found = _Sorted()
    for part in parts:
        ids = part.rows.pfa_ids
        found.new.append(part.chosen([pfa_id not in stored for pfa_id in ids]))
        found.same.append(part.chosen([pfa_id in held for pfa_id in ids]))
        found.changed += part.chosen([pfa_id in stored and pfa_id not in held for pfa_id in ids])
    return _Sorted([part for part in found.new if part], found.changed, [part for part in found.same if part])


async def _still_new(write: Write, parts: Sequence[SweptPart]) -> tuple[list[SweptPart], list[SweptRow]]:
    """Return the rows that there is no record for, and those that somebody has made one for."""
    stored = await seen_rows(write.connection, write.organization_id, _ids(parts))
    found = _sorted_out(parts, stored, ())
    return found.new, found.changed


async def _holding(
    connection: AsyncConnection,
    organization_id: str,
    parts: Sequence[SweptPart],
    stored: Mapping[str, tuple[bytes | None, datetime | None]],
) -> set[str]:
    """Return the ids of those rows that their records have taken in as they are, and know nothing later of."""
    rows = (zip(part.rows.pfa_ids, part.rows.digests, part.rows.stamps, strict=True) for part in parts)
    held = {
        pfa_id
        for pfa_id, digest, stamp in chain.from_iterable(rows)
        if (found := stored.get(pfa_id)) is not None and found[0] == digest and is_seen(_Seen(stamp, digest), *found)
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
