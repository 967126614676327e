"""Edits, bulk changes, undo, drafts and imports in any order, against a plain model of what they mean.

After every step the records, now and as of past times, the audit, the lists, the streams, the replicas of watchers and
what a draft shows agree with the model, which knows nothing of databases, caches and revisions.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
import hypothesis.strategies as st
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pfa.v1.change_pb2 import Change, ChangeOperation, DateShift
from pfa.v1.draft_pb2 import (
    CommitDraftRequest,
    CreateDraftRequest,
    DiscardDraftRequest,
    DraftResolution,
    EditDraftRequest,
    GetDraftRequest,
)
from pfa.v1.history_pb2 import ListChangesRequest
from pfa.v1.mutation_pb2 import MutateRecordsRequest, Mutation, MutationOperation
from pfa.v1.proposal_pb2 import ApplyChangeRequest, ProposeChangeRequest
from pfa.v1.record_pb2 import Record, SyncState
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    Aggregation,
    GetRecordRequest,
    ListRecordsRequest,
    StreamRecordsRequest,
)
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa.v1.revision_pb2 import Consistency
from pfa.v1.undo_pb2 import RedoChangeRequest, UndoChangeRequest
from pfa_rpc.client import RecordClient, Replica
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.encode import from_message
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.records import new_record, save_records
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.events import Pulled
from pfa_rpc.sync.mapping import PemsRow, digest_of, text_of
from tests.fixtures.records import make_values

_T = TypeVar("_T")

COUNT: Final = 12
AREAS: Final = ("Silo 1", "Silo 2", "Silo 3")
CONTRACTS: Final = ("C-1", "C-2", None)
FIRST_END: Final = date(2026, 6, 1)
WATCHED: Final = "Silo 2"
FIELDS: Final = ("area_silo", "contract", "forecast_end")
"""Fields that the steps change; each merges by itself, or with one that no step changes."""
PATHS: Final = {"area_silo": "area_silo", "contract": "contract", "forecast_end": "forecast.end_date"}
SECONDS: Final = 20.0
UNDECIDED: Final = DraftResolution.DRAFT_RESOLUTION_UNSPECIFIED
KEEP_MINE: Final = DraftResolution.DRAFT_RESOLUTION_KEEP_MINE
LEAVE_OUT: Final = DraftResolution.DRAFT_RESOLUTION_LEAVE_OUT

Numbers = st.integers(1, COUNT).map(str)


@dataclass
class Modelled:
    """What the model knows of a record."""

    values: dict[str, Any]
    base: dict[str, Any]
    version: int = 1

    @property
    def differing(self) -> set[str]:
        return {name for name in FIELDS if self.values[name] != self.base[name]}


@dataclass
class Done:
    """A change that can be undone: pfa_id → field → (before, after)."""

    change_id: str
    fields: dict[str, dict[str, tuple[Any, Any]]]
    undone: bool = False
    place: int = 0
    """Where in the log of touches it, or what undid or redid it last, ends."""


@dataclass
class Drafted:
    """What the model knows of a draft: pfa_id → field → (what it was when the draft changed it, what the draft has)."""

    draft_id: str
    fields: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)

    def lay_over(self, model: dict[str, Modelled]) -> None:
        """Forget what the records have by now anyway."""
        self.fields = {
            pfa_id: left
            for pfa_id, changed in self.fields.items()
            if (left := {name: pair for name, pair in changed.items() if model[pfa_id].values[name] != pair[1]})
        }

    def conflicts(self, model: dict[str, Modelled]) -> dict[str, set[str]]:
        """Return pfa_id → the fields that were changed otherwise since."""
        found = {
            pfa_id: {name for name, (old, _) in changed.items() if model[pfa_id].values[name] != old}
            for pfa_id, changed in self.fields.items()
        }
        return {pfa_id: names for pfa_id, names in found.items() if names}


class Editing(RuleBasedStateMachine):
    """A server on a new database, clients that watch it, and the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.model: dict[str, Modelled] = {}
        self.done: list[Done] = []
        self.touches: list[tuple[str, str, str]] = []
        """What changed which field of which record: (change, pfa_id, field), the first one first."""
        self.draft: Drafted | None = None
        self.past: list[tuple[datetime, dict[str, tuple[dict[str, Any], int]]]] = []
        """After each step: when it was over, and what every record was then, with its version."""
        self.minutes = 0
        self.requests = 0

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(work)

    # --- setting up --------------------------------------------------------------------------------------------------

    @initialize()
    def start(self) -> None:
        self.run(self._start())

    async def _start(self) -> None:
        url = f"sqlite:///{self.folder}/pfa.sqlite3"
        self.database = Database(url)
        await migrate(self.database)
        organization = await create_organization(self.database, "RIO")
        async with self.database.write("RIO", Cause(How.IMPORT, "pfa import")) as write:
            new = [new_record("RIO", str(number), self._first(number)) for number in range(1, COUNT + 1)]
            await save_records(write, organization, [(None, record) for record in new])
        for number in range(1, COUNT + 1):
            values = {name: self._first(number)[name] for name in FIELDS}
            self.model[str(number)] = Modelled(dict(values), dict(values))
        self.stack = AsyncExitStack()
        served = Settings.load(database_url=url, listen="127.0.0.1:0", stop_seconds=1, log_level="error")
        up = await self.stack.enter_async_context(running(served))
        channel = await self.stack.enter_async_context(grpc.aio.insecure_channel(up.target))
        self.records = RecordServiceStub(channel)
        self.replicas = {"": Replica(), f'area_silo = "{WATCHED}"': Replica()}
        self.followers = [
            asyncio.create_task(self._follow(RecordClient(channel), text, replica))
            for text, replica in self.replicas.items()
        ]

    @staticmethod
    async def _follow(client: RecordClient, text: str, replica: Replica) -> None:
        async for _ in client.follow("RIO", filter=text, replica=replica):
            pass

    @staticmethod
    def _first(number: int) -> dict[str, Any]:
        area = AREAS[number % len(AREAS)]
        return make_values(str(number), area_silo=area, contract="C-1", forecast_end=FIRST_END)

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.run(self._end())
        self.runner.close()
        shutil.rmtree(self.folder)

    async def _end(self) -> None:
        for follower in self.followers:
            follower.cancel()
        await asyncio.gather(*self.followers, return_exceptions=True)
        await self.stack.aclose()
        await self.database.close()

    # --- steps -------------------------------------------------------------------------------------------------------

    @rule(pfa_id=Numbers, area=st.sampled_from(AREAS), contract=st.sampled_from(CONTRACTS))
    def edit(self, pfa_id: str, area: str, contract: str | None) -> None:
        record = Record(pfa_id=pfa_id, area_silo=area, contract=contract)
        self.requests += 1
        mutation = Mutation(
            operation=MutationOperation.MUTATION_OPERATION_UPDATE,
            record=record,
            update_mask=FieldMask(paths=["area_silo", "contract"]),
        )
        request = MutateRecordsRequest(organization_id="RIO", mutations=[mutation], request_id=f"edit {self.requests}")
        answer = self.run(self._call(self.records.MutateRecords(request)))
        assert self.run(self._call(self.records.MutateRecords(request))) == answer, "a repeat changes nothing"
        self._note(answer.change_id, {pfa_id: {"area_silo": area, "contract": contract}})

    @rule(area=st.sampled_from(AREAS), days=st.integers(-3, 3).filter(bool), into=st.sampled_from((None, *AREAS)))
    def change_all_of_an_area(self, area: str, days: int, into: str | None) -> None:
        change = (
            Change(
                field="forecast_end",
                operation=ChangeOperation.CHANGE_OPERATION_SHIFT,
                shift=DateShift(days=days),
            )
            if into is None
            else Change(field="area_silo", operation=ChangeOperation.CHANGE_OPERATION_SET, text_value=into)
        )
        request = ProposeChangeRequest(organization_id="RIO", filter=f'area_silo = "{area}"', changes=[change])
        proposal = self.run(self._call(self.records.ProposeChange(request))).proposal
        matched = [pfa_id for pfa_id, one in self.model.items() if one.values["area_silo"] == area]
        assert proposal.matched == len(matched)
        if not proposal.changed:
            return
        applying = ApplyChangeRequest(organization_id="RIO", proposal_token=proposal.proposal_token)
        answer = self.run(self._call(self.records.ApplyChange(applying)))
        updates: dict[str, dict[str, Any]] = {
            pfa_id: {"area_silo": into}
            if into is not None
            else {"forecast_end": self.model[pfa_id].values["forecast_end"] + timedelta(days=days)}
            for pfa_id in matched
        }
        self._note(answer.change_id, updates)

    @precondition(lambda self: self.done)
    @rule(number=st.integers(0, 100))
    def undo_or_redo(self, number: int) -> None:
        change = self.done[-1 - number % min(len(self.done), 4)]
        goal = 1 if change.undone else 0
        updates = {
            pfa_id: {name: pair[goal] for name, pair in fields.items()} for pfa_id, fields in change.fields.items()
        }
        is_free = not any(
            self._is_touched(pfa_id, name, change.place) for pfa_id, fields in updates.items() for name in fields
        )
        calling = (
            self.records.RedoChange(RedoChangeRequest(organization_id="RIO", change_id=change.change_id))
            if change.undone
            else self.records.UndoChange(UndoChangeRequest(organization_id="RIO", change_id=change.change_id))
        )
        assert self.run(self._is_taken(calling)) == is_free, "what others changed since is never undone, all else is"
        if is_free:
            change.undone = not change.undone
            for pfa_id, wanted in updates.items():
                self._change(pfa_id, wanted, change.change_id)
            change.place = len(self.touches)

    def _is_touched(self, pfa_id: str, name: str, place: int) -> bool:
        """Return whether a field was changed since; what was changed and undone, or undone and redone, was not."""
        times = Counter(by for by, *what in self.touches[place:] if what == [pfa_id, name])
        return any(number % 2 for number in times.values())

    @rule(pfa_id=Numbers, area=st.sampled_from(AREAS), contract=st.sampled_from(CONTRACTS))
    def take_a_row_of_pems_in(self, pfa_id: str, area: str, contract: str | None) -> None:
        known = self.model[pfa_id]
        wanted = {"area_silo": area, "contract": contract}
        # What was changed on both sides is a conflict, which has tests of its own.
        remote = {name: value for name, value in wanted.items() if name not in known.differing}
        self.run(self._take_in(pfa_id, remote))
        for name, value in remote.items():
            if known.base[name] != value:
                known.base[name] = known.values[name] = value
                self.touches.append((f"PEMS {self.minutes}", pfa_id, name))

    async def _take_in(self, pfa_id: str, remote: dict[str, Any]) -> None:
        self.minutes += 1
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=self.minutes)
        async with self.database.write("RIO", Cause(How.IMPORT, "pfa import")) as write:
            batch = await SyncBatch.begin(write)
            await batch.read("pfa_id", [pfa_id])
            record = batch.find(pfa_id)
            assert record is not None
            values = record.base | remote
            text = text_of(values)
            batch.take(Pulled(PemsRow("RIO", pfa_id, values, at, "PEMS", text, digest_of(text)), at))
            await batch.save()

    @rule(pfa_id=Numbers, area=st.sampled_from(AREAS), contract=st.sampled_from(CONTRACTS))
    def edit_in_a_draft(self, pfa_id: str, area: str, contract: str | None) -> None:
        if self.draft is None:
            created = self.run(self._call(self.records.CreateDraft(CreateDraftRequest(organization_id="RIO"))))
            self.draft = Drafted(created.draft.draft_id)
        mutation = Mutation(
            operation=MutationOperation.MUTATION_OPERATION_UPDATE,
            record=Record(pfa_id=pfa_id, area_silo=area, contract=contract),
            update_mask=FieldMask(paths=["area_silo", "contract"]),
        )
        request = EditDraftRequest(organization_id="RIO", draft_id=self.draft.draft_id, mutations=[mutation])
        self.run(self._call(self.records.EditDraft(request)))
        theirs = self.model[pfa_id].values
        mine = {name: (theirs[name], value) for name, value in (("area_silo", area), ("contract", contract))}
        self.draft.fields[pfa_id] = self.draft.fields.get(pfa_id, {}) | mine
        self.draft.lay_over(self.model)

    @precondition(lambda self: self.draft is not None)
    @rule(resolution=st.sampled_from((UNDECIDED, KEEP_MINE, LEAVE_OUT)))
    def commit_the_draft(self, resolution: DraftResolution.ValueType) -> None:
        draft = self.draft
        assert draft is not None
        draft.lay_over(self.model)
        conflicts = draft.conflicts(self.model)
        shown = self.run(
            self._call(self.records.GetDraft(GetDraftRequest(organization_id="RIO", draft_id=draft.draft_id)))
        )
        assert {one.pfa_id: set(one.fields) for one in shown.conflicts} == conflicts
        request = CommitDraftRequest(
            organization_id="RIO", draft_id=draft.draft_id, default_resolution=resolution, request_id=draft.draft_id
        )
        if conflicts and resolution == UNDECIDED:
            assert not self.run(self._is_taken(self.records.CommitDraft(request), grpc.StatusCode.ABORTED))
            return
        answer = self.run(self._call(self.records.CommitDraft(request)))
        left_out = conflicts if resolution == LEAVE_OUT else {}
        self._note(
            answer.change_id,
            {
                pfa_id: {
                    name: mine for name, (_, mine) in changed.items() if name not in left_out.get(pfa_id, frozenset())
                }
                for pfa_id, changed in draft.fields.items()
            },
        )
        self.draft = None

    @precondition(lambda self: self.draft is not None)
    @rule()
    def discard_the_draft(self) -> None:
        assert self.draft is not None
        request = DiscardDraftRequest(organization_id="RIO", draft_id=self.draft.draft_id)
        self.run(self._call(self.records.DiscardDraft(request)))
        self.draft = None

    def _note(self, change_id: str, updates: dict[str, dict[str, Any]]) -> None:
        fields = {}
        for pfa_id, wanted in updates.items():
            values = self.model[pfa_id].values
            changed = {name: (values[name], value) for name, value in wanted.items() if values[name] != value}
            if changed:
                fields[pfa_id] = changed
                self._change(pfa_id, {name: after for name, (_, after) in changed.items()}, change_id)
        assert bool(change_id) == bool(fields)
        if fields:
            self.done.append(Done(change_id, fields, place=len(self.touches)))

    def _change(self, pfa_id: str, values: dict[str, Any], change_id: str) -> None:
        known = self.model[pfa_id]
        self.touches += [(change_id, pfa_id, name) for name in values]
        known.values |= values
        known.version += 1

    @staticmethod
    async def _call(call: Any) -> Any:
        return await call

    @staticmethod
    async def _is_taken(call: Any, refusal: grpc.StatusCode = grpc.StatusCode.FAILED_PRECONDITION) -> bool:
        try:
            await call
        except grpc.aio.AioRpcError as error:
            if error.code() is not refusal:
                raise
            return False
        return True

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def everything_agrees(self) -> None:
        if self.model:
            self.run(self._check())

    async def _check(self) -> None:
        page = await self.records.ListRecords(ListRecordsRequest(organization_id="RIO", page_size=1_000))
        for record in page.records:
            self._check_record(record)
        by_id = {record.id: record for record in page.records}
        assert len(by_id) == COUNT
        token = Consistency(at_least_revision_token=page.revision_token)
        streaming = self.records.StreamRecords(StreamRecordsRequest(organization_id="RIO", consistency=token))
        streamed = [record async for batch in streaming for record in batch.records]
        assert streamed == list(page.records), "cached chunks are as new as the list"
        for text, replica in self.replicas.items():
            listed = await self.records.ListRecords(
                ListRecordsRequest(organization_id="RIO", filter=text, page_size=1_000)
            )
            wanted = {record.id: record for record in listed.records}
            in_model = [one for one in self.model.values() if not text or one.values["area_silo"] == WATCHED]
            assert len(wanted) == len(in_model)
            async with asyncio.timeout(SECONDS):
                while replica.records != wanted:  # noqa: ASYNC110 (it comes when it comes)
                    await asyncio.sleep(0.01)
        await self._check_audit(by_id)
        await self._check_past()
        if self.draft is not None:
            await self._check_draft(self.draft)

    async def _check_past(self) -> None:
        """Ask for a record as it was after one of the steps."""
        now = {pfa_id: (dict(known.values), known.version) for pfa_id, known in self.model.items()}
        self.past.append((datetime.now(UTC), now))
        number = len(self.past)
        at, then = self.past[number * 7 // 11]
        pfa_id = str(1 + number * 5 % COUNT)
        request = GetRecordRequest(organization_id="RIO", pfa_id=pfa_id)
        request.as_of_time.FromDatetime(at)
        record = (await self.records.GetRecord(request)).record
        values = from_message(record)
        assert ({name: values[name] for name in FIELDS}, record.sync.local_version) == then[pfa_id]

    async def _check_draft(self, draft: Drafted) -> None:
        """Check the records and the figures that the draft shows."""
        draft.lay_over(self.model)
        own = {pfa_id: {name: mine for name, (_, mine) in fields.items()} for pfa_id, fields in draft.fields.items()}
        wanted = {pfa_id: known.values | own.get(pfa_id, {}) for pfa_id, known in self.model.items()}
        reading = ListRecordsRequest(organization_id="RIO", page_size=1_000, draft_id=draft.draft_id)
        shown = [from_message(record) for record in (await self.records.ListRecords(reading)).records]
        assert {one["pfa_id"]: {name: one[name] for name in FIELDS} for one in shown} == wanted
        figures = AggregateRecordsRequest(
            organization_id="RIO",
            draft_id=draft.draft_id,
            aggregations=[Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_COUNT)],
            group_by=["area_silo"],
        )
        groups = (await self.records.AggregateRecords(figures)).groups
        counted = {group.keys[0].text: group.values[0].count for group in groups}
        in_areas = Counter(values["area_silo"] for values in wanted.values())
        assert counted == in_areas, "figures are those of the records shown"

    def _check_record(self, record: Record) -> None:
        values, known = from_message(record), self.model[record.pfa_id]
        assert {name: values[name] for name in FIELDS} == known.values
        assert record.sync.local_version == known.version
        assert set(record.sync.modified_fields) == known.differing
        wanted = SyncState.SYNC_STATE_MODIFIED if known.differing else SyncState.SYNC_STATE_PRISTINE
        assert record.sync.state == wanted

    async def _check_audit(self, by_id: dict[str, Record]) -> None:
        """Follow every record from its first values through all its changes: each begins where the last one ended."""
        request = ListChangesRequest(organization_id="RIO", fields=FIELDS, page_size=1_000)
        entries = (await self.records.ListChanges(request)).changes
        states = {
            record.id: {name: self._first(int(record.pfa_id))[name] for name in FIELDS} for record in by_id.values()
        }
        for entry in reversed(entries):
            old, new, state = from_message(entry.old), from_message(entry.new), states[entry.id]
            for name in set(entry.fields).intersection(FIELDS):
                assert (old[name], old[name] != new[name]) == (state[name], True)
                state[name] = new[name]
        for record in by_id.values():
            assert states[record.id] == self.model[record.pfa_id].values


EditingTest = Editing.TestCase
EditingTest.settings = settings(
    max_examples=8,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
