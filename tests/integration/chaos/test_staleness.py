"""No fresh read is stale or torn, whatever Redis loses, keeps or brings back; and three mistakes that this finds.

PFA_CHAOS_SECONDS says how long it looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, Final

import pytest
import redis
import structlog
from prometheus_client import REGISTRY

from pfa_rpc.cache.breaker import Breaker
from pfa_rpc.cache.interface import Kind
from pfa_rpc.cache.redis_cache import RedisCache
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.reading import chunk_reads, figures
from pfa_rpc.services.reading.answers import Answer, Answers, Fill
from pfa_rpc.store import reads
from pfa_rpc.store.chunk_reads import fetch_chunks
from pfa_rpc.store.chunks import Chunk
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.revisions import get_chunk_revisions
from tests.integration.chaos.site import Site, running_site
from tests.servers.redis import Redis

SECONDS: Final = float(os.environ.get("PFA_CHAOS_SECONDS", "10"))
FINDING_SECONDS: Final = 60.0
"""How long a mistake may stay unseen; it is seen within a second or two where the machine has nothing else to do."""
FLUSH_SECONDS: Final = 0.4


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads and fills take their time between one step and the next."""
    for place, name in (
        (reads, "list_page"),
        (reads, "count"),
        (reads, "read_stretch"),
        (reads, "read_unsynced"),
        (reads, "read_vocabulary"),
        (figures, "aggregate"),
        (chunk_reads, "fetch_chunks"),
        (RedisCache, "put"),
        (RedisCache, "put_chunks"),
    ):
        monkeypatch.setattr(place, name, slowed(getattr(place, name)))


