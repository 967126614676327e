"""The change feed of a process: no change is lost to who comes, goes or fails while changes are handed out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import pytest

from nlq.filters.filter_text import parse_filter
from pfa.v1.watch_pb2 import WatchRecordsRequest, WatchRecordsResponse
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.following import feed, watching
from pfa_rpc.services.following.feed import ChangeFeed
from pfa_rpc.services.following.queues import Backlog, Batch, Subscription
from pfa_rpc.services.following.views import View
from pfa_rpc.services.following.watching import RecordWatch
from pfa_rpc.services.principal import LOCAL_ADMIN
from pfa_rpc.services.reading.streams import RecordStreams
from pfa_rpc.services.requests import Mask, revision_token
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.history.feed import read_news
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from pfa_rpc.store.revisions import get_revision
from tests.causes import CAUSE
from tests.integration.services.test_permissions import RecordedCall
from tests.integration.store.conftest import Filled, database_kind, filled

__all__ = ["database_kind", "filled"]  # fixtures

SECONDS = 15.0
TOKENS = Tokens(b"a key of the tests")
EVERYTHING = Mask((), hide_money=False)

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


async def move(database: Database, area: str, *pfa_ids: str) -> None:
    """Change records in one write."""
    async with database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        found = await read_for_write(write, pfa_ids)
        changes = [(before, before.copy()) for before in found.values()]
        for _, after in changes:
            after.values["area_silo"] = area
        await save_records(write, organization, changes)


def view(filter_text: str = "") -> View:
    return View(parse_filter(filter_text, SCHEMA) if filter_text else None, EVERYTHING)


async def told(subscription: Subscription) -> set[str]:
    """Return the ids of the records in the next batch."""
    async with asyncio.timeout(SECONDS):
        while (batch := await subscription.next(0.1)) is None:
            assert not subscription.is_behind
    return {record.pfa_id for message in batch.messages for record in WatchRecordsResponse.FromString(message).records}


class Held:
    """A step of the feed that waits until it may go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.may_go_on.wait()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Hold what is made for those who watch everything."""
    hold, messages = Held(), View.messages

    async def slowly(self: View, *arguments: Any, **options: Any) -> list[bytes]:
        if self.is_whole:
            await hold.wait()
        return await messages(self, *arguments, **options)

    monkeypatch.setattr(View, "messages", slowly)
    return hold


async def listen(call: RecordedCall, watch: RecordWatch, filter_text: str, token: str) -> None:
    request = WatchRecordsRequest(organization_id="RIO", filter=filter_text, revision_token=token)
    await watch.write(request, call)


@asynccontextmanager
async def following(database: Database, *views: View) -> AsyncIterator[list[Subscription]]:
    """Give a subscription of each view to a feed of its own."""
    followed = ChangeFeed(database, TOKENS, Backlog())
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(followed.subscribed("RIO", one)) for one in views]


async def test_who_comes_while_a_change_is_handed_out_misses_none(
    filled: Filled, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_SECONDS", 0.1)
    watch = RecordWatch(filled.database, TOKENS, cast("RecordStreams", None), Backlog())
    before = revision_token(TOKENS, "RIO", await get_revision(filled.database, "RIO"))
    first, late = RecordedCall(LOCAL_ADMIN), RecordedCall(LOCAL_ADMIN)
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        tasks = [group.create_task(listen(first, watch, "", before))]
        await asyncio.sleep(0.1)
        await move(filled.database, "Dock 9", "7")
        await held.reached.wait()
        tasks.append(group.create_task(listen(late, watch, 'area_silo = "Dock 9"', before)))
        await asyncio.sleep(0.1)
        held.may_go_on.set()
        while 2 not in revisions(late):  # noqa: ASYNC110 (a call gives no sign)
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
    assert "7" in records(late)


async def test_who_leaves_while_a_change_is_handed_out_takes_nobody_along(
    filled: Filled, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Held()

    async def slowly(*arguments: Any, **options: Any) -> Any:
        await reading.wait()
        return await read_news(*arguments, **options)

    monkeypatch.setattr(feed, "read_news", slowly)
    followed = ChangeFeed(filled.database, TOKENS, Backlog())
    async with followed.subscribed("RIO", view()) as stays:
        await move(filled.database, "Dock 9", "7")
        await reading.reached.wait()
        async with followed.subscribed("RIO", view('area_silo = "Dock 9"')):
            reading.may_go_on.set()
            await held.reached.wait()
        held.may_go_on.set()
        assert await told(stays) == {"7"}
        await move(filled.database, "Dock 9", "8")
        assert await told(stays) == {"8"}


async def test_those_of_one_connection_are_told_one_after_the_other(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, order = Subscription.put, list[Subscription]()

    def noted(self: Subscription, batch: Batch) -> None:
        order.append(self)
        put(self, batch)

    monkeypatch.setattr(Subscription, "put", noted)
    followed = ChangeFeed(filled.database, TOKENS, Backlog())
    async with AsyncExitStack() as stack:
        peers = {
            await stack.enter_async_context(followed.subscribed("RIO", view(), f"peer {number % 3}")): number % 3
            for number in range(30)
        }
        await move(filled.database, "Dock 9", "7")
        for subscription in peers:
            assert await told(subscription) == {"7"}
    assert [peers[subscription] for subscription in order] == [0] * 10 + [1] * 10 + [2] * 10


async def test_a_feed_goes_on_after_what_nobody_expected(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def breaking(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(feed, "read_news", read_news)
        raise ValueError("never seen before")

    monkeypatch.setattr(feed, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(feed, "read_news", breaking)
    async with following(filled.database, view()) as (watcher,):
        await move(filled.database, "Dock 9", "7")
        async with asyncio.timeout(SECONDS):
            while not watcher.is_behind:
                await watcher.next(0.01)
        watcher.rejoin()
        await move(filled.database, "Dock 9", "8")
        assert "8" in await told(watcher)
    assert "the change feed failed" in capsys.readouterr().out


async def test_a_filter_that_fails_holds_up_nobody_else(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = View.messages

    async def fails(self: View, *arguments: Any, **options: Any) -> list[bytes]:
        if not self.is_whole:
            raise ZeroDivisionError
        return await messages(self, *arguments, **options)

    monkeypatch.setattr(View, "messages", fails)
    async with following(filled.database, view('area_silo = "Dock 9"'), view()) as (failing, whole):
        await move(filled.database, "Dock 9", "7")
        assert await told(whole) == {"7"}
        assert failing.is_behind, "it finds out by itself, reading from the database"


async def test_many_filters_do_not_hold_up_other_calls(filled: Filled) -> None:
    views = [view(f'area_silo = "Dock 9" AND monthly_rate > {number}') for number in range(2_000)]
    async with following(filled.database, *views) as watchers:
        longest = 0.0
        for area in ("Dock 9", "Dock 5"):
            await move(filled.database, area, "7")
            async with asyncio.timeout(SECONDS):
                while watchers[-1].through is not None:
                    longest = max(longest, await turn())
            async with asyncio.timeout(SECONDS):
                while watchers[0].followed.through.number < (await get_revision(filled.database, "RIO")).number:
                    longest = max(longest, await turn())
    assert longest < 0.02, f"a turn of the loop took {longest * 1000:.0f} ms of the processor"


async def turn() -> float:
    """Return the processor time of one turn of the loop, in seconds."""
    begun = time.thread_time()
    await asyncio.sleep(0)
    return time.thread_time() - begun


async def test_the_last_message_of_a_change_says_how_far_it_is(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 records that changed, those of the last stretch are not of the filter."""
    monkeypatch.setattr("pfa_rpc.store.history.feed.NEWS_RECORDS", 20)
    monkeypatch.setattr(feed, "STRETCH", 20)
    async with following(filled.database, view('pfa_id = "1"')) as (watcher,):
        await move(filled.database, "Dock 9", *map(str, range(1, 61)))
        async with asyncio.timeout(SECONDS):
            while (batch := await watcher.next(1.0)) is None or not batch.is_last:
                pass
    assert WatchRecordsResponse.FromString(batch.messages[-1]).changes_through


async def test_a_feed_has_ended_when_its_last_watcher_has_left(filled: Filled) -> None:
    async with following(filled.database, view()):
        assert any("_Followed" in repr(task) for task in asyncio.all_tasks())
    assert not any("_Followed" in repr(task) for task in asyncio.all_tasks())


def messages(call: RecordedCall) -> list[WatchRecordsResponse]:
    return [WatchRecordsResponse.FromString(message) for message in call.written]


def records(call: RecordedCall) -> set[str]:
    return {record.pfa_id for message in messages(call) for record in message.records}


def revisions(call: RecordedCall) -> set[int]:
    """Return the revisions that a watch has said to be through with."""
    return {
        TOKENS.open("revision", message.changes_through, "RIO", b"")[0]
        for message in messages(call)
        if message.changes_through
    }
