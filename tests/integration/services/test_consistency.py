"""Cached answers are as new as the caller asks for, and shared by all who ask the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from pfa.v1.query_service_pb2 import AskRequest, RecordBatch
from pfa.v1.query_service_pb2_grpc import QueryServiceStub
from pfa.v1.record_service_pb2 import (
    AggregateRecordsRequest,
    GetRecordRequest,
    ListRecordsRequest,
    ListRecordsResponse,
    StreamRecordsRequest,
    StreamRecordsResponse,
)
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa.v1.revision_pb2 import Consistency
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.reading import chunk_reads
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import new_record, read_for_write, save_records
from tests.causes import CAUSE
from tests.fixtures.records import make_values
from tests.integration.services.conftest import failure
from tests.integration.store.conftest import fill

ANY = Consistency(minimize_latency=True)


class Site:
    """A server with RIO and RIO2, and a second door to its database."""

    def __init__(self, database: Database, channel: grpc.aio.Channel) -> None:
        self.database = database
        self.records = RecordServiceStub(channel)
        self.questions = QueryServiceStub(channel)

    async def move(self, pfa_id: str, area: str) -> None:
        """Change a record as another process would."""
        async with self.database.write("RIO", CAUSE) as write:
            organization = await get_organization(write.connection, "RIO")
            before = (await read_for_write(write, [pfa_id]))[pfa_id]
            after = before.copy()
            after.values["area_silo"] = area
            await save_records(write, organization, [(before, after)])

    async def list(self, **options: Any) -> ListRecordsResponse:
        """Return the records of RIO in Dock 9, where nothing is at first."""
        request = ListRecordsRequest(organization_id="RIO", filter='area_silo = "Dock 9"', **options)
        response: ListRecordsResponse = await self.records.ListRecords(request)
        return response

    async def ask(self, **options: Any) -> RecordBatch:
        """Return the rentals of RIO."""
        request = AskRequest(organization_id="RIO", question="rentals", **options)
        parts = [part async for part in self.questions.Ask(request)]
        return parts[1].records


@pytest.fixture(params=["process", "redis"])
def cached(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings with each kind of cache; without the one in the process, every answer comes from Redis."""
    if request.param == "process":
        return settings
    url = request.getfixturevalue("redis_url")
    return Settings.load(database_url=settings.database_url, listen="127.0.0.1:0", redis_url=url, cache_process_bytes=0)


@pytest.fixture
async def site(cached: Settings) -> AsyncIterator[Site]:
    """A running server and the second door."""
    database = Database(cached.database_url)
    await migrate(database)
    await fill(database, "RIO", 1_100, seed=1)
    await fill(database, "RIO2", 20, seed=2)
    async with running(cached) as up, grpc.aio.insecure_channel(up.target) as channel:
        yield Site(database, channel)
    await database.close()


def ids(response: ListRecordsResponse | RecordBatch) -> list[str]:
    return [record.pfa_id for record in response.records]


async def test_a_fresh_answer_shows_every_change_that_was_committed_before(site: Site) -> None:
    assert ids(await site.list()) == []
    for number in range(1, 6):
        await site.move(str(number), "Dock 9")
        assert ids(await site.list()) == [str(place) for place in range(1, number + 1)]
        assert ids(await site.list()) == [str(place) for place in range(1, number + 1)]


