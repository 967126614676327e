"""A proposal about many records tells the same whether these are looked at one by one or in columns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from nlq.changes import Change, ChangeOperation, Shift
from nlq.filters.filter_text import parse_filter
from pfa.v1.proposal_pb2 import ChangeProposal
from pfa_rpc.cache.nothing import NoCache
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.editing import proposals
from pfa_rpc.services.editing.proposals import Asked, Proposals
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from tests.integration.store.conftest import database_kind, make_filled
from tests.servers.stock import Stock

__all__ = ["database_kind"]

READER = Principal("reader", None, frozenset({Permission.READ, Permission.SEE_MONEY}))
FORTNIGHT = Shift(days=14)
CHANGES = {
    "push": (
        Change("forecast_start", ChangeOperation.SHIFT, FORTNIGHT),
        Change("forecast_end", ChangeOperation.SHIFT, FORTNIGHT),
    ),
    "extend by a month": (Change("forecast_end", ChangeOperation.SHIFT, Shift(months=1)),),
    "reset to plan": (
        Change("forecast_start", ChangeOperation.RESET, "plan_start"),
        Change("forecast_end", ChangeOperation.RESET, "plan_end"),
    ),
    "cheaper": (Change("monthly_rate", ChangeOperation.SCALE, Decimal("0.9")),),
    "discontinue": (Change("is_discontinued", ChangeOperation.SET, True),),
    "move": (Change("area_silo", ChangeOperation.SET, "Silo 4"), Change("dor", ChangeOperation.SET, "PROJECT")),
    "unassign": (Change("equipment", ChangeOperation.CLEAR),),
    "one text for another": (Change("forecast_category", ChangeOperation.RESET, "category"),),
}


@pytest.fixture
async def database(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[Database]:
    with stock.copy(database_kind, tmp_path, make_filled) as (url, _):
        database = Database(url)
        yield database
        await database.close()


async def proposed(database: Database, asked: Asked) -> ChangeProposal:
    async with database.reading() as connection:
        organization = await get_organization(connection, "RIO")
    service = Proposals(Sources.of(database, Tokens(b"k" * 16), NoCache()))
    return await service.proposal(organization, asked, READER, samples=10)


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_a_proposal_is_the_same_in_columns(
    database: Database, changes: tuple[Change, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("", "is_actualized = true", 'NOT area_silo = "silo 4"', "monthly_rate > 1000000"):
        asked = Asked(parse_filter(text, SCHEMA), changes)
        found = []
        for few, at_once in ((10_000, 1), (-1, 100), (-1, 10_000)):
            monkeypatch.setattr(proposals, "_FEW", few)
            monkeypatch.setattr(proposals, "_SHEET", at_once)
            found.append(await proposed(database, asked))
        one_by_one, in_parts, together = found
        assert in_parts == one_by_one
        assert together == one_by_one
