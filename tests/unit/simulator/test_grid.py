"""The Grid Data service of the simulator, over HTTP."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from pfa_rpc.schema import PEMS_FIELDS
from pfa_rpc.simulator.settings import GRID_PATH, Formats
from tests.unit.simulator.client import HEADERS, NO_AUTHORITIES, Filter, PlainClient, alert, grid_body, grid_of
from tests.unit.simulator.conftest import Opened


async def test_a_head_request_names_every_column_and_its_type(client: PlainClient) -> None:
    fields = {field["name"]: field for field in await client.head()}

    assert {field.pems for field in PEMS_FIELDS} | {"pfs_id", "pfs_a_org"} == set(fields)
    assert {name: fields[name]["type"] for name in ("pfs_f_rental", "pfs_f_startdate", "pfs_lastmodified")} == {
        "pfs_f_rental": "CURRENCY",
        "pfs_f_startdate": "DATE",
        "pfs_lastmodified": "DATETIME",
    }
    assert fields["pfs_f_actualized"]["type"] == "CHKBOOLEAN"
    assert fields["description"]["type"] == "CLOB"


async def test_numbers_of_columns_follow_neither_their_order_nor_that_of_the_cells(client: PlainClient) -> None:
    numbers = [field["aliasnum"] for field in await client.head()]
    row = grid_of(await client.grid("DATA_ONLY.STORED", rows=1))["DATA"]["ROW"]

    cells = [cell["n"] for cell in row["D"]]
    assert sorted(numbers) == sorted(cells)
    assert numbers != sorted(numbers)
    assert cells != numbers
    assert cells != sorted(cells)


async def test_data_come_without_fields_and_heads_without_data(client: PlainClient) -> None:
    assert "FIELDS" not in grid_of(await client.grid("DATA_ONLY.STORED"))
    assert "DATA" not in grid_of(await client.grid("HEAD_ONLY.STORED"))


async def test_values_are_text_as_people_write_it(client: PlainClient) -> None:
    (row,) = await client.rows(("pfs_id", "=", "100"))

    assert row["pfs_f_rental"] == "45,200.50"
    assert row["pfs_f_startdate"] == "06/13/2026"
    assert row["pfs_lastmodified"] == "03/01/2026 08:30"
    assert row["pfs_lastmodifiedby"] == "okafor"
    assert (row["pfs_f_discontinued"], row["pfs_f_fundstrans"]) == ("-", "+")
    assert row["description"] == 'big "crane"\nsee plan'
    assert row["pfs_f_purchase"] is None


async def test_forms_of_values_are_the_installation_s(opened: Opened) -> None:
    formats = Formats(ZoneInfo("America/Denver"), date="%d.%m.%Y", true="Y", false="N", thousands=".", point=",")
    async with opened(formats=formats) as client:
        (row,) = await client.rows(("pfs_f_rental", ">", "45.200,49"), ("pfs_f_startdate", "=", "13.06.2026"))

    assert row["pfs_f_rental"] == "45.200,50"
    assert row["pfs_lastmodified"] == "01.03.2026 01:30"
    assert row["pfs_f_fundstrans"] == "Y"


async def test_one_row_is_a_single_object_and_several_are_a_list(client: PlainClient) -> None:
    one = grid_of(await client.grid("DATA_ONLY.STORED", ("pfs_id", "=", "20")))["DATA"]["ROW"]
    several = grid_of(await client.grid("DATA_ONLY.STORED"))["DATA"]["ROW"]

    assert isinstance(one, dict)
    assert [row["id"] for row in several] == [1, 2, 3]


@pytest.mark.parametrize(("form", "data"), [("list", {"ROW": []}), ("missing", {}), ("null", None)])
async def test_no_row_comes_in_the_form_of_the_installation(opened: Opened, form: str, data: Any) -> None:
    async with opened(empty_page=form) as client:
        grid = grid_of(await client.grid("DATA_ONLY.STORED", ("pfs_id", "=", "none")))

    assert grid["DATA"] == data
    assert grid["METADATA"]["MORERECORDPRESENT"] == "-"


async def test_missing_values_can_come_without_a_cell(opened: Opened) -> None:
    async with opened(null_cells=False) as client:
        (row,) = await client.rows(("pfs_id", "=", "20"))

    assert "pfs_f_purchase" not in row
    assert row["pfs_f_rental"] == "900.00"


async def test_rows_can_be_written_in_other_forms_of_json(opened: Opened) -> None:
    pages = {}
    for form in ("compact", "spaced", "reordered"):
        async with opened(json_form=form) as client:
            client.pems.edit("20", {"description": "für „Silo 4“"}, organization="RIO")
            pages[form] = await client.grid("DATA_ONLY.STORED")

    assert pages["spaced"].json() == pages["reordered"].json() == pages["compact"].json()
    assert '{"id":1,"D":[{"n":' in pages["compact"].text
    assert '{ "id": 1, "D": [ { "n": ' in pages["spaced"].text
    assert pages["spaced"].text.isascii()
    assert '{"D":[{"value":' in pages["reordered"].text


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        (("pfs_f_category", "=", "cranes"), ["100"]),
        (("pfs_f_category", "!=", "Cranes"), ["20", "a-3"]),
        (("pfs_id", ">", "100"), ["20", "a-3"]),
        (("pfs_id", "<=", "20"), ["100", "20"]),
        (("pfs_id", "<", "20"), ["100"]),
        (("pfs_id", ">=", "20"), ["20", "a-3"]),
        (("pfs_f_rental", ">", "1,000"), ["100"]),
        (("pfs_f_rental", "<", "1000.5"), ["20"]),
        (("pfs_f_startdate", "<", "2026-06-14"), ["100"]),
        (("pfs_f_startdate", "<", "06/13/2026"), []),
        (("pfs_lastmodified", ">=", "2026-03-01T08:30:00"), ["100", "20", "a-3"]),
        (("pfs_lastmodified", ">", "03/01/2026 08:30"), []),
        (("pfs_f_fundstrans", "=", "true"), ["100"]),
        (("pfs_f_category", "BEGINS", "pump"), ["20", "a-3"]),
        (("pfs_f_category", "ENDS", "S"), ["100", "20", "a-3"]),
        (("pfs_f_category", "CONTAINS", "p tr"), ["a-3"]),
        (("pfs_f_category", "NOTCONTAINS", "p tr"), ["100", "20"]),
        (("pfs_f_category", "LIKE", "pump_"), ["20"]),
        (("pfs_f_category", "LIKE", "%ump%"), ["20", "a-3"]),
        (("pfs_id", "IN", "20,a-3,x"), ["20", "a-3"]),
        (("pfs_f_rental", "IS EMPTY", ""), ["a-3"]),
        (("pfs_f_rental", "NOT EMPTY", ""), ["100", "20"]),
        (("pfs_f_area", "!=", "Silo 9"), ["100", "a-3"]),  # as in SQL, a missing value passes no comparison
    ],
)
async def test_operators(client: PlainClient, condition: Filter, ids: list[str]) -> None:
    assert await client.ids(condition) == ids
    assert await client.count(condition) == len(ids)


async def test_begins_leaks_other_organizations(client: PlainClient) -> None:
    body = grid_body("COUNT.STORED")
    body["MULTIADDON_FILTERS"]["MADDON_FILTER"][0]["OPERATOR"] = "BEGINS"

    answer = await client.http.post(GRID_PATH, json=body)

    assert grid_of(answer)["TOTAL-COUNT"] == 4


async def test_the_header_alone_does_not_choose_an_organization(client: PlainClient) -> None:
    body = grid_body("COUNT.STORED") | {"MULTIADDON_FILTERS": {}}

    assert grid_of(await client.http.post(GRID_PATH, json=body))["TOTAL-COUNT"] == 4


async def test_a_single_filter_may_be_sent_by_itself(client: PlainClient) -> None:
    body = grid_body("COUNT.STORED")
    del body["MULTIADDON_FILTERS"]
    body["ADDON_FILTER"] = {"ALIAS_NAME": "pfs_f_category", "OPERATOR": "=", "VALUE": "Cranes"}

    assert grid_of(await client.http.post(GRID_PATH, json=body))["TOTAL-COUNT"] == 2


async def test_and_binds_tighter_than_or(client: PlainClient) -> None:
    joined = [("pfs_f_category", "Cranes", "AND"), ("pfs_a_org", "RIO2", "OR"), ("pfs_id", "20", "AND")]
    body = grid_body("DATA_ONLY.STORED")
    body["MULTIADDON_FILTERS"]["MADDON_FILTER"] = [
        {"ALIAS_NAME": alias, "OPERATOR": "=", "VALUE": value, "JOINER": joiner, "SEQNUM": number}
        for number, (alias, value, joiner) in enumerate(joined, start=1)
    ]
    await client.head()

    rows = client.named(await client.http.post(GRID_PATH, json=body))

    assert [row["pfs_id"] for row in rows] == ["20", "500"]


@pytest.mark.parametrize(
    ("collation", "ids"),
    [
        ("binary", ["100", "20", "B-1", "a-3"]),
        ("ignore-case", ["100", "20", "a-3", "B-1"]),
        ("linguistic", ["100", "20", "a-3", "B-1"]),
        ("natural", ["20", "100", "a-3", "B-1"]),
    ],
)
async def test_ids_are_ordered_and_compared_as_the_installation_does(
    opened: Opened, collation: str, ids: list[str]
) -> None:
    async with opened(sort_collation=collation) as client:
        client.pems.add("B-1", {}, organization="RIO")

        assert await client.ids() == ids
        assert await client.ids(direction="DESC") == ids[::-1]
        assert [await client.ids(("pfs_id", ">", one), rows=1) for one in ids[:-1]] == [[one] for one in ids[1:]]


async def test_an_installation_may_order_otherwise_than_it_compares(opened: Opened) -> None:
    async with opened(sort_collation="natural", filter_collation="binary") as client:
        assert await client.ids() == ["20", "100", "a-3"]
        assert await client.ids(("pfs_id", ">", "20")) == ["a-3"]


async def test_paging_goes_on_behind_the_cursor_while_more_records_are_present(client: PlainClient) -> None:
    first = grid_of(await client.grid("DATA_ONLY.STORED", rows=2))
    last = grid_of(await client.grid("DATA_ONLY.STORED", rows=2, cursor=3))

    assert (first["METADATA"]["MORERECORDPRESENT"], first["METADATA"]["CURRENTCURSORPOSITION"]) == ("+", 2)
    assert (first["METADATA"]["RECORDS"], first["METADATA"]["CLIENTROWS"]) == ("2", 2)
    assert (last["METADATA"]["MORERECORDPRESENT"], last["METADATA"]["CURRENTCURSORPOSITION"]) == ("-", 3)
    assert last["DATA"]["ROW"]["id"] == 3


async def test_a_page_has_no_more_rows_than_the_installation_allows(opened: Opened) -> None:
    async with opened(page_limit=2) as client:
        assert len(await client.ids(rows=10_000)) == 2


async def test_a_page_has_at_most_ten_thousand_rows(opened: Opened) -> None:
    async with opened(records=10_003) as client:
        rows = grid_of(await client.grid("DATA_ONLY.STORED", rows=50_000, organization="GEN01"))

    assert len(rows["DATA"]["ROW"]) == 10_000
    assert rows["METADATA"]["CURRENTCURSORPOSITION"] == 10_000


async def test_the_query_runs_anew_so_that_the_window_moves(client: PlainClient) -> None:
    before = await client.ids(rows=2)
    client.pems.add("00", {}, organization="RIO")

    assert [*before, *await client.ids(rows=2, cursor=3)] == ["100", "20", "20", "a-3"]


async def test_a_cached_result_stays_as_it_was(client: PlainClient) -> None:
    await client.ids(rows=2)
    client.pems.add("00", {}, organization="RIO")
    client.pems.edit("a-3", {"pfs_f_category": "Dozers"}, organization="RIO")

    (row,) = client.named(await client.grid("DATA_ONLY.CACHE", rows=2, cursor=3))

    assert (row["pfs_id"], row["pfs_f_category"]) == ("a-3", "pump trucks")


async def test_a_cached_result_goes_with_its_session(client: PlainClient) -> None:
    await client.ids(rows=2)
    client.pems.clock.advance(timedelta(minutes=11))

    answer = await client.grid("DATA_ONLY.CACHE", rows=2, cursor=3)

    assert (answer.status_code, alert(answer)) == (400, "The session has expired. Run the query again.")


async def test_a_cached_result_is_its_session_s_alone(client: PlainClient) -> None:
    await client.ids(rows=2)
    client.http.cookies.clear()

    assert (await client.grid("DATA_ONLY.CACHE", rows=2, cursor=3)).status_code == 400


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"GRID": None}, "GRID is required."),
        ({"GRID": {"GRID_NAME": "NOGRID"}}, "The grid NOGRID was not found."),
        ({"REQUEST_TYPE": "LIST.ALL"}, "The request type LIST.ALL is not valid."),
        ({"ADDON_SORT": {"ALIAS_NAME": "nothing"}}, "The field nothing is not a field of the grid."),
        (
            {"ADDON_FILTER": {"ALIAS_NAME": "pfs_id", "OPERATOR": "~", "VALUE": "1"}},
            "The operator ~ is not valid.",
        ),
        (
            {"ADDON_FILTER": {"ALIAS_NAME": "pfs_f_rental", "OPERATOR": "=", "VALUE": "much"}},
            "The value much is not a valid value for the field pfs_f_rental.",
        ),
    ],
)
async def test_what_cannot_be_done_is_refused_in_the_envelope(
    client: PlainClient, change: dict[str, Any], sentence: str
) -> None:
    answer = await client.http.post(GRID_PATH, json=grid_body("DATA_ONLY.STORED") | change)

    assert answer.status_code == 400
    assert alert(answer) == sentence


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_request_is_refused(client: PlainClient, body: bytes) -> None:
    answer = await client.http.post(GRID_PATH, content=body)

    assert (answer.status_code, alert(answer)) == (400, "The request could not be read.")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        (basic("pfa", "pfa-demo"), 200),
        ({"X-API-Key": "demo-key"}, 200),
        ({"Authorization": "Bearer demo-token"}, 200),
        (basic("pfa", "wrong"), 401),
        (basic("nobody", "pfa-demo"), 401),
        ({"Authorization": "Basic ???"}, 401),
        ({"X-API-Key": "demo-token"}, 401),
        ({"Authorization": "Bearer demo-key"}, 401),
        ({}, 401),
    ],
)
async def test_three_ways_of_authentication(client: PlainClient, credentials: dict[str, str], status: int) -> None:
    headers = {"tenant": "DEMO", "organization": "RIO"} | credentials
    async with httpx.AsyncClient(base_url=client.pems.url, verify=NO_AUTHORITIES) as http:
        answer = await http.post(GRID_PATH, json=grid_body("COUNT.STORED"), headers=headers)

    assert answer.status_code == status
    if status == 401:
        assert alert(answer).startswith("Authentication failed.")


@pytest.mark.parametrize("name", ["tenant", "organization"])
async def test_both_headers_are_required(client: PlainClient, name: str) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != name}
    async with httpx.AsyncClient(base_url=client.pems.url, verify=NO_AUTHORITIES) as http:
        answer = await http.post(GRID_PATH, json=grid_body("COUNT.STORED"), headers=headers)

    assert (answer.status_code, alert(answer)) == (400, f"The header {name} is required.")


async def test_another_tenant_is_refused(client: PlainClient) -> None:
    client.http.headers["tenant"] = "OTHER"

    assert alert(await client.grid("COUNT.STORED")) == "The tenant OTHER is not a valid tenant."


async def test_users_see_their_organizations_only(opened: Opened) -> None:
    async with opened(organizations_of={"pfa": frozenset({"RIO2"})}) as client:
        refused = await client.grid("COUNT.STORED")
        client.http.headers["organization"] = "RIO2"

        assert alert(refused).startswith("Authorization failed.")
        assert await client.count() == 0
        body = json.dumps(grid_body("COUNT.STORED") | {"MULTIADDON_FILTERS": {}})
        assert grid_of(await client.http.post(GRID_PATH, content=body))["TOTAL-COUNT"] == 1


async def test_paths_that_are_none_are_not_found_and_get_is_not_allowed(client: PlainClient) -> None:
    assert (await client.http.post("/axis/restservices/other", json={})).status_code == 404
    assert (await client.http.get(GRID_PATH)).status_code == 405


async def test_columns_can_be_hidden_added_and_numbered_anew(opened: Opened) -> None:
    async with opened(hidden_columns=frozenset({"pfs_f_model"}), extra_columns=("pfs_x_new",)) as client:
        before = {field["name"]: field["aliasnum"] for field in await client.head()}
        (row,) = await client.rows(("pfs_id", "=", "20"))
        client.pems.show_columns(hidden={"pfs_f_class"}, seed=5)
        after = {field["name"]: field["aliasnum"] for field in await client.head()}
        (other,) = await client.rows(("pfs_id", "=", "20"))

    assert "pfs_f_model" not in before
    assert row["pfs_x_new"] is None
    assert set(before) - set(after) == {"pfs_f_class"}
    assert any(after[name] != before[name] for name in after)
    assert {name: value for name, value in row.items() if name in other} == other


async def test_an_installation_may_show_the_update_counter(opened: Opened) -> None:
    async with opened(version_column="pfs_updatecount") as client:
        client.pems.edit("20", {"pfs_f_model": "PT6"}, organization="RIO")
        (row,) = await client.rows(("pfs_id", "=", "20"))

    assert row["pfs_updatecount"] == "2"


async def test_what_somebody_forced_into_a_column_is_shown_as_it_is(client: PlainClient) -> None:
    client.pems.force("20", "pfs_f_enddate", "31/31/2026", organization="RIO")

    (row,) = await client.rows(("pfs_id", "=", "20"))

    assert row["pfs_f_enddate"] == "31/31/2026"
    assert await client.ids(("pfs_f_enddate", ">", "2020-01-01")) == ["100"]
    assert await client.ids(sort="pfs_f_enddate") == ["100", "20", "a-3"]


async def test_a_page_of_ten_thousand_rows_takes_little_processor_time(opened: Opened) -> None:
    async with opened(records=10_000) as client:
        await client.grid("DATA_ONLY.STORED", organization="GEN01")
        begin = time.process_time()
        await client.grid("DATA_ONLY.STORED", organization="GEN01")

        assert time.process_time() - begin < 0.3
