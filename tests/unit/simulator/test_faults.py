"""What goes wrong in the simulator: each kind of fault, how often, and with which calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from pfa_rpc.errors import InvalidRequest
from pfa_rpc.simulator.faults import (
    Delay,
    Drip,
    Drop,
    Expire,
    Fault,
    Match,
    Move,
    Refuse,
    Repeat,
    Reply,
    Run,
    described,
    fault_of,
)
from pfa_rpc.simulator.rate import RateLimit
from tests.unit.simulator.client import PlainClient, alert, grid_of, text
from tests.unit.simulator.conftest import START, Opened


async def test_answers_can_be_late(client: PlainClient) -> None:
    client.pems.faults.add(Delay(0.05, per_row=0.02), Match(service="grid"))

    begin = time.monotonic()
    await client.ids()

    assert time.monotonic() - begin >= 2 * 0.05 + 3 * 0.02  # the head was late too


async def test_an_installation_can_be_slow_from_the_start(opened: Opened) -> None:
    async with opened(latency=0.03, latency_per_row=0.02) as client:
        begin = time.monotonic()
        await client.grid("DATA_ONLY.STORED")

        assert time.monotonic() - begin >= 0.03 + 3 * 0.02


@pytest.mark.parametrize("retry_after", ["3", "soon", "-1", None])
async def test_too_many_requests_with_any_retry_after(client: PlainClient, retry_after: str | None) -> None:
    client.pems.faults.add(Reply(429, "envelope", retry_after), times=1)

    answer = await client.grid("COUNT.STORED")

    assert (answer.status_code, answer.headers.get("retry-after")) == (429, retry_after)
    assert alert(answer) == "Too many requests."
    assert await client.count() == 3


async def test_retry_after_can_be_a_date(client: PlainClient) -> None:
    client.pems.faults.add(Reply(429, retry_after="+30"))

    answer = await client.grid("COUNT.STORED")

    assert parsedate_to_datetime(answer.headers["retry-after"]) == START + timedelta(seconds=30)


@pytest.mark.parametrize("body", [None, "", "<html>Oracle says no</html>"])
async def test_server_errors_with_and_without_a_body(client: PlainClient, body: str | None) -> None:
    client.pems.faults.add(Reply(500, body))

    answer = await client.grid("COUNT.STORED")

    assert (answer.status_code, answer.text) == (500, body or "")


async def test_authentication_can_end_in_mid_run(client: PlainClient) -> None:
    client.pems.faults.add(Reply(401, "envelope"), after=2)

    assert [(await client.grid("COUNT.STORED")).status_code for _ in range(4)] == [200, 200, 401, 401]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_connection_drops_before_or_after_the_effect(client: PlainClient, when: str) -> None:
    client.pems.faults.add(fault_of(f"drop when={when} call=UPDATE"), times=1)

    with pytest.raises(httpx.TransportError):
        await client.update("20", PFS_F_MODEL=text("PT6"))

    written = client.pems.row("20", "RIO").values["pfs_f_model"]
    assert written == (None if when == "before" else "PT6")
    assert client.pems.statuses[0] == 1
    assert (await client.screen("GET", "20")).status_code == 200


async def test_a_connection_drops_within_the_answer(client: PlainClient) -> None:
    client.pems.faults.add(Drop("within"), Match(call="DATA"))

    with pytest.raises(httpx.RemoteProtocolError, match="complete message"):
        await client.grid("DATA_ONLY.STORED")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_client_that_gives_up_does_not_undo_the_effect(client: PlainClient, when: str) -> None:
    client.pems.faults.add(f"delay seconds=0.8 when={when} call=UPDATE")
    values, recordid = await client.get("20")

    client.http.timeout = httpx.Timeout(0.4)
    with pytest.raises(httpx.TimeoutException):
        await client.screen("UPDATE", "20", pairs=values | {"PFS_F_MODEL": text("PT6")}, recordid=recordid)
    at_once = client.pems.row("20", "RIO").values["pfs_f_model"]
    await asyncio.sleep(0.6)

    assert at_once == (None if when == "before" else "PT6")
    assert client.pems.row("20", "RIO").values["pfs_f_model"] == "PT6"


async def test_an_answer_can_drip(client: PlainClient) -> None:
    whole = await client.grid("DATA_ONLY.STORED")
    client.pems.faults.add(Drip(bytes_per_second=4 * len(whole.content)))

    begin = time.monotonic()
    slow = await client.grid("DATA_ONLY.STORED")

    assert slow.content == whole.content
    assert time.monotonic() - begin >= 0.2


async def test_a_session_can_expire(client: PlainClient) -> None:
    await client.ids(rows=1)
    client.pems.faults.add(Expire(), times=1)

    answer = await client.grid("DATA_ONLY.CACHE", rows=1, cursor=2)
    again = await client.grid("DATA_ONLY.CACHE", rows=1, cursor=2)

    assert (answer.status_code, alert(answer)) == (401, "The session has expired.")
    assert (again.status_code, alert(again)) == (400, "The session has expired. Run the query again.")
    assert await client.ids(rows=1) == ["100"]


async def test_a_poison_record_is_always_refused_and_others_are_not(client: PlainClient) -> None:
    client.pems.faults.add(Refuse("The value X is not a valid value."), Match(pfa_id="20"))

    refused = [await client.update("20", PFS_F_MODEL=text("PT6")) for _ in range(3)]
    other = await client.update("100", PFS_F_MODEL=text("PT6"))

    assert {(answer.status_code, alert(answer)) for answer in refused} == {(400, "The value X is not a valid value.")}
    assert other.status_code == 200
    assert not [entry for entry in client.pems.ledger.of("20") if entry.by == "pfa"]


@pytest.mark.parametrize(("when", "status"), [("before", 400), ("after", 200)])
async def test_somebody_edits_the_record_while_it_is_written(client: PlainClient, when: str, status: int) -> None:
    client.pems.faults.add(f"edit column=pfs_f_rental value=1,000.00 when={when} call=UPDATE", times=1)

    answer = await client.update("20", PFS_F_MODEL=text("PT6"))

    assert answer.status_code == status
    row = client.pems.row("20", "RIO")
    assert row.values["pfs_f_rental"] == 1000
    assert row.values["pfs_f_model"] == (None if when == "before" else "PT6")
    assert row.values["pfs_lastmodifiedby"] == "maria"


async def test_functions_of_a_test_run_between_a_call_and_its_answer(client: PlainClient) -> None:
    client.pems.faults.add(Run(lambda call: client.pems.delete(call.pfa_id, organization="RIO")), Match(call="UPDATE"))
    seen: list[str] = []
    client.pems.faults.add(Run(lambda call: seen.append(call.action), "after"))

    assert alert(await client.update("20")) == "Record not found."
    assert seen == ["GET", "UPDATE"]
    listed = (await client.http.get("/simulator/faults")).json()["faults"]
    assert [one["action"] for one in listed] == ["run", "run"]


async def test_rows_move_between_pages(opened: Opened) -> None:
    async with opened(records=200) as client:
        client.http.headers["organization"] = "GEN01"
        client.pems.faults.add(Move(edit=3, add=2, delete=1), Match(call="DATA"), after=1)
        written = len(client.pems.ledger)

        await client.ids(rows=50, organization="GEN01")
        assert len(client.pems.ledger) == written, "the first page was spared"
        for cursor in (51, 101):
            await client.ids(rows=50, cursor=cursor, organization="GEN01")

        entries = client.pems.ledger.since(written)

    effects = [entry.effect.value for entry in entries]
    assert {effect: effects.count(effect) for effect in effects} == {"changed": 6, "added": 4, "deleted": 2}
    assert {entry.organization for entry in entries} == {"GEN01"}


def ids_of(client: PlainClient) -> set[str]:
    return {row.image.pfa_id for row in client.pems.rows.rows("GEN01")}


async def test_paging_by_cursor_loses_rows_while_they_move_and_paging_by_key_does_not(opened: Opened) -> None:
    async with opened(records=500) as client:
        client.http.headers["organization"] = "GEN01"
        always = ids_of(client)
        client.pems.faults.add(Move(add=3, delete=3), Match(call="DATA"))
        by_cursor: list[str] = []
        while page := await client.ids(rows=50, cursor=len(by_cursor) + 1, organization="GEN01"):
            by_cursor += page
        always &= ids_of(client)
        lost = always - set(by_cursor)

        by_key: list[str] = []
        while page := await client.ids(("pfs_id", ">", by_key[-1] if by_key else ""), rows=50, organization="GEN01"):
            by_key += page
        always &= ids_of(client)

    assert lost
    assert len(by_cursor) > len(set(by_cursor)), "rows that moved behind the cursor come twice"
    assert always <= set(by_key)
    assert len(by_key) == len(set(by_key))


async def test_rows_can_come_twice(client: PlainClient) -> None:
    client.pems.faults.add(Repeat(2), times=1)
    await client.head()
    client.pems.faults.add(Repeat(2), times=1)

    assert await client.ids() == ["100", "20", "a-3", "100", "20"]
    assert grid_of(await client.grid("DATA_ONLY.STORED"))["METADATA"]["CURRENTCURSORPOSITION"] == 3


async def test_more_requests_than_are_allowed_are_turned_away(opened: Opened) -> None:
    async with opened(rate_limit=0.01) as client:
        answers = [await client.grid("COUNT.STORED") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert alert(answers[1]) == "Too many requests."
    assert 90 <= int(answers[1].headers["retry-after"]) <= 100


def test_a_rate_allows_as_many_at_once_as_in_a_second_and_then_one_by_one() -> None:
    now = 0.0
    rate = RateLimit(4, lambda: now)

    assert [rate.wait() for _ in range(6)] == [0, 0, 0, 0, 1, 1]
    now = 0.25
    assert [rate.wait() for _ in range(2)] == [0, 1]
    now = 60.0
    assert [rate.wait() for _ in range(5)] == [0, 0, 0, 0, 1]


async def test_connections_and_sessions_can_be_ended_at_once(client: PlainClient) -> None:
    await client.ids(rows=1)
    client.pems.end_sessions()
    assert (await client.grid("DATA_ONLY.CACHE", rows=1, cursor=2)).status_code == 400
    arrived = asyncio.Event()
    client.pems.faults.add(Run(lambda call: arrived.set()))
    client.pems.faults.add(Delay(5, when="after"))
    waiting = asyncio.create_task(client.grid("COUNT.STORED"))
    await arrived.wait()

    client.pems.drop_connections()

    with pytest.raises(httpx.TransportError):
        await waiting


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        (Match(), {"grid", "screen"}),
        (Match(service="screen"), {"screen"}),
        (Match(call="COUNT"), {"grid"}),
        (Match(organization="RIO"), {"grid", "screen"}),
        (Match(organization="RIO2"), set()),
        (Match(pfa_id="20"), {"screen"}),
        (Match(pfa_id="21"), set()),
        (Match(user="pfa"), {"grid", "screen"}),
        (Match(user="nobody"), set()),
    ],
)
async def test_faults_strike_the_calls_that_they_match(client: PlainClient, match: Match, struck: set[str]) -> None:
    client.pems.faults.add(Reply(503), match)

    answers = {"grid": await client.grid("COUNT.STORED"), "screen": await client.screen("GET", "20")}

    assert {service for service, answer in answers.items() if answer.status_code == 503} == struck


async def test_a_fault_strikes_by_chance_and_the_seed_decides(opened: Opened) -> None:
    async def struck(seed: int) -> list[int]:
        async with opened(seed=seed, faults=(Fault(Reply(503), probability=0.4),)) as client:
            return [(await client.grid("COUNT.STORED")).status_code for _ in range(40)]

    first = await struck(1)

    assert 5 < first.count(503) < 28
    assert await struck(1) == first
    assert await struck(2) != first


async def test_a_fault_counts_and_can_be_ended(client: PlainClient) -> None:
    fault = client.pems.faults.add(Reply(503), Match(service="grid"), after=1, times=2)
    statuses = [(await client.grid("COUNT.STORED")).status_code for _ in range(4)]
    other = client.pems.faults.add("reply status=500")
    client.pems.faults.remove(other.id)

    assert statuses == [200, 503, 503, 200]
    assert (fault.seen, fault.fired) == (4, 2)
    assert [running.id for running in client.pems.faults] == [fault.id]
    client.pems.faults.clear()
    assert not list(client.pems.faults)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("expire", Fault(Expire())),
        ("delay seconds=0.5 per_row=0.001", Fault(Delay(0.5, 0.001))),
        (
            "reply status=429 retry_after=3 body='not now' service=grid times=2 after=1 probability=0.5",
            Fault(Reply(429, "not now", "3"), Match("grid"), after=1, times=2, probability=0.5),
        ),
        ("drop when=after call=UPDATE", Fault(Drop("after"), Match(call="UPDATE"))),
        ("refuse pfa_id=78497 message=no", Fault(Refuse("no"), Match(pfa_id="78497"))),
    ],
)
def test_faults_can_be_written_as_words(words: str, fault: Fault) -> None:
    assert fault_of(words) == fault


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "cannot be read"),
        ("explode", "must be one of delay, reply, drop"),
        ("reply status=high", "status must be a number, not 'high'"),
        ("drop when=never", "when must be one of before, after, within, not 'never'"),
        ("reply status=99", "status must be from 200 to 599"),
        ("reply retry_after='a\x00b'", "visible ASCII"),
        ("expire call=UPDTAE", "call must be one of HEAD, DATA, CACHE, COUNT, GET, UPDATE"),
        ("drop status=500", "status: drop takes when, service, call"),
        ("edit column=pfs_f_area", "edit needs value"),
        ("edit column=pfs_none value=1", "there is no column 'pfs_none'"),
        ("run", "the action must be one of"),
        ("reply 429", "'429' is not NAME=VALUE"),
        ("reply body='", "cannot be read"),
    ],
)
def test_a_fault_that_is_none_says_what_would_be_one(words: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        fault_of(words)


async def test_what_is_described_can_be_read_again(client: PlainClient) -> None:
    words = "reply status=429 retry_after=+3 service=grid pfa_id=7 after=1 times=2"
    shown = described(client.pems.faults.add(words))

    kept: Callable[[str], bool] = lambda name: name not in ("id", "seen", "fired")  # noqa: E731
    assert fault_of({name: value for name, value in shown.items() if kept(name)}) == fault_of(words)
