"""CacheService: WarmCache, GetCacheStatus, ClearCache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from google.protobuf.duration_pb2 import Duration

from nlq.query import Aggregate, Aggregation, Function
from pfa.v1.cache_service_pb2 import (
    CacheFamily,
    CacheLayer,
    ClearCacheRequest,
    ClearCacheResponse,
    GetCacheStatusRequest,
    GetCacheStatusResponse,
    WarmCacheRequest,
    WarmCacheResponse,
)
from pfa.v1.record_service_pb2 import AggregateRecordsResponse
from pfa_rpc.cache.interface import LayerStatus
from pfa_rpc.cache.single_flight import SingleFlight
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.call import Call
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.reading.answers import FRESH
from pfa_rpc.services.reading.figures import FiguresRequest
from pfa_rpc.services.reading.pages import PageRequest
from pfa_rpc.services.requests import MAX_PAGE, Mask, authorize, bounded, revision_token
from pfa_rpc.services.sources import Sources
from pfa_rpc.store.revisions import get_chunk_revisions, get_revision
from pfa_rpc.store.tables import UNSYNCED_STATES

DEFAULT_CHUNKS: Final = 2_000
"""Chunks that are looked at where a request says nothing: a million records, some 350 MB."""
MAX_CHUNKS: Final = 20_000
MAX_WARMING: Final = 2
"""Organizations that are warmed at a time; more wait, so that readers find connections to the database."""
_WINDOW: Final = 4
"""Chunks that are read at once; other calls get their turn in between."""
_TOTALS: Final = Aggregate(
    (
        Aggregation(Function.COUNT),
        *(Aggregation(Function.SUM, name) for name in ("plan_cost", "forecast_cost", "actual_cost")),
    ),
    (),
)
"""The figures that a client shows first."""

PrepareLanguage = Callable[[str], Awaitable[bool]]
"""Makes the language of an organization ready for questions; tells whether it had to be made anew."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be warmed; equal wishes share a flight."""

    organization_id: str
    max_chunks: int
    hide_money: bool


@dataclass(slots=True)
class _Chunks:
    """What became of chunks."""

    total: int = 0
    cached: int = 0
    filled: int = 0
    filled_bytes: int = 0


class CacheService:
    """Fills, tells of and clears the cache."""

    def __init__(
        self,
        sources: Sources,
        prepare_language: PrepareLanguage,
    ) -> None:
        self._database = sources.database
        self._chunks = sources.chunks
        self._tokens = sources.tokens
        self._cache = sources.cache
        self._prepare_language = prepare_language
        self._modified = sources.modified
        self._pages = sources.pages
        self._figures = sources.figures
        self._flights: SingleFlight[WarmCacheResponse] = SingleFlight()
        self._turns = asyncio.Semaphore(MAX_WARMING)

    async def warm_cache(self, request: WarmCacheRequest, call: Call) -> WarmCacheResponse:
        """Fill the cache with what a client asks first."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        most = bounded("max_chunks", request.max_chunks, default=DEFAULT_CHUNKS, most=MAX_CHUNKS)
        wish = _Wish(organization_id, most, hide_money=not call.principal.may(Permission.SEE_MONEY))
        seen = await get_revision(self._database, organization_id)
        return await self._flights.run(wish, seen, lambda: self._warm(wish))

    async def get_cache_status(self, request: GetCacheStatusRequest, call: Call) -> GetCacheStatusResponse:
        """Return what each layer holds."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        await get_revision(self._database, organization_id)
        status = await self._cache.status(organization_id)
        return GetCacheStatusResponse(layers=map(_layer_message, status.layers))

    async def clear_cache(self, request: ClearCacheRequest, call: Call) -> ClearCacheResponse:
        """Forget what is cached."""
        organization_id = authorize(call, Permission.ADMIN, request.organization_id)
        await get_revision(self._database, organization_id)
        return ClearCacheResponse(entries=await self._cache.clear(organization_id))

    async def _warm(self, wish: _Wish) -> tuple[Revision, WarmCacheResponse]:
        started = time.perf_counter()
        async with self._turns:
            # Read after the turn came: who joins must be given what is at least as new as what they have seen.
            revision = await get_revision(self._database, wish.organization_id)
            prepared = await self._prepare_language(wish.organization_id)
            answers = await self._warm_answers(wish)
            modified = await self._modified.get(wish.organization_id, frozenset(UNSYNCED_STATES), FRESH)
            chunks = await self._warm_chunks(wish)
        elapsed = Duration()
        elapsed.FromTimedelta(timedelta(seconds=time.perf_counter() - started))
        return revision, WarmCacheResponse(
            chunks=chunks.total,
            chunks_cached=chunks.cached,
            chunks_filled=chunks.filled,
            answers_filled=answers,
            vocabulary_prepared=prepared,
            modified_records=None if modified is None else len(modified.positions),
            filled_bytes=chunks.filled_bytes,
            elapsed=elapsed,
            revision_token=revision_token(self._tokens, wish.organization_id, revision),
        )

    async def _warm_answers(self, wish: _Wish) -> int:
        """Ask what a client asks first; return how many answers had to be made."""
        mask = Mask((), hide_money=wish.hide_money)
        page = await self._pages.get(
            PageRequest(wish.organization_id, None, (), MAX_PAGE, mask, with_total=True), FRESH
        )
        # Nothing of the figures is told here, so that they may be made for a caller who must not see them.
        figures = await self._figures.get(FiguresRequest(wish.organization_id, None, _TOTALS), FRESH)
        is_cached = page.age is not None, AggregateRecordsResponse.FromString(figures).HasField("age")
        return is_cached.count(False)

    async def _warm_chunks(self, wish: _Wish) -> _Chunks:
        """Fill what is missing, a few chunks at a time; no connection is held in between."""
        _, pairs = await get_chunk_revisions(self._database, wish.organization_id)
        done = _Chunks(total=len(pairs))
        left = islice(pairs.items(), wish.max_chunks)
        while window := dict(islice(left, _WINDOW)):
            await self._warm_window(wish.organization_id, window, done)
            await asyncio.sleep(0)
        return done

    async def _warm_window(self, organization_id: str, window: Mapping[int, Revision], done: _Chunks) -> None:
        fetched = await self._chunks.fetch(organization_id, window)
        done.cached += len(fetched.framed) - len(fetched.read)
        done.filled += len(fetched.read)
        done.filled_bytes += sum(len(framed) for _, framed in fetched.read.values())
        await self._chunks.keep(organization_id, fetched)


def _layer_message(layer: LayerStatus) -> CacheLayer:
    return CacheLayer(
        name=layer.name,
        reachable=layer.reachable,
        entries=layer.entries,
        bytes=layer.bytes,
        hits=layer.hits,
        misses=layer.misses,
        stale=layer.stale,
        errors=layer.errors,
        families=[CacheFamily(name=one.name, entries=one.entries, bytes=one.bytes) for one in layer.families],
    )
