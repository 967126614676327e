"""SyncService, asked by a client while a server runs the synchronization with a PEMS."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from pfa.v1 import sync_service_pb2 as pb
from pfa.v1.error_reason_pb2 import ERROR_REASON_SYNC_SUSPENDED
from pfa.v1.sync_service_pb2_grpc import SyncServiceStub
from pfa_rpc.server.application import running
from pfa_rpc.server.schedule import begin_due
from pfa_rpc.server.settings import Settings
from pfa_rpc.simulator.running import Simulator, running_simulator
from pfa_rpc.simulator.settings import Settings as Installation
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.syncing.tables import sync_runs
from pfa_rpc.sync.runner import Runner
from tests.integration.pems.conftest import PHRASE, organization_of, settings_for
from tests.integration.services.conftest import failure

if TYPE_CHECKING:
    from pfa.v1.sync_service_pb2_grpc import SyncServiceAsyncStub

ROWS = 60
PULL = pb.SYNC_DIRECTION_PULL


@dataclass
class Served:
    """A server, its PEMS and a client."""

    stub: SyncServiceAsyncStub
    simulator: Simulator
    database_url: str
    organization_id: str
    target: str
    """Address of the server."""

    async def start(self, **request: Any) -> pb.SyncRun:
        """Begin a pull."""
        asked = pb.StartSyncRequest(organization_id=self.organization_id, direction=PULL, **request)
        return (await self.stub.StartSync(asked)).sync

    async def finished(self, sync_id: str) -> pb.SyncRun:
        """Wait for the end of a run."""
        asked = pb.WatchSyncRequest(organization_id=self.organization_id, sync_id=sync_id)
        return [message.sync async for message in self.stub.WatchSync(asked)][-1]

    async def log(self) -> list[pb.SyncRun]:
        """Return the log."""
        return list((await self.stub.ListSyncs(pb.ListSyncsRequest(organization_id=self.organization_id))).syncs)


@pytest.fixture
async def served(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A server with an organization that a PEMS has 60 rows of."""
    async with running_simulator(Installation(records=ROWS, users={"pfa": PHRASE})) as simulator:
        given = {"base_url": simulator.url, "tenant": "DEMO", "user": "pfa", "password": PHRASE, "page_rows": "20"}
        given |= {"requests_per_second": "1000", "retry_seconds": "0.01"}
        for name, value in given.items():
            monkeypatch.setenv(f"PFA_PEMS_{name.upper()}", value)
        database = Database(database_url)
        await migrate(database)
        code = organization_of(simulator)
        await create_organization(database, code)
        await database.close()
        settings = Settings.load(database_url=database_url, listen="127.0.0.1:0", stop_seconds=1)
        async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
            yield Served(SyncServiceStub(channel), simulator, database_url, code, up.target)


async def test_a_run_is_begun_watched_and_logged(served: Served) -> None:
    begun = await served.start()
    assert (begun.state, begun.number) == (pb.SYNC_RUN_STATE_RUNNING, 1)
    ended = await served.finished(begun.sync_id)
    assert ended.state == pb.SYNC_RUN_STATE_SUCCEEDED
    assert (ended.counts.fetched, ended.counts.inserted, ended.total) == (ROWS, ROWS, ROWS)
    assert ended.sequence > begun.sequence
    assert await served.log() == [ended]
    again = pb.GetSyncRequest(organization_id=served.organization_id, sync_id=begun.sync_id)
    assert (await served.stub.GetSync(again)).sync == ended


async def test_a_watch_that_is_resumed_tells_only_what_came_later(served: Served) -> None:
    ended = await served.finished((await served.start()).sync_id)
    asked = pb.WatchSyncRequest(
        organization_id=served.organization_id, sync_id=ended.sync_id, after_sequence=ended.sequence
    )
    assert [message async for message in served.stub.WatchSync(asked)] == []
    asked.after_sequence -= 1
    assert [message.sync async for message in served.stub.WatchSync(asked)] == [ended]


async def test_a_second_run_is_refused_and_told_the_first(served: Served) -> None:
    served.simulator.faults.add("delay seconds=5 call=DATA")
    first = await served.start()
    asked = pb.StartSyncRequest(organization_id=served.organization_id, direction=PULL)
    refused = await failure(served.stub.StartSync(asked))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SYNC_ALREADY_RUNNING")
    assert refused.metadata["run_id"] == first.sync_id
    cancel = pb.CancelSyncRequest(organization_id=served.organization_id, sync_id=first.sync_id)
    cancelled = (await served.stub.CancelSync(cancel)).sync
    assert (cancelled.state, cancelled.cancelled_by) == (pb.SYNC_RUN_STATE_CANCELLED, "local-admin")
    served.simulator.faults.clear()
    assert (await served.finished((await served.start()).sync_id)).counts.inserted == ROWS


async def test_a_request_that_is_repeated_begins_no_second_run(served: Served) -> None:
    request_id = str(uuid.uuid4())
    first, second = await served.start(request_id=request_id), await served.start(request_id=request_id)
    assert first.sync_id == second.sync_id
    asked = pb.StartSyncRequest(
        organization_id=served.organization_id, direction=PULL, mode=pb.SYNC_MODE_FULL, request_id=request_id
    )
    assert (await failure(served.stub.StartSync(asked))).reason == "REQUEST_ID_REUSED"
    await served.finished(first.sync_id)


