"""Changes of many records come to the same whether these are looked at one by one or in columns."""

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
from pfa_rpc.services.editing import applying
from pfa_rpc.services.editing.applying import Asked, carry_out
from pfa_rpc.services.editing.proposals import Proposals
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from tests.causes import CAUSE
from tests.integration.store.conftest import database_kind, make_filled
from tests.integration.twins import contents, twins
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
            monkeypatch.setattr(applying, "_FEW", few)
            monkeypatch.setattr(applying, "_SHEET", at_once)
            found.append(await proposed(database, asked))
        one_by_one, in_parts, together = found
        assert in_parts == one_by_one
        assert together == one_by_one


async def carried_out(database: Database, changes: tuple[Change, ...]) -> tuple[int, int, int]:
    """Carry changes out on records of a filter; return how many changed, had the values already, and were refused."""
    async with database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        asked = Asked(parse_filter("is_discontinued = false OR monthly_rate > 1", SCHEMA), changes)
        outcome = await carry_out(write, organization, asked, allow_refused=True)
    return outcome.changed, outcome.unchanged, outcome.refused


async def test_a_change_is_carried_out_the_same_in_columns(
    database_kind: str, stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "_SHEET", 100)
    monkeypatch.setattr(applying, "_SAVED", 30)
    async with twins(database_kind, stock, tmp_path, make_filled) as (one, other):
        for changes in CHANGES.values():
            monkeypatch.setattr(applying, "_FEW", 10_000)
            one_by_one = await carried_out(one, changes)
            monkeypatch.setattr(applying, "_FEW", -1)
            assert await carried_out(other, changes) == one_by_one
        assert await contents(other) == await contents(one)
