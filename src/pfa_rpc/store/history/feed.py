"""The feed of changes: `read_changes` gives the records that changed since a revision, with what they were before.

Every record keeps the revision that last changed it, so that no change can be missed; a record that changed several
times comes once. `read_news` is the short way for who has just heard of a commit: a few records, one or two statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.deltas import decode_partial
from pfa_rpc.records.encode import Values, decode
from pfa_rpc.records.revision import Revision
from pfa_rpc.store.database import Database
from pfa_rpc.store.direct import SmallRead
from pfa_rpc.store.organizations import get_organization, organization_not_found
from pfa_rpc.store.records import batches
from pfa_rpc.store.tables import organization_commits, organization_revisions, record_changes, records

MOST_STATES: Final = 50
"""Most earlier states of a record that are read; of one that had more, what it was before them is not known."""
DELTAS_AT_ONCE: Final = 2_000
"""Most changes of records that one statement returns; more than MOST_STATES."""
NEWS_RECORDS: Final = 100
"""Most records that `read_news` gives at once."""
NEWS_DELTAS: Final = 500
"""Most changes of them that it reads the short way."""
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
    is_cut: bool = False
    """Whether there were more changes than are kept here: it may have been anything before."""

    def add(self, names: tuple[str, ...], old: bytes) -> None:
        """Add the change before those that are here."""
        if len(self.deltas) < MOST_STATES:
            self.deltas.append((names, old))
        else:
            self.is_cut = True

    @cached_property
    def values(self) -> Values:
        """The record as it is."""
        return decode(self.payload)

    def earlier(self) -> Iterator[Values]:
        """Yield each state that it had since, before the one that it has; the newest first, as far as is known."""
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


class _Span(NamedTuple):
    """Revisions, those after one up to another."""

    since: int
    until: int


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
        await _read_deltas(connection, organization_id, _Span(since, organization.revision.number), found)
    end = (rows[limit - 1].revision, rows[limit - 1].position) if len(rows) > limit else None
    return Stretch(organization.revision, list(found.values()), end)


def _newest() -> sa.Select[Any]:
    """Return the statement for what an organization is at and the records that changed since: one snapshot."""
    o, r = organization_revisions.c, records.c
    since = sa.bindparam("since", type_=sa.BigInteger)
    limit = sa.bindparam("limit", type_=sa.Integer)
    changed = (
        sa.select(r.organization_id, r.id, r.pfa_id, r.payload, r.revision, r.position)
        .where(r.organization_id == _ORGANIZATION, r.revision > since)
        .order_by(r.revision, r.position)
        .limit(limit)
        .subquery("changed")
    )
    c = changed.c
    return (
        sa.select(o.revision, o.nonce, c.id, c.pfa_id, c.payload, c.revision, c.position)
        .join_from(organization_revisions, changed, c.organization_id == o.organization_id, isouter=True)
        .where(o.organization_id == _ORGANIZATION)
        .order_by(c.revision, c.position)
    )


_ORGANIZATION: Final = sa.bindparam("organization_id", type_=sa.Text)
NEWS: Final = SmallRead(_newest())
"""What `read_news` reads first; its parameters besides are `since` and `limit`."""
_PAST: Final = SmallRead(
    sa.select(record_changes.c.record_id, record_changes.c.fields, record_changes.c.old)
    .where(record_changes.c.organization_id == _ORGANIZATION)
    .where(record_changes.c.revision > sa.bindparam("since", type_=sa.BigInteger))
    .where(record_changes.c.revision <= sa.bindparam("until", type_=sa.BigInteger))
    .order_by(record_changes.c.revision.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def read_news(database: Database, organization_id: str, since: int, *, with_earlier: bool = True) -> Stretch:
    """Return what `read_changes` does of the first NEWS_RECORDS, the shortest way. Raises OrganizationNotFound."""
    rows = await database.read_small(NEWS, organization_id, since=since, limit=NEWS_RECORDS + 1)
    if not rows:
        raise organization_not_found(organization_id)
    revision = Revision(*rows[0][:2])
    changed = [row[2:] for row in rows if row[2] is not None]
    found = {row[0]: ChangedRecord(*row[:3]) for row in changed[:NEWS_RECORDS]}
    _, _, _, *end = changed[NEWS_RECORDS - 1] if len(changed) > NEWS_RECORDS else (None, None, None)
    if with_earlier and found:
        await _read_news_deltas(database, organization_id, _Span(since, revision.number), found)
    return Stretch(revision, list(found.values()), (end[0], end[1]) if end else None)


async def _read_news_deltas(
    database: Database, organization_id: str, span: _Span, found: dict[str, ChangedRecord]
) -> None:
    # What is kept of past changes stays as it is: this needs no snapshot in common with the records.
    bounds = {"since": span.since, "until": span.until}
    rows = await database.read_small(_PAST, organization_id, **bounds, limit=NEWS_DELTAS + 1)
    if len(rows) > NEWS_DELTAS:
        async with database.reading() as connection:
            await _read_deltas(connection, organization_id, span, found)
        return
    for record_id, names, old in rows:
        if record_id in found:
            found[record_id].add(tuple(names), old)


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
    connection: AsyncConnection, organization_id: str, span: _Span, found: dict[str, ChangedRecord]
) -> None:
    """Read what was changed of records, however much it is: a page at a time, and of each record the newest changes."""
    for part in batches(list(found), _IDS_A_QUERY):
        beyond: str | None = None
        while True:
            page = await _page_of_deltas(connection, organization_id, span, part, beyond)
            for record_id, names, old in page:
                found[record_id].add(names, old)
            if len(page) < DELTAS_AT_ONCE:
                break
            last = found[page[-1].record_id]
            beyond = last.record_id
            if not last.is_cut:
                # The page may have ended within it: it comes again, as the first of the next.
                last.deltas.clear()
                beyond = next(row.record_id for row in reversed(page) if row.record_id != last.record_id)


async def _page_of_deltas(
    connection: AsyncConnection, organization_id: str, span: _Span, record_ids: Sequence[str], beyond: str | None
) -> Sequence[Any]:
    c = record_changes.c
    query = (
        sa.select(c.record_id, c.fields, c.old)
        .where(c.organization_id == organization_id, c.record_id.in_(record_ids))
        .where(c.revision > span.since, c.revision <= span.until)
        .order_by(c.record_id.desc(), c.revision.desc())  # as the index has them
        .limit(DELTAS_AT_ONCE)
    )
    if beyond is not None:
        query = query.where(c.record_id < beyond)
    return (await connection.execute(query)).all()


async def oldest_followed(connection: AsyncConnection, organization_id: str, current: Revision) -> int:
    """Return the oldest revision whose later changes are all in the history that is kept."""
    c = organization_commits.c
    query = sa.select(sa.func.min(c.revision)).where(c.organization_id == organization_id)
    first: int | None = await connection.scalar(query)
    return current.number if first is None else first - 1
