"""How many calls there may be, and how they end when the server stops: `Gate` holds every running call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from pfa_rpc.errors import LimitExceeded, ShuttingDown

CLEANING_SECONDS: Final = 5.0
"""How long calls that were ended may take to let go of what they hold; the database is closed afterwards."""


class Gate:
    """Counts the running calls up to a limit, and ends them with ShuttingDown when their time is up.

    Args:
        limit: Most calls that come to an end by themselves.
        watchers: Most calls that do not: they must not keep the others out.
    """

    def __init__(self, limit: int, watchers: int) -> None:
        self._limit = limit
        self._watchers = watchers
        self._stopping = False
        self._counted: dict[asyncio.Timeout, asyncio.Task[object]] = {}
        self._uncounted: dict[asyncio.Timeout, asyncio.Task[object]] = {}
        self._endless: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def running(self) -> int:
        """How many counted calls are under way."""
        return len(self._counted)

    @asynccontextmanager
    async def enter(self, *, counted: bool = True, endless: bool = False) -> AsyncIterator[None]:
        """Hold a call. Raises LimitExceeded where there are too many, ShuttingDown when the server stops.

        Calls that are not counted, such as health checks, are always let in, and a stop does not wait for them. Endless
        ones are counted by themselves, and are the first to end.
        """
        if counted:
            self._check(endless=endless)
        running = self._counted if counted else self._uncounted
        try:
            async with asyncio.timeout(None) as time_limit:
                running[time_limit] = _this_task()
                if endless:
                    self._endless.add(time_limit)
                self._note_idle()
                try:
                    yield
                finally:
                    del running[time_limit]
                    self._endless.discard(time_limit)
                    self._note_idle()
        except TimeoutError:
            if time_limit.expired():
                raise ShuttingDown from None
            raise

    async def drain(self, seconds: float) -> None:
        """Let no more calls in, give the running ones some seconds, then end them all and let them clean up."""
        self._stopping = True
        self._end({limit: task for limit, task in self._counted.items() if limit in self._endless})
        await self._until_idle(seconds)
        self.end_all()
        await self._until_idle(CLEANING_SECONDS)

    async def _until_idle(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    def end_all(self) -> None:
        """End every call now, but for those that their clients have cancelled: these are cleaning up already."""
        self._end(self._counted | self._uncounted)

    def _end(self, calls: Mapping[asyncio.Timeout, asyncio.Task[object]]) -> None:
        now = asyncio.get_running_loop().time()
        for time_limit, task in calls.items():
            if not time_limit.expired() and not task.cancelling():
                time_limit.reschedule(now)

    def _check(self, *, endless: bool) -> None:
        if self._stopping:
            raise ShuttingDown
        if endless and len(self._endless) >= self._watchers:
            raise LimitExceeded(
                f"the server has {self._watchers} watches under way, the most it takes; try again when one has ended",
                metadata={"limit": "max_watchers"},
            )
        if not endless and len(self._counted) - len(self._endless) >= self._limit:
            raise LimitExceeded(
                f"the server has {self._limit} calls under way, the most it takes; try again when one has ended",
                metadata={"limit": "max_concurrent_calls"},
            )

    def _note_idle(self) -> None:
        if self._counted:
            self._idle.clear()
        else:
            self._idle.set()


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None, "calls run in tasks"  # noqa: S101 (for the type)
    return task
