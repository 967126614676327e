"""How long local edits have been waiting for PEMS: `oldest_unsynced`."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.tables import records, unsynced


async def oldest_unsynced(connection: AsyncConnection, organization_id: str) -> datetime | None:
    """Return when the record that has waited longest was edited last; None where none waits."""
    query = sa.select(sa.func.min(records.c.modified_at)).where(
        records.c.organization_id == organization_id, unsynced()
    )
    found: datetime | None = await connection.scalar(query)
    return found
