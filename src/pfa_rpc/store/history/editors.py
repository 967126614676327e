"""Who gave fields of records the values that they have, by the history of edits made here: `last_editors`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.deltas import decode_partial
from pfa_rpc.store.filters import ListHolds
from pfa_rpc.store.records import batches
from pfa_rpc.store.tables import organization_commits, record_changes

EDIT_MARK: Final = "local_version"
"""The field that every edit made here changes, and nothing that comes from PEMS does."""
_IDS_A_QUERY: Final = 200
_C: Final = organization_commits.c
_D: Final = record_changes.c


class Editor(NamedTuple):
    """Who made an edit, and when."""

    by: str
    at: datetime


async def last_editors(
    connection: AsyncConnection, organization_id: str, wanted: Mapping[str, Mapping[str, Any]], *, before: int
) -> dict[tuple[str, str], Editor]:
    """Return (record id, field) → who gave the field its value last.

    What is older than the history, or came from elsewhere, is not among the answers.

    Args:
        connection: which sees the edits.
        organization_id: whose records they are.
        wanted: record id → field → the value that it has, in the form of the table of fields.
        before: the revision whose edits, and those after it, are left out.
    """
    found: dict[tuple[str, str], Editor] = {}
    of_write = sa.and_(_C.organization_id == _D.organization_id, _C.revision == _D.revision)
    for part in batches(list(wanted), _IDS_A_QUERY):
        query = (
            sa.select(_D.record_id, _D.fields, _D.new, _C.changed_by, _C.committed_at)
            .join_from(record_changes, organization_commits, of_write)
            .where(_D.organization_id == organization_id, _D.record_id.in_(part), _D.revision < before)
            .where(ListHolds(sa.type_coerce(_D.fields, sa.Text()), sa.literal(EDIT_MARK)))
            .order_by(_D.record_id, _D.revision.desc())
        )
        for record_id, fields, new, by, at in await connection.execute(query):
            names = [name for name in wanted[record_id] if name in fields and (record_id, name) not in found]
            values = decode_partial(new, names) if names else {}
            found |= {
                (record_id, name): Editor(by, at) for name in names if values.get(name) == wanted[record_id][name]
            }
    return found
