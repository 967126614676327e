"""Text that is searched for, at its limits."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from nlq.query import Condition, Contains, Matches
from pfa_rpc.errors import LimitExceeded
from pfa_rpc.store.database import Database
from pfa_rpc.store.filters import where
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.records import new_record, save_records
from pfa_rpc.store.tables import records
from tests.causes import CAUSE
from tests.fixtures.records import make_values


async def picked(database: Database, condition: Condition) -> list[str]:
    async with database.reading() as connection:
        query = sa.select(records.c.pfa_id).where(where("RIO", condition)).order_by(records.c.position)
        return list((await connection.execute(query)).scalars())


@pytest.fixture
async def stored(database: Database) -> Database:
    organization = await create_organization(database, "RIO")
    values = [make_values("\u00c4b1"), make_values("ab2", description="\u0390" * 8_000)]
    async with database.write("RIO", CAUSE) as write:
        await save_records(write, organization, [(None, new_record("RIO", v["pfa_id"], v)) for v in values])
    return database


@pytest.mark.parametrize("text", ["\u00c4", "\u00c4B", "B1"])
async def test_an_id_with_letters_beyond_ascii_is_found_by_them(stored: Database, text: str) -> None:
    assert await picked(stored, Contains("pfa_id", text)) == ["\u00c4b1"]
    assert await picked(stored, Matches("pfa_id", f"*{text}*")) == ["\u00c4b1"]


async def test_a_text_is_found_up_to_the_longest_that_can_be_searched_for(stored: Database) -> None:
    assert await picked(stored, Contains("description", "\u0390" * 8_000)) == ["ab2"]
    with pytest.raises(LimitExceeded, match="description is searched for is too long; at most 50,000 bytes"):
        await picked(stored, Contains("description", "\u0390" * 9_000))