async def test_an_answer_that_did_not_change_comes_from_the_cache(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await site.list(include_total_size=True)
    monkeypatch.setattr(reads, "list_page", None)  # a second read of the records would fail
    second = await site.list(include_total_size=True)
    assert not first.HasField("age")
    assert second.HasField("age")
    assert second.revision_token == first.revision_token
    assert second.total_size == 0


async def test_an_answer_of_any_age_tells_its_age_and_revision(site: Site) -> None:
    before = await site.list()
    await site.move("1", "Dock 9")
    old = await site.list(consistency=ANY)
    assert (ids(old), old.revision_token) == ([], before.revision_token)
    assert 0 <= old.age.ToMilliseconds() < 300_000
    assert ids(await site.list()) == ["1"]
    assert ids(await site.list(consistency=ANY)) == ["1"]


async def test_what_was_read_is_not_unread(site: Site) -> None:
    await site.list()
    await site.move("1", "Dock 9")
    elsewhere = await site.records.ListRecords(ListRecordsRequest(organization_id="RIO", page_size=1))
    seen = Consistency(at_least_revision_token=elsewhere.revision_token)
    assert ids(await site.list(consistency=seen)) == ["1"]
    await site.move("2", "Dock 9")
    assert ids(await site.list(consistency=seen)) == ["1"]
    assert ids(await site.list()) == ["1", "2"]


async def test_a_question_and_a_list_that_ask_the_same_share_an_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await site.ask(max_records=50)
    monkeypatch.setattr(reads, "list_page", None)  # a second read of the records would fail
    listed = await site.records.ListRecords(
        ListRecordsRequest(
            organization_id="RIO",
            filter="is_discontinued:false AND source = SOURCE_RENTAL",
            page_size=50,
            include_total_size=True,
        )
    )
    assert ids(listed) == ids(asked)
    assert listed.HasField("age")


async def test_figures_are_cached_until_something_changes(site: Site) -> None:
    request = AggregateRecordsRequest(organization_id="RIO", group_by=["area_silo"])
    first = await site.records.AggregateRecords(request)
    second = await site.records.AggregateRecords(request)
    assert (first.HasField("age"), second.HasField("age")) == (False, True)
    assert second.groups == first.groups
    await site.move("1", "Dock 9")
    third = await site.records.AggregateRecords(request)
    assert not third.HasField("age")
    assert "Dock 9" in {group.keys[0].text for group in third.groups}


async def test_a_stream_of_cached_chunks_shows_the_last_change(site: Site) -> None:
    await stream(site)
    await site.move("700", "Dock 9")
    found = areas(await stream(site))
    assert (len(found), found["700"]) == (1_100, "Dock 9")


async def test_a_record_is_as_new_as_the_caller_asks_for(site: Site) -> None:
    async def got(consistency: Consistency | None = None) -> Any:
        request = GetRecordRequest(organization_id="RIO", pfa_id="7", consistency=consistency)
        return await site.records.GetRecord(request)

    before = await got(ANY)
    await site.move("7", "Dock 9")
    old, fresh = await got(ANY), await got()
    assert (old.record, old.revision_token) == (before.record, before.revision_token)
    assert (before.HasField("age"), old.HasField("age"), fresh.HasField("age")) == (False, True, False)
    assert fresh.record.area_silo == "Dock 9"
    seen = Consistency(at_least_revision_token=fresh.revision_token)
    assert (await got(seen)).record == fresh.record
    assert (await got(ANY)).record == fresh.record


async def test_a_record_that_came_since_is_found_by_who_asks_for_it_fresh(site: Site) -> None:
    request = GetRecordRequest(organization_id="RIO", pfa_id="new", consistency=ANY)
    assert (await failure(site.records.GetRecord(request))).reason == "RECORD_NOT_FOUND"
    async with site.database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        await save_records(write, organization, [(None, new_record("RIO", "new", make_values("new")))])
    assert (await failure(site.records.GetRecord(request))).reason == "RECORD_NOT_FOUND"
    request.ClearField("consistency")
    assert (await site.records.GetRecord(request)).record.pfa_id == "new"


async def stream(site: Site, text: str = "", **options: Any) -> list[StreamRecordsResponse]:
    request = StreamRecordsRequest(organization_id="RIO", filter=text, **options)
    return [batch async for batch in site.records.StreamRecords(request)]


def areas(batches: list[StreamRecordsResponse]) -> dict[str, str]:
    return {record.pfa_id: record.area_silo for batch in batches for record in batch.records}


async def test_a_stream_of_any_age_tells_its_age_and_revision_and_reads_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await stream(site, consistency=ANY)
    await site.move("700", "Dock 9")
    with monkeypatch.context() as patched:
        for name in ("get_chunk_revisions", "fetch_chunks"):
            patched.setattr(chunk_reads, name, None)  # a look at the database would fail
        old = await stream(site, consistency=ANY)
    assert areas(old) == areas(before)
    assert {batch.revision_token for batch in old} == {before[0].revision_token}
    assert all(0 <= batch.age.ToMilliseconds() < 300_000 for batch in old)
    assert not any(batch.HasField("age") for batch in before)
    fresh = await stream(site)
    assert areas(fresh)["700"] == "Dock 9"
    seen = Consistency(at_least_revision_token=fresh[0].revision_token)
    assert areas(await stream(site, consistency=seen))["700"] == "Dock 9"
    assert areas(await stream(site, consistency=ANY))["700"] == "Dock 9"


async def test_a_stream_that_is_resumed_is_never_older_than_it_was(site: Site) -> None:
    await stream(site, consistency=ANY)
    await site.move("700", "Dock 9")
    first = (await stream(site))[0]  # fresh, and broken off
    rest = await stream(site, consistency=ANY, resume_token=first.resume_token)
    assert areas(rest)["700"] == "Dock 9"
    await site.move("701", "Dock 9")
    seen = Consistency(at_least_revision_token=(await site.list(page_size=1)).revision_token)
    rest = await stream(site, consistency=seen, resume_token=first.resume_token)
    assert areas(rest)["701"] == "Dock 9"
    assert {batch.revision_token for batch in rest} == {first.revision_token}


async def test_a_filtered_stream_is_read_when_it_is_asked_for(site: Site) -> None:
    for number in range(1, 4):
        await site.move(str(number), "Dock 9")
        batches = await stream(site, 'area_silo = "Dock 9"', consistency=ANY)
        assert len(areas(batches)) == number
        assert not batches[0].HasField("age")


async def test_organizations_with_codes_alike_share_nothing(site: Site) -> None:
    for consistency in (Consistency(), ANY):
        for code, count in (("RIO", 1_100), ("RIO2", 20)):
            response = await site.records.ListRecords(
                ListRecordsRequest(organization_id=code, page_size=1, include_total_size=True, consistency=consistency)
            )
            assert (response.total_size, response.records[0].organization_id) == (count, code)


@pytest.mark.parametrize(
    ("consistency", "reason", "words"),
    [
        (Consistency(fresh=False), "INVALID_REQUEST", "consistency.fresh"),
        (Consistency(minimize_latency=False), "INVALID_REQUEST", "set it to true"),
        (Consistency(at_least_revision_token="x"), "INVALID_TOKEN", "revision token"),
    ],
)
async def test_a_need_that_makes_no_sense_is_refused(
    site: Site, consistency: Consistency, reason: str, words: str
) -> None:
    request = ListRecordsRequest(organization_id="RIO", consistency=consistency)
    told = await failure(site.records.ListRecords(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert words in told.message
    asked = AskRequest(organization_id="RIO", question="rentals", consistency=consistency)
    assert (await failure(site.questions.Ask(asked))).reason == reason
    named = GetRecordRequest(organization_id="RIO", pfa_id="1", consistency=consistency)
    assert (await failure(site.records.GetRecord(named))).reason == reason
    streamed = StreamRecordsRequest(organization_id="RIO", consistency=consistency)
    assert (await failure(site.records.StreamRecords(streamed))).reason == reason
