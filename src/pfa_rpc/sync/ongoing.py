"""A run of the synchronization that is under way in this process: `Ongoing`, which its phases report to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import PfaError
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.store.database import Database
from pfa_rpc.store.syncing.leases import Lease, hold_lease
from pfa_rpc.store.syncing.runs import Counts, Run, change_run
from pfa_rpc.sync.merge import Terms


class SyncCancelled(PfaError):
    """The run was cancelled."""

    status = "CANCELLED"
    reason = "SYNC_CANCELLED"


class Ongoing:
    """A run, with its lease. Phases commit nothing without `report`, or `hold`, in the same transaction.

    Attributes:
        run: as it was begun.
        counts: what it has done, as it is committed.
        notes: sentences about what it came across.
        total: rows and records to be gone through, as far as it is known.
    """

    def __init__(self, database: Database, run: Run, lease: Lease, terms: Terms, *, lease_seconds: float) -> None:
        self.database = database
        self.run = run
        self.lease = lease
        self.terms = terms
        self.counts = replace(run.counts)
        self.notes: list[str] = list(run.notes)
        self.total = run.total
        self.cancelled_by: str | None = None
        self._lease_seconds = lease_seconds

    @property
    def organization_id(self) -> str:
        """Whose records it is about."""
        return self.run.organization_id

    @property
    def cause(self) -> Cause:
        """The cause of what it writes."""
        return Cause(How.SYNC, self.run.requested_by)

    def check(self) -> None:
        """Raise SyncCancelled where somebody has cancelled it."""
        if self.cancelled_by is not None:
            raise SyncCancelled(f"{self.cancelled_by} cancelled it")

    async def hold(self, connection: AsyncConnection) -> None:
        """Renew the lease within a transaction. Raises LeaseLost, and then nothing of the transaction may stay."""
        await hold_lease(connection, self.lease, datetime.now(UTC) + timedelta(seconds=self._lease_seconds))

    async def report(self, connection: AsyncConnection, more: Counts | None = None, **changes: Any) -> None:
        """Put down how far it is, within the transaction that brings it there; once that is committed, `count` it."""
        counts = replace(self.counts)
        if more is not None:
            counts.add(more)
        at = datetime.now(UTC)
        notes = "\n".join(self.notes)
        await change_run(
            connection,
            self.organization_id,
            self.run.run_id,
            counts=counts,
            total=self.total,
            notes=notes,
            updated_at=at,
            **changes,
        )

    def count(self, more: Counts) -> None:
        """Add what was committed."""
        self.counts.add(more)

    async def enter(self, phase: str) -> None:
        """Put down that a phase begins."""
        self.check()
        async with self.database.writing() as connection:
            await self.hold(connection)
            await self.report(connection, phase=phase)
