"""The cache in Redis, over a real one: what is found, under which keys, for how long, and what garbage does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio

from pfa_rpc.cache.entries import HEADER_BYTES, EntryFormat, place
from pfa_rpc.cache.factory import make_cache
from pfa_rpc.cache.interface import CHUNKS, MAX_PARTS, MAX_VALUE_BYTES, Kind
from pfa_rpc.cache.redis_cache import RedisCache
from pfa_rpc.cache.urls import Target
from pfa_rpc.records.revision import Revision
from tests.integration.cache.conftest import FORMAT, MakeCache
from tests.servers.redis import Redis

pytestmark = pytest.mark.usefixtures("patience")
ONE, OTHER = Revision(1, 10), Revision(1, 11)


@pytest.fixture
async def raw(redis_url: str) -> redis.asyncio.Redis:
    """What a person with redis-cli sees."""
    return redis.asyncio.Redis.from_url(redis_url, single_connection_client=False)


async def test_a_chunk_is_found_at_exactly_its_pair(cache: RedisCache) -> None:
    await cache.put_chunks("RIO", {0: (ONE, b"zero"), 1: (ONE, b"one"), 7: (OTHER, b"")})
    assert await cache.get_chunks("RIO", {0: ONE, 1: OTHER, 2: ONE, 7: OTHER}) == {0: b"zero", 7: b""}
    (layer,) = (await cache.status("RIO")).layers
    assert (layer.hits, layer.stale, layer.misses, layer.errors) == (2, 1, 1, 0)
    assert (layer.entries, layer.reachable) == (3, True)


async def test_many_large_chunks_come_back_whole(cache: RedisCache) -> None:
    chunks = {number: (Revision(number, -number), os.urandom(120_000)) for number in range(60)}
    await cache.put_chunks("RIO", chunks)
    found = await cache.get_chunks("RIO", {number: revision for number, (revision, _) in chunks.items()})
    # Loaded as this machine may be, what did not come in time may be missing; what came is right.
    assert found
    assert all(found[number] == chunks[number][1] for number in found)


async def test_an_answer_is_found_with_what_it_was_made_from(cache: RedisCache) -> None:
    assert await cache.get("RIO", Kind.QUERY, "q") is None
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"answer")
    entry = await cache.get("RIO", Kind.QUERY, "q")
    assert entry is not None
    assert (entry.revision, entry.value) == (ONE, b"answer")
    assert 0 <= entry.age_seconds < 60
    assert await cache.get("RIO", Kind.QUERY, "q", ONE) is not None
    assert await cache.get("RIO", Kind.QUERY, "q", OTHER) is None


async def test_keys_and_their_times(cache: RedisCache, raw: redis.asyncio.Redis) -> None:
    await cache.put_chunks("RIO", {3: (ONE, b"x")})
    for kind, key in ((Kind.QUERY, "abc"), (Kind.MODIFIED, ""), (Kind.VOCABULARY, "")):
        await cache.put("RIO", kind, key, ONE, b"x")
    async with raw:
        times = {key: await raw.ttl(key) for key in await raw.keys()}
        assert times.pop(b"pfa:{RIO}:modified") == -1
        assert 0 < times.pop(b"pfa:{RIO}:query:abc") <= 300
        assert 300 < times.pop(b"pfa:{RIO}:vocabulary") <= 900
        assert 300 < times.pop(b"pfa:{RIO}:records") <= 900
        assert not times
        await raw.expire("pfa:{RIO}:records", 10)
        await cache.get_chunks("RIO", {3: ONE})
        assert await raw.ttl("pfa:{RIO}:records") > 300


@pytest.mark.parametrize("other", ["RIO2", "RI", "rio", "RIO}:query:q", "RIO:records", "RI*", "", "РИО", "R?O"])
async def test_organizations_are_apart_also_where_one_code_begins_the_other(
    cache: RedisCache, raw: redis.asyncio.Redis, other: str
) -> None:
    await cache.put_chunks("RIO", {0: (ONE, b"of RIO")})
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"of RIO")
    await cache.put_chunks(other, {0: (ONE, b"of other")})
    await cache.put(other, Kind.QUERY, "q", ONE, b"of other")
    assert await cache.get_chunks("RIO", {0: ONE}) == {0: b"of RIO"}
    assert await cache.get_chunks(other, {0: ONE}) == {0: b"of other"}
    assert await cache.clear(other) == 2
    entry = await cache.get("RIO", Kind.QUERY, "q")
    assert entry is not None
    assert entry.value == b"of RIO"
    assert await cache.get(other, Kind.QUERY, "q") is None
    async with raw:
        assert sorted(await raw.keys()) == [b"pfa:{RIO}:query:q", b"pfa:{RIO}:records"]


async def test_an_entry_under_another_organization_s_key_is_not_taken(
    cache: RedisCache, raw: redis.asyncio.Redis
) -> None:
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"of RIO")
    await cache.put_chunks("RIO", {0: (ONE, b"of RIO"), 1: (ONE, b"another")})
    async with raw:
        await raw.copy("pfa:{RIO}:query:q", "pfa:{RIO2}:query:q")
        await raw.copy("pfa:{RIO}:records", "pfa:{RIO2}:records")
        await raw.hset("pfa:{RIO}:records", "0", await raw.hget("pfa:{RIO}:records", "1"))
    assert await cache.get("RIO2", Kind.QUERY, "q") is None
    assert await cache.get_chunks("RIO2", {0: ONE, 1: ONE}) == {}
    assert await cache.get_chunks("RIO", {0: ONE, 1: ONE}) == {1: b"another"}


@pytest.mark.parametrize(
    "garbage",
    [b"", b"x", b"PFA\x03", os.urandom(500), b"PFA\x03" + os.urandom(60), bytes(2_000_000)],
    ids=["nothing", "a letter", "a beginning", "noise", "noise after a beginning", "two million zeros"],
)
async def test_garbage_in_every_key_is_a_miss_and_is_replaced(
    cache: RedisCache, raw: redis.asyncio.Redis, garbage: bytes
) -> None:
    async with raw:
        await raw.hset("pfa:{RIO}:records", mapping={str(number): garbage for number in range(3)})
        for kind in Kind:
            name = f"pfa:{{RIO}}:{kind}"
            await (raw.hset(name, "0", garbage) if kind.may_have_parts else raw.set(name, garbage))
    assert await cache.get_chunks("RIO", dict.fromkeys(range(3), ONE)) == {}
    for kind in Kind:
        assert await cache.get("RIO", kind, "") is None
    await check_that_it_works(cache)


async def check_that_it_works(cache: RedisCache) -> None:
    """Put and get every kind."""
    await cache.put_chunks("RIO", {1: (ONE, b"chunk")})
    assert await cache.get_chunks("RIO", {1: ONE}) == {1: b"chunk"}
    for kind in Kind:
        await cache.put("RIO", kind, "", ONE, kind.value.encode())
        entry = await cache.get("RIO", kind, "", ONE)
        assert entry is not None
        assert entry.value == kind.value.encode()
    assert not cache.is_resting


@pytest.mark.parametrize("reads_first", [True, False])
async def test_keys_of_another_type_are_misses_and_give_way(
    cache: RedisCache,
    raw: redis.asyncio.Redis,
    reads_first: bool,
) -> None:
    async with raw:
        await raw.set("pfa:{RIO}:records", b"text")
        for kind in Kind:
            await raw.rpush(f"pfa:{{RIO}}:{kind}", b"list")
    if reads_first:
        assert await cache.get_chunks("RIO", {1: ONE}) == {}
        for kind in Kind:
            assert await cache.get("RIO", kind, "") is None
    await check_that_it_works(cache)


async def test_entries_of_another_version_are_passed_over(cache: RedisCache, redis_url: str) -> None:
    other = RedisCache(Target.parse(redis_url), EntryFormat(b"tests", payload_version=99))
    await other.put("RIO", Kind.QUERY, "q", ONE, b"theirs")
    await other.put_chunks("RIO", {0: (ONE, b"theirs")})
    assert await cache.get("RIO", Kind.QUERY, "q") is None
    assert await cache.get_chunks("RIO", {0: ONE}) == {}
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"ours")
    assert await other.get("RIO", Kind.QUERY, "q") is None
    await other.close()


async def test_nothing_above_the_limit_is_written(cache: RedisCache, raw: redis.asyncio.Redis) -> None:
    largest = MAX_VALUE_BYTES - HEADER_BYTES
    await cache.put("RIO", Kind.QUERY, "large", ONE, bytes(largest))
    await cache.put("RIO", Kind.QUERY, "larger", ONE, bytes(largest + 1))
    beyond = bytes(MAX_PARTS * MAX_VALUE_BYTES)
    await cache.put_chunks("RIO", {0: (ONE, bytes(largest)), 1: (ONE, beyond), 2: (ONE, b"small")})
    for kind in (Kind.MODIFIED, Kind.VOCABULARY):
        await cache.put("RIO", kind, "", ONE, beyond)
        assert await cache.get("RIO", kind, "") is None
    async with raw:
        assert await raw.strlen("pfa:{RIO}:query:large") == MAX_VALUE_BYTES
        assert not await raw.exists("pfa:{RIO}:query:larger")
        assert sorted(await raw.hkeys("pfa:{RIO}:records")) == [b"0", b"2"]


async def until_found(read: Callable[[], Awaitable[Any]]) -> Any:
    """Return what a read finds; loaded as this machine may be, it may have to be tried again."""
    for _ in range(20):
        found = await read()
        if found:
            return found
        await asyncio.sleep(0.05)
    return None


async def test_a_large_chunk_is_kept_in_parts(cache: RedisCache, raw: redis.asyncio.Redis) -> None:
    chunks = {0: (ONE, b"small"), 1: (ONE, os.urandom(2_500_000)), 2: (OTHER, os.urandom(1_200_000))}
    await cache.put_chunks("RIO", chunks)
    async with raw:
        fields = sorted(await raw.hkeys("pfa:{RIO}:records"))
        assert fields == [b"0", b"1", b"1/1", b"1/2", b"2", b"2/1"]
        assert max([await raw.hstrlen("pfa:{RIO}:records", field) for field in fields]) <= MAX_VALUE_BYTES
        pairs = {number: revision for number, (revision, _) in chunks.items()}
        found = await until_found(lambda: cache.get_chunks("RIO", pairs))
        assert found == {number: value for number, (_, value) in chunks.items()}
        assert await cache.get_chunks("RIO", dict.fromkeys(chunks, OTHER)) == {2: chunks[2][1]}
        # One part of another fill of the same pair, and one that is gone: neither chunk is there any more.
        kept = await raw.hget("pfa:{RIO}:records", "1/2")
        await cache.put_chunks("RIO", {1: (ONE, os.urandom(2_500_000))})
        await raw.hset("pfa:{RIO}:records", "1/2", kept)
        await raw.hdel("pfa:{RIO}:records", "2/1")
        assert await cache.get_chunks("RIO", pairs) == {0: b"small"}


@pytest.mark.parametrize("kind", [Kind.MODIFIED, Kind.VOCABULARY])
async def test_a_large_value_is_replaced_as_a_whole(cache: RedisCache, raw: redis.asyncio.Redis, kind: Kind) -> None:
    large = os.urandom(3_300_000)
    await cache.put("RIO", kind, "", ONE, large)
    entry = await until_found(lambda: cache.get("RIO", kind, "", ONE))
    assert entry.value == large
    await cache.put("RIO", kind, "", OTHER, b"small")
    assert await cache.get("RIO", kind, "", ONE) is None
    assert (await until_found(lambda: cache.get("RIO", kind, ""))).value == b"small"
    async with raw:
        assert await raw.hkeys(f"pfa:{{RIO}}:{kind}") == [b"0"]


async def test_what_each_family_holds_is_told(redis_url: str) -> None:
    cache = make_cache(redis_url, process_bytes=1 << 20)
    await cache.put_chunks("RIO", {0: (ONE, b"zero"), 1: (ONE, b"one")})
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"answer")
    await cache.put("RIO", Kind.VOCABULARY, "", ONE, b"words")
    for layer in (await cache.status("RIO")).layers:
        families = {family.name: family for family in layer.families}
        counted = {name: family.entries for name, family in families.items()}
        assert counted == {"records": 2, "query": 1, "modified": 0, "vocabulary": 1}
        assert layer.entries == 4
        assert families["modified"].bytes == 0 < families["vocabulary"].bytes < layer.bytes
    await cache.close()


async def test_a_flush_is_a_miss_and_nothing_more(cache: RedisCache, raw: redis.asyncio.Redis) -> None:
    await check_that_it_works(cache)
    async with raw:
        await raw.flushall()
    assert await cache.get_chunks("RIO", {1: ONE}) == {}
    assert await cache.get("RIO", Kind.QUERY, "") is None
    await check_that_it_works(cache)


async def test_readers_who_give_up_leave_no_answer_to_others(cache: RedisCache) -> None:
    """A reply that one reader no longer waits for must not become another's."""
    for number in range(20):
        await cache.put("RIO", Kind.QUERY, str(number), ONE, b"%d" % number)

    async def read(number: int) -> None:
        entry = await cache.get("RIO", Kind.QUERY, str(number))
        assert entry is None or entry.value == b"%d" % number

    for round_ in range(30):
        readers = [asyncio.create_task(read(number)) for number in range(20)]
        await asyncio.sleep(round_ / 20_000)
        for reader in readers[::2]:
            reader.cancel()
        done = await asyncio.gather(*readers, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in done)
    await check_that_it_works(cache)


