"""A language is prepared once for the words that can be said, whatever else is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from pfa_rpc.cache.nothing import NoCache
from pfa_rpc.cache.process import ProcessCache
from pfa_rpc.services.asking.languages import Languages
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled, database, database_kind, filled

__all__ = ["database", "database_kind", "filled"]  # fixtures


async def change(database: Database, *pfa_ids: str, **values: Any) -> None:
    async with database.reading() as connection:
        organization = await get_organization(connection, "RIO")
    async with database.write("RIO", CAUSE) as write:
        found = await read_for_write(write, pfa_ids or ["7"])
        changed = [(stored, replace(stored, values={**stored.values, **values})) for stored in found.values()]
        await save_records(write, organization, changed)


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


async def test_a_word_means_the_same_to_who_takes_the_vocabulary_from_the_cache(filled: Filled) -> None:
    """What most records have is meant, in whatever process a question is read."""
    await change(filled.database, *map(str, range(1, 9)), model="Zephyr")
    await change(filled.database, "9", manufacturer="Zephyr")
    cache = ProcessCache(1_000_000)
    filters = []
    for _ in range(2):
        languages = Languages(filled.database, cache)
        prepared = await languages.get("RIO")
        reading = await languages.read(prepared, "how many Zephyr", date(2026, 1, 1), None)
        assert reading.complete
        filters.append(reading.filter)
    assert 'model = "Zephyr"' in filters[0]
    assert "manufacturer" not in filters[0]
    assert filters[1] == filters[0]
