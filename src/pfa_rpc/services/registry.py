"""Which class serves which gRPC service."""

from __future__ import annotations

from pfa_rpc.cache.interface import Cache
from pfa_rpc.services.caches import CacheService
from pfa_rpc.services.following.queues import BACKLOG_BYTES
from pfa_rpc.services.organizations import OrganizationService
from pfa_rpc.services.query import QueryService
from pfa_rpc.services.reading.modified import MOST_RECORDS
from pfa_rpc.services.records import RecordService
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.sync import SyncService
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.sync.pems import PemsSettings
from pfa_rpc.sync.runner import Runner


def build_services(
    database: Database,
    tokens: Tokens,
    cache: Cache,
    *,
    modified_records: int = MOST_RECORDS,
    watch_bytes: int = BACKLOG_BYTES,
    runner: Runner | None = None,
) -> dict[str, object]:
    """Return full service name → the object that serves it.

    `modified_records` is how many modified records of an organization are kept together in the cache; 0 keeps none.
    `watch_bytes` is how much may wait for all who watch. `runner` carries synchronizations out; without one there is
    no PEMS.
    """
    sources = Sources.of(database, tokens, cache, modified_records=modified_records, watch_bytes=watch_bytes)
    questions = QueryService(sources)
    return {
        "pfa.v1.RecordService": RecordService(sources),
        "pfa.v1.QueryService": questions,
        "pfa.v1.CacheService": CacheService(sources, questions.prepare),
        "pfa.v1.SyncService": SyncService(database, tokens, runner or Runner(database, PemsSettings.load(base_url=""))),
        "pfa.v1.OrganizationService": OrganizationService(database, tokens),
    }
