"""Drafts as they are stored: made, found, listed and dropped, and the records that they change.

Writing to a draft is no change of the organization: it uses no revision, and takes the draft's row for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import DraftNotFound
from pfa_rpc.records.deltas import decode_partial, encode_partial
from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import MERGED_NAMES, differing
from pfa_rpc.store.bulk import insert_for, insert_rows
from pfa_rpc.store.drafts.tables import draft_records, drafts
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.records import ROW_COLUMNS, StoredRecord, StoredRow, batches, to_rows
from pfa_rpc.store.tables import records

MOST_DRAFTS: Final = 20
"""Most drafts of a principal in an organization."""
MOST_RECORDS: Final = 20_000
"""Most records of a draft."""
FIRST_POSITION: Final = 1 << 40
"""Position of the first record that a draft makes: behind all that the organization has, and will have."""
_IDS_A_QUERY: Final = 500
_AT_ONCE: Final = 200
"""Records that are looked at before other calls get their turn: some 4 ms."""
_FAR: Final = 1_000
"""Revisions after which a draft is laid over its records anew, lest ever more changes be looked through."""
_T: Final = drafts.c
_D: Final = draft_records.c
_R: Final = records.c


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft."""

    organization_id: str
    draft_id: str
    owner: str
    display_name: str
    created_at: datetime
    changed_at: datetime
    revision: int
    """Revision of the organization that its records were last laid over."""
    next_position: int


@dataclass(slots=True)
class DraftRecord:
    """What a draft makes of a record."""

    record: StoredRecord
    """As it would be."""
    fields: tuple[str, ...]
    """Names of the merged fields that the draft changes; of a record that it makes: none."""
    old: Values = field(default_factory=dict)
    """Field → what it was when the draft first changed it."""
    is_created: bool = False
    edited_revision: int = 0
    """Revision that the organization was at when the draft first edited it."""

    @property
    def new(self) -> Values:
        """Field → what it is in the draft."""
        return {name: self.record.values[name] for name in self.fields}


class Counts(NamedTuple):
    """How many records a draft changes, and makes."""

    changed: int
    created: int


