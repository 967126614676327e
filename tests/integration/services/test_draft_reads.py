"""What is read through a draft is what is read once the same edits are committed; nobody else reads any of it.

The services run without a server here: it knows one principal only.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from pfa.v1.draft_pb2 import (
    CommitDraftRequest,
    CommitDraftResponse,
    CreateDraftRequest,
    DiscardDraftRequest,
    EditDraftRequest,
    GetDraftRequest,
    ListDraftsRequest,
)
from pfa.v1.mutation_pb2 import MutateRecordsRequest, Mutation, MutationOperation
from pfa.v1.record_pb2 import Dor, Period, Record, Source
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    AggregateRecordsResponse,
    Aggregation,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    StreamRecordsRequest,
    StreamRecordsResponse,
)
from pfa_rpc.cache.process import ProcessCache
from pfa_rpc.errors import DraftNotFound, InvalidRequest, PermissionDenied, PfaError, RecordExists
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.records import RecordService
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from tests.integration.services.test_permissions import RecordedCall
from tests.integration.store.conftest import database_kind, make_filled
from tests.servers.stock import Stock

__all__ = ["database_kind"]

MARIA = Principal("maria", None, frozenset(Permission))
JOHN = Principal("john", None, frozenset(Permission))
VIEWER = Principal("viewer", None, frozenset({Permission.READ}))
PENNILESS = Principal("maria", None, frozenset({Permission.READ, Permission.EDIT}))

FILTERS = [
    "",
    "source = RENTAL",
    'area_silo = "silo 4"',
    'area_silo = "Draft Yard" OR area_silo = "DRAFT  YARD"',
    'NOT category = "cranes"',
    "is_discontinued = true",
    "sync_state = MODIFIED",
    "modified_fields:area_silo",
    "monthly_rate > 1000",
    "forecast_cost > plan_cost",
    "forecast_end >= 2026-03-01 AND forecast_end < 2027-01-01",
    'pfa_id = "1" OR pfa_id = "NEW-1"',
    "manufacturer:*",
    'modified_by = "maria"',
]
ORDERS = ["", "monthly_rate desc, pfa_id", "forecast_start, category desc", "area_silo", "variance desc"]
GROUPS = [[], ["category"], ["area_silo", "source"], ["month"], ["category", "month"], ["forecast_start.month"]]
FIGURES = [
    (AggregateFunction.AGGREGATE_FUNCTION_SUM, "forecast_cost"),
    (AggregateFunction.AGGREGATE_FUNCTION_SUM, "variance"),
    (AggregateFunction.AGGREGATE_FUNCTION_MEDIAN, "monthly_rate"),
    (AggregateFunction.AGGREGATE_FUNCTION_COUNT_DISTINCT, "area_silo"),
    (AggregateFunction.AGGREGATE_FUNCTION_MAX, "forecast_end"),
]


@dataclass
class Site:
    """The service over a database."""

    service: RecordService

    def __getattr__(self, name: str) -> Any:
        return getattr(self.service, name)

    async def begin(self, by: Principal = MARIA) -> str:
        answer = await self.service.create_draft(CreateDraftRequest(organization_id="RIO"), RecordedCall(by))
        return answer.draft.draft_id

    async def edit(self, draft_id: str, *mutations: Mutation, by: Principal = MARIA) -> None:
        request = EditDraftRequest(organization_id="RIO", draft_id=draft_id, mutations=mutations)
        await self.service.edit_draft(request, RecordedCall(by))

    async def commit(self, draft_id: str) -> CommitDraftResponse:
        request = CommitDraftRequest(organization_id="RIO", draft_id=draft_id)
        return CommitDraftResponse.FromString(await self.service.commit_draft(request, RecordedCall(MARIA)))

    async def page(self, draft_id: str, by: Principal = MARIA, **options: Any) -> ListRecordsResponse:
        request = ListRecordsRequest(organization_id="RIO", draft_id=draft_id, **options)
        return ListRecordsResponse.FromString(await self.service.list_records(request, RecordedCall(by)))

    async def get(self, draft_id: str, pfa_id: str, by: Principal = MARIA) -> Record:
        request = GetRecordRequest(organization_id="RIO", draft_id=draft_id, pfa_id=pfa_id)
        return GetRecordResponse.FromString(await self.service.get_record(request, RecordedCall(by))).record

    async def stream(self, draft_id: str, by: Principal = MARIA, **options: Any) -> list[Record]:
        call = RecordedCall(by)
        request = StreamRecordsRequest(organization_id="RIO", draft_id=draft_id, **options)
        await self.service.stream_records(request, call)
        return [record for part in call.written for record in StreamRecordsResponse.FromString(part).records]

    async def figures(self, draft_id: str, by: Principal = MARIA, **options: Any) -> AggregateRecordsResponse:
        request = AggregateRecordsRequest(organization_id="RIO", draft_id=draft_id, **options)
        return AggregateRecordsResponse.FromString(await self.service.aggregate_records(request, RecordedCall(by)))


def site_of(database: Database) -> Site:
    return Site(RecordService(Sources.of(database, Tokens(b"k" * 16), ProcessCache(1 << 26))))


@pytest.fixture
async def sites(
    database_kind: str, stock: Stock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[Site]]:
    """Two services, each over a database of its own with the same records."""
    with (
        stock.copy(database_kind, tmp_path_factory.mktemp("one"), make_filled) as (one, _),
        stock.copy(database_kind, tmp_path_factory.mktemp("two"), make_filled) as (two, _),
    ):
        databases = [Database(one), Database(two)]
        yield [site_of(database) for database in databases]
        for database in databases:
            await database.close()


def random_mutation(rng: random.Random, number: int) -> Mutation:
    """A mutation of one of the 300 records, or a new one; rules may refuse it."""
    if rng.random() < 0.1:
        record = Record(
            pfa_id=f"NEW-{number}",
            source=Source.SOURCE_RENTAL,
            dor=Dor.DOR_BEO,
            monthly_rate=Money(units=rng.randrange(9_000)),
            area_silo=rng.choice(["Silo 4", "Draft Yard"]),
            plan=Period(start_date=Date(year=2026, month=3, day=1), end_date=Date(year=2026, month=5, day=1)),
        )
        return Mutation(operation=MutationOperation.MUTATION_OPERATION_CREATE, record=record)
    record = Record(pfa_id=str(rng.randrange(1, 301)))
    if rng.random() < 0.1:
        return Mutation(operation=MutationOperation.MUTATION_OPERATION_DISCONTINUE, record=record)
    paths = rng.sample(["forecast.end_date", "forecast.start_date", "area_silo", "category", "monthly_rate"], 2)
    if "forecast.end_date" in paths:
        record.forecast.end_date.CopyFrom(Date(year=2026, month=rng.randrange(5, 13), day=1))
    if "forecast.start_date" in paths:
        record.forecast.start_date.CopyFrom(Date(year=2026, month=rng.randrange(1, 5), day=15))
    if "area_silo" in paths and rng.random() < 0.8:
        record.area_silo = rng.choice(["Draft Yard", "DRAFT  YARD", "Silo 4"])
    if "category" in paths:
        record.category = rng.choice(["Pumps", "Draft Things"])
    if "monthly_rate" in paths:
        record.monthly_rate.CopyFrom(Money(units=rng.randrange(10_000)))
    update = MutationOperation.MUTATION_OPERATION_UPDATE
    return Mutation(operation=update, record=record, update_mask=FieldMask(paths=paths))


def plain(records: Any) -> list[Record]:
    """Records without what every write draws anew."""
    copies = []
    for record in records:
        copy = Record()
        copy.CopyFrom(record)
        copy.ClearField("etag")
        copy.ClearField("revision")
        copy.sync.ClearField("modified_at")
        copies.append(copy)
    return copies


async def all_edits(site: Site, draft_id: str, seed: int) -> None:
    """Carry out random edits, those that rules refuse aside: the same for the same seed."""
    rng = random.Random(seed)
    for number in range(60):
        mutation = random_mutation(rng, number)
        with suppress(InvalidRequest, RecordExists):
            await site.edit(draft_id, mutation)


async def reads_of(site: Site, draft_id: str) -> list[Any]:
    """Every kind of read."""
    found: list[Any] = []
    for number, text in enumerate(FILTERS):
        order = ORDERS[number % len(ORDERS)]
        page = await site.page(draft_id, filter=text, order_by=order, page_size=40, include_total_size=True)
        pages = [plain(page.records)]
        while page.next_page_token:
            token = page.next_page_token
            page = await site.page(draft_id, filter=text, order_by=order, page_size=40, page_token=token)
            pages.append(plain(page.records))
        found += [page.total_size if len(pages) == 1 else None, pages]
        found.append(plain(await site.stream(draft_id, filter=text, batch_size=50)))
        group_by = GROUPS[number % len(GROUPS)]
        items = FIGURES[:2] if "month" in group_by else FIGURES
        figures = await site.figures(
            draft_id,
            filter=text,
            group_by=group_by,
            aggregations=[Aggregation(function=function, field=name) for function, name in items],
            include_totals=True,
        )
        figures.ClearField("revision_token")
        figures.ClearField("age")
        found.append(figures)
    for pfa_id in ("1", "17", "300"):
        found.append(plain([await site.get(draft_id, pfa_id)]))
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_reads_through_a_draft_equal_those_after_its_commit(sites: list[Site], seed: int) -> None:
    here, there = sites
    untouched = await reads_of(here, "")
    in_draft, committed = await here.begin(), await there.begin()
    await all_edits(here, in_draft, seed)
    await all_edits(there, committed, seed)
    assert (await there.commit(committed)).changed > 20
    drafted, expected = await reads_of(here, in_draft), await reads_of(there, "")
    for one, other in zip(drafted, expected, strict=True):
        assert one == other
    assert await reads_of(here, "") == untouched != drafted


async def test_a_commit_does_what_the_same_mutations_do(sites: list[Site]) -> None:
    here, there = sites
    draft_id = await here.begin()
    rng, mutations = random.Random(3), {}
    for number in range(80):
        mutation = random_mutation(rng, number)
        if mutation.record.pfa_id not in mutations:
            try:
                await here.edit(draft_id, mutation)
            except PfaError:
                continue
            mutations[mutation.record.pfa_id] = mutation
    await here.commit(draft_id)
    request = MutateRecordsRequest(organization_id="RIO", mutations=mutations.values())
    await there.mutate_records(request, RecordedCall(MARIA))
    assert await reads_of(here, "") == await reads_of(there, "")


async def test_two_users_drafts_do_not_see_each_other(sites: list[Site]) -> None:
    site, _ = sites
    marias, johns = await site.begin(MARIA), await site.begin(JOHN)
    new = random_mutation(random.Random(0), 0)
    new.record.area_silo = "Hers"
    change = Mutation(
        operation=MutationOperation.MUTATION_OPERATION_UPDATE,
        record=Record(pfa_id="1", area_silo="Hers"),
        update_mask=FieldMask(paths=["area_silo"]),
    )
    await site.edit(marias, change, by=MARIA)
    assert (await site.get(marias, "1", MARIA)).area_silo == "Hers"
    assert (await site.get(johns, "1", JOHN)).area_silo != "Hers"
    assert (await site.get("", "1", JOHN)).area_silo != "Hers"
    listed = await site.list_drafts(ListDraftsRequest(organization_id="RIO"), RecordedCall(JOHN))
    assert [draft.draft_id for draft in listed.drafts] == [johns]
    for attempt in (
        site.get(marias, "1", JOHN),
        site.page(marias, JOHN),
        site.stream(marias, JOHN),
        site.figures(marias, JOHN),
        site.edit(marias, change, by=JOHN),
        site.get_draft(GetDraftRequest(organization_id="RIO", draft_id=marias), RecordedCall(JOHN)),
        site.commit_draft(CommitDraftRequest(organization_id="RIO", draft_id=marias), RecordedCall(JOHN)),
        site.discard_draft(DiscardDraftRequest(organization_id="RIO", draft_id=marias), RecordedCall(JOHN)),
    ):
        with pytest.raises(DraftNotFound):
            await attempt
    for request in (GetDraftRequest(organization_id="RIO2", draft_id=marias),):
        with pytest.raises(DraftNotFound):
            await site.get_draft(request, RecordedCall(MARIA))
    assert (await site.get(marias, "1", MARIA)).area_silo == "Hers"


async def test_who_may_not_edit_begins_no_draft(sites: list[Site]) -> None:
    with pytest.raises(PermissionDenied):
        await sites[0].begin(VIEWER)


async def test_who_may_not_see_money_sees_none_in_drafts(sites: list[Site]) -> None:
    site, _ = sites
    draft_id = await site.begin()
    change = Mutation(
        operation=MutationOperation.MUTATION_OPERATION_UPDATE,
        record=Record(pfa_id="1", monthly_rate=Money(units=7), area_silo="Hers"),
        update_mask=FieldMask(paths=["monthly_rate", "area_silo"]),
    )
    await site.edit(draft_id, change)
    shown = await site.get_draft(GetDraftRequest(organization_id="RIO", draft_id=draft_id), RecordedCall(PENNILESS))
    assert not shown.HasField("effect")
    assert not (await site.get(draft_id, "1", PENNILESS)).HasField("monthly_rate")
    with pytest.raises(PermissionDenied):
        await site.edit(draft_id, change, by=PENNILESS)
    with pytest.raises(PermissionDenied):
        await site.figures(draft_id, PENNILESS, aggregations=[Aggregation(function=FIGURES[0][0], field="variance")])


async def test_a_draft_survives_another_process(database_kind: str, stock: Stock, tmp_path: Path) -> None:
    with stock.copy(database_kind, tmp_path, make_filled) as (url, _):
        first = Database(url)
        draft_id = await site_of(first).begin()
        await all_edits(site_of(first), draft_id, 1)
        before = await reads_of(site_of(first), draft_id)
        await first.close()
        second = Database(url)
        assert await reads_of(site_of(second), draft_id) == before
        await second.close()
