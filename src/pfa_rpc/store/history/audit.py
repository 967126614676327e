"""Reads the history: `list_changes` newest first, `record_as_of` a past time, `prune_history` for what is too old.

A write's time never comes before that of the write it follows, so that a span of time is a span of revisions.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Condition
from pfa_rpc.errors import RevisionCompacted
from pfa_rpc.records.deltas import rewound
from pfa_rpc.records.encode import decode, encode
from pfa_rpc.schema import BY_NAME, MERGED_FIELDS
from pfa_rpc.store.database import Database
from pfa_rpc.store.filters import Expression, ListHolds, column, expression
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.tables import organization_commits, record_changes, records
from pfa_rpc.store.types import UtcTime

AUDITED: Final = tuple(field.name for field in MERGED_FIELDS)
"""The fields that a person or PEMS sets; a change of others alone is none that anybody asks about."""
MOST_CHANGERS: Final = 1_000
"""Most people that are told to have changed something."""
PRUNED_AT_ONCE: Final = 200
"""Most writes whose history one transaction drops."""
PRUNED_CHANGES: Final = 20_000
"""Most changed records of them, if there is more than one: a transaction has a time limit."""

_C: Final = organization_commits.c
_R: Final = records.c
_D: Final = record_changes.c


class ChangeKey(NamedTuple):
    """Where a page of changes ended."""

    revision: int
    record_id: str


@dataclass(frozen=True, slots=True)
class Sought:
    """Which changes are asked for; everything must hold."""

    condition: Condition | None = None
    """Holds for the record as it is now."""
    record: tuple[str, str] | None = None
    """Field that names one record, `id` or `pfa_id`, and its value."""
    changed_by: str | None = None
    fields: tuple[str, ...] = ()
    """At least one of these changed; empty: any of AUDITED, or the record was created."""
    since: datetime | None = None
    before: datetime | None = None
    origins: tuple[str, ...] = ()
    """Values of How; empty: any."""
    visible: tuple[str, ...] = AUDITED
    """Where no fields are sought: those whose changes may be told."""
    created: bool = True
    """Whether records that were created are told; never where fields are sought."""


@dataclass(frozen=True, slots=True)
class StoredChange:
    """What one write changed of one record."""

    revision: int
    record_id: str
    pfa_id: str
    at: datetime
    how: str
    changed_by: str
    request_id: str | None
    change_id: str | None
    created: bool = False
    fields: tuple[str, ...] = ()
    """All that changed, costs and what is known of the synchronization included."""
    old: bytes = b""
    new: bytes = b""
    """These fields before and after: partial pfa.v1.Record."""

    @property
    def key(self) -> ChangeKey:
        """Its place in the list."""
        return ChangeKey(self.revision, self.record_id)


COMMIT: Final = (_C.committed_at, _C.how, _C.changed_by, _C.request_id, _C.change_id)
"""What a change tells of its write, as `stored` takes it."""


async def list_changes(
    connection: AsyncConnection,
    organization_id: str,
    sought: Sought,
    *,
    limit: int,
    after: ChangeKey | None = None,
) -> list[StoredChange]:
    """Return at most `limit` changes that come after a key, the newest first."""
    bounds = await _bounds(connection, organization_id, sought)
    changed = await connection.execute(_changed(organization_id, sought, bounds, after).limit(limit))
    found = [[stored(row) for row in changed]]
    if sought.created and not sought.fields:
        created = await connection.execute(_created(organization_id, sought, bounds, after).limit(limit))
        found.append([stored(row, created=True) for row in created])
    merged = heapq.merge(*found, key=lambda change: (-change.revision, change.record_id))
    return list(merged)[:limit]


def stored(row: Any, *, created: bool = False) -> StoredChange:
    """Return the change of a row: revision, id and PFA id, COMMIT, and unless it was created, fields, old and new."""
    revision, record_id, pfa_id, at, how, changed_by, request_id, change_id, *rest = row
    return StoredChange(revision, record_id, pfa_id, at, how, changed_by, request_id, change_id, created, *rest)


def _changed(
    organization_id: str, sought: Sought, bounds: tuple[int, int | None], after: ChangeKey | None
) -> sa.Select[Any]:
    """Return the statement for changes of records that were there."""
    names = sought.fields or sought.visible
    held = sa.type_coerce(_D.fields, sa.Text())
    of_write = sa.and_(_C.organization_id == _D.organization_id, _C.revision == _D.revision)
    of_record = sa.and_(_R.organization_id == _D.organization_id, _R.id == _D.record_id)
    query = (
        sa.select(_D.revision, _D.record_id, _R.pfa_id, *COMMIT, _D.fields, _D.old, _D.new)
        .join_from(record_changes, organization_commits, of_write)
        .join(records, of_record)
        .where(
            _D.organization_id == organization_id,
            sa.or_(*(ListHolds(held, sa.literal(name)) for name in names)),
            *_within(_D.revision, bounds),
            *_conditions(sought),
        )
        .order_by(_D.revision.desc(), _D.record_id)
    )
    return query if after is None else query.where(_beyond(_D.revision, _D.record_id, after))


def _created(
    organization_id: str, sought: Sought, bounds: tuple[int, int | None], after: ChangeKey | None
) -> sa.Select[Any]:
    """Return the statement for records that were inserted."""
    inserted = sa.and_(
        _R.organization_id == _C.organization_id,
        _R.position >= _C.first_position,
        _R.position < _C.first_position + _C.created,
    )
    query = (
        sa.select(_C.revision, _R.id, _R.pfa_id, *COMMIT)
        .join_from(organization_commits, records, inserted)
        .where(
            _C.organization_id == organization_id,
            sa.text("created > 0"),
            *_within(_C.revision, bounds),
            *_conditions(sought),
        )
        .order_by(_C.revision.desc(), _R.id)
    )
    return query if after is None else query.where(_beyond(_C.revision, _R.id, after))


def _conditions(sought: Sought) -> Iterable[Expression]:
    if sought.condition is not None:
        yield expression(sought.condition)
    if sought.record is not None:
        field, value = sought.record
        yield column(BY_NAME[field]) == value
    if sought.changed_by is not None:
        yield _C.changed_by == sought.changed_by
    if sought.origins:
        yield _C.how.in_(sought.origins)


def _beyond(revision: Any, record_id: Any, after: ChangeKey) -> Expression:
    same = sa.and_(revision == after.revision, record_id > after.record_id)
    return sa.and_(revision <= after.revision, sa.or_(revision < after.revision, same))


def _within(revision: Any, bounds: tuple[int, int | None]) -> Iterable[Expression]:
    first, end = bounds
    if first:
        yield revision >= first
    if end is not None:
        yield revision < end


async def _bounds(connection: AsyncConnection, organization_id: str, sought: Sought) -> tuple[int, int | None]:
    """Return the first revision of a span of time, and the first one after it; None: there is none."""
    first = 0
    if sought.since is not None:
        first = await _first_since(connection, organization_id, sought.since) or 2**62
    end = None if sought.before is None else await _first_since(connection, organization_id, sought.before)
    return first, end


async def _first_since(connection: AsyncConnection, organization_id: str, at: datetime) -> int | None:
    """Return the revision of the first write at a time or later; None where there is none."""
    query = (
        sa.select(_C.revision)
        .where(_C.organization_id == organization_id, _C.committed_at >= sa.literal(at, UtcTime()))
        .order_by(_C.committed_at, _C.revision)
        .limit(1)
    )
    first: int | None = await connection.scalar(query)
    return first


async def history_start(connection: AsyncConnection, organization_id: str) -> tuple[int, datetime] | None:
    """Return revision and time of the oldest write that is kept; None where there is none."""
    query = (
        sa.select(_C.revision, _C.committed_at)
        .where(_C.organization_id == organization_id)
        .order_by(_C.revision)
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (row.revision, row.committed_at)


async def count_changers(
    connection: AsyncConnection, organization_id: str, sought: Sought, *, limit: int | None
) -> tuple[list[tuple[str, int]], int]:
    """Return who made the changes, each with the number of records, the most first; and the number of all records."""
    bounds = await _bounds(connection, organization_id, sought)
    changed = _changed(organization_id, sought, bounds, None).order_by(None).subquery()
    number = sa.func.count(sa.distinct(changed.c.record_id))
    query = sa.select(changed.c.changed_by, number).group_by(changed.c.changed_by)
    rows = await connection.execute(query.order_by(number.desc(), changed.c.changed_by).limit(limit or MOST_CHANGERS))
    matched: int = await connection.scalar(sa.select(number)) or 0
    return [(by, count) for by, count in rows], matched


# --- a past state ----------------------------------------------------------------------------------------------------


async def record_as_of(
    connection: AsyncConnection, organization: Organization, field: str, value: str, at: datetime
) -> bytes | None:
    """Return the payload that the record whose `id` or `pfa_id` is a value had at a time; None where there was none.

    A write at that very time is part of it. Raises RevisionCompacted where the history does not go back so far.
    """
    code = organization.organization_id
    query = sa.select(_R.id, _R.position, _R.revision, _R.payload).where(
        _R.organization_id == code, column(BY_NAME[field]) == value
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    later = await _first_after(connection, code, at)
    if later is None:
        return bytes(row.payload)
    born = await _born(connection, code, row.position)
    if born is not None and born >= later:
        return None
    start = await history_start(connection, code)
    if start is not None and later == start[0] > 1:
        raise RevisionCompacted(
            f"the history that is kept begins at {start[1].isoformat(timespec='seconds')}; ask for a later time",
            metadata={"oldest_revision": str(start[0])},
        )
    return await _payload_before(connection, organization, row, later, born)


async def _first_after(connection: AsyncConnection, organization_id: str, at: datetime) -> int | None:
    query = (
        sa.select(_C.revision)
        .where(_C.organization_id == organization_id, _C.committed_at > sa.literal(at, UtcTime()))
        .order_by(_C.committed_at, _C.revision)
        .limit(1)
    )
    first: int | None = await connection.scalar(query)
    return first


async def _born(connection: AsyncConnection, organization_id: str, position: int) -> int | None:
    """Return the revision that inserted the record at a position; None where that is not in the history."""
    query = (
        sa.select(_C.revision, _C.first_position, _C.created)
        .where(_C.organization_id == organization_id, sa.text("created > 0"), _C.first_position <= position)
        .order_by(_C.first_position.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return row.revision if row is not None and position < row.first_position + row.created else None


async def _payload_before(
    connection: AsyncConnection, organization: Organization, row: Any, later: int, born: int | None
) -> bytes:
    """Return the payload of a record before a revision."""
    code = organization.organization_id
    mine = (_D.organization_id == code, _D.record_id == row.id)
    query = sa.select(_D.fields, _D.old).where(*mine, _D.revision >= later).order_by(_D.revision.desc())
    deltas: Sequence[Any] = (await connection.execute(query)).all()
    if not deltas:
        return bytes(row.payload)
    last: int | None = await connection.scalar(sa.select(sa.func.max(_D.revision)).where(*mine, _D.revision < later))
    values = rewound(decode(row.payload), [(delta.fields, delta.old) for delta in deltas])
    revision = last or born or 0
    return encode(values, organization_id=code, currency=organization.currency_code, revision=revision)


# --- what is too old -------------------------------------------------------------------------------------------------


async def prune_history(database: Database, organization_id: str, before: datetime) -> int:
    """Drop the history of writes before a time, in small transactions; return how many writes were dropped.

    The newest write always stays: what follows it must be seen to follow.
    """
    dropped = 0
    while True:
        async with database.writing() as connection:
            newest = sa.select(sa.func.max(_C.revision)).where(_C.organization_id == organization_id)
            query = (
                sa.select(_C.revision, _C.changed)
                .where(
                    _C.organization_id == organization_id,
                    _C.committed_at < sa.literal(before, UtcTime()),
                    _C.revision < newest.scalar_subquery(),
                )
                .order_by(_C.revision)
                .limit(PRUNED_AT_ONCE)
            )
            revisions = _at_once((row.revision, row.changed) for row in await connection.execute(query))
            if not revisions:
                return dropped
            for table in (record_changes, organization_commits):
                old = sa.and_(table.c.organization_id == organization_id, table.c.revision <= revisions[-1])
                await connection.execute(sa.delete(table).where(old))
        dropped += len(revisions)


def _at_once(writes: Iterable[tuple[int, int]]) -> list[int]:
    """Return the first of some revisions, given with what they changed, as many as one transaction drops."""
    revisions: list[int] = []
    total = 0
    for revision, changed in writes:
        total += changed
        if revisions and total > PRUNED_CHANGES:
            break
        revisions.append(revision)
    return revisions
