"""Connections to Redis: `connect` makes a client for a single server, Sentinels or a cluster, `disconnect` ends it."""

from __future__ import annotations

from typing import Any, Final

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from pfa_rpc.cache.urls import Target, Topology

Client = Redis | RedisCluster

MAX_CONNECTIONS: Final = 64
"""Most connections of a process to a server of Redis."""
SOCKET_SECONDS: Final = 1.0
"""How long the driver itself waits; operations have shorter limits of their own."""
READ_BYTES: Final = 1 << 20
"""How much is read from a socket at once: chunks are hundreds of kilobytes."""
_CLUSTER_RETRIES: Final = 1
"""One more try, after the cluster was asked again who holds what."""


def connect(target: Target) -> Client:
    """Return a client; it connects when it is first used."""
    match target.topology:
        case Topology.SINGLE:
            host, port = target.nodes[0]
            return Redis(host=host, port=port, db=target.database, **_options(target), retry=_retry(0))
        case Topology.SENTINEL:
            return _behind_sentinels(target)
        case Topology.CLUSTER:
            nodes = [ClusterNode(host, port) for host, port in target.nodes]
            return RedisCluster(startup_nodes=nodes, **_options(target), retry=_retry(_CLUSTER_RETRIES))


async def disconnect(client: Client) -> None:
    """Close what a client has opened, the connections to Sentinels included."""
    if isinstance(client, Redis) and isinstance(client.connection_pool, SentinelConnectionPool):
        for sentinel in client.connection_pool.sentinel_manager.sentinels:
            await sentinel.aclose()
        await client.connection_pool.disconnect()
    await client.aclose()


def _behind_sentinels(target: Target) -> Redis:
    options = _options(target) | {"retry": _retry(0)}
    credentials = {
        "username": target.options.get("sentinel_username"),
        "password": target.options.get("sentinel_password"),
    }
    limited = {name: value for name, value in options.items() if name != "max_connections"}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        list(target.nodes), sentinel_kwargs=limited | credentials, **options
    )
    client: Redis = sentinel.master_for(target.service, redis_class=Redis, db=target.database)
    return client


def _options(target: Target) -> dict[str, Any]:
    options: dict[str, Any] = {
        "username": target.username,
        "password": target.password,
        "protocol": 2,  # spares each new connection a round trip, and what servers of version 6.2 do not know
        "driver_info": None,  # the same
        "decode_responses": False,
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": SOCKET_SECONDS,
        "socket_read_size": READ_BYTES,
        "max_connections": MAX_CONNECTIONS,
    }
    if target.tls:
        options["ssl"] = True
        if "ca" in target.options:
            options["ssl_ca_certs"] = target.options["ca"]
    return options


def _retry(times: int) -> Retry:
    return Retry(NoBackoff(), times)
