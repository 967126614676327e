"""Conflicts as they are stored, open and settled: `list_conflicts`, `find_open`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Condition
from pfa_rpc.store.filters import Expression
from pfa_rpc.store.records import batches
from pfa_rpc.store.statements import execute
from pfa_rpc.store.syncing.tables import sync_conflicts
from pfa_rpc.store.tables import records
from pfa_rpc.store.types import UtcTime

_c, _r = sync_conflicts.c, records.c
_JOINED: Final = sa.join(sync_conflicts, records, (_r.organization_id == _c.organization_id) & (_r.id == _c.record_id))
_IDS_A_QUERY: Final = 500


class ConflictKey(NamedTuple):
    """Place in the order in which conflicts were found."""

    opened_at: datetime
    conflict_id: str


@dataclass(frozen=True, slots=True)
class LoggedConflict:
    """A conflict; `base`, `mine` and `theirs` are serialized pfa.v1.Records that hold its field alone."""

    conflict_id: str
    record_id: str
    pfa_id: str
    field: str
    base: bytes
    mine: bytes
    theirs: bytes
    mine_by: str | None
    mine_at: datetime | None
    theirs_by: str | None
    theirs_at: datetime | None
    opened_at: datetime
    ambiguous: bool
    decided: bool
    closed_at: datetime | None
    settlement: str | None
    closed_by: str | None

    @property
    def key(self) -> ConflictKey:
        """Its place."""
        return ConflictKey(self.opened_at, self.conflict_id)

    @property
    def etag(self) -> str:
        """Changes when one of its values does."""
        parts = (self.base, self.mine, self.theirs, bytes([self.ambiguous]))
        return hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).hexdigest()[:16]


_COLUMNS: Final = (_c.conflict_id, _c.record_id, _r.pfa_id, *(_c[name] for name in list(LoggedConflict.__slots__)[3:]))


async def list_conflicts(
    connection: AsyncConnection,
    organization_id: str,
    condition: Condition | None,
    *,
    is_open: bool | None,
    limit: int,
    after: ConflictKey | None = None,
) -> list[LoggedConflict]:
    """Return conflicts of the records of a condition, in the order in which they were found; None: open and settled."""

    def build(matching: Expression) -> sa.Select[Any]:
        query = sa.select(*_COLUMNS).select_from(_JOINED).where(_c.organization_id == organization_id, matching)
        if is_open is not None:
            query = query.where(sa.text("closed_at IS NULL") if is_open else _c.closed_at.is_not(None))
        if after is not None:
            moment = sa.literal(after.opened_at, UtcTime())
            same = sa.and_(_c.opened_at == moment, _c.conflict_id > after.conflict_id)
            query = query.where(sa.or_(_c.opened_at > moment, same))
        return query.order_by(_c.opened_at, _c.conflict_id).limit(limit)

    return [_logged(row) for row in await execute(connection, organization_id, condition, build)]


async def find_open(
    connection: AsyncConnection, organization_id: str, conflict_ids: Sequence[str]
) -> dict[str, LoggedConflict]:
    """Return id → conflict of those that are open."""
    found: dict[str, LoggedConflict] = {}
    for part in batches(conflict_ids, _IDS_A_QUERY):
        query = (
            sa.select(*_COLUMNS)
            .select_from(_JOINED)
            .where(_c.organization_id == organization_id, _c.conflict_id.in_(part), sa.text("closed_at IS NULL"))
        )
        for row in await connection.execute(query):
            found[row.conflict_id] = _logged(row)
    return found


def _logged(row: Any) -> LoggedConflict:
    return LoggedConflict(*row)
