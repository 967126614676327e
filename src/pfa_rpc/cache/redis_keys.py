"""Names of what is kept in Redis: `key_name` and `part_field` make them, `parse_key` takes one apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote, unquote

from redis.asyncio import RedisCluster

from pfa_rpc.cache.redis_client import Client

SCAN_COUNT: Final = 1_000
"""Names that Redis looks at for one reply."""
FIRST: Final = 0
"""The field of a hash that holds one value."""


def key_name(organization_id: str, family: str, key: str = "") -> str:
    """Return the name of a key."""
    # Codes are quoted so that no code holds a brace, or anything that a pattern takes for a wildcard; an empty pair of
    # braces would not be a tag.
    tag = quote(organization_id, safe="") or "%"
    return f"pfa:{{{tag}}}:{family}" + (f":{quote(key, safe='')}" if key else "")


def parse_key(name: bytes) -> tuple[str, str]:
    """Return family and key of a name; a foreign one gives what no family is called."""
    family, _, key = name.rpartition(b"}:")[2].decode(errors="replace").partition(":")
    return family, unquote(key)


def part_field(field: int, part: int) -> int | str:
    """Return the field of a hash that holds a part of a value."""
    return f"{field}/{part}" if part else field


def scan(client: Client, organization_id: str, family: str) -> AsyncIterator[bytes]:
    """Yield the names of an organization's keys; in a cluster all are on one node. Some may come twice."""
    key = key_name(organization_id, family)
    # The pattern holds nothing special: what would be is quoted in keys.
    pattern = key_name(organization_id, "*")
    if isinstance(client, RedisCluster):
        node = client.get_node_from_key(key)
        return client.scan_iter(match=pattern, count=SCAN_COUNT, target_nodes=node)
    return client.scan_iter(match=pattern, count=SCAN_COUNT)
