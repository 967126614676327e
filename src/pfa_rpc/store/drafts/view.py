"""Records as a draft would have them: `see` lets a connection read them so, `seen` is what each read goes through.

Statements stay what they are: in front of them stands a table expression that is called `records`, too, and so takes
the place of the table: the records that the draft leaves alone, and those that it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.drafts.tables import draft_records
from pfa_rpc.store.tables import organization_column, record_columns, records

_OPTION: Final = "pfa_draft"
_D: Final = draft_records.c
_NAMES: Final = tuple(column.name for column in records.columns)


class DraftView(NamedTuple):
    """The draft that a connection sees records through."""

    organization_id: str
    draft_id: str


async def see(connection: AsyncConnection, view: DraftView | None) -> None:
    """Let a connection read records as they would be in a draft from now on; None: as they are."""
    await connection.execution_options(**{_OPTION: view})


def view_of(connection: AsyncConnection) -> DraftView | None:
    """Return the draft that a connection sees records through."""
    options = connection.sync_connection.get_execution_options() if connection.sync_connection else {}
    view: DraftView | None = options.get(_OPTION)
    return view


@dataclass(frozen=True, slots=True)
class InOrder:
    """The order that rows are wanted in, and how many of them."""

    by: Callable[[Any], Sequence[sa.ColumnElement[Any]]]
    """Columns of the rows, by name → what orders them."""
    limit: int
    skip: int = 0

    def applied(self, query: sa.Select[Any], columns: Any, *, is_part: bool = False) -> sa.Select[Any]:
        """Return a statement in this order; of a part of the rows, as many as there can be among those wanted."""
        ordered = query.order_by(*self.by(columns))
        if is_part:
            return ordered.limit(self.skip + self.limit)
        return ordered.limit(self.limit).offset(self.skip or None)


def by_position(limit: int) -> InOrder:
    """Return the order of insertion."""
    return InOrder(lambda columns: [columns.position.asc()], limit)


def seen(connection: AsyncConnection, query: sa.Select[Any], in_order: InOrder | None = None) -> sa.Select[Any]:
    """Return a statement about `records` as the connection is to see them.

    In an order, a draft's records and the others are read by themselves, each by the index that has the order, and
    then merged: what stands in front of the statement otherwise has no order that an index could give.
    """
    view = view_of(connection)
    if view is None:
        return query if in_order is None else in_order.applied(query, query.selected_columns)
    left_alone, drafted = _parts(view, connection.dialect.name)
    if in_order is None:
        both = sa.union_all(left_alone, drafted).cte(records.name)
        # PostgreSQL would write all of it down first where a statement reads it twice.
        return query.add_cte(both.prefix_with("NOT MATERIALIZED", dialect="postgresql"))
    ordered = in_order.applied(query, query.selected_columns, is_part=True)
    some = [ordered.add_cte(part.cte(records.name), nest_here=True).subquery() for part in (left_alone, drafted)]
    merged = sa.union_all(*map(sa.select, some)).subquery()
    return in_order.applied(sa.select(merged), merged.c)


def _parts(view: DraftView, dialect: str) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Return the records that a draft leaves alone, and those that it changes or makes."""
    table = _committed(dialect)
    own = (_D.organization_id == view.organization_id, _D.draft_id == view.draft_id)
    drafted = sa.select(*(_D[name] for name in _NAMES)).where(*own)
    # A look into a list of ids, not a join: records stay in the order of their index, whatever is known of the draft.
    unchanged: sa.ColumnElement[bool] = table.c.id.not_in(sa.select(_D.id).where(*own))
    if dialect == "sqlite":  # which would make the list anew for each statement
        changed = sa.select(sa.literal(1)).where(*own, _D.id == table.c.id).correlate(table).exists()
        unchanged = sa.not_(changed)
    return sa.select(table).where(table.c.organization_id == view.organization_id, unchanged), drafted


@lru_cache(maxsize=4)
def _committed(dialect: str) -> sa.Table:
    """Return the table itself. To SQLite its bare name would mean the expression that it stands in."""
    schema = "main" if dialect == "sqlite" else None
    return sa.Table(records.name, sa.MetaData(), organization_column(), *record_columns(), schema=schema)
