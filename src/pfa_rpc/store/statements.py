"""Statements about the records of a condition: `execute` puts a large one into SQL without holding other calls up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import LRUCache

from nlq.query import And, Condition, Not, Or
from pfa_rpc.store.drafts.view import InOrder, seen
from pfa_rpc.store.filters import Expression, where

SMALL: Final = 40
"""Most comparisons of a condition that is put into SQL on the event loop: some 3 ms."""

_KEPT: Final = 32
"""Large conditions, and statements of them, that are kept: a stream asks for one again and again."""
_COMPILED: Final[MutableMapping[Any, Any]] = LRUCache(_KEPT)

Build = Callable[[Expression], sa.Select[Any]]
"""Makes a statement of the expression that picks the records."""


async def execute(
    connection: AsyncConnection,
    organization_id: str,
    condition: Condition | None,
    build: Build,
    in_order: InOrder | None = None,
) -> sa.CursorResult[Any]:
    """Execute what `build` makes of an organization's records of a condition, as the connection sees them.

    An order, and how many rows are wanted, are given aside: what is built has neither.
    """
    if is_small(condition):
        small: sa.CursorResult[Any] = await connection.execute(
            seen(connection, build(where(organization_id, condition)), in_order)
        )
        return small
    dialect = connection.dialect

    def compiled() -> sa.Select[Any]:
        query = seen(connection, build(_where(organization_id, condition)), in_order)
        # SQLAlchemy has no public way to compile ahead; where this one changes, the tests of it say so.
        query._compile_w_cache(  # noqa: SLF001
            dialect, compiled_cache=_COMPILED, column_keys=[], for_executemany=False, schema_translate_map=None
        )
        return query

    query = await asyncio.to_thread(compiled)
    options: Any = {"compiled_cache": _COMPILED}
    result: sa.CursorResult[Any] = await connection.execute(query, execution_options=options)
    return result


_where = lru_cache(maxsize=_KEPT)(where)


def is_small(condition: Condition | None) -> bool:
    """Tell whether a condition has at most SMALL comparisons. Quick for those of any size."""
    pending, seen = [condition] if condition is not None else [], 0
    while pending and seen <= SMALL:
        match pending.pop():
            case And(operands) | Or(operands):
                pending.extend(operands)
            case Not(operand):
                pending.append(operand)
            case _:
                seen += 1
    return seen <= SMALL
