"""Records as a draft would have them: `see` lets a connection read them so, `seen` is what each read goes through.

Statements stay what they are: in front of them stands a table expression that is called `records`, too, and so takes
the place of the table: the records that the draft leaves alone, and those that it changes.
"""

from __future__ import annotations

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


def seen(connection: AsyncConnection, query: sa.Select[Any]) -> sa.Select[Any]:
    """Return a statement about `records` as the connection is to see them."""
    view = view_of(connection)
    return query if view is None else query.add_cte(_records_of(view, connection.dialect.name))


def _records_of(view: DraftView, dialect: str) -> sa.CTE:
    table = _committed(dialect)
    own = (_D.organization_id == view.organization_id, _D.draft_id == view.draft_id)
    drafted = sa.select(*(_D[name] for name in _NAMES)).where(*own)
    changed = sa.select(sa.literal(1)).where(*own, _D.id == table.c.id).correlate(table).exists()
    left_alone = sa.select(table).where(table.c.organization_id == view.organization_id, sa.not_(changed))
    both = sa.union_all(left_alone, drafted).cte(records.name)
    # PostgreSQL would write all of it down first where a statement reads it twice.
    return both.prefix_with("NOT MATERIALIZED", dialect="postgresql")


@lru_cache(maxsize=4)
def _committed(dialect: str) -> sa.Table:
    """Return the table itself. To SQLite its bare name would mean the expression that it stands in."""
    schema = "main" if dialect == "sqlite" else None
    return sa.Table(records.name, sa.MetaData(), organization_column(), *record_columns(), schema=schema)
