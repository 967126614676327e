"""One fill for many readers who ask the same at the same time: `SingleFlight`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from pfa_rpc.cache.metrics import FLIGHTS
from pfa_rpc.records.revision import Revision

MAX_FLIGHTS: Final = 1_000
"""Most fills that others can join; one more runs for its own reader only."""
MAX_JOINS: Final = 3
"""How often a reader waits for the fills of others before it runs its own."""

T = TypeVar("T")
Fill = Callable[[], Awaitable[tuple[Revision, T]]]
"""Makes an answer; returns what it was made from, as the same snapshot showed it, and the answer."""


class _Flight(Generic[T]):
    """A running fill and the number of its readers; the last one who leaves ends it."""

    def __init__(self, fill: Fill[T]) -> None:
        self._task = asyncio.ensure_future(_awaited(fill))
        self._readers = 0

    def add_done_callback(self, callback: Callable[[], None]) -> None:
        self._task.add_done_callback(lambda _: callback())

    async def wait(self) -> tuple[Revision, T] | None:
        """Return the answer, or None if the fill was ended from outside. Raises what the fill raises."""
        self._readers += 1
        try:
            # Unlike awaiting the task, this leaves it running when its reader is cancelled.
            await asyncio.wait((self._task,))
        finally:
            self._readers -= 1
            if not self._readers and not self._task.done():
                self._task.cancel()
                await asyncio.wait((self._task,))
            if self._task.done() and not self._task.cancelled():
                self._task.exception()  # is seen, also where its readers were cancelled
        return None if self._task.cancelled() else self._task.result()


class SingleFlight(Generic[T]):
    """Shares running fills, by key, between readers who may see their answers."""

    def __init__(self, max_flights: int = MAX_FLIGHTS) -> None:
        self._max_flights = max_flights
        self._flights: dict[Hashable, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def run(self, key: Hashable, seen: Revision | None, fill: Fill[T]) -> T:
        """Return the answer of a running fill for the key, or of `fill`. Raises what that fill raises.

        `seen` is the revision that the reader has seen in the database: the answer of another's fill is used only if
        its revision is at least that. None: any will do. A key names all that the answer depends on, the organization
        and what the caller may see included.
        """
        for _ in range(MAX_JOINS):
            flight = self._flights.get(key)
            if flight is None:
                break
            answer = await flight.wait()
            if answer is not None and _is_new_enough(answer[0], seen):
                FLIGHTS.labels("joined").inc()
                return answer[1]
            FLIGHTS.labels("outdated").inc()
        FLIGHTS.labels("started").inc()
        return await self._start(key, fill)

    async def _start(self, key: Hashable, fill: Fill[T]) -> T:
        flight = _Flight(fill)
        if len(self._flights) < self._max_flights:
            self._flights[key] = flight
            flight.add_done_callback(lambda: self._forget(key, flight))
        answer = await flight.wait()
        if answer is None:
            raise asyncio.CancelledError
        return answer[1]

    def _forget(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _awaited(fill: Fill[T]) -> tuple[Revision, T]:
    return await fill()


def _is_new_enough(made_from: Revision, seen: Revision | None) -> bool:
    return seen is None or made_from.shows(seen)
