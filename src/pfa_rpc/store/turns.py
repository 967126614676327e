"""Whose turn it is to write: `WriteTurns` lets the writers of a process wait for each other without a connection.

Who waits in the database holds a connection meanwhile: some writers of one organization would take them all, and keep
everybody else out, readers too. Here they wait in the order in which they came, which no database promises, and for as
long as it goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pfa_rpc.errors import DatabaseUnavailable


@dataclass(slots=True)
class _Queue:
    """Who writes, and who waits."""

    free: int
    """How many more may have their turn."""
    moved: float
    """When somebody came without waiting, or got through, for the last time, by the loop's clock."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    users: int = 0

    def release(self, moved: float) -> None:
        """End a turn: the next one begins."""
        self.moved = moved
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1


class WriteTurns:
    """Turns to write, by name.

    Args:
        at_once: how many of one name have their turn at once.
        seconds: how long to wait while nobody's turn ends.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self._at_once = at_once
        self._seconds = seconds
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def taken(self, name: str) -> AsyncIterator[None]:
        """Run the body when it is its turn. Raises DatabaseUnavailable where others hold theirs for too long."""
        loop = asyncio.get_running_loop()
        queue = self._queues.setdefault(name, _Queue(self._at_once, loop.time()))
        queue.users += 1
        try:
            if queue.free:
                queue.free -= 1
                queue.moved = loop.time()
            else:
                await self._wait(queue, loop)
            is_through = True
            try:
                yield
            except DatabaseUnavailable:
                is_through = False  # who could not write has moved nothing
                raise
            finally:
                queue.release(loop.time() if is_through else queue.moved)
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[name]

    async def _wait(self, queue: _Queue, loop: asyncio.AbstractEventLoop) -> None:
        turn = loop.create_future()
        queue.waiting.append(turn)
        try:
            while not turn.done():
                await asyncio.wait([turn], timeout=self._left(queue, loop.time()))
        except BaseException:
            if not turn.cancel():  # it has just been given
                queue.release(loop.time())
            raise

    def _left(self, queue: _Queue, now: float) -> float:
        """Return how many seconds are left for somebody's turn to end. Raises DatabaseUnavailable for none."""
        left = queue.moved + self._seconds - now
        if left <= 0:
            raise DatabaseUnavailable(f"another writer has held the organization for {self._seconds:.0f} s; try again")
        return left
