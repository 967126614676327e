"""All that a Redis keeps of an organization, one entry after another: `Inspection`, for those who check it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import RedisError

from pfa_rpc.cache.entries import EntryFormat, Unpacked, place
from pfa_rpc.cache.factory import SCHEMA_FINGERPRINT
from pfa_rpc.cache.interface import CHUNKS, MAX_VALUE_BYTES, Kind
from pfa_rpc.cache.redis_client import connect, disconnect
from pfa_rpc.cache.redis_keys import FIRST, key_name, parse_key, part_field, scan
from pfa_rpc.cache.urls import Target
from pfa_rpc.records.revision import Revision

_FIELDS: Final = 4
"""Fields of a hash that are read at once: a few megabytes at most."""


class RedisAway(Exception):
    """Redis does not answer, or refuses to."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry, whole."""

    family: str
    key: str
    """The number of a chunk, the hash of a query, or ""."""
    revision: Revision
    value: bytes
    fields: tuple[str, ...]
    """Where it is in its hash; empty for one that has a key of its own."""


class Inspection:
    """Reads and drops entries of one Redis, those that this version understands."""

    def __init__(self, url: str, entries: EntryFormat | None = None) -> None:
        self._client = connect(Target.parse(url))
        self._entries = entries or EntryFormat(SCHEMA_FINGERPRINT)

    async def close(self) -> None:
        """Close every connection."""
        with _answers():
            await disconnect(self._client)

    async def entries(self, organization_id: str) -> AsyncIterator[Kept]:
        """Yield the entries of an organization, a few at a time in memory. Raises RedisAway."""
        with _answers():
            await self._do("EXISTS", key_name(organization_id, CHUNKS))  # a cluster learns so which node has it
            async for name in scan(self._client, organization_id, CHUNKS):
                family, key = parse_key(name)
                if name != key_name(organization_id, family, key).encode():
                    continue
                if family == CHUNKS:
                    async for kept in self._chunks(organization_id, name):
                        yield kept
                elif family in list(Kind):
                    found = await self._of_kind(organization_id, name, Kind(family), key)
                    if found is not None:
                        yield found

    async def drop(self, organization_id: str, kept: Kept) -> None:
        """Remove an entry. Raises RedisAway."""
        name = key_name(organization_id, kept.family, "" if kept.family == CHUNKS else kept.key)
        with _answers():
            await (self._do("HDEL", name, *kept.fields) if kept.family == CHUNKS else self._do("UNLINK", name))

    async def _chunks(self, organization_id: str, name: bytes) -> AsyncIterator[Kept]:
        if await self._do("TYPE", name) != b"hash":
            return
        async for field, entry in self._client.hscan_iter(name, count=_FIELDS):
            if field.isdigit():
                where = place(organization_id, CHUNKS, int(field))
                found = await self._whole(name, where, int(field), entry)
                if found is not None:
                    first, value, fields = found
                    yield Kept(CHUNKS, field.decode(), first.revision, value, fields)

    async def _of_kind(self, organization_id: str, name: bytes, kind: Kind, key: str) -> Kept | None:
        where = place(organization_id, kind.value, key)
        if await self._do("TYPE", name) != (b"hash" if kind.may_have_parts else b"string"):
            return None
        if kind.may_have_parts:
            found = await self._whole(name, where, FIRST, await self._do("HGET", name, FIRST))
            return None if found is None else Kept(kind.value, key, found[0].revision, found[1], found[2])
        entry = self._entries.unpack(where, await self._do("GETRANGE", name, 0, MAX_VALUE_BYTES))
        return None if entry is None else Kept(kind.value, key, entry.revision, entry.value, ())

    async def _whole(
        self, name: bytes, where: bytes, field: int, entry: object
    ) -> tuple[Unpacked, bytes, tuple[str, ...]] | None:
        first = self._entries.unpack(where, entry)
        if first is None:
            return None
        fields = tuple(str(part_field(field, number)) for number in range(first.parts))
        others = [await self._do("HGET", name, other) for other in fields[1:]]
        value = self._entries.join(where, first, others)
        return None if value is None else (first, value, fields)

    async def _do(self, *command: Any) -> Any:
        return await self._client.execute_command(*command)


@contextmanager
def _answers() -> Iterator[None]:
    """Turn what the driver raises into RedisAway."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise RedisAway(str(error)[:200] or type(error).__name__) from error
