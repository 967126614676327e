"""Redis behind a Sentinel: it is found, and found again after a failover."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pfa_rpc.cache.interface import Kind
from pfa_rpc.records.revision import Revision
from tests.integration.cache.conftest import MakeCache
from tests.servers.finding import redis_binaries
from tests.servers.processes import Workplace
from tests.servers.redis import Redis, running_redis

ONE = Revision(1, 10)
SERVICE = "main"
FAILOVER_SECONDS = 60


class Sentinel(Redis):
    """A Sentinel that watches one server."""

    watched: Redis

    def command(self) -> list[str | Path]:
        """Return what starts it."""
        file = self.folder / "sentinel.conf"
        lines = [
            f"port {self.port}",
            f"bind {self.host}",
            f"dir {self.folder}",
            f"sentinel monitor {SERVICE} {self.watched.host} {self.watched.port} 1",
            f"sentinel down-after-milliseconds {SERVICE} 300",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        file.write_text("\n".join(lines) + "\n")
        self.workplace._own(file)  # it writes its file anew
        return [self.programs / "redis-server", file, "--sentinel"]


@pytest.fixture
def replica(workplace: Workplace, own_redis: Redis) -> Iterator[Redis]:
    """A replica of the test's Redis."""
    options = ("--replicaof", own_redis.host, str(own_redis.port), "--repl-diskless-sync-delay", "0")
    with running_redis(workplace, redis_binaries(), *options) as server:
        yield server


@pytest.fixture
def sentinel(workplace: Workplace, own_redis: Redis) -> Iterator[Sentinel]:
    """A Sentinel that watches the test's Redis."""
    server = Sentinel(workplace, redis_binaries(), "sentinel")
    server.watched = own_redis
    server.start()
    yield server
    server.stop()


async def test_it_is_found_and_found_again_after_a_failover(
    make: MakeCache, own_redis: Redis, replica: Redis, sentinel: Sentinel
) -> None:
    cache = make(f"redis+sentinel://{sentinel.host}:{sentinel.port}/{SERVICE}")
    await cache.put("RIO", Kind.QUERY, "q", ONE, b"first")
    entry = await cache.get("RIO", Kind.QUERY, "q")
    assert entry is not None
    await asyncio.to_thread(sentinel.wait_for, lambda: knows_a_replica(sentinel))
    own_redis.crash()
    async with asyncio.timeout(FAILOVER_SECONDS):
        # Refused, then read-only, then the new master: none of it is an error, and it ends by itself.
        while True:
            await cache.put("RIO", Kind.QUERY, "q", ONE, b"second")
            entry = await cache.get("RIO", Kind.QUERY, "q")
            if entry is not None and entry.value == b"second":
                break
            await asyncio.sleep(0.05)
    with replica.client() as client:
        assert client.info("replication")["role"] == "master"


def knows_a_replica(sentinel: Sentinel) -> bool:
    """Tell whether it could fail over."""
    with sentinel.client() as client:
        return bool(client.execute_command("SENTINEL", "REPLICAS", SERVICE))
