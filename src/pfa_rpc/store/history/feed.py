"""The feed of changes: `read_changes` gives the records that changed since a revision, with what they were before.

Every record keeps the revision that last changed it, so that no change can be missed; a record that changed several
times comes once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.deltas import decode_partial
from pfa_rpc.records.encode import Values, decode
from pfa_rpc.records.revision import Revision
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import batches
from pfa_rpc.store.tables import organization_commits, record_changes, records

_IDS_A_QUERY: Final = 500

Place = tuple[int, int]
"""Where a stretch ends: revision and position of its last record."""


@dataclass
class ChangedRecord:
    """A record that changed."""

    record_id: str
    pfa_id: str
    payload: bytes
    deltas: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)
    """Of each change since, the newest first: the names of its fields, and their old values as a partial record."""

    @cached_property
    def values(self) -> Values:
        """The record as it is."""
        return decode(self.payload)

    def earlier(self) -> Iterator[Values]:
        """Yield each state that it had since, before the one that it has; the newest first."""
        values = self.values
        for names, old in self.deltas:
            values = values | decode_partial(old, names)
            yield values


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of the records that changed, by the revision that last changed them."""

    revision: Revision
    """What the organization was at when they were read."""
    changes: list[ChangedRecord]
    end: Place | None
    """Where the next stretch begins; None where these are all."""


async def read_changes(
    connection: AsyncConnection,
    organization_id: str,
    since: int,
    *,
    after: Place | None = None,
    limit: int,
    with_earlier: bool = True,
) -> Stretch:
    """Return at most `limit` of the records that changed after a revision, those that come after a place.

    `with_earlier` reads their earlier states too. Raises OrganizationNotFound.
    """
    organization = await get_organization(connection, organization_id)
    rows = await _changed_rows(connection, organization_id, since, after, limit)
    found = {row.id: ChangedRecord(row.id, row.pfa_id, row.payload) for row in rows[:limit]}
    if with_earlier:
        await _read_deltas(connection, organization_id, since, found)
    end = (rows[limit - 1].revision, rows[limit - 1].position) if len(rows) > limit else None
    return Stretch(organization.revision, list(found.values()), end)


async def _changed_rows(
    connection: AsyncConnection, organization_id: str, since: int, after: Place | None, limit: int
) -> Sequence[Any]:
    r = records.c
    query = (
        sa.select(r.id, r.pfa_id, r.position, r.revision, r.payload)
        .where(r.organization_id == organization_id, r.revision > since)
        .order_by(r.revision, r.position)
        .limit(limit + 1)
    )
    if after is not None:
        revision, position = after
        query = query.where(r.revision >= revision, sa.or_(r.revision > revision, r.position > position))
    return (await connection.execute(query)).all()


async def _read_deltas(
    connection: AsyncConnection, organization_id: str, since: int, found: dict[str, ChangedRecord]
) -> None:
    c = record_changes.c
    for part in batches(list(found), _IDS_A_QUERY):
        query = (
            sa.select(c.record_id, c.fields, c.old)
            .where(c.organization_id == organization_id, c.record_id.in_(part), c.revision > since)
            .order_by(c.record_id, c.revision.desc())
        )
        for row in await connection.execute(query):
            found[row.record_id].deltas.append((row.fields, row.old))


async def oldest_followed(connection: AsyncConnection, organization_id: str, current: Revision) -> int:
    """Return the oldest revision whose later changes are all in the history that is kept."""
    c = organization_commits.c
    query = sa.select(sa.func.min(c.revision)).where(c.organization_id == organization_id)
    first: int | None = await connection.scalar(query)
    return current.number if first is None else first - 1
