"""What an organization and its chunks are at: `get_revision` and `get_chunk_revisions`, which cached reads ask.

Each is one statement, so that what it returns is of one snapshot, and goes the shortest way to the primary database.
`hold_revision` is for what must not be overtaken by a write, and is none itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.revision import Revision
from pfa_rpc.store.database import Database
from pfa_rpc.store.direct import SmallRead
from pfa_rpc.store.organizations import organization_not_found
from pfa_rpc.store.tables import organization_revisions, record_chunks

_ORGANIZATION: Final = sa.bindparam("organization_id", type_=sa.Text)
_REVISION: Final = SmallRead(
    sa.select(organization_revisions.c.revision, organization_revisions.c.nonce).where(
        organization_revisions.c.organization_id == _ORGANIZATION
    )
)
_CHUNKS: Final = SmallRead(
    sa.select(
        organization_revisions.c.revision,
        organization_revisions.c.nonce,
        record_chunks.c.chunk,
        record_chunks.c.revision,
        record_chunks.c.nonce,
    )
    .join_from(
        organization_revisions,
        record_chunks,
        organization_revisions.c.organization_id == record_chunks.c.organization_id,
        isouter=True,
    )
    .where(organization_revisions.c.organization_id == _ORGANIZATION)
    .order_by(record_chunks.c.chunk)
)


async def get_revision(database: Database, organization_id: str) -> Revision:
    """Return what an organization is at. Raises OrganizationNotFound."""
    rows = await database.read_small(_REVISION, organization_id)
    if not rows:
        raise organization_not_found(organization_id)
    return Revision(*rows[0])


async def hold_revision(connection: AsyncConnection, organization_id: str) -> Revision:
    """Return what an organization is at, and keep others from writing until the transaction ends.

    The transaction must be a writing one. Raises OrganizationNotFound.
    """
    query = _REVISION.statement.with_for_update()
    row = (await connection.execute(query, {"organization_id": organization_id})).one_or_none()
    if row is None:
        raise organization_not_found(organization_id)
    return Revision(*row)


async def get_chunk_revisions(database: Database, organization_id: str) -> tuple[Revision, Mapping[int, Revision]]:
    """Return what an organization is at, and chunk → what that is at, in order. Raises OrganizationNotFound."""
    rows = await database.read_small(_CHUNKS, organization_id)
    if not rows:
        raise organization_not_found(organization_id)
    number, nonce, chunk, *_ = rows[0]
    if chunk is None:
        return Revision(number, nonce), {}
    return Revision(number, nonce), {
        chunk: Revision(chunk_number, chunk_nonce) for _, _, chunk, chunk_number, chunk_nonce in rows
    }
