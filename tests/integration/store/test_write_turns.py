"""Writers of one organization wait for each other, in order, and keep nobody out of the database meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.store.database import Database
from pfa_rpc.store.limits import Limits
from pfa_rpc.store.revisions import get_revision
from pfa_rpc.store.turns import WriteTurns
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled

READ_SECONDS = 5.0


async def test_writers_who_wait_leave_connections_to_readers(filled: Filled) -> None:
    database = Database(filled.url, Limits(pool_size=4, pool_seconds=READ_SECONDS))
    over, begun = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.write("RIO", CAUSE) as write:
            begun.set()
            await over.wait()
            write.changed = 1

    async def write_once() -> int:
        async with database.write("RIO", CAUSE) as write:
            write.changed = 1
        return write.revision.number

    before = (await get_revision(database, "RIO")).number
    holder = asyncio.create_task(hold())
    await begun.wait()
    writers = [asyncio.create_task(write_once()) for _ in range(20)]
    for _ in range(5):
        assert (await get_revision(database, "RIO2")).number == 1
    assert not any(writer.done() for writer in writers)
    over.set()
    await holder
    revisions = await asyncio.gather(*writers)
    assert sorted(revisions) == list(range(before + 2, before + 22))
    # Of those that are sent to the database at once any may be the first, but who came last does not get in before.
    assert sum(revisions[:10]) < sum(revisions[10:]), "first come first"
    await database.close()


async def test_a_writer_who_waits_for_too_long_is_told_so_and_takes_no_turn() -> None:
    turns = WriteTurns(1, 0.05)
    async with turns.taken("RIO"):
        async with turns.taken("RIO2"):
            pass  # another organization waits for nobody
        with pytest.raises(DatabaseUnavailable, match="another writer has held the organization"):
            async with turns.taken("RIO"):
                raise AssertionError("its turn has not come")
    async with turns.taken("RIO"):
        pass


async def test_writers_wait_as_long_as_it_goes_on() -> None:
    turns, order = WriteTurns(1, 0.3), list[int]()

    async def write(number: int) -> None:
        async with turns.taken("RIO"):
            await asyncio.sleep(0.1)
            order.append(number)

    await asyncio.gather(*map(write, range(8)))
    assert order == list(range(8)), "the last has waited for twice the limit"


async def test_writers_who_could_not_write_give_the_others_no_more_time() -> None:
    turns = WriteTurns(1, 0.1)

    async def fail() -> None:
        async with turns.taken("RIO"):
            await asyncio.sleep(0.08)
            raise DatabaseUnavailable

    results = await asyncio.gather(*(fail() for _ in range(4)), return_exceptions=True)
    told = [str(result) for result in results if isinstance(result, DatabaseUnavailable)]
    assert sum("has held the organization" in message for message in told) >= 2
    assert len(told) == 4


async def test_a_writer_who_leaves_while_it_waits_takes_no_turn() -> None:
    turns = WriteTurns(1, 10)

    async def wait() -> None:
        async with turns.taken("RIO"):
            raise AssertionError("its turn has not come")

    async with turns.taken("RIO"):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        given = asyncio.create_task(wait())
        await asyncio.sleep(0)
    given.cancel()  # in the moment in which it is given its turn
    await asyncio.wait([given])
    assert given.cancelled()
    async with turns.taken("RIO"):
        pass
