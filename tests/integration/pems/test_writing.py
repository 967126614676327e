"""Reading and writing single records: what was written is known, or known to be unknown, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from pfa_rpc.simulator.faults import Delay, Drip, Drop, Expire, Match, Refuse, Reply
from pfa_rpc.simulator.running import Simulator
from pfa_rpc.sync.pems import PemsClient, RemoteObject
from pfa_rpc.sync.pems.errors import (
    Away,
    CredentialsRefused,
    NotAuthorized,
    NotOnScreen,
    NotValid,
    ObjectNotFound,
    PemsError,
    SessionExpired,
    StaleLock,
    TooFine,
    TooManyRequests,
    Transient,
    UnknownOutcome,
)
from tests.integration.pems.conftest import Connected, organization_of

UPDATE = Match(service="screen", call="UPDATE")
GET = Match(service="screen", call="GET")


async def first(pems: Simulator, client: PemsClient) -> RemoteObject:
    """Return the record that tests write."""
    organization = organization_of(pems)
    pfa_id = min(row.image.pfa_id for row in pems.rows.rows(organization))
    found = await client.get(organization, pfa_id)
    assert found is not None
    return found


async def test_a_change_is_written_and_everything_else_stays(connected: Connected) -> None:
    async with connected() as (pems, client):
        remote = await first(pems, client)
        before = dict(pems.row(remote.pfa_id).values)
        changes = {"category": "Pumps", "forecast_start": date(2026, 1, 2), "forecast_end": date(2026, 5, 3)}
        updated = await client.update(remote, changes)
        after = pems.row(remote.pfa_id)
        assert updated.recordid == str(after.recordid) != remote.recordid
        assert updated.stamp == after.values["pfs_lastmodified"]
        changed = {alias for alias in before if before[alias] != after.values[alias]}
        assert changed - {"pfs_lastmodified", "pfs_lastmodifiedby"} == {
            "pfs_f_category",
            "pfs_f_startdate",
            "pfs_f_enddate",
        }
        again = await first(pems, client)
        fields = [name for name, value in remote.values.items() if again.values[name] != value]
        assert fields == ["category", "forecast_start", "forecast_end"]
        assert again.recordid == updated.recordid


@pytest.mark.parametrize("flags", [("true", "false"), ("+", "-"), ("Y", "N")])
async def test_a_field_is_emptied_and_flags_are_written(connected: Connected, flags: tuple[str, str]) -> None:
    async with connected(simulator={"screen_flags": flags}) as (pems, client):
        remote = await first(pems, client)
        changes = {"equipment": None, "is_discontinued": True, "is_funds_transferable": False}
        await client.update(remote, changes)
        values = pems.row(remote.pfa_id).values
        assert values["pfs_equipment_tag"] is None
        assert (values["pfs_f_discontinued"], values["pfs_f_fundstrans"]) == (True, False)


async def test_there_may_be_no_such_record(connected: Connected) -> None:
    async with connected() as (pems, client):
        assert await client.get(organization_of(pems), "nobody") is None
        remote = await first(pems, client)
        pems.delete(remote.pfa_id)
        assert await client.get(organization_of(pems), remote.pfa_id) is None
        with pytest.raises(ObjectNotFound):
            await client.update(remote, {"category": "Pumps"})


async def test_a_record_that_somebody_changed_meanwhile_is_not_written(connected: Connected) -> None:
    async with connected() as (pems, client):
        remote = await first(pems, client)
        pems.edit(remote.pfa_id, {"pfs_f_class": "Theirs"})
        with pytest.raises(StaleLock, match="modified by another user"):
            await client.update(remote, {"category": "Pumps"})
        assert pems.row(remote.pfa_id).values["pfs_f_category"] != "Pumps"


@pytest.mark.parametrize(
    ("fault", "error", "is_written"),
    [
        (Drop(when="before"), UnknownOutcome, False),
        (Drop(when="after"), UnknownOutcome, True),
        (Drop(when="within"), UnknownOutcome, True),
        (Drip(bytes_per_second=50), UnknownOutcome, True),
        (Delay(seconds=30), UnknownOutcome, False),
        (Reply(status=502), UnknownOutcome, False),
        (Reply(status=504, body="<html>"), UnknownOutcome, False),
        (Reply(status=200, body="<html>"), UnknownOutcome, False),
        (Reply(status=204), UnknownOutcome, False),
        (Reply(status=429, retry_after="7"), TooManyRequests, False),
        (Reply(status=500), Transient, False),
        (Reply(status=503, body="envelope"), Away, False),
        (Reply(status=401, body="envelope"), SessionExpired, False),
        (Expire(), SessionExpired, False),
        (Refuse(), NotValid, False),
    ],
    ids=str,
)
async def test_a_write_is_sent_once_and_its_outcome_told(
    connected: Connected, fault: Any, error: type[PemsError], is_written: bool
) -> None:
    async with connected(request_seconds=0.5, longest_wait_seconds=0.1) as (pems, client):
        organization = organization_of(pems)
        await client.pages(organization).__anext__()  # so that there is a session that can end
        remote = await first(pems, client)
        pems.faults.add(fault, UPDATE)
        with pytest.raises(PemsError) as caught:
            await client.update(remote, {"category": "Pumps"})
        assert type(caught.value) is error
        assert pems.requests["screen UPDATE"] == 1
        assert len(pems.ledger.of(remote.pfa_id)) == is_written
        if isinstance(caught.value, TooManyRequests):
            assert caught.value.retry_after == 7


async def test_after_an_unknown_outcome_the_record_can_be_read_back(connected: Connected) -> None:
    async with connected() as (pems, client):
        remote = await first(pems, client)
        pems.faults.add(Drop(when="after"), UPDATE, times=1)
        with pytest.raises(UnknownOutcome):
            await client.update(remote, {"category": "Pumps"})
        assert (await first(pems, client)).values["category"] == "Pumps"


async def test_a_record_is_read_again_where_that_may_help(connected: Connected) -> None:
    async with connected() as (pems, client):
        for fault in (Reply(status=500), Drop(when="after"), Expire(), Reply(status=429)):
            pems.faults.add(fault, GET, times=1)
            assert await first(pems, client)


async def test_where_pems_cannot_be_reached_nothing_was_written(connected: Connected) -> None:
    async with connected(attempts=2) as (pems, client):
        remote = await first(pems, client)
        await pems.close()
        with pytest.raises(Transient, match="cannot be reached"):
            await client.get(remote.organization_id, remote.pfa_id)
        with pytest.raises(Transient, match="cannot be reached"):
            await client.update(remote, {"category": "Pumps"})


async def test_what_pems_cannot_keep_is_not_sent(connected: Connected) -> None:
    async with connected() as (pems, client):
        remote = await first(pems, client)
        with pytest.raises(TooFine):
            await client.update(remote, {"monthly_rate": 54_001_250})
        with pytest.raises(NotOnScreen):
            await client.update(remote, {"plan_start": date(2026, 1, 1)})
        assert pems.requests["screen UPDATE"] == 0


async def test_who_may_not_write_is_told(connected: Connected) -> None:
    async with connected(simulator={"readers": frozenset({"pfa"})}) as (pems, client):
        remote = await first(pems, client)
        with pytest.raises(NotAuthorized, match="not authorized to update"):
            await client.update(remote, {"category": "Pumps"})


async def test_another_organization_may_be_hidden(connected: Connected) -> None:
    async with connected(simulator={"organizations_of": {"pfa": frozenset({"OTHER"})}}) as (pems, client):
        with pytest.raises(NotAuthorized):
            await first(pems, client)


async def test_credentials_refused_on_a_write_are_told_as_such(connected: Connected) -> None:
    async with connected() as (pems, client):
        remote = await first(pems, client)
        pems.faults.add(Reply(status=401, body="envelope"), UPDATE)
        with pytest.raises(CredentialsRefused):
            await client.update(remote, {"category": "Pumps"})


async def test_a_write_that_is_cancelled_is_not_sent_again(connected: Connected) -> None:
    async with connected() as (pems, client):
        remote = await first(pems, client)
        pems.faults.add(Delay(seconds=30), UPDATE)
        writing = asyncio.create_task(client.update(remote, {"category": "Pumps"}))
        await asyncio.sleep(0.1)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert pems.requests["screen UPDATE"] == 1
        assert len(pems.ledger) == 0


async def test_what_is_no_text_goes_back_as_it_came(connected: Connected) -> None:
    """A field that no record has a value of is not ours to judge, nor a reason to write nothing."""
    async with connected() as (pems, client):
        remote = await first(pems, client)
        pems.edit(remote.pfa_id, {"pfs_f_rate_uom": "half \ud83d"})
        await client.update(await first(pems, client), {"category": "Pumps"})
        after = pems.row(remote.pfa_id).values
        assert (after["pfs_f_rate_uom"], after["pfs_f_category"]) == ("half \ud83d", "Pumps")
