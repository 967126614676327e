"""Fixtures of the simulator's tests: `pems`, with a few rows that tests know, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pfa_rpc.simulator.running import Simulator, running_simulator
from pfa_rpc.simulator.settings import Settings
from tests.unit.simulator.client import PlainClient

START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
CRANE = {
    "pfs_f_category": "Cranes",
    "pfs_f_class": "60T Crawler",
    "pfs_f_area": "Silo 4",
    "pfs_f_source": "RENTAL",
    "pfs_f_dor": "PROJECT",
    "pfs_f_actualized": False,
    "pfs_f_discontinued": False,
    "pfs_f_fundstrans": True,
    "pfs_f_rental": Decimal("45200.50"),
    "pfs_f_manufacturer": "Liebherr",
    "pfs_f_startdate": date(2026, 6, 13),
    "pfs_f_enddate": date(2026, 9, 1),
    "description": 'big "crane"\nsee plan',
    "pfs_f_rate_uom": "MONTH",
    "pfs_f_freight": Decimal("120.00"),
}
Opened = Callable[..., AbstractAsyncContextManager[PlainClient]]


def fill(pems: Simulator) -> None:
    """Put the rows in that tests know: three of RIO, one of RIO2."""
    pems.clock.stop(START)
    pems.add("100", CRANE, organization="RIO", by="okafor")
    pems.add("20", {"pfs_f_category": "Pumps", "pfs_f_rental": Decimal(900)}, organization="RIO", by="achen")
    pems.add("a-3", {"pfs_f_category": "pump trucks", "pfs_f_area": "SILO 4"}, organization="RIO", by="jsmith")
    pems.add("500", {"pfs_f_category": "Cranes"}, organization="RIO2", by="okafor")


@asynccontextmanager
async def opened_client(**options: Any) -> AsyncIterator[PlainClient]:
    """Run a simulator with the rows that tests know, and give a client of it."""
    async with running_simulator(Settings(**options)) as pems:
        fill(pems)
        client = PlainClient(pems)
        async with client.http:
            yield client


@pytest.fixture
def opened() -> Opened:
    """Return what runs a simulator of given settings, filled, and gives a client of it."""
    return opened_client


@pytest.fixture
async def client() -> AsyncIterator[PlainClient]:
    """Give a client of a simulator with the rows that tests know."""
    async with opened_client() as client:
        yield client