async def hold_drafts(connection: AsyncConnection, organization_id: str, owner: str) -> None:
    """Let nobody else begin a draft of a principal before the end of the transaction, so that they can be counted."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        name = sa.func.hashtextextended(f"drafts of {owner} in {organization_id}", 0)
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(name)))


async def create_draft(connection: AsyncConnection, draft: Draft) -> bool:
    """Keep a new draft; return whether its name was free."""
    row = {name: getattr(draft, name) for name in Draft.__slots__}
    inserting = (
        insert_for(connection.dialect.name, drafts)
        .values(row)
        .on_conflict_do_nothing(index_elements=["organization_id", "draft_id"])
    )
    return (await connection.execute(inserting)).rowcount == 1


async def list_drafts(connection: AsyncConnection, organization_id: str, owner: str) -> list[Draft]:
    """Return the drafts of a principal, the last edited first."""
    query = (
        sa.select(drafts)
        .where(_T.organization_id == organization_id, _T.owner == owner)
        .order_by(_T.changed_at.desc(), _T.draft_id)
    )
    return [Draft(**row._mapping) for row in await connection.execute(query)]  # noqa: SLF001 (public, for all its name)


async def find_draft(connection: AsyncConnection, organization_id: str, draft_id: str, owner: str) -> Draft:
    """Return a draft of a principal. Raises DraftNotFound, also for one of somebody else."""
    query = sa.select(drafts).where(_T.organization_id == organization_id, _T.draft_id == draft_id)
    row = (await connection.execute(query.where(_T.owner == owner))).one_or_none()
    if row is None:
        raise _not_found(organization_id, draft_id)
    return Draft(**row._mapping)  # noqa: SLF001 (public, for all its name)


async def take_draft(
    connection: AsyncConnection, organization_id: str, draft_id: str, owner: str, at: datetime | None = None
) -> Draft:
    """Return a draft of a principal, held to the end of the transaction; edited at a time. Raises DraftNotFound."""
    mine = (_T.organization_id == organization_id, _T.draft_id == draft_id, _T.owner == owner)
    taken = sa.update(drafts).where(*mine).values(changed_at=_T.changed_at if at is None else at)
    if (await connection.execute(taken)).rowcount != 1:
        raise _not_found(organization_id, draft_id)
    return await find_draft(connection, organization_id, draft_id, owner)


def _not_found(organization_id: str, draft_id: str) -> DraftNotFound:
    names = {"organization_id": organization_id, "draft_id": draft_id[:100]}
    return DraftNotFound(f"you have no draft {draft_id[:100]!r} in organization {organization_id!r}", metadata=names)


async def drop_draft(connection: AsyncConnection, draft: Draft) -> int:
    """Drop a draft; return how many records were in it."""
    mine = (_D.organization_id == draft.organization_id, _D.draft_id == draft.draft_id)
    dropped = (await connection.execute(sa.delete(draft_records).where(*mine))).rowcount
    await connection.execute(
        sa.delete(drafts).where(_T.organization_id == draft.organization_id, _T.draft_id == draft.draft_id)
    )
    return dropped


async def count_records(
    connection: AsyncConnection, organization_id: str, draft_ids: Iterable[str]
) -> dict[str, Counts]:
    """Return draft → how many records it changes and makes."""
    created = sa.func.sum(sa.case((_D.is_created, 1), else_=0))
    ids = sorted(draft_ids)
    query = (
        sa.select(_D.draft_id, sa.func.count(), created)
        .where(_D.organization_id == organization_id, _D.draft_id.in_(ids))
        .group_by(_D.draft_id)
    )
    found = {draft_id: Counts(count - new, new) for draft_id, count, new in await connection.execute(query)}
    return {draft_id: found.get(draft_id, Counts(0, 0)) for draft_id in ids}


async def is_outdated(connection: AsyncConnection, draft: Draft, revision: int) -> bool:
    """Tell whether records that a draft changes were changed since it was last laid over them, or that is long ago."""
    if draft.revision >= revision:
        return False
    if revision - draft.revision > _FAR:
        return True
    query = (
        sa.select(sa.literal(1)).select_from(draft_records).join(records, _same_record()).where(*_changed_since(draft))
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def outdated_ids(connection: AsyncConnection, draft: Draft) -> list[str]:
    """Return the ids of the records that a draft changes and that were changed since it was last laid over them."""
    query = sa.select(_D.id).join_from(draft_records, records, _same_record()).where(*_changed_since(draft))
    return list((await connection.execute(query)).scalars())


def _same_record() -> sa.ColumnElement[bool]:
    return sa.and_(_R.organization_id == _D.organization_id, _R.id == _D.id)


def _changed_since(draft: Draft) -> tuple[sa.ColumnElement[bool], ...]:
    own = (_D.organization_id == draft.organization_id, _D.draft_id == draft.draft_id)
    return (*own, _R.organization_id == draft.organization_id, _R.revision > draft.revision)


async def laid_over(connection: AsyncConnection, draft: Draft, revision: int) -> Draft:
    """Note that the records of a draft are laid over those of a revision."""
    await _update(connection, draft, revision=revision)
    return replace(draft, revision=revision)


async def reserve_positions(connection: AsyncConnection, draft: Draft, count: int) -> Draft:
    """Take positions for records that a draft makes."""
    following = draft.next_position + count
    await _update(connection, draft, next_position=following)
    return replace(draft, next_position=following)


async def _update(connection: AsyncConnection, draft: Draft, **values: int) -> None:
    mine = (_T.organization_id == draft.organization_id, _T.draft_id == draft.draft_id)
    await connection.execute(sa.update(drafts).where(*mine).values(**values))


_STORED: Final = tuple(_D[column.name] for column in ROW_COLUMNS)


async def read_records(connection: AsyncConnection, draft: Draft, ids: Sequence[str]) -> dict[str, DraftRecord]:
    """Return id → what a draft makes of those records among the ids that it changes or makes."""
    found: dict[str, DraftRecord] = {}
    for part in batches(ids, _IDS_A_QUERY):
        for row in await connection.execute(_select(draft).where(*_among(part))):
            found[row.id] = _record(row)
    return found


def _among(ids: Sequence[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for some ids. Their bounds let the key be used before the database has counted the rows."""
    return _D.id >= min(ids), _D.id <= max(ids), _D.id.in_(ids)


