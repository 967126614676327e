"""Who runs the synchronization of an organization: `take_lease`, `hold_lease`, `release_lease`.

A lease lasts for a time, and is renewed by who holds it. A process that was stopped for longer finds its lease taken,
and its number behind that of the next holder: whatever it still wants to commit is refused in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import PfaError
from pfa_rpc.store.bulk import insert_for
from pfa_rpc.store.syncing.tables import sync_leases


class LeaseLost(PfaError):
    """Another process runs the synchronization of the organization by now."""

    status = "ABORTED"
    reason = "SYNC_LOST"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run the synchronization of an organization."""

    organization_id: str
    holder: str
    fence: int
    """Counts the holders."""
    run_id: str


async def take_lease(
    connection: AsyncConnection, organization_id: str, *, holder: str, run_id: str, at: datetime, until: datetime
) -> Lease | None:
    """Return the lease where nobody holds it at a time; None where somebody does."""
    values = {"holder": holder, "expires_at": until, "run_id": run_id}
    insert = insert_for(connection.dialect.name, sync_leases).values(organization_id=organization_id, fence=1, **values)
    statement = insert.on_conflict_do_update(
        index_elements=("organization_id",),
        set_=values | {"fence": sync_leases.c.fence + 1},
        where=sync_leases.c.expires_at <= at,
    ).returning(sync_leases.c.fence)
    fence = (await connection.execute(statement)).scalar_one_or_none()
    return None if fence is None else Lease(organization_id, holder, fence, run_id)


async def hold_lease(connection: AsyncConnection, lease: Lease, until: datetime) -> None:
    """Renew a lease within a transaction, which nobody can take until it is over. Raises LeaseLost."""
    table = sync_leases.c
    where = table.organization_id == lease.organization_id, table.fence == lease.fence
    result = await connection.execute(
        sa.update(sync_leases).where(*where).values(expires_at=until).returning(table.fence)
    )
    if result.scalar_one_or_none() is None:
        raise LeaseLost(metadata={"organization_id": lease.organization_id})


async def release_lease(connection: AsyncConnection, lease: Lease, at: datetime) -> None:
    """Let others take a lease. One that is lost stays with who has it."""
    table = sync_leases.c
    where = table.organization_id == lease.organization_id, table.fence == lease.fence
    await connection.execute(sa.update(sync_leases).where(*where).values(expires_at=at))


async def running_now(connection: AsyncConnection, organization_id: str, at: datetime) -> str | None:
    """Return the id of the run that holds the lease at a time; None where nobody does."""
    table = sync_leases.c
    query = sa.select(table.run_id).where(table.organization_id == organization_id, table.expires_at > at)
    run_id: str | None = await connection.scalar(query)
    return run_id
