"""What the processes on one database share: `shared_key`, the key that tokens are signed with."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from pfa_rpc.store.bulk import insert_for
from pfa_rpc.store.tables import instance_keys

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from pfa_rpc.store.database import Database

_TOKENS: Final = "tokens"
_KEY_BYTES: Final = 32


async def shared_key(database: Database) -> bytes:
    """Return the key for tokens, 32 bytes; the first process to ask makes it, all others get the same."""
    async with database.reading() as connection:
        key = await _read(connection)
    if key is not None:
        return key
    async with database.writing() as connection:
        # Two processes may start at once: the first to insert wins, and both read what is there.
        insert = insert_for(database.dialect, instance_keys).on_conflict_do_nothing()
        await connection.execute(insert, {"name": _TOKENS, "value": secrets.token_bytes(_KEY_BYTES)})
        key = await _read(connection)
    assert key is not None, "the key was inserted in this transaction"  # noqa: S101 (for the type)
    return key


async def _read(connection: AsyncConnection) -> bytes | None:
    value: bytes | None = await connection.scalar(
        sa.select(instance_keys.c.value).where(instance_keys.c.name == _TOKENS)
    )
    return value
