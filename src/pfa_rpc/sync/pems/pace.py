"""How fast PEMS is asked: `Pace` spaces requests out, `Delays` says how long to wait before a further attempt."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from pfa_rpc.sync.pems.errors import TooManyRequests

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

_LONGEST_DELTA: Final = 10
"""Digits of a Retry-After that are read as a number of seconds."""


class Pace:
    """A token bucket that holds one request: so many a second, whoever asks.

    Evenly spaced, because PEMS counts over seconds of its own, and two bursts of ours could fall into one of them.

    Args:
        per_second: how many requests.
        longest_wait: seconds that a caller waits for its turn, at most.
        clock: the time, in seconds.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        per_second: float,
        longest_wait: float,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._interval = 1.0 / per_second
        self._longest_wait = longest_wait
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._paused_until = self._next

    async def turn(self) -> None:
        """Wait for the turn of one request. Raises TooManyRequests where that would take too long."""
        latest = self._clock() + self._longest_wait
        while True:
            now = self._clock()
            turn = max(now, self._next, self._paused_until)
            if turn > latest:
                raise TooManyRequests(
                    f"more requests wait for PEMS than can be sent within {self._longest_wait:g} seconds",
                    retry_after=turn - now,
                )
            self._next = turn + self._interval
            if turn > now:
                await self._sleep(turn - now)
            # PEMS may have asked for a pause meanwhile; then there is another turn behind it.
            if self._paused_until <= turn:
                return

    def pause(self, seconds: float) -> None:
        """Let nobody send for some seconds: PEMS has asked for it."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)


@dataclass(frozen=True, slots=True)
class Delays:
    """How long to wait between attempts."""

    first: float
    """Seconds before the second attempt; each further wait is twice as long."""
    longest: float
    """Seconds that no wait exceeds, whatever PEMS asks for."""

    def after(self, attempt: int, asked: float | None, draw: Callable[[], float] = random.random) -> float:
        """Return the seconds to wait after an attempt, which count from 1; `asked` is what PEMS asks for."""
        growing = self.first * 2.0 ** min(attempt - 1, 30)
        # Between half and one and a half of it, so that workers who failed together do not come back together.
        jittered = growing * (0.5 + draw())
        return min(self.longest, jittered if asked is None else max(asked, jittered))


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date; None where it says neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= _LONGEST_DELTA else None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
