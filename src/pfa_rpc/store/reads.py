"""Reads of records, as payloads: one, a page in any order, the next stretch of a stream, a count, the vocabulary."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Condition, Sort
from nlq.schema import FieldType
from nlq.vocabulary import Vocabulary
from pfa_rpc.schema import BY_NAME, FIELDS, SORTED_BY, Field
from pfa_rpc.store.drafts.drafts import changed_values
from pfa_rpc.store.drafts.view import InOrder, by_position, seen, view_of
from pfa_rpc.store.filters import Expression, column
from pfa_rpc.store.statements import execute
from pfa_rpc.store.synonyms import read_synonyms
from pfa_rpc.store.tables import field_values, records, unsynced

PageKey = list[str | int | bool | None]
"""Where a page ended: the sort values of its last record, then its position. JSON-able."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a longer list."""

    payloads: list[bytes]
    next_key: PageKey | None
    """Where the next page begins; None where this is the last."""
    total: int | None = None
    """Length of the whole list; None where nobody asked for it."""


async def get_payload(connection: AsyncConnection, organization_id: str, field: str, value: str) -> bytes | None:
    """Return the payload of the record whose `id` or `pfa_id` is a value; None where there is none."""
    query = sa.select(records.c.payload).where(
        records.c.organization_id == organization_id, column(BY_NAME[field]) == value
    )
    payload: bytes | None = (await connection.execute(seen(connection, query))).scalar_one_or_none()
    return payload


async def list_page(
    connection: AsyncConnection,
    organization_id: str,
    condition: Condition | None,
    *,
    sort: Sequence[Sort] = (),
    limit: int,
    after: PageKey | None = None,
    skip: int = 0,
    with_total: bool = False,
) -> Page:
    """Return at most `limit` records in an order, those that come after a key, `skip` of them passed over.

    With `with_total`, the page tells how many records the condition holds for.
    """
    terms = [(SORTED_BY[term.field], term.descending) for term in sort]

    is_drafted = view_of(connection) is not None

    def page(matching: Expression) -> sa.Select[Any]:
        total = _counted(matching) if with_total and not is_drafted else sa.null()
        keys = [column(field).label(f"key_{number}") for number, (field, _) in enumerate(terms)]
        query = sa.select(records.c.payload, total.label("total"), *keys, records.c.position).where(matching)
        return query if after is None else query.where(_comes_after(terms, after))

    def by(columns: Any) -> list[sa.ColumnElement[Any]]:
        keys = [_ordered(columns[f"key_{number}"], *term) for number, term in enumerate(terms)]
        return [*keys, columns.position.asc()]

    in_order = InOrder(by, limit + 1, skip)
    rows: Sequence[Any] = (await execute(connection, organization_id, condition, page, in_order)).all()
    has_more = len(rows) > limit
    next_key = list(map(to_key, rows[limit - 1][2:])) if has_more else None
    total = rows[0][1] if rows else None
    if with_total and total is None:  # there may be records that this page passes over
        total = await count(connection, organization_id, condition)
    return Page([row[0] for row in rows[:limit]], next_key, total)


def _counted(matching: Expression) -> sa.ScalarSelect[int]:
    """Return how many records an expression holds for, to be read with the first of them, in one statement."""
    return sa.select(sa.func.count()).select_from(records).where(matching).correlate(None).scalar_subquery()


async def count(connection: AsyncConnection, organization_id: str, condition: Condition | None) -> int:
    """Return how many records a condition holds for."""
    counting = sa.select(sa.func.count()).select_from(records)
    counted: int = (await execute(connection, organization_id, condition, counting.where)).scalar_one()
    return counted


async def count_since(
    connection: AsyncConnection, organization_id: str, condition: Condition | None
) -> tuple[int, int]:
    """Return how many records a condition holds for, and the revision that last changed one of them, 0 for none."""
    newest = sa.func.coalesce(sa.func.max(records.c.revision), 0)

    def counting(matching: Expression) -> sa.Select[Any]:
        return sa.select(sa.func.count(), newest).select_from(records).where(matching)

    row: Sequence[Any] = (await execute(connection, organization_id, condition, counting)).one()
    return row[0], row[1]


