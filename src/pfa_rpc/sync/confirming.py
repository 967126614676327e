"""Reads single records of PEMS that a pull could not judge: `Confirming`.

These are records that a sweep lacked, which are believed gone only once PEMS says so when it is asked for them, and
those of which a row came while they were being written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.records import batches
from pfa_rpc.store.syncing.runs import Counts
from pfa_rpc.store.syncing.tables import record_sync
from pfa_rpc.store.tables import records
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.events import Event, Missing, Read, Rejected, RemoteObject
from pfa_rpc.sync.ongoing import Ongoing
from pfa_rpc.sync.pems import PemsClient
from pfa_rpc.sync.pems import RemoteObject as ScreenObject
from pfa_rpc.sync.sync_record import Presence

MOST_READS: Final = 500
"""Records that one run reads singly; the others wait for the next run."""
_BATCH: Final = 200


class Confirming:
    """Reads records of one organization singly, and takes in what PEMS says of them."""

    def __init__(self, ongoing: Ongoing, client: PemsClient) -> None:
        self._ongoing = ongoing
        self._client = client
        self._left = MOST_READS

    async def missing(self, pfa_ids: Sequence[str]) -> None:
        """Mark records that a complete sweep lacked, and ask PEMS for each; as many as one run may read."""
        for part in batches(pfa_ids[: self._left], _BATCH):
            async with self._ongoing.database.write(self._ongoing.organization_id, self._ongoing.cause) as write:
                await self._ongoing.hold(write.connection)
                batch = await SyncBatch.begin(write, self._ongoing.terms, run_id=self._ongoing.run.run_id)
                await batch.read("pfa_id", part)
                for pfa_id in part:
                    record = batch.find(pfa_id)
                    if record is not None:
                        batch.step(record.values["id"], Missing(write.at))
                await batch.save()
        if len(pfa_ids) > self._left:
            self._ongoing.notes.append(
                f"{len(pfa_ids):,} records are not among the rows of PEMS; "
                f"{self._left:,} of them were asked for, the others wait for the next run"
            )

    async def waiting(self) -> None:
        """Read the records that wait for it, and that nobody is writing to PEMS."""
        async with self._ongoing.database.reading() as connection:
            pfa_ids = await _waiting(connection, self._ongoing.organization_id, self._left)
        await self.read(pfa_ids)

    async def read(self, pfa_ids: Iterable[str]) -> None:
        """Read records one by one. Raises PemsError, and then the others stay marked."""
        for pfa_id in pfa_ids:
            self._ongoing.check()
            if self._left <= 0:
                return
            self._left -= 1
            requested_at = datetime.now(UTC)
            found = await self._client.get(self._ongoing.organization_id, pfa_id)
            await self._take(pfa_id, found, requested_at)

    async def _take(self, pfa_id: str, found: ScreenObject | None, requested_at: datetime) -> None:
        counts = Counts()
        async with self._ongoing.database.write(self._ongoing.organization_id, self._ongoing.cause) as write:
            await self._ongoing.hold(write.connection)
            batch = await SyncBatch.begin(write, self._ongoing.terms, run_id=self._ongoing.run.run_id)
            await batch.read("pfa_id", [pfa_id])
            before = batch.find(pfa_id)
            if before is not None:
                batch.step(before.values["id"], event_of(found, requested_at, write.at))
                after = batch.find(pfa_id)
                is_gone = after is not None and after.presence is Presence.DELETED
                counts.vanished = int(is_gone and before.presence is not Presence.DELETED)
            await batch.save()
            await self._ongoing.report(write.connection, counts)
        self._ongoing.count(counts)


def event_of(found: ScreenObject | None, requested_at: datetime, at: datetime, push_id: str | None = None) -> Event:
    """Return what a direct read says to the core: the object, that there is none, or that it cannot be taken in."""
    if found is None:
        return Read(None, requested_at, at, push_id)
    if found.faults:
        return Rejected("; ".join(f"{fault.reason} ({fault.column})" for fault in found.faults), at, push_id)
    remote = RemoteObject(found.values, found.recordid, found.stamp, found.modified_by)
    return Read(remote, requested_at, at, push_id)


async def _waiting(connection: AsyncConnection, organization_id: str, limit: int) -> list[str]:
    r, s = records.c, record_sync.c
    query = (
        sa.select(r.pfa_id)
        .join_from(record_sync, records, (s.organization_id == r.organization_id) & (s.record_id == r.id))
        .where(s.organization_id == organization_id, s.push_id.is_(None))
        .where(sa.or_(s.repull.is_not(None), s.presence == Presence.MISSING.value))
        .order_by(r.pfa_id)
        .limit(limit)
    )
    return list(await connection.scalars(query))
