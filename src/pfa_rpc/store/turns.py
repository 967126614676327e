"""Whose turn it is to write: `WriteTurns` lets the writers of a process wait for each other without a connection.

Who waits in the database holds a connection meanwhile: some writers of one organization would take them all, and keep
everybody else out, readers too. Here they wait in the order in which they came, which no database promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pfa_rpc.errors import DatabaseUnavailable


@dataclass(slots=True)
class _Queue:
    """Who writes, and who waits."""

    places: asyncio.Semaphore
    users: int = 0


class WriteTurns:
    """Turns to write, by name.

    Args:
        at_once: how many of one name have their turn at once.
        seconds: how long to wait for a turn.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self._at_once = at_once
        self._seconds = seconds
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def taken(self, name: str) -> AsyncIterator[None]:
        """Run the body when it is its turn. Raises DatabaseUnavailable where that takes too long."""
        queue = self._queues.setdefault(name, _Queue(asyncio.Semaphore(self._at_once)))
        queue.users += 1
        try:
            await self._wait(queue.places)
            try:
                yield
            finally:
                queue.places.release()
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[name]

    async def _wait(self, places: asyncio.Semaphore) -> None:
        if not places.locked():
            await places.acquire()  # at once
            return
        try:
            async with asyncio.timeout(self._seconds):
                await places.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(
                f"other writers held the organization for {self._seconds:.0f} s; try again"
            ) from None
