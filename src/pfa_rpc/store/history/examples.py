"""What writes did, by example: `read_examples` gives of each write what it did to one record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.history.audit import COMMIT, StoredChange, stored
from pfa_rpc.store.tables import organization_commits, record_changes, records

_C: Final = organization_commits.c
_D: Final = record_changes.c
_R: Final = records.c


async def read_examples(
    connection: AsyncConnection, organization_id: str, revisions: Sequence[int]
) -> dict[int, StoredChange]:
    """Return revision → what its write did to a record that it changed, or else made; none where that is not kept."""
    some = (_C.organization_id == organization_id, _C.revision.in_(revisions))
    made = await connection.execute(_made().where(*some))
    changed = await connection.execute(_changed().where(*some))
    return {row.revision: stored(row, created=True) for row in made} | {row.revision: stored(row) for row in changed}


def _made() -> sa.Select[Any]:
    first = sa.and_(_R.organization_id == _C.organization_id, _R.position == _C.first_position)
    query = sa.select(_C.revision, _R.id, _R.pfa_id, *COMMIT).join_from(organization_commits, records, first)
    return query.where(sa.text("created > 0"))


def _changed() -> sa.Select[Any]:
    others = record_changes.alias("others")
    # Any one: to find the first, a database would have to sort all that a write has changed.
    one = (
        sa.select(others.c.record_id)
        .where(others.c.organization_id == _C.organization_id, others.c.revision == _C.revision)
        .limit(1)
        .correlate(organization_commits)
        .scalar_subquery()
    )
    of_write = sa.and_(_D.organization_id == _C.organization_id, _D.revision == _C.revision, _D.record_id == one)
    of_record = sa.and_(_R.organization_id == _D.organization_id, _R.id == _D.record_id)
    return (
        sa.select(_C.revision, _D.record_id, _R.pfa_id, *COMMIT, _D.fields, _D.old, _D.new)
        .join_from(organization_commits, record_changes, of_write)
        .join(records, of_record)
    )
