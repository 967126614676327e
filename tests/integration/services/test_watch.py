"""WatchRecords: the records that match first, then every change, each once and in order, whatever happens between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import ListRecordsRequest
from pfa.v1.watch_pb2 import WatchRecordsRequest, WatchRecordsResponse
from pfa_rpc.errors import SlowClient
from pfa_rpc.server.application import Running, running
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.following import feed, queues, views, watching
from pfa_rpc.store.database import Database
from pfa_rpc.store.limits import Limits
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from pfa_rpc.store.tables import organization_commits, record_changes
from pfa_rpc.store.upkeep.restored import renew
from tests.causes import CAUSE
from tests.integration.services.conftest import failure
from tests.integration.services.test_consistency import Site
from tests.integration.store.conftest import Filled, database_kind, filled
from tests.wire import failure as taken_apart

__all__ = ["database_kind", "filled"]  # fixtures

DOCK = 'area_silo = "Dock 9"'
SECONDS = 15.0


class Watcher:
    """A watch, and what its client knows by it."""

    def __init__(self, site: Site, **options: Any) -> None:
        self._call = site.records.WatchRecords(WatchRecordsRequest(organization_id="RIO", **options))
        self.known: dict[str, Record] = {}
        self.left: list[str] = []
        self.token = ""
        self.messages = 0

    async def read(self) -> WatchRecordsResponse:
        """Take the next message in."""
        async with asyncio.timeout(SECONDS):
            message = await self._call.read()
        assert isinstance(message, WatchRecordsResponse), "the watch has ended"
        self.messages += 1
        self.known |= {record.pfa_id: record for record in message.records}
        for one in message.left:
            self.left.append(one.pfa_id)
            self.known.pop(one.pfa_id, None)
        self.token = message.changes_through or self.token
        return message

    async def current(self) -> None:
        """Take the records in that come first."""
        while not (message := await self.read()).changes_through:
            assert message.is_current

    async def changed(self) -> WatchRecordsResponse:
        """Take everything in up to the next message that says how far it is."""
        while not (message := await self.read()).changes_through:
            pass
        return message

    def end(self) -> None:
        self._call.cancel()


class Served(Site):
    """A server, and its watchers."""

    def __init__(self, database: Database, channel: grpc.aio.Channel, server: Running) -> None:
        super().__init__(database, channel)
        self.server = server
        self._watchers: list[Watcher] = []

    def watch(self, **options: Any) -> Watcher:
        self._watchers.append(Watcher(self, **options))
        return self._watchers[-1]

    def end(self) -> None:
        for watcher in self._watchers:
            watcher.end()

    async def move_all(self, area: str) -> None:
        """Change every record of RIO in one write."""
        async with self.database.write("RIO", CAUSE) as write:
            organization = await get_organization(write.connection, "RIO")
            found = await read_for_write(write, [str(number) for number in range(1, 301)])
            changes = [(before, before.copy()) for before in found.values()]
            for _, after in changes:
                after.values["area_silo"] = area
            await save_records(write, organization, changes)

    async def token(self) -> str:
        return (await self.list(page_size=1)).revision_token


@asynccontextmanager
async def serving(database: Database, settings: Settings, url: str) -> AsyncIterator[Served]:
    async with (
        running(settings.model_copy(update={"database_url": url})) as up,
        grpc.aio.insecure_channel(up.target) as channel,
    ):
        site = Served(database, channel, up)
        yield site
        site.end()


@pytest.fixture
async def site(filled: Filled, settings: Settings) -> AsyncIterator[Served]:
    async with serving(filled.database, settings, filled.url) as site:
        yield site


async def test_the_records_that_match_come_first(site: Served, filled: Filled) -> None:
    watcher = site.watch()
    await watcher.current()
    assert watcher.known.keys() == {values["pfa_id"] for values in filled.values}
    assert watcher.token


async def test_a_filter_that_nothing_matches_says_so_at_once(site: Served) -> None:
    watcher = site.watch(filter=DOCK)
    await watcher.current()
    assert watcher.known == {}
    assert watcher.token


async def test_records_come_change_and_leave(site: Served) -> None:
    watcher = site.watch(filter=DOCK)
    await watcher.current()
    await site.move("7", "Dock 9")
    await watcher.changed()
    assert watcher.known["7"].area_silo == "Dock 9"
    await site.move("8", "Dock 5")
    await site.move("7", "Dock 5")
    await watcher.changed()
    assert (watcher.known, watcher.left) == ({}, ["7"])


async def test_a_watch_goes_on_where_another_ended(site: Served) -> None:
    watcher = site.watch(filter=DOCK)
    await watcher.current()
    watcher.end()
    await site.move("7", "Dock 9")
    await site.move("8", "Dock 9")
    await site.move("7", "Dock 5")
    again = site.watch(filter=DOCK, revision_token=watcher.token)
    await again.changed()
    assert again.known.keys() == {"8"}
    assert again.left in (["7"], []), "one that came and left in between may be told or not"


async def test_with_a_token_only_what_came_later_is_told(site: Served) -> None:
    await site.move("7", "Dock 9")
    watcher = site.watch(revision_token=await site.token())
    await site.move("8", "Dock 9")
    await watcher.changed()
    assert watcher.known.keys() == {"8"}


async def test_all_watchers_of_a_filter_get_the_same_bytes(site: Served) -> None:
    watchers = [site.watch(filter=DOCK) for _ in range(20)] + [site.watch(filter='area_silo = "Dock 5"')]
    for watcher in watchers:
        await watcher.current()
    await site.move("7", "Dock 9")
    for watcher in watchers[:-1]:
        await watcher.changed()
        assert watcher.known.keys() == {"7"}
    await site.move("7", "Dock 5")
    await watchers[-1].changed()
    assert watchers[-1].known.keys() == {"7"}


async def test_silence_is_broken_by_a_checkpoint(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_SECONDS", 0.2)
    watcher = site.watch(filter=DOCK)
    await watcher.current()
    first = watcher.token
    await site.move("7", "Dock 5")
    async with asyncio.timeout(SECONDS):
        while watcher.token == first:
            message = await watcher.read()
            assert not message.records
            assert not message.left
    again = site.watch(filter=DOCK, revision_token=watcher.token)
    await again.read()
    assert again.token == watcher.token


async def test_a_mask_and_a_filter_hold_for_changes_too(site: Served) -> None:
    watcher = site.watch(filter=DOCK, read_mask={"paths": ["pfa_id"]})
    await watcher.current()
    await site.move("7", "Dock 9")
    message = await watcher.changed()
    assert list(message.records) == [Record(pfa_id="7")]


async def test_a_change_of_more_records_than_one_message_has(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "STRETCH", 30)
    monkeypatch.setattr(watching, "STRETCH", 30)
    monkeypatch.setattr(views, "BATCH_RECORDS", 20)
    live = site.watch(filter=DOCK)
    await live.current()
    before = live.token
    await site.move_all("Dock 9")
    await live.changed()
    assert len(live.known) == 300
    late = site.watch(filter=DOCK, revision_token=before)
    await late.changed()
    assert late.known == live.known
    await site.move_all("Dock 5")
    await live.changed()
    assert live.known == {}
    assert len(live.left) == 300


async def test_a_watcher_that_fell_behind_catches_up(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "QUEUE_BATCHES", 0)
    watcher = site.watch(filter=DOCK)
    await watcher.current()
    for pfa_id in "123456789":
        await site.move(pfa_id, "Dock 9")
    await site.move("5", "Dock 5")
    async with asyncio.timeout(SECONDS):
        while watcher.known.keys() != set("12346789"):
            await watcher.read()


async def test_a_watcher_that_is_too_slow_goes_on_from_the_token_that_it_is_told(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_slow(*_: Any) -> None:
        raise SlowClient

    watcher = site.watch(filter=DOCK)
    await watcher.current()
    with monkeypatch.context() as patch:
        patch.setattr(queues.Subscription, "write", too_slow)
        await site.move("7", "Dock 9")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watcher.read()
    told = taken_apart(caught.value)
    assert (told.code, told.info.reason) == (grpc.StatusCode.ABORTED, "SLOW_CLIENT")
    assert told.info.metadata["changes_through"] == watcher.token, "a token that is cut would be of no use"
    again = site.watch(filter=DOCK, revision_token=told.info.metadata["changes_through"])
    await again.changed()
    assert again.known.keys() == {"7"}


async def test_a_token_older_than_the_history_is_refused(site: Served) -> None:
    old = await site.token()
    for area in ("Dock 9", "Dock 5"):
        await site.move("7", area)
    async with site.database.writing() as connection:
        for table in (organization_commits, record_changes):
            await connection.execute(sa.delete(table).where(table.c.revision <= 2))
    found = await failure(site.records.WatchRecords(WatchRecordsRequest(organization_id="RIO", revision_token=old)))
    assert (found.code, found.reason) == (grpc.StatusCode.OUT_OF_RANGE, "REVISION_COMPACTED")
    assert found.metadata["oldest_revision"] == "2"


async def test_a_token_from_before_a_restore_is_refused_and_so_is_a_watch(site: Served) -> None:
    watcher = site.watch()
    await watcher.current()
    await renew(site.database, "RIO")
    found = await failure(
        site.records.WatchRecords(WatchRecordsRequest(organization_id="RIO", revision_token=watcher.token))
    )
    assert found.reason == "REVISION_COMPACTED"
    with pytest.raises(grpc.aio.AioRpcError, match="restored"):
        await watcher.read()


async def test_bad_requests_are_told_what_is_wrong(site: Served) -> None:
    def watch(**options: Any) -> Any:
        return site.records.WatchRecords(WatchRecordsRequest(**options))

    assert (await failure(watch())).reason == "INVALID_REQUEST"
    assert (await failure(watch(organization_id="NOWHERE"))).reason == "ORGANIZATION_NOT_FOUND"
    assert (await failure(watch(organization_id="RIO", filter="silo ="))).reason == "INVALID_FILTER"
    assert (await failure(watch(organization_id="RIO", revision_token="x"))).reason == "INVALID_TOKEN"
    of_other = (await site.records.ListRecords(ListRecordsRequest(organization_id="RIO2"))).revision_token
    assert (await failure(watch(organization_id="RIO", revision_token=of_other))).reason == "INVALID_TOKEN"


async def test_a_server_that_stops_ends_its_watchers_first(site: Served) -> None:
    watcher = site.watch()
    await watcher.current()
    stopping = asyncio.create_task(site.server.stop(60.0))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watcher.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    async with asyncio.timeout(SECONDS):
        await stopping


async def test_the_last_watcher_takes_the_feed_with_it(site: Served) -> None:
    watchers = [site.watch() for _ in range(3)]
    for watcher in watchers:
        await watcher.current()
    assert sum("_Followed" in repr(task) for task in asyncio.all_tasks()) == 1
    site.end()
    async with asyncio.timeout(SECONDS):
        while any("_Followed" in repr(task) for task in asyncio.all_tasks()):  # noqa: ASYNC110 (they end without a sign)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_what_another_process_writes_is_heard_of_at_once(
    site: Served, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LOOK_SECONDS", 600.0)
    watcher = site.watch(filter=DOCK)
    await watcher.current()
    other = Database(filled.url, Limits(direct_connections=1))
    site.database = other
    await site.move("7", "Dock 9")
    await watcher.changed()
    assert watcher.known.keys() == {"7"}
    await other.close()


async def test_watchers_leave_room_for_calls_and_have_a_limit_of_their_own(filled: Filled, settings: Settings) -> None:
    few = settings.model_copy(update={"max_watchers": 2, "max_concurrent_calls": 1})
    async with serving(filled.database, few, filled.url) as site:
        for _ in range(2):
            await site.watch(filter=DOCK).current()
        assert not (await site.list()).records
        found = await failure(site.records.WatchRecords(WatchRecordsRequest(organization_id="RIO")))
        assert (found.code, found.metadata["limit"]) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "max_watchers")