def slowed(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return the same step with a random pause before and after it."""

    @functools.wraps(step)
    async def slow_step(*args: Any, **options: Any) -> Any:
        await asyncio.sleep(random.random() * 0.01)
        answer = await step(*args, **options)
        await asyncio.sleep(random.random() * 0.01)
        return answer

    return slow_step


@pytest.fixture
async def site(
    pauses: None, postgresql_url: str, own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """Two servers with one database and one Redis, which is asked again soon after a crash."""
    monkeypatch.setattr("pfa_rpc.cache.redis_cache.Breaker", functools.partial(Breaker, rest_seconds=0.1))
    monkeypatch.setattr("pfa_rpc.cache.breaker.LONGEST_REST", 0.2)
    with structlog.testing.capture_logs():  # to write them out takes longer than to answer calls
        async with running_site(postgresql_url, own_redis.url) as made:
            yield made


class Vandal:
    """Does to a Redis what must not matter."""

    def __init__(self, server: Redis, site: Site) -> None:
        self._server = server
        self._site = site
        self._random = random.Random(2)
        self.crashes = self.garbled = self.flushes = 0

    async def flush(self) -> None:
        """Let it forget everything, now and then."""
        await self._site.rest(FLUSH_SECONDS)
        if await self._do(lambda client: client.flushall()):
            self.flushes += 1

    async def garble(self) -> None:
        """Put something else under every key."""
        await self._site.rest(0.3 * self._random.random())
        await self._do(self._garble)

    async def crash(self) -> None:
        """Kill it, and start it with what it knew some time ago."""
        await self._site.rest(1.0)
        await self._do(lambda client: client.save())
        await self._site.rest(0.6)
        await asyncio.to_thread(self._server.crash)
        await asyncio.sleep(0.1 * self._random.random())
        await asyncio.to_thread(self._server.start)
        self.crashes += 1

    async def _do(self, work: Callable[[redis.Redis], object]) -> bool:
        def connected() -> None:
            with self._server.client() as client:
                work(client)

        with contextlib.suppress(redis.RedisError):  # it may be down just now
            await asyncio.to_thread(connected)
            return True
        return False

    def _garble(self, client: redis.Redis) -> None:
        for key in client.scan_iter():
            kind = client.type(key)
            if kind == b"hash":
                entries: dict[bytes, bytes] = client.hgetall(key)  # type: ignore[assignment]
                values = list(entries.values())
                self._random.shuffle(values)  # some are whole, and under another's name
                garbled = {field: self._garbled(value) for field, value in zip(entries, values, strict=True)}
                if garbled:
                    client.hset(key, mapping=garbled)  # type: ignore[arg-type]
            elif kind == b"string":
                client.set(key, self._garbled(client.get(key) or b""))  # type: ignore[arg-type]
            if self._random.random() < 0.1:
                client.delete(key)
                client.lpush(key, "of another type")
            self.garbled += 1

    def _garbled(self, entry: bytes) -> bytes:
        match self._random.randrange(4):
            case 0:
                return self._random.randbytes(len(entry))
            case 1:
                return entry[: self._random.randrange(len(entry) + 1)]
            case 2 if entry:
                place = self._random.randrange(len(entry))
                return entry[:place] + bytes([entry[place] ^ 1 << self._random.randrange(8)]) + entry[place + 1 :]
            case _:
                return entry


def counted(result: str, kind: str) -> float:
    """Return how many entries were looked for in Redis with this result."""
    labels = {"kind": kind, "layer": "redis", "result": result}
    return REGISTRY.get_sample_value("pfa_cache_reads_total", labels) or 0.0


async def test_no_fresh_read_is_stale_or_torn(site: Site, own_redis: Redis) -> None:
    vandal = Vandal(own_redis, site)
    results, kinds = ("hit", "miss", "stale", "error"), ("query", "records", "modified", "vocabulary")
    before = {(result, kind): counted(result, kind) for result in results for kind in kinds}
    await site.run(SECONDS, site.restore, vandal.flush, vandal.garble, vandal.crash)
    assert site.violations == []
    # All of it has happened, and Redis did answer reads meanwhile.
    grown = {labels: counted(*labels) - number for labels, number in before.items()}
    for result in results:
        assert sum(grown[result, kind] for kind in kinds) > 0, result
    for kind in kinds:
        assert grown["hit", kind] + grown["stale", kind] > 0, kind
    assert min(vandal.crashes, vandal.flushes, vandal.garbled, site.writes, site.reads) > 0


# --- tests of this test: a mistake in the design is seen --------------------------------------------------------------


async def assert_seen(site: Site) -> None:
    """Assert that readers see something that must not be seen."""
    await site.run(FINDING_SECONDS, site.restore)
    assert len(site.violations) > 0, f"{site.reads} reads beside {site.writes} writes showed nothing wrong"


async def test_a_revision_without_its_nonce_is_seen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Revision, "__eq__", lambda one, other: one.number == other.number)
    await assert_seen(site)


async def test_an_answer_filed_under_a_revision_of_another_snapshot_is_seen(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill_twice(
        self: Answers, organization_id: str, kind: Kind, asked: str, fill: Fill
    ) -> tuple[Revision, Answer]:
        async with self._database.reading() as connection:
            value = await fill(connection, await get_organization(connection, organization_id))
        async with self._database.reading() as connection:
            revision = (await get_organization(connection, organization_id)).revision
        await self.keep(organization_id, asked, revision, value, kind)
        return revision, Answer(revision, value)

    monkeypatch.setattr(Answers, "_fill", fill_twice)
    await assert_seen(site)


async def test_a_chunk_filed_under_a_revision_of_another_snapshot_is_seen(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_twice(database: Database, organization_id: str, chunks: Collection[int]) -> dict[int, Chunk]:
        found = await fetch_chunks(database, organization_id, chunks)
        _, pairs = await get_chunk_revisions(site.database, organization_id)
        return {number: Chunk(pairs[number], chunk.payloads) for number, chunk in found.items()}

    monkeypatch.setattr(chunk_reads, "fetch_chunks", slowed(read_twice))
    for reader in site.readers:
        reader.ways = (reader.stream_whole,)  # nothing else reads chunks
    await assert_seen(site)


async def test_a_reader_who_joins_an_older_fill_is_seen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pfa_rpc.cache.single_flight._is_new_enough", lambda made_from, seen: True)
    await assert_seen(site)
