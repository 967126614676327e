"""When to stop asking a server that does not answer: `Breaker`; `Watched` says what is told of it, and where."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from pfa_rpc.cache.metrics import BREAKER_OPEN, BREAKER_OPENED

FAILURES: Final = 3
"""How many failures in a row open it, where each is quick; one that took the caller's time opens it by itself."""
REST_SECONDS: Final = 1.0
"""How long it stays open before somebody may try again."""
LONGEST_REST: Final = 8.0
"""So long, in seconds, where it keeps opening again soon after it has closed."""
SOON_SECONDS: Final = 5.0

_log: Final = structlog.stdlib.get_logger("pfa")


@dataclass(frozen=True, slots=True)
class Watched:
    """The server that a breaker is for: what the log and the metrics say of it."""

    server: str
    """What the log calls it."""
    meanwhile: str
    """What happens while it rests, for the log."""
    open: Gauge
    """1 while it rests; labelled with the breaker's name."""
    opened: Counter
    """How often it was given up; labelled likewise."""


REDIS: Final = Watched("redis", "the database serves", BREAKER_OPEN, BREAKER_OPENED)


class Breaker:
    """Closed: everybody may try. Open: nobody. Half open, after a rest: one may try, and decides for all."""

    def __init__(
        self,
        name: str,
        *,
        failures: int = FAILURES,
        rest_seconds: float = REST_SECONDS,
        longest_rest: float | None = None,
        watched: Watched = REDIS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._limit = failures
        self._shortest_rest = rest_seconds
        self.rest_seconds = rest_seconds
        """How long it stays open, before a trial."""
        self._longest_rest = longest_rest
        self._watched = watched
        self._clock = clock
        self._failures = 0
        self._since = self._closed = -math.inf
        self._opened: float | None = None
        self._trying: float | None = None
        self.attempts = 0
        """How often somebody was let through."""
        watched.open.labels(name).set(0)

    @property
    def is_open(self) -> bool:
        """Whether it is open or half open."""
        return self._opened is not None

    @property
    def remaining(self) -> float:
        """Seconds until somebody may try; 0 where somebody may."""
        if self._opened is None:
            return 0.0
        # A trial that never said how it ended must not keep the breaker open for good.
        since = self._opened if self._trying is None else self._trying
        return max(0.0, since + self.rest_seconds - self._clock())

    def allows(self) -> bool:
        """Tell whether the caller may try; it must then call `succeeded`, `failed` or `gave_up`."""
        if self._opened is not None:
            if self.remaining > 0:
                return False
            self._trying = self._clock()
        self.attempts += 1
        return True

    def succeeded(self) -> None:
        """Note an answer: it closes."""
        self._failures = 0
        if self._opened is not None:
            seconds = round(self._clock() - self._since, 1)
            _log.info(f"{self._watched.server} answers again", breaker=self._name, seconds=seconds)
            self._watched.open.labels(self._name).set(0)
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
        longer = min(self.rest_seconds * 2, self._longest_rest or LONGEST_REST)
        self.rest_seconds = longer if is_soon else self._shortest_rest
        self._watched.open.labels(self._name).set(1)
        self._watched.opened.labels(self._name).inc()
        told = f"{self._watched.server} is given a rest: {self._watched.meanwhile}"
        _log.warning(told, breaker=self._name, why=why)

    def gave_up(self) -> None:
        """Note that a trial ended without telling anything: the next one may try."""
        if self._trying is not None:
            self._trying = self._clock() - self.rest_seconds
