"""Pages follow one another in any order, without gaps or repeats."""

from __future__ import annotations

import random

import pytest

from nlq.query import Comparison, Operator, Sort
from pfa_rpc.records.encode import decode
from pfa_rpc.schema import COMPUTED, FIELDS
from pfa_rpc.store import reads
from pfa_rpc.store.orders import page_of, read_order
from tests.integration.store.conftest import Filled
from tests.integration.store.oracle import holds, in_order

SORTABLE = [field.name for field in (*FIELDS, *COMPUTED) if field.sortable]


async def all_pages(filled: Filled, sort: tuple[Sort, ...], limit: int) -> list[str]:
    found: list[str] = []
    after: reads.PageKey | None = None
    while True:
        async with filled.database.reading() as connection:
            page = await reads.list_page(connection, "RIO", None, sort=sort, limit=limit, after=after)
        found += [decode(payload)["pfa_id"] for payload in page.payloads]
        after = page.next_key
        if after is None:
            return found
        assert len(page.payloads) == limit


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("name", SORTABLE)
async def test_pages_by_any_field_are_the_whole_list_in_order(filled: Filled, name: str, descending: bool) -> None:
    sort = (Sort(name, descending),)
    expected = [record["pfa_id"] for record in in_order(filled.values, sort)]
    assert await all_pages(filled, sort, 37) == expected


@pytest.mark.parametrize("seed", range(12))
async def test_pages_by_several_fields_are_the_whole_list_in_order(filled: Filled, seed: int) -> None:
    rng = random.Random(seed)
    sort = tuple(Sort(name, rng.random() < 0.5) for name in rng.sample(SORTABLE, 3))
    expected = [record["pfa_id"] for record in in_order(filled.values, sort)]
    assert await all_pages(filled, sort, 61) == expected


async def test_a_view_can_jump(filled: Filled) -> None:
    sort = (Sort("monthly_rate", descending=True),)
    expected = [record["pfa_id"] for record in in_order(filled.values, sort)]
    async with filled.database.reading() as connection:
        first = await reads.list_page(connection, "RIO", None, sort=sort, limit=10)
        jumped = await reads.list_page(connection, "RIO", None, sort=sort, limit=5, skip=200)
        after = await reads.list_page(connection, "RIO", None, sort=sort, limit=5, skip=20, after=first.next_key)
        beyond = await reads.list_page(connection, "RIO", None, sort=sort, limit=5, skip=10_000)
    assert [decode(payload)["pfa_id"] for payload in jumped.payloads] == expected[200:205]
    assert [decode(payload)["pfa_id"] for payload in after.payloads] == expected[30:35]
    assert (beyond.payloads, beyond.next_key) == ([], None)


async def test_a_count_is_of_all_that_match(filled: Filled) -> None:
    condition = Comparison("source", Operator.EQ, "RENTAL")
    async with filled.database.reading() as connection:
        counted = await reads.count(connection, "RIO", condition)
    assert counted == sum(holds(condition, record) for record in filled.values)


async def test_stretches_of_a_stream_are_all_records_in_order_of_insertion(filled: Filled) -> None:
    found: list[str] = []
    after = -1
    async with filled.database.reading() as connection:
        while stretch := await reads.read_stretch(connection, "RIO", None, after=after, limit=41):
            found += [decode(payload)["pfa_id"] for _, payload in stretch]
            after = stretch[-1][0]
    assert found == [record["pfa_id"] for record in filled.values]


async def test_the_vocabulary_holds_the_values_of_the_records_in_their_most_used_spelling(filled: Filled) -> None:
    async with filled.database.reading() as connection:
        vocabulary = await reads.read_vocabulary(connection, "RIO")
    uses = {"Silo 4": 0, "SILO  4": 0}
    for record in filled.values:
        if record["area_silo"] in uses:
            uses[record["area_silo"]] += 1
    assert vocabulary.spelling("area_silo", "silo 4") == max(uses, key=lambda spelling: uses[spelling])
    assert vocabulary.spelling("area_silo", "Silo 5") is None
    assert {term.field for term in vocabulary} == {field.name for field in FIELDS if field.named}


@pytest.mark.parametrize("seed", range(8))
async def test_a_place_in_the_order_of_a_view_is_the_page_that_jumps_there(filled: Filled, seed: int) -> None:
    rng = random.Random(seed)
    sort = tuple(Sort(name, rng.random() < 0.5) for name in rng.sample(SORTABLE, seed % 3))
    condition = Comparison("dor", Operator.EQ, "BEO") if seed % 2 else None
    async with filled.database.reading() as connection:
        order = await read_order(connection, "RIO", condition, sort)
        for skip in (0, 1, 50, 120, 295, 10_000):
            page = await page_of(connection, "RIO", order, sort, limit=30, skip=skip)
            assert page == await reads.list_page(
                connection, "RIO", condition, sort=sort, limit=30, skip=skip, with_total=True
            )


async def test_nothing_has_an_order_too(filled: Filled) -> None:
    nothing = Comparison("area_silo", Operator.EQ, "nowhere")
    async with filled.database.reading() as connection:
        order = await read_order(connection, "RIO", nothing, ())
        assert (await page_of(connection, "RIO", order, (), limit=5, skip=0)).payloads == []


@pytest.mark.parametrize("skip", [0, 10, 10_000])
async def test_a_page_can_tell_how_long_the_list_is(filled: Filled, skip: int) -> None:
    condition = Comparison("dor", Operator.EQ, "BEO")
    expected = sum(holds(condition, record) for record in filled.values)
    async with filled.database.reading() as connection:
        page = await reads.list_page(connection, "RIO", condition, limit=5, skip=skip, with_total=True)
        silent = await reads.list_page(connection, "RIO", condition, limit=5, skip=skip)
    assert (page.total, silent.total) == (expected, None)
    assert page.payloads == silent.payloads
