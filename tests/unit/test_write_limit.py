"""A message waits for its client so long, and no longer, whatever else happens to the call."""

from __future__ import annotations

import asyncio

import pytest

from pfa_rpc.errors import SlowClient
from pfa_rpc.server.write_limit import WriteLimit


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def at_once() -> None:
    await asyncio.sleep(0)


async def test_a_message_that_nobody_takes_ends_its_call_alone() -> None:
    limit = WriteLimit(0.05)
    ending = asyncio.create_task(limit.run(never()))
    for _ in range(20):
        await limit.run(at_once())
        await asyncio.sleep(0.005)
    with pytest.raises(SlowClient):
        await ending
    assert not ending.cancelled()


async def test_each_message_has_the_whole_time() -> None:
    limit = WriteLimit(0.1)
    for _ in range(4):
        await limit.run(asyncio.sleep(0.06))


async def test_a_call_goes_on_after_its_client_was_slow() -> None:
    limit = WriteLimit(0.02)
    for _ in range(2):
        with pytest.raises(SlowClient):
            await limit.run(never())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await limit.run(at_once())


async def test_a_call_that_is_cancelled_while_it_writes_is_cancelled() -> None:
    limit = WriteLimit(5)
    writing = asyncio.create_task(limit.run(never()))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing


async def test_what_a_write_raises_is_passed_on() -> None:
    async def breaks() -> None:
        await asyncio.sleep(0)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await WriteLimit(5).run(breaks())
