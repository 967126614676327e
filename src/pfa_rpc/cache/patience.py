"""How long an operation waits for Redis in all: `Patience`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_LATE_SECONDS: Final = 0.01
_GRACE_SECONDS: Final = 0.02


class Patience:
    """A limit for the waits of one operation, however many there are."""

    def __init__(self, seconds: float) -> None:
        self._deadline = asyncio.get_running_loop().time() + seconds

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be waited for."""
        return asyncio.get_running_loop().time() >= self._deadline

    def extend(self, seconds: float) -> None:
        """Grant more, for something that came."""
        self._deadline += seconds

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Run a block that waits. Raises TimeoutError when patience is over."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:

            def expire() -> None:
                # A busy loop runs this late, and has not looked at its sockets for as long: the answer may be there.
                late = loop.time() - self._deadline > _LATE_SECONDS
                limit.reschedule(loop.time() + (_GRACE_SECONDS if late else 0.0))

            timer = loop.call_at(self._deadline, expire)
            try:
                yield
            finally:
                timer.cancel()
