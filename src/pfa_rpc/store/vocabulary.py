"""The vocabulary as it is kept: `add_uses` of the values that records hold, which sees values come and go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from pfa_rpc.store.database import Write

# One statement whatever the number of rows: one for each would take PostgreSQL a hundred times as long.
_ADD: Final = sa.text(
    "WITH added AS (SELECT * FROM unnest(:fields, :spellings, :uses) AS a (field, spelling, uses)), "
    "counted AS (INSERT INTO field_values (organization_id, field, spelling, uses) "
    "SELECT :organization_id, field, spelling, uses FROM added "
    "ON CONFLICT (organization_id, field, spelling) DO UPDATE SET uses = field_values.uses + excluded.uses "
    "RETURNING field, spelling, uses) "
    # As many as were added: there were none before. None: they are gone.
    "SELECT EXISTS (SELECT FROM counted JOIN added USING (field, spelling) WHERE counted.uses IN (0, added.uses))"
).bindparams(
    sa.bindparam("organization_id", type_=sa.Text()),
    sa.bindparam("fields", type_=postgresql.ARRAY(sa.Text())),
    sa.bindparam("spellings", type_=postgresql.ARRAY(sa.Text())),
    sa.bindparam("uses", type_=postgresql.ARRAY(sa.BigInteger())),
)
_ADD_ON_SQLITE: Final = (
    "INSERT INTO field_values (organization_id, field, spelling, uses) "
    "SELECT ?, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') "
    "FROM json_each(?) WHERE true "
    "ON CONFLICT (organization_id, field, spelling) DO UPDATE SET uses = field_values.uses + excluded.uses "
    "RETURNING field, spelling, uses"
)


async def add_uses(write: Write, uses: Mapping[tuple[str, str], int]) -> None:
    """Add to the number of records that hold a spelling, for (field, spelling) → how many more; fewer are negative."""
    # In one order for all, so that two writers wait for each other and do not lock each other out.
    changes = [(field, spelling, change) for (field, spelling), change in sorted(uses.items()) if change]
    if not changes:
        return
    add = _add_on_postgresql if write.connection.dialect.name == "postgresql" else _add_on_sqlite
    if await add(write, changes):
        write.vocabulary_changed = True


_Change = tuple[str, str, int]


async def _add_on_postgresql(write: Write, changes: Sequence[_Change]) -> bool:
    """Add on PostgreSQL, and return whether a spelling came or went."""
    fields, spellings, numbers = zip(*changes, strict=True)
    parameters = {"fields": list(fields), "spellings": list(spellings), "uses": list(numbers)}
    result = await write.connection.execute(_ADD, {"organization_id": write.organization_id, **parameters})
    return bool(result.scalar_one())


async def _add_on_sqlite(write: Write, changes: Sequence[_Change]) -> bool:
    """Add on SQLite, and return whether a spelling came or went."""
    added = {(field, spelling): change for field, spelling, change in changes}
    result = await write.connection.exec_driver_sql(_ADD_ON_SQLITE, (write.organization_id, json.dumps(changes)))
    rows: Sequence[Any] = result.all()
    # As many as were added: there were none before. None: they are gone.
    return any(uses in {0, added[field, spelling]} for field, spelling, uses in rows)
