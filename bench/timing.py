"""Times sides beside each other: `interleaved` runs them in turns, `Times` says what came of each."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Run = Callable[[int], object]
"""Does a thing once; it is told the number of the round."""
Timed = tuple[float, float]
"""Seconds, and those of this process' processor."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the things that are compared."""

    name: str
    run: Run
    before: Run | None = None
    """Sets the stage, and is not timed."""


@dataclass(slots=True)
class Times:
    """What a side took, in seconds."""

    seconds: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return statistics.median(self.seconds) * 1e3

    @property
    def p99(self) -> float:
        """What 99 of 100 did not exceed, in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[math.ceil(0.99 * len(ordered)) - 1] * 1e3


def interleaved(sides: Sequence[Side], rounds: int, *, warm_up: int = 1) -> dict[str, Times]:
    """Return name → times of sides that were run in turns, after rounds that do not count."""
    times = {side.name: Times() for side in sides}
    for number in range(-warm_up, rounds):
        for side in sides:
            if side.before is not None:
                side.before(number)
            began = time.perf_counter()
            side.run(number)
            seconds = time.perf_counter() - began
            if number >= 0:
                times[side.name].seconds.append(seconds)
    return times


def row(name: str, times: Times, unit: float, limit: float | None = None) -> str:
    """Return a line: p50 and p99 in ms, p50 in units, and what it may be at most."""
    ratio = times.p50 / unit
    wanted = "" if limit is None else f"   at most {limit:g}: {'yes' if ratio <= limit else 'NO'}"
    return f"{name:<58}{times.p50:>9.2f}{times.p99:>9.2f}{ratio:>9.2f}{wanted}"


HEADING = f"{'':<58}{'p50 ms':>9}{'p99 ms':>9}{'p50 / u':>9}"
