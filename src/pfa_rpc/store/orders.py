"""The order of a view, for jumps in it: `read_order` reads it whole, `page_of` gives a page at any place of it.

To pass over thousands of rows, the database would have to find and sort all of them, for every page anew.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Condition, Sort
from pfa_rpc.schema import SORTED_BY
from pfa_rpc.store.filters import Expression, column
from pfa_rpc.store.reads import Page, orderings, to_key
from pfa_rpc.store.statements import execute
from pfa_rpc.store.tables import records

POSITION_BYTES: Final = 4
"""Bytes of a position: an organization with more than two thousand million records would need more."""


async def read_order(
    connection: AsyncConnection, organization_id: str, condition: Condition | None, sort: Sequence[Sort]
) -> bytes:
    """Return the positions of the records that a condition holds for, in an order: 32 bits each, high ones first."""
    position = records.c.position
    if connection.dialect.name == "postgresql":
        packed = sa.func.int4send(sa.cast(position, sa.Integer()))
        nothing = aggregate_order_by(sa.literal(b"", sa.LargeBinary()), *orderings(sort))
        joined = sa.select(sa.func.string_agg(packed, nothing, type_=sa.LargeBinary()))
        order: bytes | None = (await execute(connection, organization_id, condition, joined.where)).scalar_one()
        return order or b""

    def ordered(matching: Expression) -> sa.Select[Any]:
        return sa.select(position).where(matching).order_by(*orderings(sort))

    found = (await execute(connection, organization_id, condition, ordered)).scalars().all()
    return struct.pack(f"!{len(found)}I", *found)


async def page_of(
    connection: AsyncConnection, organization_id: str, order: bytes, sort: Sequence[Sort], *, limit: int, skip: int
) -> Page:
    """Return at most `limit` records of an order that the connection's snapshot has, `skip` of them passed over."""
    total = len(order) // POSITION_BYTES
    number = max(0, min(limit, total - skip))
    if not number:
        return Page([], None, total)
    positions = struct.unpack_from(f"!{number}I", order, skip * POSITION_BYTES)
    query = sa.select(records.c.payload, *(column(SORTED_BY[term.field]) for term in sort), records.c.position).where(
        records.c.organization_id == organization_id, records.c.position.in_(positions)
    )
    rows = {row.position: row for row in await connection.execute(query)}
    in_order = [rows[position] for position in positions]
    next_key = list(map(to_key, in_order[-1][1:])) if skip + number < total else None
    return Page([row.payload for row in in_order], next_key, total)
