"""What is done to a simulator over HTTP, under /simulator."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.unit.simulator.client import NO_AUTHORITIES, PlainClient, text

ROW = "/simulator/rows?organization=RIO&pfa_id=20&by=maria"


async def ask(client: PlainClient, method: str, path: str, body: Any = None) -> dict[str, Any]:
    answer = await client.http.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_overview_tells_what_is_there_and_what_was_asked(client: PlainClient) -> None:
    await client.count()
    await client.screen("GET", "nothing")

    found = await ask(client, "GET", "/simulator")

    assert found["organizations"] == {"RIO": 3, "RIO2": 1}
    assert found["requests"] == {"grid COUNT": 1, "screen GET": 1}
    assert found["statuses"] == {"200": 1, "400": 1}
    assert found["now"] == "2026-03-01T08:30:00+00:00"
    assert found["writes"] == 4


async def test_nobody_needs_credentials_for_it(client: PlainClient) -> None:
    async with httpx.AsyncClient(base_url=client.pems.url, verify=NO_AUTHORITIES) as http:
        assert (await http.get("/simulator")).status_code == 200


async def test_the_ledger_can_be_read_from_where_one_was(client: PlainClient) -> None:
    await client.update("100", PFS_F_MODEL=text("LR1300"))

    (entry,) = (await ask(client, "GET", "/simulator/ledger?since=4"))["entries"]

    assert entry["pfa_id"] == "100"
    assert (entry["origin"], entry["effect"], entry["by"]) == ("service", "changed", "pfa")
    assert (entry["before"], entry["after"]) == ({"pfs_f_model": None}, {"pfs_f_model": "LR1300"})
    assert entry["request"]["USERDEFINEDSERVICEACTION"] == "UPDATE"
    assert len((await ask(client, "GET", "/simulator/ledger"))["entries"]) == 5


async def test_faults_are_added_listed_and_ended(client: PlainClient) -> None:
    added = await ask(client, "POST", "/simulator/faults", {"action": "reply", "status": 503, "times": 1})
    await ask(client, "POST", "/simulator/faults", {"action": "expire", "service": "screen"})
    assert (await client.grid("COUNT.STORED")).status_code == 503

    listed = (await ask(client, "GET", "/simulator/faults"))["faults"]
    assert [(one["action"], one["fired"]) for one in listed] == [("reply", 1), ("expire", 0)]
    left = await ask(client, "DELETE", f"/simulator/faults?id={added['id']}")
    assert [one["action"] for one in left["faults"]] == ["expire"]
    assert await ask(client, "DELETE", "/simulator/faults") == {"faults": []}


async def test_rows_are_read_added_changed_and_deleted(client: PlainClient) -> None:
    changed = await ask(client, "PATCH", ROW, {"pfs_f_rental": "1,250.00", "pfs_f_enddate": "07/01/2026"})
    assert (changed["recordid"], changed["values"]["pfs_f_rental"]) == (2, "1250.00")
    assert changed["values"]["pfs_f_enddate"] == "2026-07-01"
    assert (await ask(client, "GET", ROW))["values"]["pfs_lastmodifiedby"] == "maria"

    await ask(client, "DELETE", ROW)
    assert (await client.http.get(ROW)).status_code == 404
    assert (await ask(client, "POST", ROW, {"pfs_f_category": "Pumps"}))["recordid"] == 1
    assert (await client.http.post(ROW, json={})).status_code == 409


async def test_the_clock_is_set_moved_and_held(client: PlainClient) -> None:
    found = await ask(client, "POST", "/simulator/clock", {"now": "2030-01-01T00:00:00", "advance": 90})
    assert found["now"] == "2030-01-01T00:01:30+00:00"

    await ask(client, "POST", "/simulator/clock", {"stopped": False})
    assert client.pems.now < client.pems.now
    await ask(client, "POST", "/simulator/clock", {"stopped": True})
    assert client.pems.now == client.pems.now


async def test_sessions_are_ended(client: PlainClient) -> None:
    await client.ids(rows=1)
    await ask(client, "DELETE", "/simulator/sessions")

    assert (await client.grid("DATA_ONLY.CACHE", rows=1, cursor=2)).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/simulator/nothing", None, 404),
        ("DELETE", "/simulator/clock", None, 404),
        ("POST", "/simulator/faults", {"action": "explode"}, 400),
        ("POST", "/simulator/faults", [1], 400),
        ("DELETE", "/simulator/faults?id=99", None, 400),
        ("PATCH", ROW, {"pfs_none": "x"}, 400),
        ("PATCH", ROW, {"pfs_f_enddate": "soon"}, 400),
        ("PATCH", "/simulator/rows?organization=RIO", {}, 400),
        ("POST", "/simulator/clock", {"now": "noon"}, 400),
    ],
)
async def test_what_cannot_be_done_is_said(client: PlainClient, method: str, path: str, body: Any, status: int) -> None:
    answer = await client.http.request(method, path, json=body)

    assert answer.status_code == status
    assert answer.json()["error"]
