"""Clients of a PEMS that runs on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from pfa_rpc.simulator.running import Simulator, running_simulator
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.sync.pems import Link, PemsClient, PemsSettings

PHRASE = "correct-horse-battery"
Connected = Callable[..., AbstractAsyncContextManager[tuple[Simulator, PemsClient]]]


def settings_for(url: str, **settings: Any) -> PemsSettings:
    """Return settings for a simulator that do not wait for long."""
    given: dict[str, Any] = {
        "base_url": url,
        "tenant": "DEMO",
        "user": "pfa",
        "password": PHRASE,
        "requests_per_second": 1_000,
        "retry_seconds": 0.01,
        "connect_seconds": 5,
        "read_seconds": 5,
        "request_seconds": 10,
        "longest_wait_seconds": 5,
    }
    return PemsSettings.load(**given | settings)


@pytest.fixture
def connected() -> Connected:
    """Give a simulator and a client of it: `connected(client settings…, simulator={its settings})`."""

    @asynccontextmanager
    async def connect(
        *, simulator: dict[str, Any] | None = None, link: Link | None = None, **settings: Any
    ) -> AsyncIterator[tuple[Simulator, PemsClient]]:
        installation: dict[str, Any] = {"records": 50, "users": {"pfa": PHRASE}} | (simulator or {})
        async with (
            running_simulator(Settings(**installation)) as running,
            PemsClient(settings_for(running.url, **settings), link) as client,
        ):
            yield running, client

    return connect


def organization_of(simulator: Simulator) -> str:
    """Return the code of the first organization."""
    return next(iter(simulator.rows.organizations))
