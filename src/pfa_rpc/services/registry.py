"""Which class serves which gRPC service."""

from __future__ import annotations

from pfa_rpc.cache.interface import Cache
from pfa_rpc.services.caches import CacheService
from pfa_rpc.services.organizations import OrganizationService
from pfa_rpc.services.query import QueryService
from pfa_rpc.services.records import RecordService
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database


def build_services(database: Database, tokens: Tokens, cache: Cache) -> dict[str, object]:
    """Return full service name → the object that serves it."""
    questions = QueryService(database, tokens, cache)
    return {
        "pfa.v1.RecordService": RecordService(database, tokens, cache),
        "pfa.v1.QueryService": questions,
        "pfa.v1.CacheService": CacheService(database, tokens, cache, questions.prepare),
        "pfa.v1.OrganizationService": OrganizationService(database, tokens),
    }
