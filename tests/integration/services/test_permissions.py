"""What a caller who may not see money, or only some organizations, gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.type.money_pb2 import Money

from pfa.v1.change_pb2 import Change, ChangeOperation
from pfa.v1.mutation_pb2 import MutateRecordsRequest, MutateRecordsResponse, Mutation, MutationOperation
from pfa.v1.organization_service_pb2 import CreateOrganizationRequest, ListOrganizationsRequest
from pfa.v1.proposal_pb2 import ApplyChangeRequest, ChangeProposal, ProposeChangeRequest
from pfa.v1.query_service_pb2 import (
    AddSynonymRequest,
    AskRequest,
    AskResponse,
    InterpretRequest,
    ListVocabularyRequest,
    RemoveSynonymRequest,
    SuggestRequest,
    Synonym,
)
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    Aggregation,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    StreamRecordsRequest,
    StreamRecordsResponse,
)
from pfa.v1.undo_pb2 import ListUndoableRequest, RedoChangeRequest, UndoChangeRequest
from pfa_rpc.cache.nothing import NoCache
from pfa_rpc.errors import InvalidToken, PermissionDenied, ProposalStale
from pfa_rpc.schema import FIELDS
from pfa_rpc.services.organizations import OrganizationService
from pfa_rpc.services.principal import LOCAL_ADMIN, Permission, Principal
from pfa_rpc.services.query import QueryService
from pfa_rpc.services.records import RecordService
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import Tokens
from tests.integration.store.conftest import Filled, database, filled

__all__ = ["database", "filled"]  # fixtures

VIEWER = Principal("viewer", frozenset({"RIO"}), frozenset({Permission.READ}))
MONEY = [field.proto for field in FIELDS if field.is_money]


@dataclass
class RecordedCall:
    """A call that keeps what is written to it."""

    principal: Principal = VIEWER
    request_id: str = "test"
    peer: str = "test"
    written: list[bytes] = field(default_factory=list)

    async def write(self, response: Message | bytes) -> None:
        """Keep a message."""
        self.written.append(response if isinstance(response, bytes) else response.SerializeToString())


@pytest.fixture
def records(filled: Filled) -> RecordService:
    return RecordService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache()))


def shows_money(record: Record) -> bool:
    return any(record.HasField(path) for path in MONEY)  # type: ignore[arg-type]


async def test_money_is_absent_from_every_way_to_read(records: RecordService, filled: Filled) -> None:
    call = RecordedCall()
    one = GetRecordResponse.FromString(
        await records.get_record(GetRecordRequest(organization_id="RIO", pfa_id="1"), call)
    )
    page = ListRecordsResponse.FromString(await records.list_records(ListRecordsRequest(organization_id="RIO"), call))
    await records.stream_records(StreamRecordsRequest(organization_id="RIO"), call)
    streamed = [record for part in call.written for record in StreamRecordsResponse.FromString(part).records]
    asked = RecordedCall()
    await QueryService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache())).ask(
        AskRequest(organization_id="RIO", question="rentals"), asked
    )
    answered = [record for part in asked.written for record in AskResponse.FromString(part).records.records]
    assert len(streamed) == 300
    assert answered
    assert not any(map(shows_money, [one.record, *page.records, *streamed, *answered]))


async def test_money_cannot_be_probed(records: RecordService, filled: Filled) -> None:
    questions = QueryService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache()))
    total = Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_SUM, field="forecast_cost")
    attempts: list[Callable[[RecordedCall], Awaitable[Any]]] = [
        lambda call: records.list_records(ListRecordsRequest(organization_id="RIO", filter="monthly_rate > 5"), call),
        lambda call: records.list_records(ListRecordsRequest(organization_id="RIO", order_by="actual_cost"), call),
        lambda call: records.list_records(ListRecordsRequest(organization_id="RIO", order_by="variance desc"), call),
        lambda call: records.stream_records(
            StreamRecordsRequest(organization_id="RIO", filter="actual_cost > plan_cost"), call
        ),
        lambda call: records.aggregate_records(
            AggregateRecordsRequest(organization_id="RIO", aggregations=[total]), call
        ),
        lambda call: questions.ask(AskRequest(organization_id="RIO", question="rentals over $5"), call),
        lambda call: questions.ask(AskRequest(organization_id="RIO", question="most expensive cranes"), call),
        lambda call: questions.ask(AskRequest(organization_id="RIO", question="variance by category"), call),
        lambda call: questions.ask(AskRequest(organization_id="RIO", question="cranes sorted by variance"), call),
    ]
    for attempt in attempts:
        call = RecordedCall()
        with pytest.raises(PermissionDenied, match="may not see"):
            await attempt(call)
        assert call.written == []


@pytest.mark.parametrize(
    "question",
    [
        "areas with total forecast cost over 5",
        "top 3 areas by forecast cost",
        "share of forecast cost by area",
        "are there cranes over $5?",
        "cranes over budget",
        "what percentage of cranes are over $5?",
        "which areas have a monthly rate over 5?",
        "who changed the rate of cranes?",
        "cranes whose rate or area was changed",
        "set the monthly rate of cranes to $5",
        "raise the monthly rate of cranes by 5%",
        "discontinue all cranes over $5",
    ],
)
async def test_a_question_names_no_hidden_field_in_whatever_place(filled: Filled, question: str) -> None:
    questions = QueryService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache()))
    call = RecordedCall()
    with pytest.raises(PermissionDenied, match="may not see"):
        await questions.ask(AskRequest(organization_id="RIO", question=question), call)
    with pytest.raises(PermissionDenied, match="may not see"):
        await questions.interpret(InterpretRequest(organization_id="RIO", question=question), call)
    assert call.written == []


async def test_a_token_of_who_may_see_money_shows_none_to_who_may_not(filled: Filled) -> None:
    questions = QueryService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache()))
    request = InterpretRequest(organization_id="RIO", question="cranes over $5")
    token = (await questions.interpret(request, RecordedCall(LOCAL_ADMIN))).context_token
    for question in ("how many are there?", "only in Silo 4"):
        follow_up = AskRequest(organization_id="RIO", question=question, context_token=token)
        with pytest.raises(PermissionDenied, match="may not see"):
            await questions.ask(follow_up, RecordedCall())


async def test_money_is_not_suggested_to_who_may_not_see_it(filled: Filled) -> None:
    questions = QueryService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache()))
    request = SuggestRequest(organization_id="RIO", text="cranes with a mon", caret=17)
    seen = await questions.suggest(request, RecordedCall(LOCAL_ADMIN))
    assert "monthly_rate" in {each.field for each in seen.suggestions}
    hidden = await questions.suggest(request, RecordedCall())
    assert not {each.field for each in hidden.suggestions} & {field.name for field in FIELDS if field.is_money}


async def test_who_may_only_read_changes_no_words(filled: Filled) -> None:
    questions = QueryService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache()))
    synonym = Synonym(phrase="cherry picker", field="category", value="cranes")
    with pytest.raises(PermissionDenied, match="'edit'"):
        await questions.add_synonym(AddSynonymRequest(organization_id="RIO", synonym=synonym), RecordedCall())
    with pytest.raises(PermissionDenied, match="'edit'"):
        await questions.remove_synonym(RemoveSynonymRequest(organization_id="RIO", phrase="x"), RecordedCall())
    listed = await questions.list_vocabulary(ListVocabularyRequest(organization_id="RIO"), RecordedCall())
    assert listed.values


async def test_words_of_another_organization_are_neither_told_nor_changed(filled: Filled) -> None:
    questions = QueryService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache()))
    editor = RecordedCall(Principal("editor", frozenset({"RIO"}), frozenset(Permission)))
    synonym = Synonym(phrase="cherry picker", field="category", value="cranes")
    attempts: list[Awaitable[Any]] = [
        questions.add_synonym(AddSynonymRequest(organization_id="RIO2", synonym=synonym), editor),
        questions.remove_synonym(RemoveSynonymRequest(organization_id="RIO2", phrase="x"), editor),
        questions.list_vocabulary(ListVocabularyRequest(organization_id="RIO2"), editor),
        questions.suggest(SuggestRequest(organization_id="RIO2"), editor),
        questions.interpret(InterpretRequest(organization_id="RIO2", question="cranes"), editor),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionDenied, match="may not use organization 'RIO2'"):
            await attempt


async def test_another_organization_is_denied_whether_it_exists_or_not(records: RecordService) -> None:
    for code in ("RIO2", "NOWHERE"):
        with pytest.raises(PermissionDenied, match=f"may not use organization '{code}'"):
            await records.list_records(ListRecordsRequest(organization_id=code), RecordedCall())


async def test_only_own_organizations_are_listed_and_only_an_admin_creates_one(filled: Filled) -> None:
    service = OrganizationService(filled.database, Tokens(b"k" * 16))
    listed = await service.list_organizations(ListOrganizationsRequest(), RecordedCall())
    assert [item.organization_id for item in listed.organizations] == ["RIO"]
    with pytest.raises(PermissionDenied, match="'admin'"):
        await service.create_organization(CreateOrganizationRequest(organization_id="RIO"), RecordedCall())


EDITOR = Principal("editor", frozenset({"RIO"}), frozenset({Permission.READ, Permission.EDIT}))


def set_fields(record: Record, *paths: str) -> MutateRecordsRequest:
    mutation = Mutation(
        operation=MutationOperation.MUTATION_OPERATION_UPDATE, record=record, update_mask=FieldMask(paths=paths)
    )
    return MutateRecordsRequest(organization_id="RIO", mutations=[mutation], request_id="named")


async def test_who_may_only_read_changes_no_records(records: RecordService) -> None:
    attempts: list[Awaitable[Any]] = [
        records.mutate_records(set_fields(Record(pfa_id="1", area_silo="X"), "area_silo"), RecordedCall()),
        records.propose_change(ProposeChangeRequest(organization_id="RIO"), RecordedCall()),
        records.apply_change(ApplyChangeRequest(organization_id="RIO", proposal_token="x"), RecordedCall()),
        records.undo_change(UndoChangeRequest(organization_id="RIO", change_id="x"), RecordedCall()),
        records.redo_change(RedoChangeRequest(organization_id="RIO", change_id="x"), RecordedCall()),
        records.list_undoable(ListUndoableRequest(organization_id="RIO"), RecordedCall()),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionDenied, match="'edit'"):
            await attempt


async def test_an_editor_who_may_not_see_money_sets_none_and_is_shown_none(records: RecordService) -> None:
    call = RecordedCall(EDITOR)
    rate = Record(pfa_id="1", monthly_rate=Money(units=5))
    with pytest.raises(PermissionDenied, match="may not see monthly_rate"):
        await records.mutate_records(set_fields(rate, "monthly_rate"), call)
    request = set_fields(Record(pfa_id="1", area_silo="X"), "area_silo")
    for _ in range(2):  # what is kept for a repeat is no way around
        [edited] = MutateRecordsResponse.FromString(await records.mutate_records(request, call)).records
        assert edited.area_silo == "X"
        assert not shows_money(edited)
    area = Change(field="area_silo", operation=ChangeOperation.CHANGE_OPERATION_SET, text_value="Y")
    proposed = await records.propose_change(ProposeChangeRequest(organization_id="RIO", changes=[area]), call)
    proposal = proposed.proposal
    assert proposal.samples
    assert not proposal.HasField("effect")
    assert not any(shows_money(record) for sample in proposal.samples for record in (sample.before, sample.after))
    dearer = Change(field="monthly_rate", operation=ChangeOperation.CHANGE_OPERATION_SCALE, factor="2")
    with pytest.raises(PermissionDenied, match="may not see monthly_rate"):
        await records.propose_change(ProposeChangeRequest(organization_id="RIO", changes=[dearer]), call)


async def test_a_fresh_proposal_shows_money_as_little_as_the_stale_one(records: RecordService) -> None:
    call = RecordedCall(EDITOR)
    area = Change(field="area_silo", operation=ChangeOperation.CHANGE_OPERATION_SET, text_value="Y")
    request = ProposeChangeRequest(organization_id="RIO", filter='pfa_id = "1"', changes=[area])
    token = (await records.propose_change(request, call)).proposal.proposal_token
    await records.mutate_records(set_fields(Record(pfa_id="1", area_silo="X"), "area_silo"), call)
    with pytest.raises(ProposalStale) as caught:
        await records.apply_change(ApplyChangeRequest(organization_id="RIO", proposal_token=token), call)
    [fresh] = caught.value.details
    assert isinstance(fresh, ChangeProposal)
    assert fresh.proposal_token
    assert not fresh.HasField("effect")


async def test_who_may_not_see_money_any_more_applies_no_change_of_it(records: RecordService) -> None:
    dearer = Change(field="monthly_rate", operation=ChangeOperation.CHANGE_OPERATION_SCALE, factor="2")
    request = ProposeChangeRequest(organization_id="RIO", filter="monthly_rate > 0", changes=[dearer])
    before = Principal(EDITOR.name, EDITOR.organizations, EDITOR.permissions | {Permission.SEE_MONEY})
    token = (await records.propose_change(request, RecordedCall(before))).proposal.proposal_token
    with pytest.raises(PermissionDenied, match="may not see monthly_rate"):
        await records.apply_change(
            ApplyChangeRequest(organization_id="RIO", proposal_token=token), RecordedCall(EDITOR)
        )


async def test_a_proposal_is_applied_by_who_it_was_made_for(records: RecordService, filled: Filled) -> None:
    area = Change(field="area_silo", operation=ChangeOperation.CHANGE_OPERATION_SET, text_value="Y")
    request = ProposeChangeRequest(organization_id="RIO", filter='pfa_id = "1"', changes=[area])
    token = (await records.propose_change(request, RecordedCall(LOCAL_ADMIN))).proposal.proposal_token
    application = ApplyChangeRequest(organization_id="RIO", proposal_token=token)
    with pytest.raises(InvalidToken, match="somebody else"):
        await records.apply_change(application, RecordedCall(EDITOR))
    asked = RecordedCall()
    questions = QueryService(Sources.of(filled.database, Tokens(b"k" * 16), NoCache()))
    await questions.ask(AskRequest(organization_id="RIO", question="set the area of all cranes to Silo 4"), asked)
    assert not AskResponse.FromString(asked.written[-1]).proposal.proposal_token, "who may not edit gets none"
