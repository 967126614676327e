"""How many requests an installation takes: `RateLimit` says of each whether it is one too many."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class RateLimit:
    """Allows a number of requests a second, and as many at once."""

    def __init__(self, per_second: float | None, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._most = max(per_second or 0.0, 1.0)
        self._allowance = self._most
        self._now = now
        self._counted_at = now()

    def wait(self) -> int:
        """Count a request; return 0, or in how many whole seconds to come again."""
        if self._per_second is None:
            return 0
        now = self._now()
        grown = self._allowance + (now - self._counted_at) * self._per_second
        self._allowance, self._counted_at = min(self._most, grown), now
        if self._allowance < 1:
            return max(1, math.ceil((1 - self._allowance) / self._per_second))
        self._allowance -= 1
        return 0
