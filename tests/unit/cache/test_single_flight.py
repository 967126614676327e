"""One fill for many readers: who may join it, and what cancellation does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pfa_rpc.cache.single_flight import SingleFlight
from pfa_rpc.records.revision import Revision

FillFunction = Callable[[], Awaitable[tuple[Revision, str]]]


class Fills:
    """Fills that wait until a test lets them go on, and count."""

    def __init__(self) -> None:
        self.started = 0
        self.ended = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    def at(self, revision: Revision, answer: str) -> FillFunction:
        """Return a fill that shows a revision."""

        async def fill() -> tuple[Revision, str]:
            self.started += 1
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            self.ended += 1
            return revision, answer

        return fill


async def settle() -> None:
    """Let tasks get as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_readers_share_one_fill() -> None:
    flights, fills = SingleFlight[str](), Fills()
    seen = Revision(5, 50)
    readers = [asyncio.create_task(flights.run("k", seen, fills.at(seen, "answer"))) for _ in range(50)]
    await settle()
    assert (fills.started, len(flights)) == (1, 1)
    fills.go.set()
    assert await asyncio.gather(*readers) == ["answer"] * 50
    assert (fills.started, len(flights)) == (1, 0)


async def test_an_older_fill_is_not_joined() -> None:
    flights, old, new = SingleFlight[str](), Fills(), Fills()
    first = asyncio.create_task(flights.run("k", Revision(4, 40), old.at(Revision(4, 40), "old")))
    await settle()
    later = [asyncio.create_task(flights.run("k", Revision(5, 50), new.at(Revision(5, 50), "new"))) for _ in range(20)]
    await settle()
    old.go.set()
    new.go.set()
    assert await first == "old"
    assert await asyncio.gather(*later) == ["new"] * 20
    assert new.started == 1  # those who came too late for the old one share the next


@pytest.mark.parametrize(
    ("seen", "joins"),
    [(None, True), (Revision(4, 1), True), (Revision(5, 50), True), (Revision(5, 51), False), (Revision(6, 1), False)],
)
async def test_a_fill_is_joined_where_it_is_at_least_as_new(seen: Revision | None, joins: bool) -> None:
    flights, fills = SingleFlight[str](), Fills()
    first = asyncio.create_task(flights.run("k", None, fills.at(Revision(5, 50), "first")))
    await settle()
    second = asyncio.create_task(flights.run("k", seen, fills.at(Revision(6, 60), "second")))
    fills.go.set()
    assert await first == "first"
    assert await second == ("first" if joins else "second")


async def test_other_keys_do_not_wait() -> None:
    flights, fills, others = SingleFlight[str](), Fills(), Fills()
    others.go.set()
    first = asyncio.create_task(flights.run("k", None, fills.at(Revision(1, 1), "k")))
    await settle()
    assert await flights.run("l", None, others.at(Revision(1, 1), "l")) == "l"
    fills.go.set()
    assert await first == "k"


async def test_the_starter_s_cancellation_leaves_the_others_their_answer() -> None:
    flights, fills = SingleFlight[str](), Fills()
    starter, *others = [
        asyncio.create_task(flights.run("k", None, fills.at(Revision(1, 1), "answer"))) for _ in range(4)
    ]
    await settle()
    starter.cancel()
    await settle()
    assert starter.cancelled()
    fills.go.set()
    assert await asyncio.gather(*others) == ["answer"] * 3
    assert (fills.started, fills.cancelled) == (1, 0)


async def test_a_fill_that_nobody_waits_for_ends() -> None:
    flights, fills = SingleFlight[str](), Fills()
    readers = [asyncio.create_task(flights.run("k", None, fills.at(Revision(1, 1), "answer"))) for _ in range(3)]
    await settle()
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    assert (fills.started, fills.cancelled, len(flights)) == (1, 1, 0)


async def test_a_failure_reaches_all_and_is_not_kept() -> None:
    flights = SingleFlight[str]()

    async def fail() -> tuple[Revision, str]:
        await asyncio.sleep(0)
        raise RuntimeError("no database")

    readers = [asyncio.create_task(flights.run("k", None, fail)) for _ in range(3)]
    assert [str(answer) for answer in await asyncio.gather(*readers, return_exceptions=True)] == ["no database"] * 3
    fills = Fills()
    fills.go.set()
    assert await flights.run("k", None, fills.at(Revision(1, 1), "again")) == "again"


async def test_beyond_the_bound_everybody_fills_for_himself() -> None:
    flights, fills = SingleFlight[str](max_flights=2), Fills()
    readers = [
        asyncio.create_task(flights.run(key, None, fills.at(Revision(1, 1), key))) for key in ("a", "b", "c", "c", "a")
    ]
    await settle()
    assert (fills.started, len(flights)) == (4, 2)
    fills.go.set()
    assert await asyncio.gather(*readers) == ["a", "b", "c", "c", "a"]
