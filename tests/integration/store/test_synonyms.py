"""Synonyms as they are kept, on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlq.vocabulary import Synonym
from pfa_rpc.errors import OrganizationNotFound, SynonymExists, SynonymNotFound
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.reads import read_vocabulary
from pfa_rpc.store.synonyms import add_synonym, read_synonyms, remove_synonym
from pfa_rpc.store.upkeep.contents import contents
from pfa_rpc.store.upkeep.copying import copy
from tests.integration.store.conftest import Filled, make_migrated
from tests.servers.stock import Stock

PICKERS = Synonym("Cherry  Pickers", "category", "cranes")


async def test_a_synonym_is_a_change_of_its_organization_alone(filled: Filled) -> None:
    async with filled.database.reading() as connection:
        before = [await get_organization(connection, code) for code in ("RIO", "RIO2")]
    stored, revision = await add_synonym(filled.database, "RIO", PICKERS, "ana")
    async with filled.database.reading() as connection:
        after = [await get_organization(connection, code) for code in ("RIO", "RIO2")]
        assert await read_synonyms(connection, "RIO") == [stored]
        assert await read_synonyms(connection, "RIO2") == []
        assert (await read_vocabulary(connection, "RIO")).synonyms == (PICKERS,)
        assert (await read_vocabulary(connection, "RIO2")).synonyms == ()
    assert after[0].revision == revision
    assert revision.number == before[0].revision.number + 1
    assert after[1] == before[1]
    assert stored.added_by == "ana"


async def test_a_synonym_is_found_as_questions_write_it(filled: Filled) -> None:
    await add_synonym(filled.database, "RIO", PICKERS, "ana")
    for phrase in ("cherry-picker", "CHERRY PICKERS"):
        with pytest.raises(SynonymExists, match="category “cranes”"):
            await add_synonym(filled.database, "RIO", Synonym(phrase, "area_silo"), "bo")
    removed, _ = await remove_synonym(filled.database, "RIO", "cherry picker", "anna")
    assert removed.synonym == PICKERS
    with pytest.raises(SynonymNotFound):
        await remove_synonym(filled.database, "RIO", "cherry picker", "anna")


async def test_what_fails_leaves_the_revision_alone(filled: Filled) -> None:
    async with filled.database.reading() as connection:
        before = await get_organization(connection, "RIO")
    with pytest.raises(SynonymNotFound):
        await remove_synonym(filled.database, "RIO", "nothing", "anna")
    async with filled.database.reading() as connection:
        assert await get_organization(connection, "RIO") == before
    with pytest.raises(OrganizationNotFound):
        await add_synonym(filled.database, "RIO3", PICKERS, "ana")


async def test_a_copy_takes_synonyms_over_and_compares_them(
    filled: Filled, stock: Stock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await add_synonym(filled.database, "RIO", PICKERS, "ana")
    folder: Path = tmp_path_factory.mktemp("target")
    with stock.copy("sqlite", folder, make_migrated) as (url, _):
        target = Database(url)
        await copy(filled.database, target)
        async with target.reading() as theirs, filled.database.reading() as ours:
            assert await read_synonyms(theirs, "RIO") == await read_synonyms(ours, "RIO")
            assert await contents(theirs, "RIO") == await contents(ours, "RIO")
        await remove_synonym(target, "RIO", PICKERS.phrase, "anna")
        async with target.reading() as theirs, filled.database.reading() as ours:
            assert await contents(theirs, "RIO") != await contents(ours, "RIO")
        await target.close()