async def read_stretch(
    connection: AsyncConnection, organization_id: str, condition: Condition | None, *, after: int, limit: int
) -> Sequence[tuple[int, bytes]]:
    """Return (position, payload) of the next records of a stream, at most `limit`, in order of insertion."""
    stretch = sa.select(records.c.position, records.c.payload).where(records.c.position > after)
    rows = await execute(connection, organization_id, condition, stretch.where, by_position(limit))
    return [tuple(row) for row in rows]


async def read_unsynced(
    connection: AsyncConnection, organization_id: str, *, limit: int
) -> Sequence[tuple[int, str, bytes]]:
    """Return (position, state, payload) of at most `limit` records that PEMS does not know of yet, in that order."""
    query = (
        sa.select(records.c.position, records.c.sync_state, records.c.payload)
        .where(records.c.organization_id == organization_id, unsynced())
        .order_by(records.c.position)
        .limit(limit)
    )
    return [tuple(row) for row in await connection.execute(query)]


async def read_vocabulary(
    connection: AsyncConnection, organization_id: str, *, fields: Collection[str] | None = None
) -> Vocabulary:
    """Return what questions of an organization can name: the values that its records hold, and its synonyms.

    With `fields`, only the values of these fields, and no synonyms.
    """
    table = field_values.c
    query = sa.select(table.field, table.spelling, table.uses).where(
        table.organization_id == organization_id, table.uses > 0
    )
    if fields is not None:
        query = query.where(table.field.in_(sorted(fields)))
    rows = await _in_draft(connection, (await connection.execute(query)).all(), fields)
    stored = await read_synonyms(connection, organization_id) if fields is None else []
    # Tens of thousands of them where records have tags of their own: other calls go on meanwhile.
    return await asyncio.to_thread(Vocabulary, map(tuple, rows), [each.synonym for each in stored])


async def _in_draft(
    connection: AsyncConnection, rows: Sequence[Any], fields: Collection[str] | None
) -> Iterable[Sequence[Any]]:
    """Return rows of (field, spelling, uses) as they are in the draft that a connection sees records through."""
    view = view_of(connection)
    if view is None:
        return rows
    named = [field.name for field in FIELDS if field.named and (fields is None or field.name in fields)]
    uses = Counter({(name, spelling): count for name, spelling, count in rows})
    for old, new in await changed_values(connection, *view, named):
        uses.subtract((name, value) for name, value in old.items() if value is not None)
        uses.update((name, value) for name, value in new.items() if value is not None)
    return [(*named_value, count) for named_value, count in uses.items() if count > 0]


def orderings(sort: Sequence[Sort]) -> list[sa.ColumnElement[Any]]:
    """Return what orders rows by some terms, and by their positions where these are equal."""
    return [*(_ordering(SORTED_BY[term.field], term.descending) for term in sort), records.c.position.asc()]


def _ordering(field: Field, descending: bool) -> sa.ColumnElement[Any]:
    return _ordered(column(field), field, descending)


def _ordered(values: sa.ColumnElement[Any], field: Field, descending: bool) -> sa.ColumnElement[Any]:
    """Return what orders rows by values of a field."""
    ordering = values.desc() if descending else values.asc()
    return ordering if field.required else ordering.nulls_last()


def _comes_after(terms: Sequence[tuple[Field, bool]], key: PageKey) -> Expression:
    """Return the expression for records that come after a key in the order of the terms."""
    *sort_key, position = key
    alternatives: list[Expression] = []
    equal: list[Expression] = []
    for (field, descending), stored in zip(terms, sort_key, strict=True):
        value = _from_key(field, stored)
        if value is not None:
            # A bound parameter even for a flag: `>` takes no literal true or false.
            bound = sa.literal(value, column(field).type)
            later: Expression = column(field) < bound if descending else column(field) > bound
            if not field.required:
                later = sa.or_(later, column(field).is_(None))
            alternatives.append(sa.and_(*equal, later))
        equal.append(column(field).is_(None) if value is None else column(field) == value)
    alternatives.append(sa.and_(*equal, records.c.position > position))
    return sa.or_(*alternatives)


def to_key(value: Any) -> str | int | bool | None:
    """Return a value of a row as a page key has it."""
    return value.isoformat() if isinstance(value, date) else value


def _from_key(field: Field, stored: Any) -> Any:
    match field.type:
        case FieldType.DATE if stored is not None:
            return date.fromisoformat(stored)
        case FieldType.TIME if stored is not None:
            return datetime.fromisoformat(stored)
        case _:
            return stored
