"""How long a message may wait for its client: `WriteLimit`, one timer for all messages that are being written.

And `first_message`, which is not given up before the headers that travel with it are sent.
A timeout of its own for each message takes a tenth of what it takes to write a small one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from pfa_rpc.errors import SlowClient

HEADER_SECONDS: Final = 1.0
"""How long a call that is to end waits until its headers are sent."""


class WriteLimit:
    """Ends writes that take too long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began: dict[asyncio.Task[object], float] = {}
        """Who writes, and since when, the oldest first."""
        self._expired: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, writing: Awaitable[None]) -> None:
        """Wait until a message of the running task is written. Raises SlowClient after the time."""
        task = asyncio.current_task()
        assert task is not None, "calls run in tasks"  # noqa: S101 (for the type)
        loop = asyncio.get_running_loop()
        cancelling = task.cancelling()
        self._began[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)
        try:
            await writing
        except asyncio.CancelledError:
            if self._end(task) and task.cancelling() <= cancelling:
                raise SlowClient from None
            raise
        finally:
            self._end(task)

    def _end(self, task: asyncio.Task[object]) -> bool:
        """Forget a write; return whether it was this that cancelled it."""
        self._began.pop(task, None)
        if task not in self._expired:
            return False
        self._expired.discard(task)
        task.uncancel()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel who has waited too long, and look again when the next one has."""
        self._timer = None
        for task, began in list(self._began.items()):
            if loop.time() < began + self._seconds:
                self._timer = loop.call_at(began + self._seconds, self._look, loop)
                return
            del self._began[task]
            self._expired.add(task)
            task.cancel()


async def first_message(writing: Awaitable[None]) -> None:
    """Wait until the first message of a stream is written; once begun, also where the call is to end meanwhile.

    Headers travel with it, and gRPC counts them as sent when it is. A status would take them along once more, which the
    core refuses: the client would never hear of the end.
    """
    sending = asyncio.ensure_future(writing)
    try:
        await asyncio.shield(sending)
    except asyncio.CancelledError:
        _, pending = await asyncio.wait((sending,), timeout=HEADER_SECONDS)
        for unsent in pending:  # the client reads nothing at all
            unsent.cancel()
        raise
