"""The circuit breaker, by a clock that the tests move."""

from __future__ import annotations

import structlog

from pfa_rpc.cache.breaker import Breaker
from tests.unit.cache.test_process import Clock


def breaker(clock: Clock) -> Breaker:
    """Return a closed one."""
    return Breaker("test", failures=3, rest_seconds=1.0, clock=clock)


def test_it_opens_after_failures_in_a_row_only() -> None:
    it = breaker(Clock())
    for _ in range(5):
        it.failed("x")
        it.failed("x")
        it.succeeded()
    assert it.allows()
    for _ in range(3):
        it.failed("x")
    assert it.is_open
    assert not it.allows()


def test_a_failure_that_took_time_opens_it_at_once() -> None:
    it = breaker(Clock())
    it.failed("slow", at_once=True)
    assert not it.allows()


def test_after_a_rest_one_may_try() -> None:
    clock = Clock()
    it = breaker(clock)
    it.failed("x", at_once=True)
    clock.now += 0.99
    assert not it.allows()
    clock.now += 0.01
    assert it.allows()
    assert [it.allows() for _ in range(10)] == [False] * 10
    it.succeeded()
    assert not it.is_open
    assert it.allows()


def test_a_failed_trial_begins_another_rest() -> None:
    clock = Clock()
    it = breaker(clock)
    it.failed("x", at_once=True)
    clock.now += 1
    assert it.allows()
    it.failed("x")
    assert not it.allows()
    clock.now += 1
    assert it.allows()


def test_a_trial_that_tells_nothing_leaves_the_next_to_another() -> None:
    clock = Clock()
    it = breaker(clock)
    it.failed("x", at_once=True)
    clock.now += 1
    assert it.allows()
    it.gave_up()
    assert it.allows()
    clock.now += 1  # this one was never heard of again
    assert it.allows()


def test_one_that_opens_again_and_again_rests_longer_up_to_a_limit() -> None:
    clock = Clock()
    it = breaker(clock)
    rests = []
    for _ in range(6):
        it.failed("x", at_once=True)
        rests.append(it.rest_seconds)
        clock.now += it.rest_seconds
        assert it.allows()
        it.succeeded()
    assert rests == [1, 2, 4, 8, 8, 8]
    clock.now += 60
    it.failed("x", at_once=True)
    assert it.rest_seconds == 1


def test_opening_and_closing_are_logged_once() -> None:
    clock = Clock()
    it = breaker(clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(9):
            it.failed("it was refused")
        it.succeeded()
        it.succeeded()
    assert [line["log_level"] for line in lines] == ["warning", "info"]
    assert lines[0]["why"] == "it was refused"
