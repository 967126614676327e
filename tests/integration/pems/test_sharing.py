"""What the clients of one process share, and what nobody gets to see."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest
import structlog

from pfa_rpc.cache.breaker import Breaker
from pfa_rpc.simulator.faults import Drop, Match, Reply
from pfa_rpc.sync.pems import Link, PemsClient
from pfa_rpc.sync.pems.errors import PemsError, Resting, Transient
from pfa_rpc.sync.pems.metrics import PEMS
from tests.integration.pems.conftest import PHRASE, Connected, organization_of, settings_for

EXPORT = Path(__file__).parents[3] / "examples" / "pems_export.csv.gz"


async def test_all_workers_of_an_organization_keep_one_pace(connected: Connected) -> None:
    async with connected() as (pems, _):
        settings = settings_for(pems.url, requests_per_second=50)
        link = Link(settings)
        organization = organization_of(pems)
        began = time.monotonic()
        async with PemsClient(settings, link) as one, PemsClient(settings, link) as other:
            await asyncio.gather(*(client.count(organization) for client in (one, other) * 6))
        assert 0.22 <= time.monotonic() - began < 3
        assert pems.requests["grid COUNT"] == 12


async def test_a_429_stops_every_worker_of_its_organization(connected: Connected) -> None:
    async with connected() as (pems, _):
        settings = settings_for(pems.url)
        link = Link(settings)
        organization = organization_of(pems)
        pems.faults.add(Reply(status=429, retry_after="1"), times=1)
        async with PemsClient(settings, link) as one, PemsClient(settings, link) as other:
            refused = asyncio.create_task(one.count(organization))
            await asyncio.sleep(0.2)
            assert pems.statuses[429] == 1
            began = time.monotonic()
            await other.count(organization)
            assert time.monotonic() - began > 0.5
            await refused


async def test_pems_is_given_a_rest_after_failures_in_a_row_and_asked_again(connected: Connected) -> None:
    async with connected() as (pems, _):
        settings = settings_for(pems.url, attempts=1)
        breaker = Breaker("test", failures=3, rest_seconds=0.2, watched=PEMS)
        organization = organization_of(pems)
        running = pems.faults.add(Drop(), Match(service="grid"))
        async with PemsClient(settings, Link(settings, breaker=breaker)) as client:
            for _ in range(3):
                with pytest.raises(Transient, match="cannot be reached"):
                    await client.count(organization)
            with pytest.raises(Resting) as caught:
                await client.count(organization)
            assert caught.value.message.startswith("PEMS is given a rest after failures in a row; the last was: PEMS c")
            assert pems.url in caught.value.message
            assert caught.value.retry_after is not None
            assert 0 < caught.value.retry_after <= 0.2
            assert pems.requests["grid COUNT"] == 3
            pems.faults.remove(running.id)
            await asyncio.sleep(0.25)
            assert await client.count(organization) == 50
        assert not breaker.is_open


async def test_refusals_do_not_open_the_breaker(connected: Connected) -> None:
    async with connected() as (pems, _):
        settings = settings_for(pems.url, attempts=1, longest_wait_seconds=0.01)
        link = Link(settings)
        pems.faults.add(Reply(status=429, retry_after="0"), times=10)
        async with PemsClient(settings, link) as client:
            for _ in range(10):
                with pytest.raises(PemsError):
                    await client.count(organization_of(pems))
            assert await client.count(organization_of(pems)) == 50


@pytest.mark.parametrize("grant", [{}, {"user": "", "password": "", "api_key": f"key-{PHRASE}"}])
async def test_no_secret_gets_into_the_log(
    connected: Connected, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], grant: dict[str, str]
) -> None:
    """At the level that shows most, of our events and of the libraries', with errors and their traces."""
    caplog.set_level(logging.DEBUG)
    logged: list[object] = []
    structlog.configure(processors=[_keeping(logged)])
    try:
        async with connected(attempts=2, simulator={"api_keys": {f"key-{PHRASE}": "pfa"}}, **grant) as (pems, client):
            organization = organization_of(pems)
            pems.faults.add(Reply(status=500), times=1)
            pems.faults.add(Reply(status=401, body="envelope"), after=4)
            await client.columns(organization)
            await client.count(organization)
            logging.getLogger("pfa").info("client %r %r", client, client._settings)
            for _ in range(3):
                try:
                    await client.count(organization)
                except PemsError:
                    logging.getLogger("pfa").exception("refused")
    finally:
        structlog.reset_defaults()
    out = capsys.readouterr()
    assert {"httpx", "httpcore.connection"} <= {record.name for record in caplog.records}
    text = f"{caplog.text} {logged} {out.out} {out.err}"
    assert "refused" in text
    assert "pems is asked again" in text
    assert "horse" not in text
    assert "cGZhOmNvcnJlY3Q" not in text, "the header of HTTP Basic"


def _keeping(logged: list[object]) -> structlog.types.Processor:
    def keep(_logger: object, _method: str, event: structlog.types.EventDict) -> str:
        logged.append(dict(event))
        return str(event)

    return keep


async def test_a_page_of_ten_thousand_rows_does_not_hold_others_up(connected: Connected) -> None:
    """Measured in processor time that one step of the loop takes, so that a busy machine does not count."""
    async with connected(simulator={"export": EXPORT, "records": 0}) as (pems, client):
        organization = organization_of(pems)
        steps: list[float] = []
        done = asyncio.Event()

        async def watch() -> None:
            while not done.is_set():
                began = time.process_time()
                await asyncio.sleep(0)
                steps.append(time.process_time() - began)

        await client.columns(organization)
        watching = asyncio.create_task(watch())
        pages = [page async for page in client.pages(organization)]
        done.set()
        await watching
        assert sum(len(page.rows) for page in pages) > 8_000
        # The simulator answers in the same loop, and takes up to three steps of its own to make a page.
        longest = sorted(steps)[-5]
        assert longest < 0.03, f"steps of {[round(step, 3) for step in sorted(steps)[-8:]]} s"
