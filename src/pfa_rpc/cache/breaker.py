"""When to stop asking a server that does not answer: `Breaker`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

import structlog

from pfa_rpc.cache.metrics import BREAKER_OPEN, BREAKER_OPENED

FAILURES: Final = 3
"""How many failures in a row open it, where each is quick; one that took the caller's time opens it by itself."""
REST_SECONDS: Final = 1.0
"""How long it stays open before somebody may try again."""
LONGEST_REST: Final = 8.0
"""So long, in seconds, where it keeps opening again soon after it has closed."""
SOON_SECONDS: Final = 5.0

_log: Final = structlog.stdlib.get_logger("pfa")


class Breaker:
    """Closed: everybody may try. Open: nobody. Half open, after a rest: one may try, and decides for all."""

    def __init__(
        self,
        name: str,
        *,
        failures: int = FAILURES,
        rest_seconds: float = REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._limit = failures
        self._shortest_rest = rest_seconds
        self.rest_seconds = rest_seconds
        """How long it stays open, before a trial."""
        self._clock = clock
        self._failures = 0
        self._since = self._closed = -math.inf
        self._opened: float | None = None
        self._trying: float | None = None
        self.attempts = 0
        """How often somebody was let through."""
        BREAKER_OPEN.labels(name).set(0)

    @property
    def is_open(self) -> bool:
        """Whether it is open or half open."""
        return self._opened is not None

    def allows(self) -> bool:
        """Tell whether the caller may try; it must then call `succeeded`, `failed` or `gave_up`."""
        if self._opened is not None:
            now = self._clock()
            # A trial that never said how it ended must not keep the breaker open for good.
            since = self._opened if self._trying is None else self._trying
            if now - since < self.rest_seconds:
                return False
            self._trying = now
        self.attempts += 1
        return True

    def succeeded(self) -> None:
        """Note an answer: it closes."""
        self._failures = 0
        if self._opened is not None:
            _log.info("redis answers again", breaker=self._name, seconds=round(self._clock() - self._since, 1))
            BREAKER_OPEN.labels(self._name).set(0)
            self._closed = self._clock()
        self._opened = self._trying = None

    def failed(self, why: str, *, at_once: bool = False) -> None:
        """Note a failure: it opens after some in a row, or `at_once`, and stays open if it was open."""
        self._failures += 1
        if self._opened is not None:
            if self._trying is not None:
                self._opened, self._trying = self._clock(), None
        elif at_once or self._failures >= self._limit:
            self._open(why)

    def _open(self, why: str) -> None:
        self._opened = self._since = self._clock()
        is_soon = self._opened - self._closed < SOON_SECONDS
        self.rest_seconds = min(self.rest_seconds * 2, LONGEST_REST) if is_soon else self._shortest_rest
        BREAKER_OPEN.labels(self._name).set(1)
        BREAKER_OPENED.labels(self._name).inc()
        _log.warning("redis is given a rest: the database serves", breaker=self._name, why=why)

    def gave_up(self) -> None:
        """Note that a trial ended without telling anything: the next one may try."""
        if self._trying is not None:
            self._trying = self._clock() - self.rest_seconds
