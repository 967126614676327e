"""Caches over a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from pfa_rpc.cache.breaker import Breaker
from pfa_rpc.cache.entries import EntryFormat
from pfa_rpc.cache.redis_cache import RedisCache
from pfa_rpc.cache.urls import Target

FORMAT = EntryFormat(b"tests")

MakeCache = Callable[[str], RedisCache]


@pytest.fixture
async def make() -> AsyncIterator[MakeCache]:
    """Makes caches at a URL, with breakers that rest for a moment only."""
    async with AsyncExitStack() as stack:

        def make_cache(url: str) -> RedisCache:
            breakers = {name: Breaker(name, rest_seconds=0.2) for name in ("link", "writes")}
            cache = RedisCache(Target.parse(url), FORMAT, **breakers)
            stack.push_async_callback(cache.close)
            return cache

        yield make_cache


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let caches wait for Redis as long as a busy machine may need, where a test asks what is found, not how soon."""
    monkeypatch.setattr("pfa_rpc.cache.redis_cache.WAIT_SECONDS", 5.0)


@pytest.fixture
def cache(make: MakeCache, redis_url: str) -> RedisCache:
    """A cache over the Redis of all tests, which is empty."""
    return make(redis_url)
