"""A real server on a free port of loopback, over a database of its own, and a channel to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog

from pfa_rpc.server.application import Running, running
from pfa_rpc.server.settings import Settings, variable
from tests.integration.store.conftest import make_migrated
from tests.servers.stock import Stock


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*Settings.model_fields, "config_file"]:
        monkeypatch.delenv(variable(name), raising=False)


@pytest.fixture
def settings(stock: Stock, tmp_path: Path) -> Iterator[Settings]:
    """Settings for a server of a test, whose database has its tables and nothing in them."""
    with stock.copy("sqlite", tmp_path, make_migrated) as (url, _):
        yield Settings.load(database_url=url, listen="127.0.0.1:0", stop_seconds=1)


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Running]:
    """A server with the real services and an empty database."""
    async with running(settings) as up:
        yield up


@pytest.fixture
async def channel(server: Running) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the server."""
    async with grpc.aio.insecure_channel(server.target) as open_channel:
        yield open_channel


@pytest.fixture
def log_lines() -> Iterator[list[Any]]:
    """What is logged during a test, one dict a line."""
    with structlog.testing.capture_logs() as lines:
        yield lines
