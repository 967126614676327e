"""Jumps within a view: the order of the view is read once for each revision, and is always the newest."""

from __future__ import annotations

import pytest

from nlq.query import Sort
from pfa_rpc.records.encode import decode
from pfa_rpc.services.reading.orders import ViewOrders
from pfa_rpc.store.orders import page_of
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_for_write, save_records
from tests.causes import CAUSE
from tests.integration.store.conftest import Filled, database_kind, filled

__all__ = ["database_kind", "filled"]  # fixtures

BY_RATE = (Sort("monthly_rate", descending=True),)


async def jump(site: Filled, orders: ViewOrders, sort: tuple[Sort, ...] = BY_RATE, skip: int = 100) -> list[str]:
    async with site.database.reading() as connection:
        organization = await get_organization(connection, "RIO")
        order = await orders.get(connection, organization, None, sort)
        page = await page_of(connection, "RIO", order, sort, limit=5, skip=skip)
    return [decode(payload)["pfa_id"] for payload in page.payloads]


async def raise_rate(site: Filled, pfa_id: str) -> None:
    async with site.database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        before = (await read_for_write(write, [pfa_id]))[pfa_id]
        after = before.copy()
        after.values["monthly_rate"] = 10**14
        await save_records(write, organization, [(before, after)])


async def test_a_jump_after_an_edit_is_in_the_new_order(filled: Filled) -> None:
    orders = ViewOrders()
    [first, *_] = await jump(filled, orders, skip=250)
    assert await jump(filled, orders, skip=250) == [first, *_]
    await raise_rate(filled, first)
    assert first in await jump(filled, orders, skip=0)
    assert first not in await jump(filled, orders, skip=250)


async def test_the_order_is_read_once_for_all_jumps(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = ViewOrders()
    await jump(filled, orders)

    async def read_again(*_arguments: object) -> bytes:
        raise AssertionError("the order is known")

    monkeypatch.setattr("pfa_rpc.services.reading.orders.read_order", read_again)
    assert await jump(filled, orders, skip=200)
    with pytest.raises(AssertionError, match="known"):
        await jump(filled, orders, (Sort("category", descending=False),))


async def test_orders_that_were_not_used_give_way(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = ViewOrders(max_bytes=2 * 4 * 300)
    for name in ("monthly_rate", "category", "monthly_rate", "manufacturer"):
        await jump(filled, orders, (Sort(name, descending=False),))
    assert [view[2] for view in orders._kept] == ["monthly_rate", "manufacturer"]
