"""What a caller who may not synchronize, see money, or use an organization gets of the synchronization."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest
from google.protobuf.message import Message

from pfa.v1 import conflict_pb2, sync_service_pb2
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import ListRecordsRequest, ListRecordsResponse
from pfa.v1.sync_service_pb2 import DESCRIPTOR, ListRejectedRowsRequest, ListRejectedRowsResponse
from pfa_rpc.cache.nothing import NoCache
from pfa_rpc.errors import PermissionDenied
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.schema import FIELDS
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.records import RecordService
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.sync import SyncService
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.simulator.faults import Match, Refuse, Reply
from pfa_rpc.store.database import Database
from pfa_rpc.store.syncing.cursors import RejectedRow, save_rejected
from pfa_rpc.store.syncing.runs import Direction
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.events import LocalEdit, Pulled
from pfa_rpc.sync.pems import PemsSettings
from pfa_rpc.sync.runner import Runner
from tests.integration.store.conftest import make_migrated
from tests.integration.sync.conftest import AT, SYNC, row_of
from tests.integration.sync.pushing_site import PushSite, pushing_site

RPCS: Final = [method.name for method in DESCRIPTOR.services_by_name["SyncService"].methods]
NEEDED: Final[Mapping[str, Permission]] = {
    "StartSync": Permission.SYNC,
    "GetSync": Permission.READ,
    "ListSyncs": Permission.READ,
    "CancelSync": Permission.SYNC,
    "WatchSync": Permission.READ,
    "ListRejectedRows": Permission.READ,
    "GetSyncSettings": Permission.READ,
    "UpdateSyncSettings": Permission.SYNC,
    "ListConflicts": Permission.READ,
    "ResolveConflicts": Permission.SYNC,
    "RetryRecords": Permission.SYNC,
}
MONEY: Final = [each.proto for each in FIELDS if each.is_money]
RATE: Final = "987654"
SETTLING: Final = frozenset({Permission.READ, Permission.SYNC})


@dataclass
class Caller:
    """Makes calls, and keeps what is written to them."""

    permissions: frozenset[Permission] = frozenset(Permission)
    request_id: str = "test"
    organization_id: str = "RIO"
    peer: str = "test"
    written: list[bytes] = field(default_factory=list)

    @property
    def principal(self) -> Principal:
        """Who may use one organization, and do with it what the permissions say."""
        return Principal("kim", frozenset({self.organization_id}), self.permissions)

    async def write(self, response: Message | bytes) -> None:
        """Keep a message."""
        self.written.append(response if isinstance(response, bytes) else response.SerializeToString())


async def ask(service: SyncService, rpc: str, caller: Caller, organization_id: str = "RIO", **fields: Any) -> Any:
    request: Any = getattr(sync_service_pb2, f"{rpc}Request", None) or getattr(conflict_pb2, f"{rpc}Request")
    method = getattr(service, re.sub(r"(?<!^)(?=[A-Z])", "_", rpc).lower())
    return await method(request(organization_id=organization_id, **fields), caller)


@pytest.fixture
async def service(database: Database) -> AsyncIterator[SyncService]:
    """RIO with conflicts about the rate and the model of a record."""
    async with database.write("RIO", Cause(How.EDIT, "anna")) as write:
        batch = await SyncBatch.begin(write)
        await batch.read("pfa_id", ["7"])
        record = batch.find("7")
        assert record is not None
        batch.step(record.values["id"], LocalEdit({"source": "rental", "monthly_rate": 5, "model": "MINE"}, "anna", AT))
        await batch.save()
    async with database.write("RIO", SYNC) as write:
        batch = await SyncBatch.begin(write)
        await batch.read("pfa_id", ["7"])
        later = AT + timedelta(minutes=1)
        changes = {"source": "rental", "monthly_rate": int(RATE) * 10_000, "model": "THEIRS"}
        batch.take(Pulled(row_of(record.values, later, **changes), later))
        await batch.save()
    renamed = PemsSettings.load(base_url="", columns={"purchase_price": "zz_price"})
    runner = Runner(database, renamed)
    yield SyncService(database, Tokens(b"k" * 16), runner)
    await runner.close()


def test_every_call_is_looked_at() -> None:
    assert sorted(NEEDED) == sorted(RPCS)


@pytest.mark.parametrize("rpc", RPCS)
@pytest.mark.parametrize("organization_id", ["CAPE", "NOWHERE"])
async def test_another_organization_is_denied_whether_it_exists_or_not(
    service: SyncService, rpc: str, organization_id: str
) -> None:
    with pytest.raises(PermissionDenied, match="may not use organization"):
        await ask(service, rpc, Caller(), organization_id)


@pytest.mark.parametrize("rpc", RPCS)
async def test_a_call_needs_its_permission(service: SyncService, rpc: str) -> None:
    lacking = Caller(frozenset(Permission) - {NEEDED[rpc]})
    with pytest.raises(PermissionDenied, match=f"lacks the permission '{NEEDED[rpc].value}'"):
        await ask(service, rpc, lacking)
    assert lacking.written == []


async def test_conflicts_about_money_are_listed_without_the_amounts(service: SyncService) -> None:
    shown = {one.field: one for one in (await ask(service, "ListConflicts", Caller())).conflicts}
    assert shown["monthly_rate"].theirs.monthly_rate.units == int(RATE)
    masked = (await ask(service, "ListConflicts", Caller(SETTLING))).conflicts
    assert {one.field for one in masked} == set(shown)
    for one in masked:
        sides: list[Record] = [one.base, one.mine, one.theirs]
        assert not any(side.HasField(path) for side in sides for path in MONEY)  # type: ignore[arg-type]
    by_field = {one.field: one for one in masked}
    assert by_field["model"] == shown["model"]
    assert by_field["monthly_rate"].etag == ""
    assert (by_field["monthly_rate"].mine_by, by_field["monthly_rate"].theirs_by) == ("anna", "okafor")


async def test_money_is_not_found_out_by_a_filter_of_conflicts_or_records_in_error(service: SyncService) -> None:
    for rpc in ("ListConflicts", "RetryRecords"):
        with pytest.raises(PermissionDenied, match="may not see monthly_rate"):
            await ask(service, rpc, Caller(SETTLING), filter="monthly_rate > 5")
        with pytest.raises(PermissionDenied, match="may not see the amounts that sync_error_message may quote"):
            await ask(service, rpc, Caller(SETTLING), filter='sync_error_message:"54"')


@pytest.mark.parametrize("choice", ["MINE", "THEIRS"])
async def test_nobody_decides_about_money_that_they_may_not_see(service: SyncService, choice: str) -> None:
    found = {one.field: one for one in (await ask(service, "ListConflicts", Caller())).conflicts}
    number = conflict_pb2.ConflictChoice.Value(f"CONFLICT_CHOICE_{choice}")

    def decide(name: str) -> list[conflict_pb2.ConflictDecision]:
        one = found[name]
        return [conflict_pb2.ConflictDecision(conflict_id=one.conflict_id, choice=number, etag=one.etag)]

    with pytest.raises(PermissionDenied, match="may not see monthly_rate"):
        await ask(service, "ResolveConflicts", Caller(SETTLING), resolutions=decide("monthly_rate"))
    await ask(service, "ResolveConflicts", Caller(SETTLING), resolutions=decide("model"))
    left = (await ask(service, "ListConflicts", Caller())).conflicts
    assert "model" not in {one.field for one in left}
    assert "monthly_rate" in {one.field for one in left}


@pytest.mark.parametrize("column", ["pfs_f_rental", "pfs_f_purchase", "zz_price"])
async def test_rejected_rows_are_listed_without_the_amounts(
    service: SyncService, database: Database, column: str
) -> None:
    """Whatever the installation calls their columns now, or called them when the row came."""
    cells = {"pfs_id": "8", column: RATE, "pfs_f_model": "X"}
    fault = (column, RATE, "monthly rate is negative")
    async with database.writing() as connection:
        await save_rejected(connection, "RIO", [RejectedRow("8", "8", b"", cells, (fault,), AT, AT, "run")])
    asked = ListRejectedRowsRequest(organization_id="RIO")
    masked: ListRejectedRowsResponse = await service.list_rejected_rows(asked, Caller(SETTLING))
    (row,) = masked.rows
    assert RATE not in str(masked)
    assert (row.faults[0].reason, row.cells["pfs_f_model"]) == ("monthly rate is negative", "X")
    assert RATE in str(await service.list_rejected_rows(asked, Caller()))


SAID: Final = "The value 5,432.10 is too large, USD9876 at most."


@pytest.fixture
async def pushed(database_url: str) -> AsyncIterator[PushSite]:
    """A PEMS that quotes amounts in what it refuses, and a rate that was edited."""
    await make_migrated(database_url)
    async with pushing_site(database_url) as site:
        await site.edit(site.ids()[0], source="rental", monthly_rate=5_432_1000)
        yield site


async def test_what_pems_said_of_a_record_is_told_without_the_amounts(pushed: PushSite) -> None:
    pushed.simulator.faults.add(Refuse(SAID), Match(call="UPDATE"))
    await pushed.go()
    records = RecordService(Sources.of(pushed.database, Tokens(b"k" * 16), NoCache()))

    async def listed(caller: Caller, filter_text: str = "sync_state = SYNC_ERROR") -> str:
        request = ListRecordsRequest(organization_id=pushed.organization_id, filter=filter_text)
        page = ListRecordsResponse.FromString(await records.list_records(request, caller))
        return page.records[0].sync.error_message

    everything = Caller(organization_id=pushed.organization_id)
    blind = Caller(SETTLING, organization_id=pushed.organization_id)
    assert await listed(everything) == f"PEMS says: {SAID}"
    assert await listed(blind) == "PEMS says: The value … is too large, USD… at most."
    assert await listed(everything, 'sync_error_message:"5,432"') == f"PEMS says: {SAID}"
    with pytest.raises(PermissionDenied, match="may not see the amounts that sync_error_message may quote"):
        await listed(blind, 'sync_error_message:"5,432"')


async def test_what_pems_said_of_a_run_is_told_without_the_amounts(pushed: PushSite) -> None:
    body = json.dumps({"Result": None, "ErrorAlert": [{"Message": SAID, "Name": ""}]})
    pushed.simulator.faults.add(Reply(400, body=body), Match(call="DATA"))
    run = await pushed.go(Direction.PULL)
    service = SyncService(pushed.database, Tokens(b"k" * 16), pushed.runner)

    async def told(permissions: frozenset[Permission]) -> list[str]:
        caller = Caller(permissions, organization_id=pushed.organization_id)
        of_run = {"sync_id": run.run_id}
        one = await ask(service, "GetSync", caller, pushed.organization_id, **of_run)
        log = await ask(service, "ListSyncs", caller, pushed.organization_id)
        await ask(service, "WatchSync", caller, pushed.organization_id, **of_run)
        watched = sync_service_pb2.WatchSyncResponse.FromString(caller.written[-1])
        return [one.sync.message, log.syncs[0].message, watched.sync.message]

    assert await told(frozenset(Permission)) == [f"PEMS says: {SAID}"] * 3
    assert await told(SETTLING) == ["PEMS says: The value … is too large, USD… at most."] * 3
