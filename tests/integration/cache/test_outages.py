"""Redis stopped, hanging, full, or something else entirely: nobody waits long, nothing is raised, and it heals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from statistics import median

import pytest
import structlog

from pfa_rpc.cache.interface import Cache, Kind
from pfa_rpc.cache.redis_cache import WAIT_SECONDS, RedisCache
from pfa_rpc.records.revision import Revision
from tests.integration.cache.conftest import MakeCache
from tests.servers.redis import Redis

ONE = Revision(1, 10)
GENEROUS_SECONDS = 5.0
"""For things that take a tenth of it on a machine that has nothing else to do."""


async def use(cache: Cache) -> bool:
    """Do everything once; tell whether what was put was found."""
    await cache.put_chunks("RIO", {1: (ONE, b"chunk")})
    chunks = await cache.get_chunks("RIO", {1: ONE})
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"answer")
    entry = await cache.get("RIO", Kind.QUERY, "q")
    return bool(chunks) and entry is not None


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(GENEROUS_SECONDS):
        while not condition():  # noqa: ASYNC110 (what it asks has no event)
            await asyncio.sleep(0.01)


async def timed_reads(cache: RedisCache, number: int) -> list[float]:
    """Read in turn, finding nothing; return how long each took, in seconds."""
    spent = []
    for _ in range(number):
        started = time.perf_counter()
        assert await cache.get_chunks("RIO", {1: ONE}) == {}
        spent.append(time.perf_counter() - started)
    return spent


async def test_stopped_and_started_again(make: MakeCache, own_redis: Redis) -> None:
    cache = make(own_redis.url)
    assert await use(cache)
    own_redis.crash()
    with structlog.testing.capture_logs() as lines:
        before = cache.attempts
        assert max(await timed_reads(cache, 50)) < GENEROUS_SECONDS
        assert cache.attempts - before <= 3
        assert cache.is_resting
        assert (await cache.status("RIO")).layers[0].reachable is False
        assert await cache.clear("RIO") == 0
        own_redis.start()
        await until(lambda: not cache.is_resting)
    assert await use(cache)
    assert [line["log_level"] for line in lines if line.get("breaker") == "link"] == ["warning", "info"]


async def test_a_restart_between_two_reads_is_survived(make: MakeCache, own_redis: Redis) -> None:
    cache = make(own_redis.url)
    await asyncio.gather(*(use(cache) for _ in range(20)))  # several connections
    own_redis.restart()
    await asyncio.gather(*(use(cache) for _ in range(20)))
    await until(lambda: not cache.is_resting)
    assert await use(cache)


async def test_hanging_costs_one_reader_a_moment_and_the_others_nothing(make: MakeCache, own_redis: Redis) -> None:
    cache = make(own_redis.url)
    assert await use(cache)
    own_redis.hang()
    try:
        before = cache.attempts
        (first,) = await timed_reads(cache, 1)
        assert WAIT_SECONDS * 0.9 <= first < GENEROUS_SECONDS
        assert cache.is_resting
        assert median(await timed_reads(cache, 200)) < WAIT_SECONDS / 10  # any one may be late on a busy machine
        assert not await use(cache)
        assert cache.attempts - before == 1
    finally:
        own_redis.resume()
    await until(lambda: not cache.is_resting)
    assert await use(cache)


async def test_many_readers_at_once_wait_no_longer_than_one(make: MakeCache, own_redis: Redis) -> None:
    cache = make(own_redis.url)
    assert await use(cache)
    own_redis.hang()
    try:
        started = time.perf_counter()
        answers = await asyncio.gather(*(cache.get_chunks("RIO", {1: ONE}) for _ in range(300)))
        assert answers == [{}] * 300
        assert time.perf_counter() - started < GENEROUS_SECONDS
    finally:
        own_redis.resume()
    await until(lambda: not cache.is_resting)
    assert await use(cache)


@pytest.fixture
async def silent_url() -> AsyncIterator[str]:
    """The URL of something that accepts and never answers."""
    async with serving(None) as port:
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture
async def web_url() -> AsyncIterator[str]:
    """The URL of something that speaks another language."""
    async with serving(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as port:
        yield f"redis://127.0.0.1:{port}"


class serving:  # noqa: N801 (reads as a function)
    """A server that answers everything with the same, or with nothing."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            if self._answer is not None:
                writer.write(self._answer)
        writer.close()


async def test_a_socket_that_never_answers(make: MakeCache, silent_url: str) -> None:
    cache = make(silent_url)
    assert max(await timed_reads(cache, 100)) < GENEROUS_SECONDS
    assert cache.is_resting
    assert cache.attempts == 1
    await asyncio.sleep(0.5)  # probes come and go
    assert median(await timed_reads(cache, 100)) < WAIT_SECONDS / 10
    assert cache.attempts == 1


async def test_something_that_is_no_redis(make: MakeCache, web_url: str) -> None:
    cache = make(web_url)
    assert not await use(cache)
    await timed_reads(cache, 10)
    assert cache.is_resting
    assert cache.attempts <= 3


async def test_a_host_that_does_not_exist(make: MakeCache) -> None:
    cache = make("redis://host.invalid:6379")
    assert not await use(cache)
    assert (await cache.status("RIO")).layers[0].errors > 0


@pytest.mark.parametrize("form", ["redis+cluster://127.0.0.1:1,127.0.0.1:2", "redis+sentinel://127.0.0.1:1/main"])
async def test_neither_sentinels_nor_nodes(make: MakeCache, form: str) -> None:
    cache = make(form)
    for _ in range(5):
        assert not await use(cache)
    assert cache.is_resting


@pytest.mark.usefixtures("patience")
async def test_a_redis_that_refuses_writes_still_answers_reads(make: MakeCache, own_redis: Redis) -> None:
    cache = make(own_redis.url)
    assert await use(cache)
    with own_redis.client() as client:
        client.config_set("maxmemory", "1")
        client.config_set("maxmemory-policy", "noeviction")
        for number in range(10):
            await cache.put("RIO", Kind.QUERY, str(number), ONE, b"x")
        attempts = cache.attempts
        await cache.put_chunks("RIO", {2: (ONE, b"x")})
        assert cache.attempts == attempts, "writes rest"
        assert not cache.is_resting
        assert await cache.get_chunks("RIO", {1: ONE, 2: ONE}) == {1: b"chunk"}
        client.config_set("maxmemory", "0")
    await asyncio.sleep(0.3)
    assert await use(cache)


@pytest.mark.usefixtures("patience")
async def test_a_wrong_password_is_no_error_to_readers(make: MakeCache, own_redis: Redis) -> None:
    with own_redis.client() as client:
        client.config_set("requirepass", "right")
        client.execute_command("AUTH", "right")
        wrong, right = (
            make(own_redis.url.replace("://", "://:wrong@")),
            make(own_redis.url.replace("://", "://:right@")),
        )
        assert not await use(wrong)
        assert await use(right)


async def test_cancellation_passes(make: MakeCache, silent_url: str) -> None:
    cache = make(silent_url)
    reader = asyncio.create_task(cache.get_chunks("RIO", {1: ONE}))
    await asyncio.sleep(0.01)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader


@pytest.mark.usefixtures("patience")
async def test_a_closed_one_finds_and_keeps_nothing(make: MakeCache, redis_url: str) -> None:
    cache = make(redis_url)
    assert await use(cache)
    await cache.close()
    assert not await use(cache)
