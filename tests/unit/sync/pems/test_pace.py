"""How fast PEMS is asked, by a clock that moves only while somebody sleeps."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.sync.pems.errors import TooManyRequests
from pfa_rpc.sync.pems.pace import Delays, Pace, retry_after


class Time:
    """A clock; sleepers wake in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        heapq.heappush(self._sleepers, (self.now + seconds, len(self._sleepers), event))
        await event.wait()

    async def pass_by(self, until: float) -> None:
        """Let time pass."""
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self.now, _, event = heapq.heappop(self._sleepers)
            event.set()
            await self._settle()
        self.now = until

    async def _settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


class Requests:
    """Tasks that each send one request in its turn."""

    def __init__(self, per_second: float = 10, longest_wait: float = 60) -> None:
        self.time = Time()
        self.pace = Pace(per_second, longest_wait, clock=self.time.clock, sleep=self.time.sleep)
        self.sent: list[float] = []
        self.tasks: list[asyncio.Task[None]] = []

    def ask(self, times: int = 1) -> None:
        self.tasks += [asyncio.create_task(self._one()) for _ in range(times)]

    async def _one(self) -> None:
        await self.pace.turn()
        self.sent.append(self.time.now)


async def test_requests_keep_their_distance_however_many_ask() -> None:
    requests = Requests()
    requests.ask(25)
    await requests.time.pass_by(3)
    assert requests.sent == pytest.approx([n / 10 for n in range(25)])


async def test_one_that_asks_seldom_never_waits() -> None:
    requests = Requests()
    for second in range(3):
        await requests.time.pass_by(second)
        requests.ask()
    await requests.time.pass_by(3)
    assert requests.sent == [0, 1, 2]


async def test_time_without_requests_is_not_saved_up_for_a_burst() -> None:
    requests = Requests()
    await requests.time.pass_by(100)
    requests.ask(3)
    await requests.time.pass_by(101)
    assert requests.sent == pytest.approx([100, 100.1, 100.2])


async def test_a_pause_holds_for_those_who_wait_already() -> None:
    requests = Requests()
    requests.ask(8)
    await requests.time.pass_by(0.25)
    requests.pace.pause(5)
    await requests.time.pass_by(5.2)
    assert len(requests.sent) == 3
    await requests.time.pass_by(7)
    assert len(requests.sent) == 8
    assert min(requests.sent[3:]) >= 5.25
    assert all(later - earlier >= 0.0999 for earlier, later in zip(requests.sent, requests.sent[1:], strict=False))


async def test_nobody_waits_longer_than_the_longest_wait() -> None:
    requests = Requests(longest_wait=1)
    requests.ask(20)
    await requests.time.pass_by(5)
    failures = [task.exception() for task in requests.tasks if task.exception()]
    assert len(requests.sent) == 11
    assert len(failures) == 9
    assert isinstance(failures[0], TooManyRequests)
    assert failures[0].retry_after == pytest.approx(1.1)


async def test_a_pause_beyond_the_longest_wait_is_told_at_once() -> None:
    requests = Requests(longest_wait=1)
    requests.pace.pause(3600)
    with pytest.raises(TooManyRequests) as caught:
        await requests.pace.turn()
    assert caught.value.retry_after == pytest.approx(3600)


async def test_one_that_is_cancelled_while_it_waits_holds_nobody_up() -> None:
    requests = Requests()
    requests.ask(3)
    await requests.time.pass_by(0)
    requests.tasks[1].cancel()
    await requests.time.pass_by(1)
    assert requests.sent == pytest.approx([0, 0.2])


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("9" * 400, None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
        ("²", None),
    ],
)
def test_what_pems_asks_for_is_read_in_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.text(max_size=40))
def test_whatever_the_header_holds_is_read_or_passed_over(header: str) -> None:
    found = retry_after(header, NOW)
    assert found is None or found >= 0


def test_waits_double_and_are_spread() -> None:
    delays = Delays(0.5, 60)
    assert [delays.after(attempt, None, lambda: 0.5) for attempt in range(1, 5)] == [0.5, 1, 2, 4]
    assert delays.after(1, None, lambda: 0.0) == 0.25
    assert delays.after(1, None, lambda: 1.0) == 0.75
    assert len({delays.after(1, None) for _ in range(20)}) > 10


def test_no_wait_exceeds_the_longest() -> None:
    delays = Delays(0.5, 60)
    assert delays.after(1_000, None) == 60
    assert delays.after(1, 86_400) == 60
    assert delays.after(1, 20) == 20
    assert delays.after(8, 1, lambda: 0.0) == 32, "less than its own wait PEMS cannot ask for"
