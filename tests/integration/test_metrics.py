"""Metrics over HTTP: on loopback for everybody, elsewhere for those with a token."""

from __future__ import annotations

import asyncio
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
from prometheus_client import REGISTRY, generate_latest

from pfa.v1.cache_service_pb2 import GetCacheStatusRequest
from pfa_rpc.errors import SetupError
from pfa_rpc.server.addresses import Address
from pfa_rpc.server.application import running
from pfa_rpc.server.metrics import serving_metrics
from pfa_rpc.server.settings import Settings
from tests.wire import call

TOKEN = "a-token-of-the-metrics-test"  # noqa: S105


def read(address: Address, token: str = "") -> str:
    """Return the page."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{address.port}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())


async def test_metrics_are_served_on_loopback() -> None:
    async with serving_metrics(Address("127.0.0.1", 0), ()) as taken:
        page = await asyncio.to_thread(read, taken)
    assert "pfa_cache_process_bytes" in page
    assert "pfa_cache_reads_total" in page


async def test_other_machines_need_a_token() -> None:
    async with serving_metrics(Address("0.0.0.0", 0), (TOKEN,)) as taken:  # noqa: S104
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            await asyncio.to_thread(read, taken)
        refused.value.close()
        assert "pfa_cache" in await asyncio.to_thread(read, taken, TOKEN)


async def test_a_server_serves_them_while_it_runs(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", probe.getsockname()[1])
    async with running(settings.model_copy(update={"metrics_listen": str(address)})):
        assert "pfa_cache" in await asyncio.to_thread(read, address)
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(read, address)


async def test_every_call_is_counted_by_how_it_ended(settings: Settings) -> None:
    def counted(method: str, code: str) -> float:
        return REGISTRY.get_sample_value("pfa_calls_total", {"method": method, "code": code}) or 0.0

    known = [("/pfa.v1.CacheService/GetCacheStatus", "NOT_FOUND"), ("unknown", "UNIMPLEMENTED")]
    before = [counted(*labels) for labels in known]
    request = GetCacheStatusRequest(organization_id="NOPE").SerializeToString()
    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
        for path in ("/pfa.v1.CacheService/GetCacheStatus", "/pfa.v1.Made/Up"):
            with pytest.raises(grpc.aio.AioRpcError):
                await call(channel, path, request)
    assert [counted(*labels) for labels in known] == [number + 1 for number in before]
    assert not counted("/pfa.v1.Made/Up", "UNIMPLEMENTED")


def test_the_metrics_that_the_documentation_names_are_there() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    named = set(re.findall(r"`((?:pfa|process)_[a-z_]+)\b", text))
    assert {"pfa_calls_total", "pfa_cache_breaker_open"} <= named
    page = generate_latest().decode()
    assert {name for name in named if f"\n# TYPE {name} " not in page} == set()


async def test_a_taken_address_is_named(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(SetupError, match="PFA_METRICS_LISTEN"):
            async with running(settings.model_copy(update={"metrics_listen": taken})):
                pass


def test_an_address_that_others_reach_needs_tokens() -> None:
    with pytest.raises(SetupError, match="PFA_METRICS_LISTEN"):
        Settings.load(metrics_listen="0.0.0.0:9100")
    assert Settings.load(metrics_listen="0.0.0.0:9100", api_tokens=TOKEN).metrics_listen == "0.0.0.0:9100"
    assert Settings.load(metrics_listen="").metrics_address is None


def test_the_url_of_redis_is_checked_and_never_shown() -> None:
    with pytest.raises(SetupError, match="redis_url") as wrong:
        Settings.load(redis_url="http://user:secret-word@127.0.0.1:1")
    assert "secret-word" not in str(wrong.value)
    assert "redis://" in str(wrong.value)
    settings = Settings.load(redis_url="redis://user:secret-word@127.0.0.1:1")
    assert "secret-word" not in "".join(line.value for line in settings.shown())
    assert "secret-word" not in repr(settings)
