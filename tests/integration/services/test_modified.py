"""Modified records come from one entry of the cache, and are those that the database has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pfa.v1.record_service_pb2 import ListRecordsRequest, ListRecordsResponse, StreamRecordsRequest
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa.v1.revision_pb2 import Consistency
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.reading import answers
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from tests.causes import CAUSE
from tests.integration.store.conftest import database_kind, make_filled
from tests.servers.stock import Stock

__all__ = ["database_kind"]  # a fixture: tables split by organization too

MODIFIED = "sync_state = MODIFIED"
PENDING = "sync_state = PENDING_SYNC"
BOTH = f"({MODIFIED} OR {PENDING})"
STATES = [MODIFIED, PENDING, BOTH, f"{PENDING} OR {MODIFIED} OR {MODIFIED}"]
FOREST = ' AND pfa_id != "-"'
"""Changes nothing of a filter, except that SQL has to serve it."""


class Site:
    """A server with RIO, of whose records some are modified and some are being pushed."""

    def __init__(self, database: Database, channel: grpc.aio.Channel) -> None:
        self.database = database
        self.records = RecordServiceStub(channel)

    async def put_in(self, state: str, *pfa_ids: str) -> None:
        """Give records a state, as another process would."""
        async with self.database.write("RIO", CAUSE) as write:
            organization = await get_organization(write.connection, "RIO")
            found = await read_for_write(write, pfa_ids)
            changes = [(record, record.copy()) for record in found.values()]
            for _, after in changes:
                after.values["sync_state"] = state
            await save_records(write, organization, changes)

    async def page(self, text: str = MODIFIED, **options: Any) -> ListRecordsResponse:
        """Return a page of RIO."""
        request = ListRecordsRequest(organization_id="RIO", filter=text, include_total_size=True, **options)
        response: ListRecordsResponse = await self.records.ListRecords(request)
        return response

    async def stream(self, text: str, **options: Any) -> list[Any]:
        """Return the batches of a stream."""
        request = StreamRecordsRequest(organization_id="RIO", filter=text, **options)
        return [batch async for batch in self.records.StreamRecords(request)]


@pytest.fixture
def most() -> int:
    """How many modified records are kept together."""
    return 1_000


@pytest.fixture(params=["process", "redis"])
async def site(
    request: pytest.FixtureRequest, database_kind: str, stock: Stock, tmp_path: Path, most: int
) -> AsyncIterator[Site]:
    """A running server on each kind of database and of cache."""
    in_redis = request.param == "redis"
    options = {"redis_url": request.getfixturevalue("redis_url"), "cache_process_bytes": 0} if in_redis else {}
    with stock.copy(database_kind, tmp_path, make_filled) as (url, _):
        database = Database(url)
        settings = Settings.load(database_url=url, listen="127.0.0.1:0", cache_modified_records=most, **options)
        async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
            made = Site(database, channel)
            await made.put_in("pending_sync", *map(str, range(20, 60)))
            await made.put_in("sync_error", *map(str, range(60, 70)))
            yield made
        await database.close()


def ids(response: Any) -> list[str]:
    return [record.pfa_id for record in response.records]


@pytest.mark.parametrize("text", STATES)
async def test_a_page_is_that_of_the_database(site: Site, text: str) -> None:
    for options in (
        {"page_size": 1_000},
        {"page_size": 7},
        {"page_size": 7, "skip": 5},
        {"skip": 1_000_000},
        {"page_size": 3, "read_mask": {"paths": ["pfa_id", "forecast"]}},
    ):
        page = await site.page(text, **options)
        expected = await site.page(f"({text}){FOREST}", **options)
        assert (page.records, page.total_size) == (expected.records, expected.total_size)
        assert bool(page.next_page_token) == bool(expected.next_page_token)


@pytest.mark.parametrize("text", STATES)
async def test_pages_one_after_another_come_to_all(site: Site, text: str) -> None:
    found, token = [], ""
    while True:
        page = await site.page(text, page_size=11, page_token=token)
        found += ids(page)
        token = page.next_page_token
        if not token:
            break
    assert found == ids(await site.page(f"({text}){FOREST}", page_size=1_000))
    assert len(found) == page.total_size > 30


@pytest.mark.parametrize("text", STATES)
async def test_a_stream_is_that_of_the_database(site: Site, text: str) -> None:
    batches = await site.stream(text, batch_size=16)
    expected = await site.stream(f"({text}){FOREST}", batch_size=16)
    assert [batch.records for batch in batches] == [batch.records for batch in expected]
    rest = await site.stream(text, batch_size=16, resume_token=batches[0].resume_token)
    assert [batch.records for batch in rest] == [batch.records for batch in batches[1:]]


async def test_any_page_and_stream_of_them_needs_one_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.page()
    for name in ("list_page", "count", "read_stretch", "read_unsynced"):
        monkeypatch.setattr(reads, name, None)  # a read of the records would fail
    for text in STATES:
        assert (await site.page(text, page_size=3)).HasField("age")
        assert (await site.page(text, page_size=4, skip=2)).records
        assert (await site.stream(text))[0].records


async def test_a_change_of_a_state_shows_at_once(site: Site) -> None:
    before = await site.page(page_size=1_000)
    first = ids(before)[0]
    await site.put_in("pristine", first)
    after = await site.page(page_size=1_000)
    assert ids(after) == ids(before)[1:]
    assert after.revision_token != before.revision_token
    seen = Consistency(at_least_revision_token=after.revision_token)
    assert ids(await site.page(page_size=1_000, consistency=seen)) == ids(after)


async def test_an_answer_of_any_age_is_five_minutes_old_at_most(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await site.page(page_size=1_000)
    await site.put_in("pristine", ids(before)[0])
    any_age = Consistency(minimize_latency=True)
    assert ids(await site.page(page_size=1_000, consistency=any_age)) == ids(before)
    monkeypatch.setattr(answers, "ANY_AGE_SECONDS", -1)
    assert ids(await site.page(page_size=1_000, consistency=any_age)) == ids(before)[1:]


async def test_organizations_with_codes_alike_share_none(site: Site) -> None:
    mine = await site.page(page_size=1_000)
    other = await site.records.ListRecords(ListRecordsRequest(organization_id="RIO2", filter=MODIFIED, page_size=1_000))
    assert {record.organization_id for record in mine.records} == {"RIO"}
    assert {record.organization_id for record in other.records} == {"RIO2"}


@pytest.mark.parametrize("most", [0, 10])
async def test_where_there_are_too_many_the_database_serves(
    site: Site, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    first = await site.page(page_size=5)
    assert first.total_size > 30
    monkeypatch.setattr(reads, "read_unsynced", None)  # that there are too many is known
    second = await site.page(page_size=6)
    assert ids(second)[:5] == ids(first)
    assert len((await site.stream(MODIFIED))[0].records) == first.total_size


@pytest.mark.parametrize(
    "text", [f"{MODIFIED}{FOREST}", "sync_state = SYNC_ERROR", f"{BOTH} OR sync_state = SYNC_ERROR", f"NOT {BOTH}"]
)
async def test_other_filters_are_not_taken_for_it(site: Site, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(reads, "read_unsynced", None)
    assert (await site.page(text)).records
