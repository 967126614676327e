"""The client for services: a replica stays equal to the server's records, whatever happens to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import grpc
import pytest

from pfa.v1.record_service_pb2 import ListRecordsRequest
from pfa.v1.watch_pb2 import WatchRecordsRequest, WatchRecordsResponse
from pfa_rpc.client import Change, ChangeKind, RecordClient, Replica, following
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.store.upkeep.restored import renew
from tests.integration.services.test_watch import DOCK, SECONDS, Served, database_kind, filled, serving, site
from tests.integration.store.conftest import Filled

__all__ = ["database_kind", "filled", "site"]  # fixtures


@pytest.fixture
async def channel(site: Served) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(site.server.target) as channel:
        yield channel


async def some(changes: AsyncIterator[Change], number: int) -> list[Change]:
    """Return the next changes."""
    async with asyncio.timeout(SECONDS):
        return [await anext(changes) for _ in range(number)]


def told(changes: list[Change]) -> list[tuple[ChangeKind, str]]:
    return [(change.kind, change.record.pfa_id) for change in changes]


async def test_a_replica_is_filled_and_kept_up_to_date(site: Served, channel: grpc.aio.Channel) -> None:
    await site.move("7", "Dock 9")
    replica = Replica()
    changes = RecordClient(channel).follow("RIO", filter=DOCK, replica=replica)
    assert told(await some(changes, 1)) == [(ChangeKind.ADDED, "7")]
    await site.move("8", "Dock 9")
    assert told(await some(changes, 1)) == [(ChangeKind.ADDED, "8")]
    await site.move("7", "Dock 5")
    [gone] = await some(changes, 1)
    assert told([gone]) == [(ChangeKind.REMOVED, "7")]
    assert gone.record.area_silo == "Dock 9"
    assert [record.pfa_id for record in replica.records.values()] == ["8"]


async def test_a_change_says_what_was_before(site: Served, channel: grpc.aio.Channel) -> None:
    changes = RecordClient(channel).follow("RIO")
    await some(changes, 300)
    await site.move("7", "Dock 9")
    [change] = await some(changes, 1)
    assert change.kind is ChangeKind.CHANGED
    assert change.before is not None
    assert (change.before.area_silo, change.record.area_silo) != ("Dock 9", change.before.area_silo)


async def test_who_stops_following_has_ended_the_call(site: Served, channel: grpc.aio.Channel) -> None:
    ended: list[bool] = []
    client = RecordClient(channel)
    messages = client._messages

    async def noted(request: WatchRecordsRequest) -> AsyncGenerator[WatchRecordsResponse, None]:
        try:
            async for message in messages(request):
                yield message
        finally:
            ended.append(True)

    client._messages = noted  # type: ignore[method-assign]
    changes = client.follow("RIO")
    await some(changes, 1)
    await changes.aclose()
    assert ended, "not some time later, when the garbage is collected"


async def test_a_replica_goes_on_on_another_connection(site: Served, channel: grpc.aio.Channel) -> None:
    replica = Replica()
    first = RecordClient(channel).follow("RIO", replica=replica)
    await some(first, 300)
    while not replica.token:
        await site.move("1", "Dock 1")
        await some(first, 1)
    await first.aclose()
    await site.move("7", "Dock 9")
    kept = Replica(replica.records, replica.token)
    changes = RecordClient(channel).follow("RIO", replica=kept)
    assert told(await some(changes, 1)) == [(ChangeKind.CHANGED, "7")]


async def test_a_server_that_restarts_costs_nothing(
    filled: Filled, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FIRST_WAIT", 0.01)
    waits: list[str] = []
    async with serving(filled.database, settings, filled.url) as site:
        address = site.server.address
        channel = grpc.aio.insecure_channel(site.server.target, options=[("grpc.max_reconnect_backoff_ms", 200)])
        client = RecordClient(channel, waiting=lambda error, _: waits.append(error.code().name))
        changes = client.follow("RIO", filter=DOCK)
        await site.move("7", "Dock 9")
        assert told(await some(changes, 1)) == [(ChangeKind.ADDED, "7")]
        moved = site.move
    await moved("8", "Dock 9")
    again = settings.model_copy(update={"database_url": filled.url, "listen": str(address)})
    async with running(again):
        assert told(await some(changes, 1)) == [(ChangeKind.ADDED, "8")]
    assert waits
    assert set(waits) == {"UNAVAILABLE"}
    await changes.aclose()
    await channel.close()


async def test_after_a_restore_only_the_differences_are_told(site: Served, channel: grpc.aio.Channel) -> None:
    await site.move("7", "Dock 9")
    await site.move("8", "Dock 9")
    replica = Replica()
    changes = RecordClient(channel).follow("RIO", filter=DOCK, replica=replica)
    await some(changes, 2)
    await renew(site.database, "RIO")
    await site.move("7", "Dock 5")
    await site.move("9", "Dock 9")
    assert sorted(told(await some(changes, 2)), key=str) == [(ChangeKind.ADDED, "9"), (ChangeKind.REMOVED, "7")]
    listed = await site.records.ListRecords(ListRecordsRequest(organization_id="RIO", filter=DOCK))
    assert {record.id: record for record in listed.records} == replica.records


async def test_what_waiting_does_not_mend_is_raised(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await some(RecordClient(channel).follow("RIO", filter="silo ="), 1)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await some(RecordClient(channel).follow("NOWHERE"), 1)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
