"""What the history says of changes that can be undone: `find_change`, `list_changes_by`, and what they did to records.

Undoing a change, and redoing it, are commits with the same change_id: the last of them tells whether it is undone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.cause import How
from pfa_rpc.store.filters import ListHolds
from pfa_rpc.store.records import FOR_EDITS, StoredRow, batches, row_for_edits
from pfa_rpc.store.tables import organization_commits, record_changes, records

MOST_CHANGES: Final = 200
"""How many of the last changes of a principal can be undone."""
TOUCHES_AT_ONCE: Final = 2_000
"""Most later changes that one statement returns."""
_IDS_A_QUERY: Final = 500
_BACK: Final = (How.UNDO.value, How.REDO.value)
_C: Final = organization_commits.c
_D: Final = record_changes.c


@dataclass(frozen=True, slots=True)
class UndoableChange:
    """A change, and what became of it."""

    change_id: str
    how: str
    at: datetime
    created: int
    changed: int
    request_id: str | None
    revision: int
    """Revision of its own commit."""
    last_revision: int
    """Revision of its last commit: its own, or that which undid or redid it last."""
    last_how: str
    last_changed: int
    first_position: int
    """Position of the first record that it created."""

    @property
    def is_undone(self) -> bool:
        """Whether it is undone now."""
        return self.last_how == How.UNDO


class Delta(NamedTuple):
    """What a commit changed of a record, and the record as it is now."""

    fields: tuple[str, ...]
    old: bytes
    new: bytes
    newest: int
    """Revision that has changed the record last."""
    row: StoredRow


class Touch(NamedTuple):
    """A later commit that changed fields of a record."""

    record_id: str
    revision: int
    fields: tuple[str, ...]
    by: str
    at: datetime
    change_id: str | None


async def find_change(
    connection: AsyncConnection, organization_id: str, changed_by: str, change_id: str
) -> UndoableChange | None:
    """Return a change of a principal; None where it is not among the last MOST_CHANGES."""
    changes = await list_changes_by(connection, organization_id, changed_by, limit=MOST_CHANGES)
    return next((change for change in changes if change.change_id == change_id), None)


async def list_changes_by(
    connection: AsyncConnection, organization_id: str, changed_by: str, *, limit: int
) -> list[UndoableChange]:
    """Return the last changes of a principal, the newest first."""
    mine = (_C.organization_id == organization_id, _C.changed_by == changed_by, _C.change_id.is_not(None))
    query = sa.select(organization_commits).where(*mine, _C.how.not_in(_BACK)).order_by(_C.revision.desc()).limit(limit)
    first = (await connection.execute(query)).all()
    last = await _last_commits(connection, organization_id, [row.change_id for row in first])
    return [_change(row, last.get(row.change_id, row)) for row in first]


async def _last_commits(
    connection: AsyncConnection, organization_id: str, change_ids: Collection[str]
) -> dict[str, Any]:
    """Return change_id → the last commit that undid or redid it."""
    query = (
        sa.select(organization_commits)
        .where(_C.organization_id == organization_id, _C.change_id.in_(change_ids), _C.how.in_(_BACK))
        .order_by(_C.revision)
    )
    return {row.change_id: row for row in await connection.execute(query)}


def _change(first: Any, last: Any) -> UndoableChange:
    return UndoableChange(
        change_id=first.change_id,
        how=first.how,
        at=first.committed_at,
        created=first.created,
        changed=first.changed,
        request_id=first.request_id,
        revision=first.revision,
        last_revision=last.revision,
        last_how=last.how,
        last_changed=last.changed,
        first_position=first.first_position,
    )


async def read_deltas(
    connection: AsyncConnection, organization_id: str, revision: int, *, after: str, limit: int
) -> Sequence[Delta]:
    """Return what a commit changed of the next records, in the order of their ids."""
    query = (
        sa.select(_D.fields, _D.old, _D.new, records.c.revision, *FOR_EDITS)
        .join_from(
            record_changes,
            records,
            sa.and_(records.c.organization_id == _D.organization_id, records.c.id == _D.record_id),
        )
        .where(_D.organization_id == organization_id, _D.revision == revision, _D.record_id > after)
        .order_by(_D.record_id)
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    return [Delta(row[0], row[1], row[2], row[3], row_for_edits(row[4:])) for row in rows]


async def count_deltas(connection: AsyncConnection, organization_id: str, revision: int) -> int:
    """Return of how many records it is kept what a commit changed."""
    query = sa.select(sa.func.count()).where(_D.organization_id == organization_id, _D.revision == revision)
    counted: int = (await connection.execute(query.select_from(record_changes))).scalar_one()
    return counted


async def lasting_touches(
    connection: AsyncConnection, organization_id: str, record_ids: Sequence[str], fields: Collection[str], *, since: int
) -> dict[tuple[str, str], Touch]:
    """Return (id, field) → a commit after a revision that changed the field of the record, and still counts.

    A change that was undone since, or redone after it was undone, has left nothing behind: its commits cancel each
    other, two by two.
    """
    standing: dict[tuple[str, str], dict[object, Touch]] = {}
    for part in batches(record_ids, _IDS_A_QUERY):
        query = _touching(organization_id, part, fields, since)
        after: Touch | None = None
        while True:
            page = [Touch(*row) for row in await connection.execute(_beyond(query, after))]
            for touch in page:
                for name in touch.fields:
                    _toggle(standing.setdefault((touch.record_id, name), {}), touch)
            if len(page) < TOUCHES_AT_ONCE:
                break
            after = page[-1]
    return {key: next(iter(touches.values())) for key, touches in standing.items() if touches}


def _toggle(touches: dict[object, Touch], touch: Touch) -> None:
    name: object = touch.change_id or touch.revision
    if touches.pop(name, None) is None:
        touches[name] = touch


def _touching(organization_id: str, record_ids: Sequence[str], fields: Collection[str], since: int) -> sa.Select[Any]:
    """Return the statement for commits after a revision that changed any of some fields, the newest of each first."""
    of_write = sa.and_(_C.organization_id == _D.organization_id, _C.revision == _D.revision)
    held = sa.type_coerce(_D.fields, sa.Text())
    return (
        sa.select(_D.record_id, _D.revision, _D.fields, _C.changed_by, _C.committed_at, _C.change_id)
        .join_from(record_changes, organization_commits, of_write)
        .where(_D.organization_id == organization_id, _D.record_id.in_(record_ids), _D.revision > since)
        .where(sa.or_(*(ListHolds(held, sa.literal(name)) for name in sorted(fields))))
        .order_by(_D.record_id.desc(), _D.revision.desc())
        .limit(TOUCHES_AT_ONCE)
    )


def _beyond(query: sa.Select[Any], after: Touch | None) -> sa.Select[Any]:
    if after is None:
        return query
    same = sa.and_(_D.record_id == after.record_id, _D.revision < after.revision)
    return query.where(_D.record_id <= after.record_id, sa.or_(_D.record_id < after.record_id, same))
