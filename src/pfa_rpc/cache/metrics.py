"""What the caches count, on Prometheus' default registry: `Counts` for a layer, `filling` for fills."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

READS: Final = Counter(
    "pfa_cache_reads_total",
    "Entries looked for, by kind, layer and result: hit, miss, stale (made from another revision), error.",
    ("kind", "layer", "result"),
)
WRITES: Final = Counter(
    "pfa_cache_writes_total",
    "Entries put, by kind, layer and result: stored, skipped (too large, or the layer is given a rest), error.",
    ("kind", "layer", "result"),
)
FILL_SECONDS: Final = Histogram(
    "pfa_cache_fill_seconds",
    "How long it took to make what was not cached, by kind.",
    ("kind",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
FLIGHTS: Final = Counter(
    "pfa_cache_flights_total",
    "Fills asked for, by result: started, joined (another reader's), outdated (another reader's, and too old).",
    ("result",),
)
BREAKER_OPEN: Final = Gauge(
    "pfa_cache_breaker_open",
    "1 while Redis is given a rest, 0 else; breaker is link (all commands) or writes.",
    ("breaker",),
)
BREAKER_OPENED: Final = Counter("pfa_cache_breaker_opened_total", "How often Redis was given up.", ("breaker",))
PROCESS_BYTES: Final = Gauge("pfa_cache_process_bytes", "What the cache in the process holds, its overhead included.")
PROCESS_EVICTED: Final = Counter("pfa_cache_process_evicted_total", "Entries that gave way to others in the process.")


class ReadResult(enum.StrEnum):
    """How a look-up ended."""

    HIT = "hit"
    MISS = "miss"
    STALE = "stale"
    ERROR = "error"


class WriteResult(enum.StrEnum):
    """How a put ended."""

    STORED = "stored"
    SKIPPED = "skipped"
    ERROR = "error"


class Counts:
    """Counts of one layer of one cache, for its status and for the registry."""

    def __init__(self, layer: str) -> None:
        self._layer = layer
        self._reads = dict.fromkeys(ReadResult, 0)
        self._write_errors = 0

    def read(self, kind: str, result: ReadResult, number: int = 1) -> None:
        """Count entries looked for."""
        if number:
            self._reads[result] += number
            READS.labels(kind, self._layer, result.value).inc(number)

    def write(self, kind: str, result: WriteResult, number: int = 1) -> None:
        """Count entries put."""
        if number:
            self._write_errors += number if result is WriteResult.ERROR else 0
            WRITES.labels(kind, self._layer, result.value).inc(number)

    @property
    def hits(self) -> int:
        """Entries found."""
        return self._reads[ReadResult.HIT]

    @property
    def misses(self) -> int:
        """Entries not found, or worthless."""
        return self._reads[ReadResult.MISS]

    @property
    def stale(self) -> int:
        """Entries found, made from another revision than the one asked for."""
        return self._reads[ReadResult.STALE]

    @property
    def errors(self) -> int:
        """Entries that could not be looked for or put."""
        return self._reads[ReadResult.ERROR] + self._write_errors


@contextmanager
def filling(kind: str) -> Iterator[None]:
    """Measure a fill: the time that the block takes, unless it fails."""
    started = time.perf_counter()
    yield
    FILL_SECONDS.labels(kind).observe(time.perf_counter() - started)
