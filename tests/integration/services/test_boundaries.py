"""A question names no other organization, nor a field that its caller may not see: over a socket, by whatever call."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.message import Message

from pfa.v1.change_pb2 import Change, ChangeOperation
from pfa.v1.history_pb2 import ListChangesRequest
from pfa.v1.proposal_pb2 import ApplyChangeRequest, ProposeChangeRequest
from pfa.v1.query_service_pb2 import (
    AddSynonymRequest,
    AskRequest,
    AskResponse,
    InterpretRequest,
    ListVocabularyRequest,
    RemoveSynonymRequest,
    Suggestion,
    SuggestRequest,
    Synonym,
)
from pfa.v1.query_service_pb2_grpc import QueryServiceStub
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.records.encode import Values
from pfa_rpc.schema import FIELDS
from pfa_rpc.server.application import running
from pfa_rpc.server.authentication import Authenticator, Metadata
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.principal import LOCAL_ADMIN, Permission, Principal
from pfa_rpc.services.requests import Mask
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.records import new_record, save_records
from tests.causes import CAUSE
from tests.fixtures.records import make_values
from tests.integration.services.conftest import failure
from tests.servers.stock import Stock

if TYPE_CHECKING:  # the stubs' types of asynchronous calls exist for the type checker alone
    from pfa.v1.query_service_pb2_grpc import QueryServiceAsyncStub
    from pfa.v1.record_service_pb2_grpc import RecordServiceAsyncStub

CALLERS = {
    "admin": LOCAL_ADMIN,
    "viewer": Principal("viewer", frozenset({"RIO"}), frozenset({Permission.READ})),
    "clerk": Principal("clerk", frozenset({"RIO"}), frozenset({Permission.READ, Permission.EDIT})),
}
WORDS: dict[str, list[Values]] = {
    "RIO": [
        {"category": "Cranes", "area_silo": "Silo 4", "manufacturer": "Liebherr", "modified_by": "maria"},
        {"category": "Pumps", "area_silo": "Yard A", "manufacturer": "Putzmeister", "modified_by": "jo"},
    ],
    "AIR": [
        {"category": "Zeppelins", "area_silo": "Hangar 9", "manufacturer": "Blimpworks", "modified_by": "wilbur"},
        {"category": "Quadcopters", "area_silo": "Mooring", "model": "ZX-77", "contract": "K-9001"},
    ],
}
"""Two organizations that have no word in common."""
FOREIGN = ("zeppelin", "quadcopter", "hangar", "mooring", "blimpworks", "wilbur", "zx-77", "k-9001", "floater")
MONEY = {field.name for field in FIELDS if field.is_money}


async def make_strangers(url: str) -> None:
    """Fill an empty database with the two organizations, and give one of them a synonym."""
    database = Database(url)
    await migrate(database)
    for code, kinds in WORDS.items():
        organization = await create_organization(database, code)
        values = [make_values(str(number), **kinds[number % 2]) for number in range(8)]
        async with database.write(code, CAUSE) as write:
            await save_records(write, organization, [(None, new_record(code, each["pfa_id"], each)) for each in values])
    await database.close()


@dataclass
class Line:
    """The stubs of a channel that says who calls."""

    questions: QueryServiceAsyncStub
    records: RecordServiceAsyncStub


@dataclass
class Lines:
    """A line to one server for each caller."""

    admin: Line
    viewer: Line
    clerk: Line


def called_by(_: Authenticator, metadata: Metadata) -> Principal:
    """Return the caller that a call names, in the place of one that holds a token."""
    return CALLERS[str(dict(metadata)["caller"])]


@pytest.fixture
async def lines(
    stock: Stock, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Lines]:
    monkeypatch.setattr(Authenticator, "authenticate", called_by)
    with stock.copy("sqlite", tmp_path_factory.mktemp("strangers"), make_strangers) as (url, _):
        served = Settings.load(database_url=url, listen="127.0.0.1:0", stop_seconds=1)
        async with running(served) as up, grpc.aio.insecure_channel(up.target) as channel:
            stubs = Line(QueryServiceStub(channel), RecordServiceStub(channel))
            floaters = Synonym(phrase="floater", field="category", value="Zeppelins")
            await stubs.questions.AddSynonym(
                AddSynonymRequest(organization_id="AIR", synonym=floaters), metadata=[("caller", "admin")]
            )
            yield Lines(*(named(stubs, caller) for caller in CALLERS))


class _Named:
    """A stub each call of which says who makes it."""

    def __init__(self, stub: Any, caller: str) -> None:
        self._stub, self._metadata = stub, [("caller", caller)]

    def __getattr__(self, name: str) -> Any:
        return lambda request: getattr(self._stub, name)(request, metadata=self._metadata)


def named(line: Line, caller: str) -> Line:
    """Return the line as a caller uses it."""
    stubs: list[Any] = [_Named(line.questions, caller), _Named(line.records, caller)]
    return Line(*stubs)


async def ask(line: Line, question: str, organization_id: str = "RIO", **options: Any) -> list[AskResponse]:
    request = AskRequest(organization_id=organization_id, question=question, **options)
    return [part async for part in line.questions.Ask(request)]


async def token_of(line: Line, question: str) -> str:
    return (await line.questions.Interpret(InterpretRequest(organization_id="RIO", question=question))).context_token


async def suggested(line: Line, text: str, **options: Any) -> list[Suggestion]:
    request = SuggestRequest(organization_id="RIO", text=text, caret=len(text), max_suggestions=20, **options)
    return list((await line.questions.Suggest(request)).suggestions)


def require_nothing_foreign(response: Message, question: str) -> None:
    """Fail where a response tells words of the other organization that the question does not have itself."""
    told = str(response).casefold()
    leaked = [word for word in FOREIGN if word in told and word not in question.casefold()]
    assert not leaked, f"{question!r} was answered with {leaked}"


# Organizations


@pytest.mark.parametrize(
    "question",
    [
        *("zeppelins", "zepelins in hanger 9", "how many blimpwork", "floaters", "floatrs", "quadcopters by area"),
        *("model zx-77", "contract K-9002", "who changed the zeppelins?", "changes by wilbr", "which manufacturers"),
        *("move all zeppelins to mooring", "set the category of cranes to zeplins", "cranes in hangar"),
    ],
)
async def test_words_of_another_organization_mean_nothing(lines: Lines, question: str) -> None:
    await ask(lines.admin, question, "AIR", allow_partial=not question.startswith(("move", "set")))  # fills the caches
    reading = await lines.admin.questions.Interpret(InterpretRequest(organization_id="RIO", question=question))
    require_nothing_foreign(reading, question)
    assert not [word for word in FOREIGN if word in reading.interpretation.filter.casefold()]
    for part in await ask(lines.admin, question):
        require_nothing_foreign(part, question)
    for caret in range(len(question) + 1):
        request = SuggestRequest(organization_id="RIO", text=question, caret=caret, max_suggestions=20)
        require_nothing_foreign(await lines.admin.questions.Suggest(request), "")
    order = ProposeChangeRequest(organization_id="RIO", question=question)
    told = await failure(lines.admin.records.ProposeChange(order))
    assert told.reason == "INVALID_QUESTION"


async def test_an_organizations_vocabulary_is_its_own(lines: Lines) -> None:
    listed = await lines.admin.questions.ListVocabulary(ListVocabularyRequest(organization_id="RIO"))
    assert listed.values
    require_nothing_foreign(listed, "")
    page = await lines.admin.questions.ListVocabulary(ListVocabularyRequest(organization_id="AIR", page_size=1))
    request = ListVocabularyRequest(organization_id="RIO", page_size=1, page_token=page.next_page_token)
    assert (await failure(lines.admin.questions.ListVocabulary(request))).reason == "INVALID_TOKEN"


async def test_tokens_of_one_organization_are_refused_by_every_call_of_another(lines: Lines) -> None:
    token, order = await token_of(lines.admin, "cranes in Silo 4"), "set their area to Yard A"
    proposal = await lines.admin.records.ProposeChange(
        ProposeChangeRequest(organization_id="RIO", question="set the area of all cranes to Yard A")
    )
    await lines.admin.records.ApplyChange(
        ApplyChangeRequest(organization_id="RIO", proposal_token=proposal.proposal.proposal_token)
    )
    changes = await lines.admin.records.ListChanges(ListChangesRequest(organization_id="RIO", page_size=1))
    assert changes.next_page_token
    attempts: list[Any] = [
        lines.admin.questions.Interpret(
            InterpretRequest(organization_id="AIR", question="how many", context_token=token)
        ),
        lines.admin.questions.Ask(AskRequest(organization_id="AIR", question="how many", context_token=token)),
        lines.admin.questions.Suggest(SuggestRequest(organization_id="AIR", context_token=token)),
        lines.admin.records.ProposeChange(
            ProposeChangeRequest(organization_id="AIR", question=order, context_token=token)
        ),
        lines.admin.records.ApplyChange(
            ApplyChangeRequest(organization_id="AIR", proposal_token=proposal.proposal.proposal_token)
        ),
        lines.admin.records.ListChanges(
            ListChangesRequest(organization_id="AIR", page_size=1, page_token=changes.next_page_token)
        ),
    ]
    for attempt in attempts:
        assert (await failure(attempt)).reason == "INVALID_TOKEN"


# Hidden fields


@pytest.mark.parametrize(
    "question",
    ["cranes over $5", "the most expensive cranes", "who changed the rate of cranes?", "raise all rates by 5%"],
)
async def test_a_question_about_a_hidden_field_is_denied_by_every_call(lines: Lines, question: str) -> None:
    attempts: list[Any] = [
        lines.clerk.questions.Interpret(InterpretRequest(organization_id="RIO", question=question)),
        lines.clerk.questions.Ask(AskRequest(organization_id="RIO", question=question)),
        lines.clerk.records.ProposeChange(ProposeChangeRequest(organization_id="RIO", question=question)),
    ]
    for attempt in attempts:
        told = await failure(attempt)
        assert told.code == grpc.StatusCode.PERMISSION_DENIED
        assert "may not see" in told.message


@pytest.mark.parametrize(
    "question",
    ["how many are there?", "pumps in Yard A", "pumps", "drop the rate filter", "drop the filter", "show all"],
)
async def test_a_token_of_who_sees_a_field_tells_nothing_to_who_does_not(lines: Lines, question: str) -> None:
    token = await token_of(lines.admin, "cranes in Silo 4 with a monthly rate over $5,000")
    request: dict[str, Any] = {"organization_id": "RIO", "question": question, "context_token": token}
    attempts: list[Any] = [
        lines.clerk.questions.Interpret(InterpretRequest(**request)),
        lines.clerk.questions.Ask(AskRequest(**request)),
        lines.clerk.records.ProposeChange(ProposeChangeRequest(**request)),
        lines.clerk.questions.Suggest(SuggestRequest(organization_id="RIO", text="o", caret=1, context_token=token)),
    ]
    for attempt in attempts:
        assert (await failure(attempt)).code == grpc.StatusCode.PERMISSION_DENIED


async def test_a_change_that_leaves_open_which_amount_it_is_of_is_denied(lines: Lines) -> None:
    request = InterpretRequest(organization_id="RIO", question="raise the cranes by 10%")
    assert "monthly rate" in (await lines.admin.questions.Interpret(request)).interpretation.question_back
    told = await failure(lines.clerk.questions.Interpret(request))
    assert told.code == grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("question", ["rentals with a monthy rat", "cranes and forecast cost"])
async def test_what_could_be_meant_holds_no_hidden_field(lines: Lines, question: str) -> None:
    request = InterpretRequest(organization_id="RIO", question=question)
    for line, is_told in ((lines.admin, True), (lines.viewer, False)):
        pieces = (await line.questions.Interpret(request)).interpretation.pieces
        offered = " ".join(text for piece in pieces for text in piece.suggestions)
        assert ("monthly rate" in offered or "forecast cost" in offered) is is_told


async def test_what_is_suggested_may_be_asked(lines: Lines) -> None:
    """A walk over what is offered to who sees no money never ends with a question that they may not ask."""
    rng = random.Random(7)
    walked = set[str]()
    for start in ("", "top", "most", "che", "over", "within b", "cranes ", "areas by ", "total", "increase ") * 2:
        text = start
        for _ in range(4):
            choices = await suggested(lines.viewer, text)
            assert not MONEY & {each.field for each in choices}
            for each in choices:
                accepted = f"{text[: each.start]}{each.text}{text[each.end :]}"
                if accepted not in walked:
                    await lines.viewer.questions.Interpret(InterpretRequest(organization_id="RIO", question=accepted))
                walked.add(accepted)
            if not choices:
                break
            step = rng.choice(choices)
            text = f"{text[: step.start]}{step.text}{text[step.end :]} "
    assert len(walked) > 100


async def test_changes_of_hidden_fields_are_told_to_nobody_who_may_not_see_them(lines: Lines) -> None:
    changes = [
        Change(field="area_silo", operation=ChangeOperation.CHANGE_OPERATION_SET, text_value="Yard A"),
        Change(field="monthly_rate", operation=ChangeOperation.CHANGE_OPERATION_SCALE, factor="2"),
    ]
    proposed = await lines.admin.records.ProposeChange(
        ProposeChangeRequest(organization_id="RIO", filter='category = "Cranes"', changes=changes)
    )
    token = proposed.proposal.proposal_token
    await lines.admin.records.ApplyChange(ApplyChangeRequest(organization_id="RIO", proposal_token=token))
    for question in ("what changed today?", "who changed the cranes?"):
        seen = "".join(map(str, await ask(lines.admin, question)))
        hidden = "".join(map(str, await ask(lines.viewer, question)))
        assert "monthly_rate" in seen
        assert "area_silo" in hidden
        assert "monthly_rate" not in hidden


async def test_words_for_hidden_fields_are_neither_told_nor_added(lines: Lines) -> None:
    tariff = AddSynonymRequest(organization_id="RIO", synonym=Synonym(phrase="tariff", field="monthly_rate"))
    assert (await failure(lines.clerk.questions.AddSynonym(tariff))).code == grpc.StatusCode.PERMISSION_DENIED
    await lines.admin.questions.AddSynonym(tariff)
    removal = lines.clerk.questions.RemoveSynonym(RemoveSynonymRequest(organization_id="RIO", phrase="Tariffs"))
    assert (await failure(removal)).code == grpc.StatusCode.PERMISSION_DENIED
    everything = ListVocabularyRequest(organization_id="RIO")
    assert len((await lines.admin.questions.ListVocabulary(everything)).synonyms) == 1
    assert not (await lines.viewer.questions.ListVocabulary(everything)).synonyms
    of_rates = ListVocabularyRequest(organization_id="RIO", field="monthly_rate")
    denied: Awaitable[Any] = lines.viewer.questions.ListVocabulary(of_rates)
    assert (await failure(denied)).code == grpc.StatusCode.PERMISSION_DENIED
    assert "tariff" not in {each.text for each in await suggested(lines.viewer, "cranes with a tar")}


def test_a_masked_record_names_no_amount_among_the_fields_that_changed() -> None:
    record = Record(pfa_id="1")
    record.sync.modified_fields.extend(["area_silo", "monthly_rate"])
    record.sync.conflicting_fields.extend(["purchase_price"])
    shown = Record.FromString(Mask((), hide_money=True).apply(record.SerializeToString()))
    assert list(shown.sync.modified_fields) == ["area_silo"]
    assert not shown.sync.conflicting_fields
