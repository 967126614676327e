"""Reading what has changed: each way gives the same, in bounded memory, however long the histories are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pfa_rpc.errors import OrganizationNotFound
from pfa_rpc.store.database import Database
from pfa_rpc.store.history import feed
from pfa_rpc.store.history.feed import ChangedRecord, Stretch, read_changes, read_news
from pfa_rpc.store.limits import Limits
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from pfa_rpc.store.revisions import get_revision
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled


@pytest.fixture
async def database(filled: Filled) -> AsyncIterator[Database]:
    """Give the database as a server has it, with direct connections where it can be reached so."""
    database = Database(filled.url, Limits(direct_connections=1))
    yield database
    await database.close()


async def move(database: Database, area: str, *pfa_ids: str) -> None:
    async with database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        found = await read_for_write(write, pfa_ids)
        changes = [(before, before.copy()) for before in found.values()]
        for _, after in changes:
            after.values["area_silo"] = area
        await save_records(write, organization, changes)


async def changed_since(database: Database, since: int, **options: Any) -> Stretch:
    async with database.reading() as connection:
        return await read_changes(connection, "RIO", since, limit=1_000, **options)


def areas(change: ChangedRecord) -> list[str]:
    """Return where a record is, and where it was, the newest first."""
    return [change.values["area_silo"], *(values["area_silo"] for values in change.earlier())]


def told(stretch: Stretch) -> dict[str, list[str]]:
    return {change.pfa_id: areas(change) for change in stretch.changes}


async def test_news_are_what_has_changed_with_what_it_was(database: Database) -> None:
    await move(database, "Dock 0", "7", "8")
    since = (await get_revision(database, "RIO")).number
    await move(database, "Dock 1", "7", "8")
    await move(database, "Dock 2", "7")
    news = await read_news(database, "RIO", since)
    assert told(news) == {"8": ["Dock 1", "Dock 0"], "7": ["Dock 2", "Dock 1", "Dock 0"]}
    assert news == await changed_since(database, since)
    assert news.revision == await get_revision(database, "RIO")
    bare = await read_news(database, "RIO", since, with_earlier=False)
    assert [change.deltas for change in bare.changes] == [[], []]


async def test_no_news_are_what_the_organization_is_at(database: Database) -> None:
    now = await get_revision(database, "RIO")
    assert await read_news(database, "RIO", now.number) == Stretch(now, [], None)
    with pytest.raises(OrganizationNotFound):
        await read_news(database, "NOWHERE", 0)


async def test_news_of_many_records_end_where_the_rest_begins(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "NEWS_RECORDS", 3)
    monkeypatch.setattr(feed, "NEWS_DELTAS", 4)
    since = (await get_revision(database, "RIO")).number
    await move(database, "Dock 1", *map(str, range(1, 8)))
    first = await read_news(database, "RIO", since)
    rest = await changed_since(database, since, after=first.end)
    assert (len(first.changes), len(rest.changes), rest.end) == (3, 4, None)
    whole = await changed_since(database, since)
    assert first.changes + rest.changes == whole.changes


async def test_of_a_long_history_the_newest_states_are_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MOST_STATES", 4)
    monkeypatch.setattr(feed, "DELTAS_AT_ONCE", 10)
    pages: list[int] = []

    async def page(*arguments: Any) -> Any:
        rows = await page_of_deltas(*arguments)
        pages.append(len(rows))
        return rows

    page_of_deltas = feed._page_of_deltas
    monkeypatch.setattr(feed, "_page_of_deltas", page)
    since = (await get_revision(database, "RIO")).number
    for number in range(14):
        await move(database, f"Dock {number}", "1", "2", *(["3", "4", "5"] if number >= 11 else []))
    stretch = await changed_since(database, since)
    assert max(pages) == 10
    for change in stretch.changes:
        is_long = change.pfa_id in {"1", "2"}
        assert change.is_cut is is_long, "what it was before is not known"
        assert len(change.deltas) == (4 if is_long else 3)
        assert areas(change)[:3] == ["Dock 13", "Dock 12", "Dock 11"]
    assert told(await read_news(database, "RIO", since)) == told(stretch)