async def test_a_run_that_there_is_none_of_is_not_found(served: Served) -> None:
    asked = pb.GetSyncRequest(organization_id=served.organization_id, sync_id="no-such-run")
    missing = await failure(served.stub.GetSync(asked))
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "SYNC_NOT_FOUND")
    code = served.organization_id
    for call in (
        served.stub.GetSync(pb.GetSyncRequest(organization_id=code)),
        served.stub.CancelSync(pb.CancelSyncRequest(organization_id=code)),
        served.stub.WatchSync(pb.WatchSyncRequest(organization_id=code)).read(),
    ):
        unnamed = await failure(call)
        assert (unnamed.code, unnamed.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert "sync_id" in unnamed.message


async def test_rejected_rows_are_listed_page_by_page(served: Served) -> None:
    for number in range(3):
        served.simulator.force(str(70_001 + number), "pfs_f_startdate", "soon")
    await served.finished((await served.start()).sync_id)
    listed: list[pb.RejectedRow] = []
    token = ""
    while True:
        asked = pb.ListRejectedRowsRequest(organization_id=served.organization_id, page_size=2, page_token=token)
        page = await served.stub.ListRejectedRows(asked)
        listed += page.rows
        token = page.next_page_token
        if not token:
            break
    assert [row.pfa_id for row in listed] == ["70001", "70002", "70003"]
    assert (listed[0].faults[0].column, listed[0].faults[0].value) == ("pfs_f_startdate", "soon")
    assert listed[0].cells["pfs_f_startdate"] == "soon"


async def test_settings_are_kept_and_a_suspended_organization_is_left_alone(served: Served) -> None:
    wanted = pb.SyncSettings(suspended=True, note="PEMS moves house", policies={"actual_end": pb.CONFLICT_POLICY_PEMS})
    wanted.interval.CopyFrom(Duration(seconds=3600))
    asked = pb.UpdateSyncSettingsRequest(organization_id=served.organization_id, settings=wanted)
    updated = (await served.stub.UpdateSyncSettings(asked)).settings
    assert (updated.suspended, updated.interval.seconds, updated.updated_by) == (True, 3600, "local-admin")
    refused = await failure(
        served.stub.StartSync(pb.StartSyncRequest(organization_id=served.organization_id, direction=PULL))
    )
    assert refused.reason == "SYNC_SUSPENDED"
    assert "PEMS moves house" in refused.message
    asked = pb.UpdateSyncSettingsRequest(
        organization_id=served.organization_id, settings=pb.SyncSettings(), update_mask=FieldMask(paths=["suspended"])
    )
    kept = (await served.stub.UpdateSyncSettings(asked)).settings
    assert (kept.suspended, kept.note, dict(kept.policies)) == (
        False,
        "PEMS moves house",
        {"actual_end": pb.CONFLICT_POLICY_PEMS},
    )
    assert (await served.finished((await served.start()).sync_id)).state == pb.SYNC_RUN_STATE_SUCCEEDED


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (pb.SyncSettings(interval=Duration(seconds=5)), "interval"),
        (pb.SyncSettings(policies={"pfa_id": pb.CONFLICT_POLICY_PEMS}), "policies"),
        (pb.SyncSettings(note="x" * 501), "note"),
    ],
)
async def test_settings_that_make_no_sense_are_refused(served: Served, settings: pb.SyncSettings, path: str) -> None:
    asked = pb.UpdateSyncSettingsRequest(
        organization_id=served.organization_id, settings=settings, update_mask=FieldMask(paths=[path])
    )
    assert (await failure(served.stub.UpdateSyncSettings(asked))).code is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_schedule_begins_runs_that_are_due_and_logs_those_that_it_skips(served: Served) -> None:
    database = Database(served.database_url)
    runner = Runner(database, settings_for(served.simulator.url))
    await begin_due(database, runner)
    (run,) = await served.log()
    assert run.requested_by == "schedule"
    assert run.mode == pb.SYNC_MODE_FULL
    await served.finished(run.sync_id)
    await begin_due(database, runner)  # not due again for a quarter of an hour
    assert len(await served.log()) == 1
    wanted = pb.SyncSettings(suspended=True, interval=Duration(seconds=60))
    asked = pb.UpdateSyncSettingsRequest(organization_id=served.organization_id, settings=wanted)
    await served.stub.UpdateSyncSettings(asked)
    async with database.writing() as connection:
        earlier = sync_runs.update().values(started_at=run.start_time.ToDatetime().replace(year=2020))
        await connection.execute(earlier.where(sync_runs.c.organization_id == served.organization_id))
    await begin_due(database, runner)
    skipped = (await served.log())[0]
    assert (skipped.state, skipped.reason) == (pb.SYNC_RUN_STATE_SKIPPED, ERROR_REASON_SYNC_SUSPENDED)
    await runner.close()
    await database.close()
