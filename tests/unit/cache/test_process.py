"""The cache in the process: valid by the pair, bounded in bytes, one organization apart from the other."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.cache.interface import MAX_VALUE_BYTES, Kind
from pfa_rpc.cache.process import OVERHEAD_BYTES, ProcessCache
from pfa_rpc.records.revision import Revision

ONE, OTHER = Revision(1, 10), Revision(1, 11)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_chunk_is_found_at_exactly_its_pair() -> None:
    cache = ProcessCache(1 << 20)
    await cache.put_chunks("RIO", {0: (ONE, b"zero"), 1: (ONE, b"one")})
    assert await cache.get_chunks("RIO", {0: ONE, 1: OTHER, 2: ONE}) == {0: b"zero"}
    (layer,) = (await cache.status("RIO")).layers
    assert (layer.hits, layer.stale, layer.misses, layer.entries) == (1, 1, 1, 2)


async def test_an_answer_is_found_with_what_it_was_made_from_and_its_age() -> None:
    clock = Clock()
    cache = ProcessCache(1 << 20, clock=clock)
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"answer")
    clock.now += 20
    entry = await cache.get("RIO", Kind.QUERY, "q")
    assert entry is not None
    assert (entry.revision, entry.value, entry.age_seconds) == (ONE, b"answer", 20)
    assert await cache.get("RIO", Kind.QUERY, "q", ONE) == entry
    assert await cache.get("RIO", Kind.QUERY, "q", OTHER) is None


async def test_answers_age_out_but_modified_records_stay() -> None:
    clock = Clock()
    cache = ProcessCache(1 << 20, clock=clock)
    for kind in Kind:
        await cache.put("RIO", kind, "", ONE, b"answer")
    clock.now += 299
    assert await cache.get("RIO", Kind.QUERY, "") is not None
    clock.now += 1
    assert await cache.get("RIO", Kind.QUERY, "") is None
    clock.now += 10_000
    assert await cache.get("RIO", Kind.VOCABULARY, "") is None
    assert await cache.get("RIO", Kind.MODIFIED, "") is not None
    assert len(cache) == 1


async def test_organizations_kinds_and_keys_are_apart() -> None:
    cache = ProcessCache(1 << 20)
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"of RIO")
    await cache.put_chunks("RIO", {1: (ONE, b"of RIO")})
    for organization, kind, key in (("RIO2", Kind.QUERY, "q"), ("RI", Kind.QUERY, "q"), ("RIO", Kind.MODIFIED, "q")):
        assert await cache.get(organization, kind, key) is None
    assert await cache.get_chunks("RIO2", {1: ONE}) == {}
    await cache.put("RIO2", Kind.QUERY, "q", ONE, b"of RIO2")
    assert await cache.clear("RIO") == 2
    assert await cache.get("RIO", Kind.QUERY, "q") is None
    assert await cache.get("RIO2", Kind.QUERY, "q") is not None


async def test_what_was_used_longest_ago_gives_way() -> None:
    cache = ProcessCache(3 * (1_000 + OVERHEAD_BYTES + 20))
    for number in range(3):
        await cache.put_chunks("RIO", {number: (ONE, bytes(1_000))})
    await cache.get_chunks("RIO", {0: ONE})
    await cache.put_chunks("RIO", {3: (ONE, bytes(1_000))})
    assert set(await cache.get_chunks("RIO", dict.fromkeys(range(4), ONE))) == {0, 2, 3}


async def test_what_is_too_large_is_not_kept_and_takes_the_old_answer_along() -> None:
    cache = ProcessCache(1 << 30)
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"old")
    await cache.put("RIO", Kind.QUERY, "q", OTHER, bytes(MAX_VALUE_BYTES + 1))
    assert await cache.get("RIO", Kind.QUERY, "q") is None
    assert cache.size == 0
    nothing = ProcessCache(0)
    await nothing.put("RIO", Kind.QUERY, "q", ONE, b"x")
    assert len(nothing) == 0


@given(
    st.lists(st.tuples(st.sampled_from(["RIO", "RIO2", "X"]), st.integers(0, 20), st.integers(0, 3_000)), max_size=60)
)
def test_it_never_holds_more_than_it_may(puts: list[tuple[str, int, int]]) -> None:
    async def run() -> None:
        cache = ProcessCache(10_000)
        for organization, number, size in puts:
            await cache.put_chunks(organization, {number: (ONE, bytes(size))})
            assert cache.size <= 10_000
        statuses = [(await cache.status(organization)).layers[0] for organization in ("RIO", "RIO2", "X")]
        assert sum(status.entries for status in statuses) == len(cache)
        assert sum(status.bytes for status in statuses) == cache.size
        for organization in ("RIO", "RIO2", "X"):
            await cache.clear(organization)
        assert cache.size == 0
        await cache.close()

    asyncio.run(run())


async def test_its_count_covers_what_it_takes() -> None:
    cache = ProcessCache(1 << 30)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(5_000):
            await cache.put("RIO", Kind.QUERY, f"{number:064}", Revision(number, number + 2**60), b"%d" % number)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.5 * cache.size < taken < cache.size


async def test_a_closed_one_finds_and_keeps_nothing() -> None:
    cache = ProcessCache(1 << 20)
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"x")
    await cache.close()
    await cache.put("RIO", Kind.QUERY, "r", ONE, b"x")
    assert await cache.get("RIO", Kind.QUERY, "q") is None
    assert (await cache.status("RIO")).layers[0].entries == 0
