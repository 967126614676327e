"""What services answer from is one for all of them."""

from __future__ import annotations

from pfa_rpc.cache.nothing import NoCache
from pfa_rpc.services.registry import build_services
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database


async def test_services_share_pages_and_figures_and_with_them_what_is_under_way() -> None:
    database = Database("sqlite://")
    services = build_services(database, Tokens(b"k" * 32), NoCache())
    for name in ("_pages", "_figures"):
        shared = [getattr(service, name) for service in services.values() if hasattr(service, name)]
        assert len(shared) >= 3
        assert len({id(each) for each in shared}) == 1
    await database.close()
