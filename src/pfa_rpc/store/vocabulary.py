"""The vocabulary as it is kept: `add_uses` of the values that records hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.bulk import insert_for
from pfa_rpc.store.tables import field_values

# One statement whatever the number of rows: one for each would take PostgreSQL a hundred times as long.
_ADD: Final = sa.text(
    "INSERT INTO field_values (organization_id, field, spelling, uses) "
    "SELECT :organization_id, field, spelling, uses FROM unnest(:fields, :spellings, :uses) "
    "AS added (field, spelling, uses) "
    "ON CONFLICT (organization_id, field, spelling) DO UPDATE SET uses = field_values.uses + excluded.uses"
).bindparams(
    sa.bindparam("organization_id", type_=sa.Text()),
    sa.bindparam("fields", type_=postgresql.ARRAY(sa.Text())),
    sa.bindparam("spellings", type_=postgresql.ARRAY(sa.Text())),
    sa.bindparam("uses", type_=postgresql.ARRAY(sa.BigInteger())),
)


async def add_uses(connection: AsyncConnection, organization_id: str, uses: Mapping[tuple[str, str], int]) -> None:
    """Add to the number of records that hold a spelling, for (field, spelling) → how many more; fewer are negative."""
    # In one order for all, so that two writers wait for each other and do not lock each other out.
    changes = [(field, spelling, change) for (field, spelling), change in sorted(uses.items()) if change]
    if not changes:
        return
    if connection.dialect.name == "postgresql":
        fields, spellings, numbers = zip(*changes, strict=True)
        parameters = {"fields": list(fields), "spellings": list(spellings), "uses": list(numbers)}
        await connection.execute(_ADD, {"organization_id": organization_id, **parameters})
        return
    insert = insert_for(connection.dialect.name, field_values)
    upsert = insert.on_conflict_do_update(
        index_elements=["organization_id", "field", "spelling"],
        set_={"uses": field_values.c.uses + insert.excluded.uses},
    )
    names = ("field", "spelling", "uses")
    await connection.execute(
        upsert, [{"organization_id": organization_id, **dict(zip(names, change, strict=True))} for change in changes]
    )