async def test_no_command_is_unknown_to_the_oldest_version(cache: RedisCache, raw: redis.asyncio.Redis) -> None:
    async with raw:
        before = (await raw.info("errorstats")).get("errorstat_ERR")
        await check_that_it_works(cache)
        await cache.status("RIO")
        await cache.clear("RIO")
        assert (await raw.info("errorstats")).get("errorstat_ERR") == before


async def test_the_process_stands_above_redis(redis_url: str) -> None:
    one, two = (make_cache(redis_url, process_bytes=1 << 20) for _ in range(2))
    await one.put_chunks("RIO", {0: (ONE, b"zero")})
    await one.put("RIO", Kind.QUERY, "q", ONE, b"old")
    assert await two.get_chunks("RIO", {0: ONE}) == {0: b"zero"}
    assert await two.get_chunks("RIO", {0: ONE}) == {0: b"zero"}
    near, far = (await two.status("RIO")).layers
    assert (near.name, near.hits, near.misses) == ("process", 1, 1)
    assert (far.name, far.hits, far.misses) == ("redis", 1, 0)
    assert await two.get("RIO", Kind.QUERY, "q") is not None
    # What one process finds out is what the other finds, where its own copy is of another revision.
    await one.put("RIO", Kind.QUERY, "q", OTHER, b"new")
    entry = await two.get("RIO", Kind.QUERY, "q", OTHER)
    assert entry is not None
    assert entry.value == b"new"
    assert await two.clear("RIO") == 4
    await one.close()
    await two.close()


