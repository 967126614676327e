"""What benchmarks say of times is what was timed."""

from __future__ import annotations

import pytest

from bench.timing import Side, Times, interleaved, row


def test_sides_run_in_turns_and_the_warm_up_does_not_count() -> None:
    ran: list[tuple[str, int]] = []
    sides = [
        Side("a", lambda number: ran.append(("a", number))),
        Side("b", lambda number: ran.append(("b", number)), lambda number: ran.append(("before b", number))),
    ]
    times = interleaved(sides, 2, warm_up=1)
    assert ran == [(name, number) for number in (-1, 0, 1) for name in ("a", "before b", "b")]
    assert {name: len(taken.seconds) for name, taken in times.items()} == {"a": 2, "b": 2}


def test_percentiles_are_those_of_the_list() -> None:
    times = Times([number / 1000 for number in range(100, 0, -1)])
    assert times.p50 == pytest.approx(50.5)
    assert times.p99 == pytest.approx(99)


def test_a_line_says_whether_its_limit_was_kept() -> None:
    times = Times([0.002, 0.002])
    assert row("x", times, unit=1.0, limit=2).endswith("at most 2: yes")
    assert row("x", times, unit=0.9, limit=2).endswith("at most 2: NO")
