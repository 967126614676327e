"""Work on one connection that goes on while more is made: `Sending`, one piece at a time, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self


class Sending:
    """What is sent while the next is made. As a context it ends with all of it done, or with none under way.

    While a piece is under way nobody else may use the connection: `done` waits for it.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.done()
        elif self._task is not None:
            self._task.cancel()
            # What it raises is a consequence of the error, or of being cancelled.
            await asyncio.gather(self._task, return_exceptions=True)

    async def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a piece once the one before is done. Raises what that one raised."""
        try:
            await self.done()
        except BaseException:
            work.close()
            raise
        self._task = asyncio.create_task(work)

    async def done(self) -> None:
        """Wait until nothing is under way. Raises what the last piece raised."""
        if self._task is not None:
            task, self._task = self._task, None
            await task
