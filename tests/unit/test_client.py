"""A client goes on after what passes, and gives up what does not: no wait, and no repetition, is without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import timedelta

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from pfa.v1.record_pb2 import Record
from pfa.v1.watch_pb2 import WatchRecordsRequest, WatchRecordsResponse
from pfa_rpc.client import RecordClient, Replica, following

CURRENT = WatchRecordsResponse(records=[Record(id="a")], is_current=True)
THROUGH = "through"
LISTED = WatchRecordsResponse(is_current=True, changes_through=THROUGH)

Step = WatchRecordsResponse | grpc.aio.AioRpcError


def error(code: grpc.StatusCode, delay: float = 0.0) -> grpc.aio.AioRpcError:
    """Return an error of a server, which may say when to come again."""
    trailing = grpc.aio.Metadata()
    if delay:
        detail = Packed()
        detail.Pack(RetryInfo(retry_delay=_duration(delay)))
        status = Status(code=code.value[0], message="no", details=[detail])
        trailing = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details="no")


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration


class Following:
    """A client, and a server that does what it is told, the last thing again and again."""

    def __init__(self, *watches: Iterable[Step]) -> None:
        self._watches = list(watches)
        self.begun = 0
        self.waits: list[float] = []
        self.replica = Replica()
        self._channel = grpc.aio.insecure_channel("127.0.0.1:1")
        self._client = RecordClient(self._channel, waiting=lambda _, seconds: self.waits.append(seconds))
        self._client._messages = self._messages  # type: ignore[method-assign]

    async def _messages(self, request: WatchRecordsRequest) -> AsyncGenerator[WatchRecordsResponse, None]:
        assert request.revision_token == self.replica.token
        watch = self._watches[min(self.begun, len(self._watches) - 1)]
        self.begun += 1
        for step in watch:
            if isinstance(step, grpc.aio.AioRpcError):
                raise step
            yield step

    async def run(self) -> grpc.StatusCode:
        """Follow until the client gives up; return what it raised."""
        try:
            async for _ in self._client.follow("RIO", replica=self.replica):
                pass
        except grpc.aio.AioRpcError as error:
            return error.code()
        finally:
            await self._channel.close()
        raise AssertionError("it ends by itself")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_seconds: float) -> None:
        pass

    monkeypatch.setattr(asyncio, "sleep", at_once)


OVER = error(grpc.StatusCode.NOT_FOUND)


async def test_a_server_that_is_away_is_waited_for_longer_each_time() -> None:
    away: list[list[Step]] = [[error(grpc.StatusCode.UNAVAILABLE)]] * 40
    client = Following(*away, [CURRENT, LISTED, error(grpc.StatusCode.DEADLINE_EXCEEDED)], [OVER])
    assert await client.run() is grpc.StatusCode.NOT_FOUND
    assert client.begun == 42
    assert max(client.waits) <= following.LONGEST_WAIT
    assert client.waits[0] <= following.FIRST_WAIT
    assert client.waits[39] >= following.LONGEST_WAIT / 2
    assert client.waits[40] <= following.FIRST_WAIT, "something came in between"


@pytest.mark.parametrize("code", ["INTERNAL", "UNKNOWN", "ABORTED", "RESOURCE_EXHAUSTED"])
async def test_what_may_not_pass_is_tried_a_few_times(code: str) -> None:
    client = Following([error(grpc.StatusCode[code])])
    assert await client.run() is grpc.StatusCode[code]
    assert client.begun == following.ATTEMPTS


async def test_attempts_count_from_the_last_time_that_something_came() -> None:
    broken = error(grpc.StatusCode.INTERNAL)
    passing: list[list[Step]] = [[LISTED, broken]] * 20
    client = Following(*passing, [broken])
    assert await client.run() is grpc.StatusCode.INTERNAL
    assert client.begun == 20 + following.ATTEMPTS - 1


async def test_a_busy_server_is_waited_for_as_long_as_it_says_within_limits() -> None:
    busy: list[list[Step]] = [[error(grpc.StatusCode.RESOURCE_EXHAUSTED, 3)]] * 9
    client = Following(*busy, [error(grpc.StatusCode.UNAVAILABLE, 3_600)], [OVER])
    assert await client.run() is grpc.StatusCode.NOT_FOUND
    assert client.waits == [3] * 9 + [following.LONGEST_WAIT]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "ABORTED"])
async def test_records_that_never_come_to_their_end_are_not_asked_for_for_ever(code: str) -> None:
    client = Following([CURRENT, error(grpc.StatusCode[code])])
    assert await client.run() is grpc.StatusCode[code]
    assert client.begun == following.ATTEMPTS


async def test_what_waiting_does_not_mend_is_raised_at_once() -> None:
    client = Following([CURRENT, LISTED, error(grpc.StatusCode.PERMISSION_DENIED)])
    assert await client.run() is grpc.StatusCode.PERMISSION_DENIED
    assert (client.begun, client.waits) == (1, [])
    assert client.replica.token == THROUGH
