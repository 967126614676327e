"""Which records wait to be written to PEMS: `claimable`, `next_due`, `count_waiting`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.syncing.tables import record_sync
from pfa_rpc.store.tables import records, unsynced
from pfa_rpc.store.types import UtcTime

_r, _s = records.c, record_sync.c
_JOINED = sa.outerjoin(records, record_sync, (_s.organization_id == _r.organization_id) & (_s.record_id == _r.id))
"""Most records have nothing to remember beside their values."""


class Waiting(NamedTuple):
    """A record that can be claimed."""

    record_id: str
    position: int


async def claimable(
    connection: AsyncConnection, organization_id: str, at: datetime, *, after: int, limit: int
) -> Sequence[Waiting]:
    """Return records behind a position that can be claimed at a time, in order: edited and due, or left by a worker.

    To be asked for within a write: it holds the organization, so that nobody else claims the same ones.
    """
    moment = sa.literal(at, UtcTime())
    is_due = sa.and_(
        sa.not_(_s.held),
        sa.or_(_s.next_attempt_at.is_(None), _s.next_attempt_at <= moment),
        sa.or_(_s.lease_until.is_(None), _s.lease_until <= moment),
    )
    query = (
        sa.select(_r.id, _r.position)
        .select_from(_JOINED)
        .where(_r.organization_id == organization_id, unsynced(), _r.position > after)
        .where(sa.or_(_s.record_id.is_(None), is_due))
        .order_by(_r.position)
        .limit(limit)
    )
    return [Waiting(*row) for row in await connection.execute(query)]


async def next_due(connection: AsyncConnection, organization_id: str, at: datetime) -> datetime | None:
    """Return when the next record can be claimed of those that cannot be yet; None where none waits for its time."""
    moments: list[datetime] = []
    for column in (_s.next_attempt_at, _s.lease_until):
        query = sa.select(column).where(_s.organization_id == organization_id, column > sa.literal(at, UtcTime()))
        # A record whose edits are all in conflict waits for a person, not for a time.
        moment = await connection.scalar(query.where(sa.not_(_s.held)).order_by(column).limit(1))
        moments += [moment] if moment is not None else []
    return min(moments, default=None)


async def count_waiting(connection: AsyncConnection, organization_id: str) -> int:
    """Return how many records have local edits that are to be written, those under way among them."""
    query = (
        sa.select(sa.func.count())
        .select_from(_JOINED)
        .where(_r.organization_id == organization_id, unsynced(), sa.or_(_s.record_id.is_(None), sa.not_(_s.held)))
    )
    return int(await connection.scalar(query) or 0)
