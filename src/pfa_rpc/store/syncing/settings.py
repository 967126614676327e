"""What an organization wants of its synchronization: `SyncSettings`, `read_sync_settings`, `save_sync_settings`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.bulk import insert_for
from pfa_rpc.store.syncing.tables import sync_settings


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """The settings of one organization."""

    is_suspended: bool = False
    """Whether nothing is read from PEMS and nothing written to it."""
    is_read_only: bool = False
    """Whether PEMS is read, and nothing written to it."""
    why: str = ""
    """Why, for whoever wonders."""
    interval_seconds: int | None = None
    """Time between two runs that begin by themselves, 0 for none; None: as the service is set."""
    policies: Mapping[str, str] = field(default_factory=dict)
    """Field → "pems" or "local": the side that wins its conflicts."""
    updated_by: str = ""
    updated_at: datetime | None = None


async def read_sync_settings(connection: AsyncConnection, organization_id: str) -> SyncSettings:
    """Return the settings of an organization, which are the defaults until somebody sets them."""
    query = sa.select(sync_settings).where(sync_settings.c.organization_id == organization_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return SyncSettings()
    return SyncSettings(
        is_suspended=row.is_suspended,
        is_read_only=row.is_read_only,
        why=row.why,
        interval_seconds=row.interval_seconds,
        policies=json.loads(row.policies),
        updated_by=row.updated_by,
        updated_at=row.updated_at,
    )


async def save_sync_settings(connection: AsyncConnection, organization_id: str, settings: SyncSettings) -> None:
    """Store the settings of an organization."""
    values = {
        "is_suspended": settings.is_suspended,
        "is_read_only": settings.is_read_only,
        "why": settings.why,
        "interval_seconds": settings.interval_seconds,
        "policies": json.dumps(dict(settings.policies)),
        "updated_by": settings.updated_by,
        "updated_at": settings.updated_at,
    }
    insert = insert_for(connection.dialect.name, sync_settings).values(organization_id=organization_id, **values)
    await connection.execute(insert.on_conflict_do_update(index_elements=("organization_id",), set_=values))
