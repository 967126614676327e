"""Reading an organization's rows from a PEMS that moves, repeats itself and fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from pfa_rpc.simulator.faults import Delay, Drip, Drop, Expire, Match, Move, Repeat, Reply
from pfa_rpc.simulator.running import Simulator
from pfa_rpc.sync.pems import Page, Paging, PemsClient, SeenRows
from pfa_rpc.sync.pems.errors import CredentialsRefused, SchemaDrift, Transient
from tests.integration.pems.conftest import Connected, organization_of

DATA = Match(service="grid", call="DATA")


async def sweep(client: PemsClient, organization: str, **how: Any) -> list[Page]:
    return [page async for page in client.pages(organization, **how)]


def ids_of(pages: list[Page]) -> list[str]:
    return [pfa_id for page in pages for pfa_id in page.ids()]


def learn(seen: SeenRows, pages: list[Page]) -> None:
    """Remember the rows of pages, as one who has committed them."""
    for page in pages:
        for row in page.rows:
            seen.learn(row.row.pfa_id, row.cells_digest)
        for rejected in page.rejected:
            seen.learn(rejected.pfa_id, rejected.cells_digest)


def held(simulator: Simulator, organization: str) -> set[str]:
    return {row.image.pfa_id for row in simulator.rows.rows(organization)}


async def test_a_sweep_reads_every_row_of_one_organization_once(connected: Connected) -> None:
    async with connected(page_rows=7, simulator={"records": 100, "organizations": 2}) as (pems, client):
        organization = organization_of(pems)
        pages = await sweep(client, organization)
        assert sorted(ids_of(pages)) == sorted(held(pems, organization))
        assert all(row.row.organization_id == organization for page in pages for row in page.rows)
        assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert {page.paging for page in pages} == {Paging.KEY}
        assert not pages[-1].needs_count
        assert await client.count(organization) == len(ids_of(pages))


async def test_the_columns_are_asked_for_once_a_session(connected: Connected) -> None:
    async with connected() as (pems, client):
        for _ in range(3):
            await sweep(client, organization_of(pems))
        await asyncio.gather(*(client.columns(organization_of(pems)) for _ in range(3)))
        assert pems.requests["grid HEAD"] == 1


@pytest.mark.parametrize("records", [0, 1, 2])
@pytest.mark.parametrize("empty_page", ["list", "missing", "null"])
async def test_a_page_may_have_one_row_or_none(connected: Connected, records: int, empty_page: str) -> None:
    async with connected(simulator={"records": records, "empty_page": empty_page}) as (_, client):
        pages = await sweep(client, "RIO")
        assert len(pages) == 1
        assert pages[0].is_last
        found = [page for page in await sweep(client, "RIO") if page.ids()]
        assert len(ids_of(found)) <= records


@pytest.mark.parametrize("form", ["compact", "spaced", "reordered"])
async def test_rows_may_be_written_in_other_ways(connected: Connected, form: str) -> None:
    async with connected(page_rows=20, simulator={"json_form": form}) as (pems, client):
        seen = SeenRows()
        pages = await sweep(client, organization_of(pems), seen=seen)
        learn(seen, pages)
        assert set(ids_of(pages)) == held(pems, organization_of(pems))
        assert not [page for page in pages if page.rejected or page.foreign]
        assert set(ids_of(await sweep(client, organization_of(pems), seen=seen))) == set(ids_of(pages))


async def test_cells_without_value_may_be_left_out(connected: Connected) -> None:
    async with connected(simulator={"null_cells": False}) as (pems, client):
        without = await sweep(client, organization_of(pems))
    async with connected(simulator={"null_cells": True}) as (pems, client):
        nulls = await sweep(client, organization_of(pems))
    assert [row.row for page in without for row in page.rows] == [row.row for page in nulls for row in page.rows]
    assert len(ids_of(nulls)) == 50


async def test_rows_changed_since_a_time_are_asked_for(connected: Connected) -> None:
    async with connected() as (pems, client):
        organization = organization_of(pems)
        pems.now += timedelta(days=2)
        chosen = sorted(held(pems, organization))[:3]
        for pfa_id in chosen:
            pems.edit(pfa_id, {"pfs_f_category": "Changed"})
        since = pems.now - timedelta(hours=1)
        assert await client.count(organization, since) == 3
        pages = await sweep(client, organization, since=since)
        assert sorted(ids_of(pages)) == chosen
        assert {row.row.values["category"] for page in pages for row in page.rows} == {"Changed"}


async def test_a_sweep_that_was_stopped_goes_on_where_it_was(connected: Connected) -> None:
    async with connected(page_rows=10) as (pems, client):
        organization = organization_of(pems)
        first = client.pages(organization)
        begun = [await anext(first), await anext(first)]
        await first.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(first)
        rest = await sweep(client, organization, after=begun[-1].last_id)
        assert set(ids_of([*begun, *rest])) == held(pems, organization)
        assert len(ids_of(rest)) == 50 - 19 + 1, "the row that it goes on from comes again"


@pytest.mark.parametrize("records", [0, 1, 3, 100])
async def test_parts_of_the_rows_can_be_read_at_the_same_time(connected: Connected, records: int) -> None:
    async with connected(page_rows=7, simulator={"records": records}) as (pems, client):
        ranges = await client.key_ranges("GEN01", 4)
        assert ranges[0][0] is ranges[-1][1] is None
        assert len(ranges) == min(4, max(1, records))
        parts = await asyncio.gather(*(sweep(client, "GEN01", within=within) for within in ranges))
        assert sorted(pfa_id for part in parts for pfa_id in set(ids_of(part))) == sorted(held(pems, "GEN01"))
        assert max(len(set(ids_of(part))) for part in parts) <= records // 4 + 2


async def test_parts_hold_every_row_where_ids_are_sorted_otherwise_than_compared(connected: Connected) -> None:
    order = {"records": 1, "sort_collation": "natural", "filter_collation": "binary"}
    async with connected(page_rows=10, simulator=order) as (pems, client):
        values = {k: v for k, v in next(pems.rows.rows("GEN01")).image.values.items() if k.startswith("pfs_f_")}
        for number in range(200):
            pems.add(str(number), values)
        ranges = await client.key_ranges("GEN01", 4)
        parts = [await sweep(client, "GEN01", within=within) for within in ranges]
        assert set().union(*map(ids_of, parts)) == held(pems, "GEN01")


async def test_no_row_slips_past_while_the_grid_moves(connected: Connected) -> None:
    async with connected(page_rows=20, simulator={"records": 400}) as (pems, client):
        organization = organization_of(pems)
        before = held(pems, organization)
        pems.faults.add(Move(edit=3, add=2, delete=2), DATA)
        pages = await sweep(client, organization)
        stayed = before & held(pems, organization)
        assert len(stayed) < len(before), "rows vanished while the sweep went on"
        assert stayed <= set(ids_of(pages))
        assert {page.paging for page in pages} == {Paging.KEY}


async def test_rows_that_come_twice_on_a_page_are_one(connected: Connected) -> None:
    async with connected(page_rows=20) as (pems, client):
        pems.faults.add(Repeat(rows=3), DATA, times=1)
        pages = await sweep(client, organization_of(pems))
        assert len(ids_of(pages)) == len(set(ids_of(pages))) == 50
        assert pages[0].duplicates == 3


async def test_a_rejected_row_comes_out_with_its_id_and_reasons(connected: Connected) -> None:
    async with connected() as (pems, client):
        organization = organization_of(pems)
        poor = sorted(held(pems, organization))[4]
        pems.force(poor, "pfs_f_startdate", "soon")
        pages = await sweep(client, organization)
        (rejected,) = pages[0].rejected
        assert rejected.pfa_id == poor
        assert rejected.cells["pfs_f_startdate"] == "soon"
        assert rejected.rejection.faults[0].reason == "forecast start is not a date"
        assert poor in pages[0].ids()


# What came before


async def test_rows_that_come_again_as_they_were_are_not_read_again(connected: Connected) -> None:
    async with connected(page_rows=20) as (pems, client):
        organization = organization_of(pems)
        seen = SeenRows()
        first = await sweep(client, organization, seen=seen)
        assert not [page for page in first if page.unchanged]
        learn(seen, first)
        again = await sweep(client, organization, seen=seen)
        assert [len(page.rows) for page in again] == [0, 0, 0]
        assert sorted(ids_of(again)) == sorted(ids_of(first))


async def test_a_row_that_changes_is_read_and_its_neighbours_are_not(connected: Connected) -> None:
    async with connected(page_rows=20) as (pems, client):
        organization = organization_of(pems)
        seen = SeenRows()
        learn(seen, await sweep(client, organization, seen=seen))
        chosen = sorted(held(pems, organization))[25]
        before = pems.row(chosen).values["pfs_f_category"]
        pems.edit(chosen, {"pfs_f_category": "Changed"})
        pages = await sweep(client, organization, seen=seen)
        assert [row.row.pfa_id for page in pages for row in page.rows] == [chosen]
        # Until it was committed it is not known, and so comes again.
        pages = await sweep(client, organization, seen=seen)
        assert [row.row.pfa_id for page in pages for row in page.rows] == [chosen]
        learn(seen, pages)
        pems.edit(chosen, {"pfs_f_category": before})
        pages = await sweep(client, organization, seen=seen)
        assert [row.row.pfa_id for page in pages for row in page.rows] == [chosen], "going back is a change too"


async def test_what_is_known_survives_rows_that_come_and_go(connected: Connected) -> None:
    async with connected(page_rows=20) as (pems, client):
        organization = organization_of(pems)
        seen = SeenRows()
        learn(seen, await sweep(client, organization, seen=seen))
        gone = sorted(held(pems, organization))[3]
        pems.delete(gone)
        values = dict(pems.row(sorted(held(pems, organization))[5]).values)
        pems.add("00001", {k: v for k, v in values.items() if k.startswith("pfs_f_")})
        pages = await sweep(client, organization, seen=seen)
        assert [row.row.pfa_id for page in pages for row in page.rows] == ["00001"]
        assert set(ids_of(pages)) == held(pems, organization)


async def test_other_numbers_of_the_columns_make_all_rows_new(connected: Connected) -> None:
    async with connected() as (pems, client):
        organization = organization_of(pems)
        seen = SeenRows()
        learn(seen, await sweep(client, organization, seen=seen))
        pems.show_columns(seed=99)
        async with PemsClient(client._settings) as other:
            pages = await sweep(other, organization, seen=seen)
        assert len(pages[0].rows) == 50


# Order


@pytest.mark.parametrize("collation", ["binary", "ignore-case", "linguistic", "natural"])
async def test_ids_need_not_be_in_an_order_that_we_know(connected: Connected, collation: str) -> None:
    async with connected(page_rows=6, simulator={"records": 5, "sort_collation": collation}) as (pems, client):
        organization = organization_of(pems)
        values = {k: v for k, v in next(pems.rows.rows(organization)).image.values.items() if k.startswith("pfs_f_")}
        for pfa_id in ["a1", "A1", "a-1", "a10", "a9", "B2", "b-2", "10", "9", "100", "é", "Z", "_x", "x_", "zz", "Zz"]:
            pems.add(pfa_id, values)
        pages = await sweep(client, organization)
        assert set(ids_of(pages)) == held(pems, organization)
        assert {page.paging for page in pages} == {Paging.KEY}


async def test_where_ids_are_sorted_otherwise_than_compared_pages_are_asked_for_by_position(
    connected: Connected,
) -> None:
    order = {"records": 5, "sort_collation": "natural", "filter_collation": "binary"}
    async with connected(page_rows=40, simulator=order) as (pems, client):
        organization = organization_of(pems)
        values = {k: v for k, v in next(pems.rows.rows(organization)).image.values.items() if k.startswith("pfs_f_")}
        for number in range(200):
            pems.add(str(number), values)
        pages = await sweep(client, organization)
        assert set(ids_of(pages)) == held(pems, organization)
        assert pages[-1].paging is Paging.POSITION
        assert pages[-1].needs_count
        assert {page.last_id for page in pages} == {""}, "there is nothing to go on from"
        with_key = await sweep(client, organization, after="100")
        assert set(ids_of(with_key)) == held(pems, organization), "a position counts from the first row"


# Failures


@pytest.mark.parametrize(
    "fault",
    [
        Reply(status=429, retry_after="0"),
        Reply(status=429, retry_after="+0.2", body="envelope"),
        Reply(status=429, retry_after="garbage"),
        Reply(status=429),
        Reply(status=500),
        Reply(status=500, body="<html>Oh no</html>"),
        Reply(status=503, body="envelope", retry_after="0"),
        Drop(when="before"),
        Drop(when="after"),
        Drop(when="within"),
        Expire(),
    ],
    ids=str,
)
async def test_reading_is_tried_again(connected: Connected, fault: Any) -> None:
    async with connected(page_rows=10) as (pems, client):
        organization = organization_of(pems)
        pems.faults.add(fault, DATA, after=1, times=2)
        pages = await sweep(client, organization)
        assert set(ids_of(pages)) == held(pems, organization)
        assert pems.requests["grid DATA"] == len(pages) + 2


async def test_a_read_that_keeps_failing_ends_with_what_pems_asks_for(connected: Connected) -> None:
    async with connected(attempts=3, longest_wait_seconds=0.05) as (pems, client):
        pems.faults.add(Reply(status=429, retry_after="3600", body="envelope"))
        with pytest.raises(Transient, match="too many requests") as caught:
            await client.count(organization_of(pems))
        assert caught.value.retry_after == 3600
        assert pems.requests["grid COUNT"] == 3


async def test_an_answer_that_drips_is_given_up(connected: Connected) -> None:
    async with connected(attempts=1, request_seconds=0.3) as (pems, client):
        organization = organization_of(pems)
        await client.columns(organization)
        pems.faults.add(Drip(bytes_per_second=200), DATA)
        began = asyncio.get_running_loop().time()
        with pytest.raises(Transient, match="cannot be reached"):
            await sweep(client, organization)
        assert asyncio.get_running_loop().time() - began < 3


async def test_silence_is_given_up(connected: Connected) -> None:
    async with connected(attempts=1, read_seconds=0.2) as (pems, client):
        pems.faults.add(Delay(seconds=30))
        with pytest.raises(Transient, match="cannot be reached"):
            await client.count(organization_of(pems))


async def test_a_session_that_ends_in_mid_sweep_is_begun_anew(connected: Connected) -> None:
    async with connected(page_rows=10) as (pems, client):
        organization = organization_of(pems)
        pages = client.pages(organization)
        found = [await anext(pages)]
        pems.end_sessions()
        pems.drop_connections()
        found += [page async for page in pages]
        assert set(ids_of(found)) == held(pems, organization)


async def test_credentials_that_are_refused_are_not_tried_again(connected: Connected) -> None:
    async with connected(password="wrong") as (pems, client):
        with pytest.raises(CredentialsRefused, match="PFA_PEMS_PASSWORD"):
            await client.count(organization_of(pems))
        assert pems.statuses[401] == 1


async def test_a_401_in_mid_run_is_told_after_one_more_attempt(connected: Connected) -> None:
    async with connected(page_rows=10) as (pems, client):
        organization = organization_of(pems)
        await client.columns(organization)
        await client.count(organization)
        pems.faults.add(Reply(status=401, body="envelope"), DATA, after=2)
        pages = client.pages(organization)
        await anext(pages)
        with pytest.raises(CredentialsRefused):
            async for _ in pages:
                pass


@pytest.mark.parametrize("grant", [{"api_key": "demo-key"}, {"token": "demo-token"}])
async def test_there_are_other_ways_to_sign_in(connected: Connected, grant: dict[str, str]) -> None:
    async with connected(user="", password="", **grant) as (pems, client):
        assert await client.count(organization_of(pems)) == 50


async def test_a_grid_that_lacks_a_column_says_what_is_affected(connected: Connected) -> None:
    async with connected() as (pems, client):
        pems.show_columns(hidden=["pfs_f_class"])
        columns = await client.columns(organization_of(pems))
        assert columns.drift.sentences() == ("pfs_f_class (class) is missing: class stays as it is",)
        (page,) = await sweep(client, organization_of(pems))
        assert all("class" not in row.row.values for row in page.rows)
    async with connected() as (pems, client):
        pems.show_columns(hidden=["pfs_f_source"])
        with pytest.raises(SchemaDrift, match="pfs_f_source"):
            await sweep(client, organization_of(pems))
        assert pems.requests["grid DATA"] == 0


async def test_the_update_counter_is_taken_where_the_grid_shows_it(connected: Connected) -> None:
    async with connected(version_column="pfs_count", simulator={"version_column": "pfs_count"}) as (pems, client):
        (page,) = await sweep(client, organization_of(pems))
        assert all(row.version == str(pems.row(row.row.pfa_id).recordid) for row in page.rows)


async def test_a_sweep_that_is_cancelled_leaves_nothing_on_its_way(connected: Connected) -> None:
    async with connected(page_rows=10) as (pems, client):
        organization = organization_of(pems)
        pages = client.pages(organization)
        await anext(pages)
        pems.faults.add(Delay(seconds=30), DATA)
        waiting = asyncio.create_task(anext(pages))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(asyncio.all_tasks()) < 8
        assert pages.is_ended
