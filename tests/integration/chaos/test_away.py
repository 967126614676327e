"""Redis away: every read is answered all the same. PostgreSQL away: no answer rather than a wrong one, and it heals."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import pytest
import structlog
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status
from prometheus_client import REGISTRY

from pfa.v1.record_service_pb2 import StreamRecordsRequest
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.reading import chunk_reads, streams
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from tests.integration.chaos.site import HEADS, TAILS, Reader, make_data, running_site
from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis

HEALING_SECONDS: Final = 20.0
"""How long healing may take on a busy machine; seconds are what it takes."""
CALL_SECONDS: Final = 30.0
IDS: Final = [str(number) for number in range(1, HEADS + TAILS + 1)]


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    """What servers log."""
    with structlog.testing.capture_logs() as captured:
        yield captured


async def made(url: str) -> str:
    """Fill an empty database; return its URL."""
    database = Database(url)
    await migrate(database)
    await make_data(database)
    await database.close()
    return url


def metric(name: str, **labels: str) -> float:
    """Return a number of the registry; 0 where nothing was counted yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(HEALING_SECONDS):
        while not await condition():  # noqa: ASYNC110 (what it asks has no event)
            await asyncio.sleep(0.05)


# --- Redis -----------------------------------------------------------------------------------------------------


def fill_up(server: Redis) -> None:
    """Let it refuse writes, with nothing in it: all there is to answer would be written."""
    with server.client() as client:
        client.flushall()
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")


def make_room(server: Redis) -> None:
    """Let it take writes again."""
    with server.client() as client:
        client.config_set("maxmemory", "0")


@dataclass(frozen=True)
class Outage:
    """How Redis goes away and comes back, and the breaker that tells of it."""

    begin: Callable[[Redis], None]
    end: Callable[[Redis], None]
    breaker: str


OUTAGES: Final = {
    "stopped": Outage(Redis.crash, Redis.start, "link"),
    "hanging": Outage(Redis.hang, Redis.resume, "link"),
    "full": Outage(fill_up, make_room, "writes"),
}


@pytest.fixture
async def reader(postgresql_url: str, own_redis: Redis) -> AsyncIterator[Reader]:
    """A reader of a server whose whole cache is in Redis."""
    settings = Settings.load(
        database_url=await made(postgresql_url), listen="127.0.0.1:0", redis_url=own_redis.url, cache_process_bytes=0
    )
    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
        yield Reader(channel)


async def read_all(reader: Reader) -> None:
    """Read in every way; each shows what was written."""
    for way in reader.ways:
        view = await way()
        assert {*view.heads, *view.tails} == {0}


@pytest.mark.parametrize("name", OUTAGES)
async def test_reads_are_answered_while_redis_is_away(name: str, reader: Reader, own_redis: Redis) -> None:
    outage = OUTAGES[name]
    is_open = functools.partial(metric, "pfa_cache_breaker_open", breaker=outage.breaker)
    hits = functools.partial(metric, "pfa_cache_reads_total", kind="query", layer="redis", result="hit")
    opened = functools.partial(metric, "pfa_cache_breaker_opened_total", breaker=outage.breaker)
    await read_all(reader)
    found = hits()

    async def is_served() -> bool:  # not at once where the machine is so busy that Redis was late
        await read_all(reader)
        return hits() > found and is_open() == 0

    await until(is_served)
    before = opened()
    await asyncio.to_thread(outage.begin, own_redis)
    for _ in range(3):
        await read_all(reader)
    assert opened() > before, "a metric tells that it was given up"
    assert is_open() == 1

    await asyncio.to_thread(outage.end, own_redis)
    stored = functools.partial(metric, "pfa_cache_writes_total", kind="query", layer="redis", result="stored")
    with own_redis.client() as client:
        client.flushall()
    known = stored(), hits()

    async def is_healed() -> bool:
        await read_all(reader)
        return is_open() == 0 and stored() > known[0] and hits() > known[1]

    await until(is_healed)


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def check_unavailable(error: grpc.aio.AioRpcError) -> None:
    """Assert that a failure is told as it should be: try again, and when."""
    assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # an AioRpcError has what it reads
    assert status is not None, error
    told = {detail.type_url.rpartition("/")[2]: detail.value for detail in status.details}
    assert ErrorInfo.FromString(told[ErrorInfo.DESCRIPTOR.full_name]).reason == "DATABASE_UNAVAILABLE"
    delay = RetryInfo.FromString(told[RetryInfo.DESCRIPTOR.full_name]).retry_delay
    assert 0 < delay.ToTimedelta().total_seconds() < 60


