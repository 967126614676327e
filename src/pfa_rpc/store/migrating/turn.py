"""One migrator at a time on PostgreSQL: `take_turn` readies a connection whose steps begin their own transactions."""

from __future__ import annotations

import asyncio
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import DatabaseUnavailable

STATEMENT_SECONDS: Final = 3_600
"""How long one statement of a migration may run."""
WAIT_SECONDS: Final = 600.0
"""How long a migrator waits for another one to end."""
_ASK_SECONDS: Final = 0.2
_LOCK: Final = 0x7066615F6D696772  # names our migrations among the advisory locks of the database


async def take_turn(connection: AsyncConnection) -> None:
    """Wait until no other migrator runs; the turn ends with the connection, which must not go back to a pool.

    Raises DatabaseUnavailable where the other one takes too long.
    """
    await connection.execute(sa.text(f"SET statement_timeout = '{STATEMENT_SECONDS}s'"))
    await connection.commit()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_SECONDS
    # Asked again and again: who waits inside a statement holds a snapshot, and an index that is made concurrently
    # waits for all snapshots, so that each of the two would wait for the other.
    while not await _locked(connection):
        if loop.time() >= deadline:
            raise DatabaseUnavailable(
                f"another migration has been running for {WAIT_SECONDS:.0f} s; wait for its end, then try again"
            )
        await asyncio.sleep(_ASK_SECONDS)


async def _locked(connection: AsyncConnection) -> bool:
    is_ours = await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK)))
    await connection.commit()
    return bool(is_ours)
