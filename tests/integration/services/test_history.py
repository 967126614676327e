"""ListChanges and GetRecord at a past time: every change of every field, who made it, when and how."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from nlq.filters.filter_text import parse_filter
from nlq.query import Aggregate, Aggregation, Function, Query
from pfa.v1.history_pb2 import ChangeOrigin, HistoryEntry, ListChangesRequest, ListChangesResponse
from pfa.v1.query_service_pb2 import AskRequest, AskResponse
from pfa.v1.record_service_pb2 import GetRecordRequest
from pfa.v1.revision_pb2 import Consistency
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.schema import SCHEMA
from pfa_rpc.server import housekeeping
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.asking import change_questions
from pfa_rpc.services.asking.change_questions import about_changes
from pfa_rpc.services.following.history import RecordHistory
from pfa_rpc.services.principal import LOCAL_ADMIN, Permission, Principal
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.history import audit
from pfa_rpc.store.history.audit import Sought, count_changers, prune_history
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import new_record, read_for_write, save_records
from tests.fixtures.records import make_values
from tests.integration.services.conftest import failure
from tests.integration.services.test_permissions import RecordedCall
from tests.integration.services.test_watch import Served, serving
from tests.integration.store.conftest import Filled, database_kind, filled

__all__ = ["database_kind", "filled"]  # fixtures

ANNA = Cause(How.EDIT, "anna", request_id="r1", change_id="c1")
BOB = Cause(How.SYNC, "bob")


@pytest.fixture
async def site(filled: Filled, settings: Settings) -> AsyncIterator[Served]:
    async with serving(filled.database, settings, filled.url) as site:
        yield site


async def change(site: Served, cause: Cause, pfa_id: str, **values: Any) -> datetime:
    """Change a record; return when that was committed."""
    async with site.database.write("RIO", cause) as write:
        organization = await get_organization(write.connection, "RIO")
        before = (await read_for_write(write, [pfa_id]))[pfa_id]
        after = before.copy()
        after.values |= values
        await save_records(write, organization, [(before, after)])
    await asyncio.sleep(0.002)
    return write.at


async def listed(site: Served, **options: Any) -> ListChangesResponse:
    response: ListChangesResponse = await site.records.ListChanges(ListChangesRequest(organization_id="RIO", **options))
    return response


async def edits(site: Served, **options: Any) -> list[HistoryEntry]:
    """Return what was changed by hand or by a sync."""
    options.setdefault("origins", [ChangeOrigin.CHANGE_ORIGIN_EDIT, ChangeOrigin.CHANGE_ORIGIN_SYNC])
    return [one for one in (await listed(site, **options)).changes if not one.created]


def told(entries: list[HistoryEntry]) -> list[tuple[str, str]]:
    return [(entry.pfa_id, entry.changed_by) for entry in entries]


def stamp(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


async def test_a_change_is_told_with_everything_about_it(site: Served) -> None:
    at = await change(site, ANNA, "7", area_silo="Dock 9", category=None)
    [entry] = await edits(site)
    assert (entry.pfa_id, entry.changed_by, entry.origin) == ("7", "anna", ChangeOrigin.CHANGE_ORIGIN_EDIT)
    assert (entry.request_id, entry.change_id) == ("r1", "c1")
    assert entry.change_time.ToDatetime(tzinfo=UTC) == at
    assert list(entry.fields) == ["area_silo", "category"]
    assert entry.new.area_silo == "Dock 9"
    assert entry.old.area_silo not in ("", "Dock 9")
    assert entry.old.HasField("category")
    assert not entry.new.HasField("category")


async def test_changes_come_newest_first_in_pages(site: Served) -> None:
    for number in (1, 2, 3, 4, 5):
        await change(site, ANNA, str(number), area_silo="Dock 9")
    first = await listed(site, page_size=2, fields=["area_silo"])
    second = await listed(site, page_size=2, fields=["area_silo"], page_token=first.next_page_token)
    third = await listed(site, page_size=2, fields=["area_silo"], page_token=second.next_page_token)
    pages = [[entry.pfa_id for entry in page.changes] for page in (first, second, third)]
    assert pages == [["5", "4"], ["3", "2"], ["1"]]
    assert not third.next_page_token


async def test_each_condition_narrows_the_list(site: Served) -> None:
    await change(site, ANNA, "7", area_silo="Dock 9")
    noon = await change(site, BOB, "8", area_silo="Dock 9")
    await change(site, BOB, "7", monthly_rate=70_000)
    assert told(await edits(site)) == [("7", "bob"), ("8", "bob"), ("7", "anna")]
    assert told(await edits(site, pfa_id="7")) == [("7", "bob"), ("7", "anna")]
    assert told(await edits(site, changed_by="anna")) == [("7", "anna")]
    assert told(await edits(site, fields=["monthly_rate"])) == [("7", "bob")]
    assert told(await edits(site, start_time=stamp(noon))) == [("7", "bob"), ("8", "bob")]
    assert told(await edits(site, end_time=stamp(noon))) == [("7", "anna")]
    assert told(await edits(site, filter='pfa_id = "8"')) == [("8", "bob")]
    assert told(await edits(site, origins=[ChangeOrigin.CHANGE_ORIGIN_SYNC], pfa_id="7")) == [("7", "bob")]


async def test_records_that_were_created_are_told(site: Served) -> None:
    async with site.database.write("RIO", ANNA) as write:
        organization = await get_organization(write.connection, "RIO")
        new = [(None, new_record("RIO", f"new {number}", make_values())) for number in range(3)]
        await save_records(write, organization, new)
    page = await listed(site, changed_by="anna", page_size=2)
    assert all(entry.created and not entry.fields for entry in page.changes)
    rest = await listed(site, changed_by="anna", page_size=2, page_token=page.next_page_token)
    assert {entry.pfa_id for entry in [*page.changes, *rest.changes]} >= {"new 0", "new 1", "new 2"}
    assert [entry.pfa_id for entry in (await listed(site, pfa_id="new 1")).changes] == ["new 1"]


async def test_a_record_is_given_as_it_was(site: Served) -> None:
    async def stored() -> bytes:
        return (
            await site.records.GetRecord(GetRecordRequest(organization_id="RIO", pfa_id="7"))
        ).record.SerializeToString(deterministic=True)

    states = [(datetime.now(UTC), await stored())]
    for values in ({"area_silo": "Dock 9"}, {"monthly_rate": 70_000, "category": None}, {"area_silo": "Dock 5"}):
        at = await change(site, ANNA, "7", **values)
        states.append((at, await stored()))
        await change(site, ANNA, "8", **values)
    for at, payload in states:
        request = GetRecordRequest(organization_id="RIO", pfa_id="7", as_of_time=stamp(at))
        record = (await site.records.GetRecord(request)).record
        assert record.SerializeToString(deterministic=True) == payload


async def test_a_record_that_was_not_there_yet_is_not_found(site: Served) -> None:
    noon = datetime.now(UTC)
    await asyncio.sleep(0.002)
    async with site.database.write("RIO", ANNA) as write:
        organization = await get_organization(write.connection, "RIO")
        await save_records(write, organization, [(None, new_record("RIO", "new", make_values()))])
    request = GetRecordRequest(organization_id="RIO", pfa_id="new", as_of_time=stamp(noon))
    assert (await failure(site.records.GetRecord(request))).reason == "RECORD_NOT_FOUND"
    request.as_of_time.CopyFrom(stamp(datetime.now(UTC)))
    assert (await site.records.GetRecord(request)).record.pfa_id == "new"


async def test_history_that_was_dropped_is_not_guessed(site: Served) -> None:
    first = await change(site, ANNA, "7", area_silo="Dock 9")
    second = await change(site, ANNA, "7", area_silo="Dock 5")
    third = await change(site, ANNA, "7", area_silo="Dock 9")
    assert await prune_history(site.database, "RIO", third) == 3
    entries = (await listed(site)).changes
    assert [entry.old.area_silo for entry in entries] == ["Dock 5"]
    request = GetRecordRequest(organization_id="RIO", pfa_id="7", as_of_time=stamp(first))
    found = await failure(site.records.GetRecord(request))
    assert (found.code, found.reason) == (grpc.StatusCode.OUT_OF_RANGE, "REVISION_COMPACTED")
    request.as_of_time.CopyFrom(stamp(second))
    assert (await failure(site.records.GetRecord(request))).reason == "REVISION_COMPACTED"
    request.as_of_time.CopyFrom(stamp(third))
    assert (await site.records.GetRecord(request)).record.area_silo == "Dock 9"
    assert await prune_history(site.database, "RIO", datetime.now(UTC) + timedelta(days=1)) == 0, "the newest stays"


async def test_large_writes_are_dropped_a_few_at_a_time(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PRUNED_CHANGES", 700)
    transactions = Mock(side_effect=site.database.writing)
    for area in ("Dock 9", "Dock 5", "Dock 9", "Dock 5"):
        await site.move_all(area)
    monkeypatch.setattr(site.database, "writing", transactions)
    assert await prune_history(site.database, "RIO", datetime.now(UTC) + timedelta(days=1)) == 4
    assert transactions.call_count == 3, "the first write and two of 300 changes, one of 300, and nothing"


async def test_money_is_hidden_from_who_may_not_see_it(filled: Filled) -> None:
    viewer = Principal("viewer", None, frozenset({Permission.READ}))
    history = RecordHistory(filled.database, Tokens(b"k" * 16))
    async with filled.database.write("RIO", ANNA) as write:
        organization = await get_organization(write.connection, "RIO")
        before = (await read_for_write(write, ["7"]))["7"]
        after = before.copy()
        after.values |= {"area_silo": "Dock 9", "monthly_rate": 70_000, "purchase_price": 70_000}
        await save_records(write, organization, [(before, after)])
    raw = await history.list(ListChangesRequest(organization_id="RIO", changed_by="anna"), RecordedCall(viewer))
    entry = next(one for one in ListChangesResponse.FromString(raw).changes if not one.created)
    assert list(entry.fields) == ["area_silo"]
    assert not entry.new.HasField("monthly_rate")
    assert not entry.new.HasField("forecast_cost")


async def test_who_may_not_see_money_is_not_told_that_it_changed(filled: Filled) -> None:
    viewer = Principal("viewer", None, frozenset({Permission.READ}))
    history = RecordHistory(filled.database, Tokens(b"k" * 16))
    async with filled.database.write("RIO", ANNA) as write:
        organization = await get_organization(write.connection, "RIO")
        before = (await read_for_write(write, ["7"]))["7"]
        after = before.copy()
        after.values |= {"monthly_rate": 70_001, "purchase_price": 70_001}
        await save_records(write, organization, [(before, after)])
    request = ListChangesRequest(organization_id="RIO", pfa_id="7")
    for principal, number in ((viewer, 0), (LOCAL_ADMIN, 1)):
        page = ListChangesResponse.FromString(await history.list(request, RecordedCall(principal)))
        assert sum(not entry.created for entry in page.changes) == number


async def test_bad_requests_are_told_what_is_wrong(site: Served) -> None:
    def changes(**options: Any) -> Any:
        return site.records.ListChanges(ListChangesRequest(organization_id="RIO", **options))

    now = stamp(datetime.now(UTC))
    for options in (
        {"fields": ["nothing"]},
        {"fields": ["forecast_cost"]},
        {"id": "x"},
        {"pfa_id": ""},
        {"start_time": now, "end_time": now},
        {"origins": [99]},
        {"page_size": 1_001},
    ):
        found = await failure(changes(**options))
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"), options
    past = GetRecordRequest(
        organization_id="RIO", pfa_id="7", as_of_time=now, consistency=Consistency(minimize_latency=True)
    )
    assert "as_of_time" in (await failure(site.records.GetRecord(past))).message


async def test_a_server_drops_what_is_older_than_it_is_told_to_keep(
    filled: Filled, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(housekeeping, "timedelta", lambda days: timedelta(seconds=-days))
    async with serving(filled.database, settings.model_copy(update={"history_days": 1}), filled.url) as site:
        await change(site, ANNA, "7", area_silo="Dock 9")
        async with asyncio.timeout(10):
            while len((await listed(site)).changes) != 1:  # noqa: ASYNC110 (it is done without a sign)
                await asyncio.sleep(0.05)


async def test_who_changed_something_is_answered_from_the_history(site: Served) -> None:
    await change(site, ANNA, "7", category="Cranes", forecast_end=date(2031, 5, 6))
    await change(site, BOB, "7", forecast_end=date(2031, 5, 7), modified_by="bob", modified_at=datetime.now(UTC))
    await change(
        site, ANNA, "8", category="Cranes", area_silo="Dock 9", modified_by="anna", modified_at=datetime.now(UTC)
    )
    request = AskRequest(organization_id="RIO", question="who changed the cranes today, including discontinued")
    reading, figures, changes = [part async for part in site.questions.Ask(request)]
    assert reading.interpretation.complete
    counts = {group.keys[0].text: group.values[0].count for group in figures.figures.groups}
    assert counts == {"anna": 2, "bob": 1}, "a record names its last editor only"
    assert figures.figures.matched == 2
    assert told(list(changes.changes.changes)) == [("8", "anna"), ("7", "bob"), ("7", "anna")]


async def test_people_and_their_changes_are_told_of_one_moment(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    await change(site, ANNA, "7", category="Cranes")

    async def overtaken(*arguments: Any, **options: Any) -> Any:
        counted = await count_changers(*arguments, **options)
        await change(site, BOB, "8", category="Cranes")
        return counted

    monkeypatch.setattr(change_questions, "count_changers", overtaken)
    request = AskRequest(organization_id="RIO", question="who changed the cranes today, including discontinued")
    _, figures, changes = [part async for part in site.questions.Ask(request)]
    assert [group.keys[0].text for group in figures.figures.groups] == ["anna"]
    assert told(list(changes.changes.changes)) == [("7", "anna")]
    assert figures.figures.revision_token == changes.changes.revision_token


async def test_who_changed_a_field_is_answered_with_the_changes_of_that_field(site: Served) -> None:
    await change(site, ANNA, "7", category="Cranes", forecast_end=date(2031, 5, 6))
    await change(site, BOB, "7", area_silo="Dock 9", modified_by="bob", modified_at=datetime.now(UTC))
    await change(site, BOB, "8", category="Cranes", area_silo="Dock 9")
    for question in ("who changed the crane duration today", "who changed the forecast end of record 7 today"):
        request = AskRequest(organization_id="RIO", question=f"{question}, including discontinued")
        reading, figures, changes = [part async for part in site.questions.Ask(request)]
        assert reading.interpretation.complete
        assert {group.keys[0].text: group.values[0].count for group in figures.figures.groups} == {"anna": 1}
        assert told(list(changes.changes.changes)) == [("7", "anna")]


async def test_the_changes_themselves_are_answered_newest_first(site: Served) -> None:
    await change(site, ANNA, "7", category="Cranes", forecast_end=date(2031, 5, 6))
    await change(site, BOB, "7", area_silo="Dock 9")
    await change(site, BOB, "8", forecast_end=date(2031, 5, 7))

    async def answered(question: str, token: str = "") -> tuple[AskResponse, list[tuple[str, str]]]:
        request = AskRequest(organization_id="RIO", question=question, context_token=token)
        reading, changes = [part async for part in site.questions.Ask(request)]
        assert reading.interpretation.complete
        assert reading.interpretation.history
        return reading, told(list(changes.changes.changes))

    reading, every = await answered("show the history of record 7")
    assert every[:2] == [("7", "bob"), ("7", "anna")]
    assert {pfa_id for pfa_id, _ in every} == {"7"}
    _, of_end = await answered("changes to the forecast end today, including discontinued")
    assert of_end == [("8", "bob"), ("7", "anna")]
    _, of_area = await answered("only those whose area was changed", reading.context_token)
    assert of_area == [("7", "bob")]


async def test_when_something_was_changed_and_whether_it_was_is_answered_with_the_changes(site: Served) -> None:
    await change(site, ANNA, "7", category="Cranes", forecast_end=date(2031, 5, 6))
    await change(site, BOB, "7", forecast_end=date(2031, 5, 7))
    await change(site, BOB, "7", area_silo="Dock 9")

    async def answered(question: str) -> list[tuple[str, str]]:
        request = AskRequest(organization_id="RIO", question=question)
        reading, changes = [part async for part in site.questions.Ask(request)]
        assert reading.interpretation.complete
        return told(list(changes.changes.changes))

    assert await answered("when was the forecast end of record 7 last changed") == [("7", "bob"), ("7", "anna")]
    assert await answered("did anybody change the area of record 7 today") == [("7", "bob")]
    assert await answered("has anyone changed the rate of record 7") == []


async def test_what_the_history_cannot_tell_apart_is_refused(site: Served) -> None:
    question = "changes to the forecast end of records whose area was changed"
    found = await failure(site.questions.Ask(AskRequest(organization_id="RIO", question=question)))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_QUESTION")


def test_only_questions_about_who_changed_what_are_answered_so() -> None:
    who = Aggregate((Aggregation(Function.COUNT),), ("modified_by",), distinct=True)

    def sought(text: str, spec: Aggregate | None = who) -> Sought | None:
        return about_changes(Query(parse_filter(text, SCHEMA), aggregate=spec))

    changes = functools.partial(Sought, created=False)
    cranes = parse_filter('category = "Cranes"', SCHEMA)
    assert sought('category = "Cranes"') == changes(cranes)
    assert sought('category = "Cranes" AND modified_by = "anna"') == changes(cranes, changed_by="anna")
    day = datetime(2026, 3, 1, tzinfo=UTC)
    assert sought("modified_at >= 2026-03-01T00:00:00Z") == changes(since=day)
    assert sought("modified_at < 2026-03-01T00:00:00Z") == changes(before=day)
    assert sought('modified_fields:"forecast_end"') == changes(fields=("forecast_end",))
    ends = ("forecast_end", "forecast_start")
    assert sought("modified_fields:forecast_end OR modified_fields:forecast_start") == changes(fields=ends)
    assert sought("modified_fields:forecast_end AND modified_fields:forecast_start") is None
    assert sought('modified_fields:forecast_end OR category = "Cranes"') is None
    assert sought('category = "Cranes" OR modified_by = "anna"') is None
    assert sought('modified_by != "anna"') is None
    assert sought('category = "Cranes"', None) is None
    assert sought('category = "Cranes"', Aggregate((Aggregation(Function.COUNT),), ("category",))) is None
