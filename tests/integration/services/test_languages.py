"""A language is prepared once for the words that can be said, whatever else is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pfa_rpc.cache.nothing import NoCache
from pfa_rpc.services.asking.languages import Languages
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled, database, database_kind, filled

__all__ = ["database", "database_kind", "filled"]  # fixtures


async def change(database: Database, **values: Any) -> None:
    async with database.reading() as connection:
        organization = await get_organization(connection, "RIO")
    async with database.write("RIO", CAUSE) as write:
        stored = (await read_for_write(write, ["7"]))["7"]
        await save_records(write, organization, [(stored, replace(stored, values={**stored.values, **values}))])


async def test_a_write_that_leaves_the_words_alone_leaves_the_language_alone(filled: Filled) -> None:
    languages = Languages(filled.database, NoCache())
    first = await languages.get("RIO")
    await change(filled.database, description="moved behind the workshop")
    second = await languages.get("RIO")
    assert second.language is first.language
    assert second.organization.revision.number == first.organization.revision.number + 1
    await change(filled.database, area_silo="Silo 4711")
    third = await languages.get("RIO")
    assert third.language is not first.language
    assert third.vocabulary.spelling("area_silo", "silo 4711") == "Silo 4711"
    assert (await languages.get("RIO2")).language is not third.language