@dataclass
class Resumed:
    """A stream that goes on after every failure with the last resume token."""

    stub: Any
    filter: str
    ids: list[str] = field(default_factory=list)
    failures: int = 0
    token: str = ""

    async def read(self) -> None:
        """Read it to its end."""
        while not await self._attempt():
            self.failures += 1
            await asyncio.sleep(0.1)

    async def _attempt(self) -> bool:
        request = StreamRecordsRequest(
            organization_id="RIO", filter=self.filter, batch_size=20, resume_token=self.token
        )
        try:
            async for batch in self.stub.StreamRecords(request, timeout=CALL_SECONDS):
                self.ids += [record.pfa_id for record in batch.records]
                self.token = batch.resume_token
        except grpc.aio.AioRpcError as error:
            check_unavailable(error)
            return False
        return True


@pytest.fixture
async def channel(own_postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server without any cache, whose streams read the database often."""
    monkeypatch.setattr(streams, "STRETCH", 50)
    monkeypatch.setattr(streams, "WINDOW", 1)
    url = await made(own_postgresql.url())
    settings = Settings.load(database_url=url, listen="127.0.0.1:0", cache_process_bytes=0)
    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as opened:
        yield opened


@pytest.mark.parametrize("end", [PostgreSQL.crash, PostgreSQL.shut_down])
@pytest.mark.parametrize("way", ["fetch_chunks", "read_stretch"])
async def test_a_stream_that_lost_its_database_goes_on_exactly_where_it_was(
    channel: grpc.aio.Channel,
    own_postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    end: Callable[[PostgreSQL], None],
) -> None:
    place, text = (chunk_reads, "") if way == "fetch_chunks" else (reads, "source = SOURCE_RENTAL")
    read = getattr(place, way)
    turns = 0

    async def read_of_a_server_that_goes(*args: Any, **options: Any) -> Any:
        nonlocal turns
        turns += 1
        if turns == 2:  # in the middle of the stream, and of a transaction
            await asyncio.to_thread(end, own_postgresql)
        return await read(*args, **options)

    monkeypatch.setattr(place, way, read_of_a_server_that_goes)
    stream = Resumed(RecordServiceStub(channel), text)
    reading = asyncio.create_task(stream.read())

    async def has_failed_twice() -> bool:
        return stream.failures >= 2 or reading.done()

    await until(has_failed_twice)
    assert 0 < len(stream.ids) < len(IDS)
    await asyncio.to_thread(own_postgresql.start)
    async with asyncio.timeout(HEALING_SECONDS):
        await reading
    assert stream.ids == IDS


async def test_a_restart_of_the_database_under_load_heals_by_itself(
    own_postgresql: PostgreSQL, redis_url: str, lines: list[Any]
) -> None:
    refused = 0

    def note(error: Exception) -> None:
        nonlocal refused
        refused += 1
        if isinstance(error, grpc.aio.AioRpcError):
            check_unavailable(error)

    async with running_site(own_postgresql.url(), redis_url) as site:
        site.on_refusal = note

        async def works() -> None:
            reads, writes = site.reads, site.writes

            async def is_more() -> bool:
                return site.over.is_set() or (site.reads > reads + 20 and site.writes > writes + 5)

            await until(is_more)

        async def refuses() -> None:
            before = refused

            async def is_more() -> bool:
                return site.over.is_set() or refused > before + 20

            await until(is_more)

        async def refuses_nothing() -> bool:
            before = refused
            await works()
            return refused == before

        async def restart_often() -> None:
            await works()
            for end in (PostgreSQL.crash, PostgreSQL.shut_down) * 2:
                await asyncio.to_thread(end, own_postgresql)
                await refuses()
                await asyncio.to_thread(own_postgresql.start)
                await works()
            await until(refuses_nothing)
            site.over.set()

        await site.run(10 * HEALING_SECONDS, restart_often)
        assert site.violations == []
    assert [line for line in lines if line["event"] == "failure"] == []