async def test_in_a_cluster_an_organization_is_on_one_node(make: MakeCache, redis_cluster: list[Redis]) -> None:
    cache = make(redis_cluster[0].url.replace("redis://", "redis+cluster://").removesuffix("/0"))
    nodes = set()
    for organization in ("RIO", "RIO2", "A/B {x}", "Z9", "Q", "ÅÄÖ"):
        await cache.put_chunks(organization, {0: (ONE, organization.encode())})
        for kind in Kind:
            await cache.put(organization, kind, "key", ONE, organization.encode())
        assert await cache.get_chunks(organization, {0: ONE}) == {0: organization.encode()}
        (layer,) = (await cache.status(organization)).layers
        assert (layer.entries, layer.reachable) == (4, True)
        holding = [node for node in redis_cluster if holds_keys(node)]
        assert len(holding) == 1
        nodes.add(holding[0].port)
        assert await cache.clear(organization) == 4
        assert await cache.get_chunks(organization, {0: ONE}) == {}
    assert len(nodes) > 1


def holds_keys(node: Redis) -> bool:
    """Tell whether a node has the keys of the one organization that there is, which all are in one slot."""
    with node.client() as client:
        keys = client.scan(count=1_000)[1]
        slots = {client.execute_command("CLUSTER", "KEYSLOT", key) for key in keys}
    assert len(slots) <= 1
    assert len(keys) in {0, 4}
    return bool(keys)


async def test_places_in_redis_are_those_of_the_format(cache: RedisCache, raw: redis.asyncio.Redis) -> None:
    await cache.put_chunks("RIO", {5: (ONE, b"five")})
    async with raw:
        entry = FORMAT.unpack(place("RIO", CHUNKS, 5), await raw.hget("pfa:{RIO}:records", "5"))
    assert entry is not None
    assert (entry.revision, entry.value) == (ONE, b"five")
