"""What waits for watchers is bounded: for one of them, and for all of a process together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pfa_rpc.errors import SlowClient
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.following import queues
from pfa_rpc.services.following.queues import Backlog, Batch, Subscription
from pfa_rpc.services.following.views import View
from pfa_rpc.services.requests import Mask

REVISION = Revision(7, 7)
SECONDS = 5.0


class Nothing:
    """An organization that nothing happens to."""

    through = REVISION

    @property
    def at_rest(self) -> Revision | None:
        return self.through


def subscriptions(backlog: Backlog, number: int) -> list[Subscription]:
    view = View(None, Mask((), hide_money=False))
    return [Subscription(Nothing(), view, backlog) for _ in range(number)]


def batch(size: int) -> Batch:
    return Batch([b"x" * size], REVISION, is_last=True)


async def test_a_batch_counts_once_however_many_wait_for_it() -> None:
    backlog = Backlog(1_000)
    watchers = subscriptions(backlog, 100)
    shared = batch(400)
    for watcher in watchers:
        watcher.put(shared)
    assert backlog.waiting == 400
    for watcher in watchers:
        assert await watcher.next(0) is shared
    assert backlog.waiting == 0


async def test_the_longest_queues_give_way_when_all_together_are_too_much() -> None:
    backlog = Backlog(1_000)
    slow, fast = subscriptions(backlog, 2)
    for _ in range(3):
        one = batch(150)
        slow.put(one)
        fast.put(one)
        await fast.next(0)
    fast.put(batch(200))
    assert slow.is_behind, "it reads from the database what it has missed"
    assert not fast.is_behind
    assert backlog.waiting == 200


async def test_a_watcher_that_leaves_takes_nothing_with_it() -> None:
    backlog = Backlog(1_000)
    watcher, *_ = subscriptions(backlog, 1)
    watcher.put(batch(100))
    watcher.close()
    assert (backlog.waiting, backlog.writing) == (0, 0)


class Client:
    """Takes messages when it is told to."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.taken: list[int] = []

    async def write(self, message: bytes) -> None:
        await self.may_read.wait()
        self.taken.append(len(message))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 (there is no sign to wait for)
            await asyncio.sleep(0.001)


async def test_what_is_written_waits_for_room_and_each_gets_its_turn() -> None:
    backlog, client = Backlog(1_000), Client()
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for watcher in subscriptions(backlog, 10):
            group.create_task(watcher.write(b"x" * 200, client.write))
        await asyncio.sleep(0.02)
        assert backlog.writing == 400, "two of them, the others have to wait"
        client.may_read.set()
    assert client.taken == [200] * 10
    assert backlog.writing == 0


async def test_who_waits_for_room_and_leaves_takes_no_room() -> None:
    backlog, client = Backlog(1_000), Client()
    first, second, third = subscriptions(backlog, 3)
    writing = asyncio.create_task(first.write(b"x" * 400, client.write))
    await until(lambda: backlog.writing == 400)
    leaving = asyncio.create_task(second.write(b"x" * 300, client.write))
    staying = asyncio.create_task(third.write(b"x" * 200, client.write))
    await asyncio.sleep(0.01)
    leaving.cancel()
    client.may_read.set()
    await asyncio.gather(writing, staying)
    assert leaving.cancelled()
    assert backlog.writing == 0


async def test_a_message_larger_than_all_the_room_still_passes() -> None:
    backlog, client = Backlog(1_000), Client()
    client.may_read.set()
    [watcher] = subscriptions(backlog, 1)
    async with asyncio.timeout(SECONDS):
        await watcher.write(b"x" * 5_000, client.write)
    assert client.taken == [5_000]


async def follow(watcher: Subscription, message: bytes, client: Client) -> None:
    async with watcher.lasting():
        await watcher.write(message, client.write)


async def test_the_slowest_is_ended_where_others_need_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "PATIENCE_SECONDS", 0.05)
    backlog, stuck, reading = Backlog(1_000), Client(), Client()
    reading.may_read.set()
    slowest, slow, third = subscriptions(backlog, 3)
    ended = asyncio.create_task(follow(slowest, b"x" * 250, stuck))
    await asyncio.sleep(0.02)
    kept = asyncio.create_task(follow(slow, b"x" * 250, stuck))
    await until(lambda: backlog.writing == 500)
    async with asyncio.timeout(SECONDS):
        await follow(third, b"x" * 200, reading)
        with pytest.raises(SlowClient):
            await ended
    assert reading.taken == [200]
    assert not kept.done(), "there was room enough without it"
    stuck.may_read.set()
    await kept
    assert backlog.writing == 0


async def test_nobody_is_ended_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "PATIENCE_SECONDS", 0.0)
    backlog, stuck, reading = Backlog(1_000), Client(), Client()
    reading.may_read.set()
    slow, other = subscriptions(backlog, 2)
    waiting = asyncio.create_task(follow(slow, b"x" * 100, stuck))
    await asyncio.sleep(0.02)
    await follow(other, b"x" * 100, reading)
    assert not waiting.done()
    stuck.may_read.set()
    await waiting


async def test_silence_lasts_as_long_as_it_was_asked_for() -> None:
    [watcher] = subscriptions(Backlog(1_000), 1)
    begun = asyncio.get_running_loop().time()
    assert await watcher.next(0.03) is None
    watcher.put(batch(1))
    assert await watcher.next(10) is not None
    assert await watcher.next(0.03) is None
    assert 0.05 < asyncio.get_running_loop().time() - begun < SECONDS
    watcher.close()