async def read_stretch(connection: AsyncConnection, draft: Draft, *, after: str, limit: int) -> dict[str, DraftRecord]:
    """Return the next records of a draft, at most `limit`, in the order of their ids."""
    query = _select(draft).where(_D.id > after).order_by(_D.id).limit(limit)
    return {row.id: _record(row) for row in await connection.execute(query)}


def _select(draft: Draft) -> sa.Select[Any]:
    told = (_D.is_created, _D.edited_revision, _D.fields, _D.old)
    mine = (_D.organization_id == draft.organization_id, _D.draft_id == draft.draft_id)
    return sa.select(*_STORED, *told).where(*mine)


def _record(row: Any) -> DraftRecord:
    *stored, is_created, edited_revision, fields, old = row
    names = tuple(fields or ())
    record = StoredRow(*stored).decoded()
    return DraftRecord(record, names, decode_partial(old, names), is_created, edited_revision)


async def save_records(
    connection: AsyncConnection, organization: Organization, draft: Draft, changed: Sequence[DraftRecord]
) -> list[bytes]:
    """Put records of a draft in place of those with the same ids; return their payloads, in the order given."""
    await drop_records(connection, draft, [one.record.values["id"] for one in changed])
    rows = to_rows([one.record for one in changed], organization, organization.revision.number)
    currency = organization.currency_code
    for row, one in zip(rows, changed, strict=True):
        row |= {
            "draft_id": draft.draft_id,
            "is_created": one.is_created,
            "edited_revision": one.edited_revision,
            "fields": one.fields,
            "old": encode_partial(one.old, one.fields, currency),
            "new": encode_partial(one.record.values, one.fields, currency),
        }
    if rows:
        await insert_rows(connection, draft_records, rows)
    return [row["payload"] for row in rows]


async def drop_records(connection: AsyncConnection, draft: Draft, ids: Sequence[str]) -> int:
    """Take records out of a draft; return how many were in it."""
    dropped = 0
    mine = (_D.organization_id == draft.organization_id, _D.draft_id == draft.draft_id)
    for part in batches(ids, _IDS_A_QUERY):
        dropped += (await connection.execute(sa.delete(draft_records).where(*mine, *_among(part)))).rowcount
    return dropped


async def changed_values(
    connection: AsyncConnection, organization_id: str, draft_id: str, names: Iterable[str]
) -> list[tuple[Values, Values]]:
    """Return what a draft changes of some merged fields: (as they are, as they are in the draft), by record."""
    wanted = set(names) & set(MERGED_NAMES)
    found: list[tuple[Values, Values]] = []
    if not wanted:
        return found
    for part in (await connection.execute(_changing(organization_id, draft_id))).partitions(_AT_ONCE):
        for is_created, fields, old, new, made, theirs in part:
            here = wanted if is_created else wanted.intersection(fields or ())
            if here:
                was = decode_partial(theirs or old, here) if theirs or not is_created else {}
                found.append((was, decode_partial(made if is_created else new, here)))
        await asyncio.sleep(0)
    return found


def _changing(organization_id: str, draft_id: str) -> sa.Select[Any]:
    """Return the statement for what a draft changes; of records that it makes all, and of those changed since too."""
    was_changed = sa.or_(_D.is_created, _R.revision > _D.edited_revision)
    made, theirs = sa.case((_D.is_created, _D.payload)), sa.case((was_changed, _R.payload))
    return (
        sa.select(_D.is_created, _D.fields, _D.old, _D.new, made, theirs)
        .join_from(draft_records, records, _same_record(), isouter=True)
        .where(_D.organization_id == organization_id, _D.draft_id == draft_id)
    )


def conflicting(drafted: DraftRecord, theirs: Values) -> tuple[str, ...]:
    """Return the fields of a draft that were changed otherwise since it first changed them."""
    mine = drafted.record.values
    return tuple(name for name in drafted.fields if theirs[name] not in (drafted.old[name], mine[name]))


def still_changed(drafted: DraftRecord, theirs: Values) -> tuple[str, ...]:
    """Return the fields of a draft that would change a record as it is now."""
    ours = set(differing(drafted.record.values, theirs))
    return tuple(name for name in drafted.fields if name in ours)
