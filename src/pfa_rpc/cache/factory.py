"""The cache that settings ask for: `make_cache`."""

from __future__ import annotations

from typing import Final

from pfa_rpc.cache.interface import Cache
from pfa_rpc.cache.process import ProcessCache
from pfa_rpc.schema import FIELDS

SCHEMA_FINGERPRINT: Final = repr(FIELDS).encode()
"""Equal in all processes with the same table of fields: they understand each other's entries."""


def make_cache(url: str | None, *, process_bytes: int, fingerprint: bytes = SCHEMA_FINGERPRINT) -> Cache:
    """Return a cache in the process, above one in Redis if there is a URL (see `pfa_rpc.cache.urls`).

    `process_bytes` bounds the one in the process; 0 keeps nothing there. Entries of another `fingerprint` are passed
    over. Nothing is connected to before the first use. Raises ValueError for a URL that is none, without its secrets.
    """
    near = ProcessCache(process_bytes)
    if not url:
        return near
    # The driver takes a sixth of a second to import.
    from pfa_rpc.cache.entries import EntryFormat  # noqa: PLC0415
    from pfa_rpc.cache.redis_cache import RedisCache  # noqa: PLC0415
    from pfa_rpc.cache.tiered import TieredCache  # noqa: PLC0415
    from pfa_rpc.cache.urls import Target  # noqa: PLC0415

    return TieredCache(near, RedisCache(Target.parse(url), EntryFormat(fingerprint)))
