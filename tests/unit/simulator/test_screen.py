"""The user-defined-screen service of the simulator, over HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pfa_rpc.simulator.ledger import Effect, Origin
from pfa_rpc.simulator.screen import STALE
from pfa_rpc.simulator.settings import Formats
from tests.unit.simulator.client import PlainClient, alert, amount, day, object_of, screen_body, text
from tests.unit.simulator.conftest import START, Opened

LATER = timedelta(minutes=5, seconds=17)


async def test_get_answers_the_whole_object_and_its_lock(client: PlainClient) -> None:
    values, recordid = await client.get("100")

    assert recordid == 1
    assert values["PFS_ID"] == text("100")
    assert values["PFS_A_ORG"] == text("RIO")
    assert values["PFS_F_CLASS"] == text("60T Crawler")
    assert values["PFS_F_RATE"]["NUMERICDATA"].items() >= {"VALUE": 4520050, "NUMOFDEC": 2, "SIGN": "+"}.items()
    assert values["PFS_F_STARTDATE"]["DATETIMEDATA"].items() >= {"YEAR": 2026, "MONTH": 6, "DAY": 13}.items()
    assert (values["PFS_FT"], values["PFA_DIS"]) == (text("true"), text("false"))
    assert values["PFS_F_PRICE"] == {"NUMERICDATA": None}
    assert values["PFS_A_ENDDATE"] == {"DATETIMEDATA": None}
    assert values["PFS_F_RATE_UOM"] == text("MONTH"), "a field that the grid does not show"
    assert "PFS_P_STARTDATE" not in values


async def test_an_update_changes_what_it_overlays_and_keeps_what_it_sends_back(client: PlainClient) -> None:
    before = client.pems.row("100", "RIO")

    answer = await client.update("100", PFS_F_RATE=amount(540000), PFS_F_ENDDATE=day(2026, 10, 1), PFS_FT=text("false"))

    after = client.pems.row("100", "RIO")
    changed = {alias for alias in after.values if after.values[alias] != before.values[alias]}
    assert changed == {"pfs_f_rental", "pfs_f_enddate", "pfs_f_fundstrans", "pfs_lastmodifiedby"}
    assert after.values["pfs_f_rental"] == Decimal("5400.00")
    assert after.values["pfs_f_enddate"] == date(2026, 10, 1)
    assert after.values["pfs_lastmodifiedby"] == "pfa"
    assert object_of(answer)["recordid"] == after.recordid == 2


async def test_values_that_an_update_leaves_out_become_null(client: PlainClient) -> None:
    answer = await client.screen("UPDATE", "100", pairs={"PFS_F_CLASS": text("150T Crawler")}, recordid=1)

    assert answer.status_code == 200
    values = client.pems.row("100", "RIO").values
    assert values["pfs_f_class"] == "150T Crawler"
    lost = ("pfs_f_category", "pfs_f_rental", "pfs_f_startdate", "pfs_f_fundstrans", "description", "pfs_f_rate_uom")
    assert [values[alias] for alias in lost] == [None] * len(lost)


async def test_what_the_screen_does_not_have_stays(client: PlainClient) -> None:
    client.pems.edit("100", {"pfs_p_startdate": "01/02/2026", "pfs_a_startdate": "02/02/2026"}, organization="RIO")

    await client.screen("UPDATE", "100", recordid=2)

    values = client.pems.row("100", "RIO").values
    assert (values["pfs_p_startdate"], values["pfs_a_startdate"]) == (date(2026, 1, 2), date(2026, 2, 2))


async def test_a_stale_lock_is_refused_with_the_sentence_of_pems(client: PlainClient) -> None:
    values, recordid = await client.get("100")
    client.pems.edit("100", {"pfs_f_model": "LR1300"}, organization="RIO")

    answer = await client.screen("UPDATE", "100", pairs=values, recordid=recordid)

    assert answer.status_code == 400
    assert alert(answer) == STALE
    assert client.pems.row("100", "RIO").values["pfs_f_model"] == "LR1300"
    assert not client.pems.ledger.of("100", origin=Origin.SERVICE)


async def test_an_update_without_a_lock_is_refused(client: PlainClient) -> None:
    assert alert(await client.screen("UPDATE", "100")) == STALE


async def test_a_success_answers_the_new_lock_and_when_it_was(opened: Opened) -> None:
    async with opened(formats=Formats(ZoneInfo("America/Denver"))) as client:
        client.pems.clock.advance(LATER)
        found = object_of(await client.update("100"))
        (row,) = await client.rows(("pfs_id", "=", "100"))

    assert found["recordid"] == 2
    assert found["DATEUPDATED"].items() >= {"YEAR": 2026, "MONTH": 3, "DAY": 1, "HOUR": 1, "MINUTE": 35}.items()
    assert found["DATEUPDATED"].items() >= {"SECOND": 0, "TIMEZONE": "-0700"}.items()
    assert row["pfs_lastmodified"] == "03/01/2026 01:35"


async def test_stamps_can_be_kept_to_the_second(opened: Opened) -> None:
    async with opened(stamp_seconds=True) as client:
        client.pems.clock.advance(LATER)
        await client.update("100")

        assert client.pems.row("100", "RIO").values["pfs_lastmodified"] == START + LATER


@pytest.mark.parametrize(
    ("decimals", "sent", "kept"),
    [
        (2, amount(12_345_675, 4), "1234.57"),
        (2, amount(1234.565, 0), "1234.57"),
        (0, amount(123_450, 2), "1235"),
        (4, amount(12_345_675, 4), "1234.5675"),
    ],
)
async def test_amounts_are_rounded_to_the_precision_of_the_installation(
    opened: Opened, decimals: int, sent: dict[str, Any], kept: str
) -> None:
    async with opened(decimals=decimals) as client:
        await client.update("100", PFS_F_RATE=sent)

        assert client.pems.row("100", "RIO").values["pfs_f_rental"] == Decimal(kept)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("PFS_F_SOURCE", text("LEASE")),
        ("PFS_F_DOR", text("NOBODY")),
        ("PFS_F_RATE", amount(-5)),
        ("PFS_F_RATE", text("5400")),
        ("PFS_F_RATE", {"NUMERICDATA": {"VALUE": "NaN", "NUMOFDEC": 2}}),
        ("PFS_F_STARTDATE", day(2026, 2, 30)),
        ("PFS_F_STARTDATE", text("2026-02-28")),
        ("PFS_F_STARTDATE", day(2027, 1, 1)),  # behind the end that is sent with it
        ("PFA_DIS", text("maybe")),
        ("PFS_F_CLASS", amount(5)),
    ],
)
async def test_values_that_are_not_valid_are_refused_and_nothing_is_written(
    client: PlainClient, field: str, value: dict[str, Any]
) -> None:
    answer = await client.update("100", **{field: value})

    assert answer.status_code == 400
    assert "is not a valid value for the field" in alert(answer)
    assert client.pems.row("100", "RIO").recordid == 1


async def test_a_field_that_the_screen_lacks_is_refused(client: PlainClient) -> None:
    assert alert(await client.update("100", PFS_NEW=text("x"))) == "The field PFS_NEW is not a field of the screen."


@pytest.mark.parametrize("action", ["GET", "UPDATE"])
async def test_a_record_that_is_not_there_is_not_found(client: PlainClient, action: str) -> None:
    assert alert(await client.screen(action, "101", recordid=1)) == "Record not found."


async def test_ids_belong_to_their_organization(client: PlainClient) -> None:
    assert alert(await client.screen("GET", "500")) == "Record not found."
    answer = await client.screen("GET", "500", pairs={"PFS_A_ORG": text("RIO2")})
    assert object_of(answer)["recordid"] == 1


async def test_readers_may_not_write(opened: Opened) -> None:
    async with opened(readers=frozenset({"pfa"})) as client:
        values, recordid = await client.get("100")

        answer = await client.screen("UPDATE", "100", pairs=values, recordid=recordid)

    assert alert(answer) == "Authorization failed. You are not authorized to update this screen."


@pytest.mark.parametrize("action", ["INSERT", "DELETE", ""])
async def test_other_actions_are_not_authorized(client: PlainClient, action: str) -> None:
    assert alert(await client.screen(action, "100")).startswith("Authorization failed.")


async def test_another_screen_is_not_found(client: PlainClient) -> None:
    body = screen_body("GET", "100") | {"USERDEFINEDSCREENNAME": "CUOTHER"}
    answer = await client.http.post("/axis/restservices/userdefinedscreenservices", json=body)

    assert (answer.status_code, alert(answer)) == (400, "The screen CUOTHER was not found.")


async def test_the_ledger_has_every_write_that_was_applied(client: PlainClient) -> None:
    await client.update("20", PFS_F_MODEL=text("PT6"))
    await client.update("20", PFS_F_MODEL=text("PT6"))
    await client.screen("UPDATE", "20", recordid=1)
    client.pems.edit("20", {"pfs_f_model": "CD150M"}, organization="RIO", by="maria")
    client.pems.delete("20", organization="RIO", by="maria")

    entries = client.pems.ledger.of("20")

    assert [entry.effect for entry in entries] == [Effect.ADDED, *[Effect.CHANGED] * 3, Effect.DELETED]
    assert [entry.recordid for entry in entries] == [1, 2, 3, 4, 4]
    assert [dict(entry.after) for entry in entries[1:4]] == [{"pfs_f_model": "PT6"}, {}, {"pfs_f_model": "CD150M"}]
    assert [dict(entry.before) for entry in entries[1:4]] == [{"pfs_f_model": None}, {}, {"pfs_f_model": "PT6"}]
    assert [entry.by for entry in entries] == ["achen", "pfa", "pfa", "maria", "maria"]
    assert len(client.pems.ledger.of("20", origin=Origin.SERVICE)) == 2
    request = entries[1].request
    assert request is not None
    assert request["recordid"] == 1
    sequences = [entry.sequence for entry in client.pems.ledger.entries]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_a_row_that_is_deleted_and_made_again_is_another(client: PlainClient) -> None:
    client.pems.edit("20", {"pfs_f_model": "PT6"}, organization="RIO")
    client.pems.delete("20", organization="RIO")
    assert alert(await client.screen("GET", "20")) == "Record not found."

    client.pems.add("20", {"pfs_f_category": "Pumps"}, organization="RIO")

    values, recordid = await client.get("20")
    assert (values["PFS_F_MODEL"], recordid) == (text(None), 1)


async def test_the_clock_can_go_wrong(client: PlainClient) -> None:
    client.pems.now = datetime(2031, 1, 1, 12, 0, tzinfo=UTC)
    await client.update("20")
    client.pems.clock.advance(timedelta(hours=-1))
    await client.update("100")

    stamps = [client.pems.row(pfa_id, "RIO").values["pfs_lastmodified"] for pfa_id in ("20", "100")]
    assert stamps == [datetime(2031, 1, 1, hour, 0, tzinfo=UTC) for hour in (12, 11)]
