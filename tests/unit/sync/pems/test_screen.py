"""Records on the screen of PEMS: read as they are, and written back whole."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pfa_rpc.schema import FIELDS
from pfa_rpc.sync.pems.errors import MalformedAnswer, NotOnScreen, TooFine
from pfa_rpc.sync.pems.screen import RemoteObject, Screen
from pfa_rpc.sync.pems.settings import PemsSettings

LIST, PAIR = "USERDEFINEDSCREENFIELDVALUELIST", "USERDEFINEDSCREENFIELDVALUEPAIR"
NUMBER = {"VALUE": 540000, "NUMOFDEC": 2, "SIGN": "+", "CURRENCY": "CAD", "DRCR": "C", "qualifier": "OTHER"}
DAY = {"YEAR": 2026, "MONTH": 3, "DAY": 1, "HOUR": 0, "MINUTE": 0, "SECOND": 0, "TIMEZONE": "-0700", "qualifier": "X"}
VALUES: dict[str, Any] = {
    "PFS_ID": {"TEXTDATA": "78497"},
    "PFS_A_ORG": {"TEXTDATA": "RIO"},
    "PFS_F_CATEGORY": {"TEXTDATA": "Cranes "},
    "PFS_F_CLASS": {"TEXTDATA": None},
    "PFS_F_MODEL": None,
    "PFS_F_SOURCE": {"TEXTDATA": "RENTAL"},
    "PFS_F_DOR": {"TEXTDATA": "Beo"},
    "PFS_F_STARTDATE": {"DATETIMEDATA": DAY},
    "PFS_F_ENDDATE": {"DATETIMEDATA": None},
    "PFS_F_RATE": {"NUMERICDATA": NUMBER},
    "PFS_F_PRICE": {"NUMERICDATA": None},
    "PFA_ACT": {"TEXTDATA": "true"},
    "PFA_DIS": {"TEXTDATA": "-"},
    "PFS_FT": {"TEXTDATA": "N"},
    "PFS_F_FREIGHT": {"NUMERICDATA": {"VALUE": 1, "NUMOFDEC": 3}},
    "UDFCHAR07": {"TEXTDATA": "keep me", "odd": [1, {"x": None}]},
}


def content(values: dict[str, Any] = VALUES, **more: Any) -> dict[str, Any]:
    pairs = [{"USERDEFINEDSCREENFIELDNAME": n, "USERDEFINEDSCREENFIELDVALUE": v} for n, v in values.items()]
    return {"recordid": 7, LIST: {PAIR: pairs}} | more


def screen(**settings: Any) -> Screen:
    return Screen(PemsSettings.load(**settings))


def read(values: dict[str, Any] = VALUES, **more: Any) -> RemoteObject:
    return screen().object_of("RIO", "78497", {"UserDefinedScreenService": content(values, **more)})


def sent(request: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a request by name."""
    return {p["USERDEFINEDSCREENFIELDNAME"]: p["USERDEFINEDSCREENFIELDVALUE"] for p in request[LIST][PAIR]}


def test_every_field_that_a_person_may_edit_can_be_written() -> None:
    assert {field.name for field in FIELDS if field.editable} <= set(screen().writable)


def test_values_are_read_in_the_forms_of_the_table_of_fields() -> None:
    found = read()
    assert found.faults == ()
    assert found.recordid == "7"
    assert found.values["category"] == "Cranes"
    assert (found.values["class"], found.values["model"], found.values["contract"]) == (None, None, None)
    assert (found.values["source"], found.values["dor"]) == ("rental", "beo")
    assert (found.values["monthly_rate"], found.values["purchase_price"]) == (54_000_000, None)
    assert (found.values["forecast_start"], found.values["forecast_end"]) == (date(2026, 3, 1), None)
    flags = [found.values[name] for name in ("is_actualized", "is_discontinued", "is_funds_transferable")]
    assert flags == [True, False, False]
    assert set(found.values) == set(screen().writable)


def test_a_value_that_cannot_be_read_is_a_fault_and_no_value() -> None:
    bad = {
        "PFS_F_SOURCE": {"TEXTDATA": "LEASE"},
        "PFS_F_STARTDATE": {"DATETIMEDATA": DAY | {"MONTH": 13}},
        "PFS_F_RATE": {"NUMERICDATA": NUMBER | {"NUMOFDEC": 5, "VALUE": 123}},
        "PFS_F_PRICE": {"NUMERICDATA": {"VALUE": "many"}},
        "PFS_F_CLASS": {"NUMERICDATA": NUMBER},
    }
    found = read(VALUES | bad)
    assert {fault.column: fault.reason for fault in found.faults} == {
        "PFS_F_SOURCE": "unknown source",
        "PFS_F_STARTDATE": "forecast start is not a date",
        "PFS_F_RATE": "monthly rate has more than 4 decimals",
        "PFS_F_PRICE": "purchase price is not a number",
        "PFS_F_CLASS": "class is not what it should be",
    }
    assert "source" not in found.values
    assert found.values["dor"] == "beo"


@pytest.mark.parametrize(
    ("number", "amount"),
    [
        ({"VALUE": 0, "NUMOFDEC": 0}, 0),
        ({"VALUE": 5, "SIGN": "-"}, -50_000),
        ({"VALUE": "540000", "NUMOFDEC": "2"}, 54_000_000),
        ({"VALUE": 1_230_000, "NUMOFDEC": 6}, 12_300),
        ({"VALUE": -5, "NUMOFDEC": 0}, -50_000),
        ({"VALUE": None, "NUMOFDEC": 2}, None),
    ],
)
def test_amounts_are_exact(number: dict[str, Any], amount: int | None) -> None:
    assert read(VALUES | {"PFS_F_RATE": {"NUMERICDATA": number}}).values["monthly_rate"] == amount


@pytest.mark.parametrize(
    ("sent_stamp", "moment"),
    [
        (DAY | {"HOUR": 9, "MINUTE": 30}, datetime(2026, 3, 1, 16, 30, tzinfo=UTC)),
        ({k: v for k, v in DAY.items() if k != "TIMEZONE"}, datetime(2026, 3, 1, 0, 0, tzinfo=UTC)),
        ("06/13/2026 15:56", datetime(2026, 6, 13, 15, 56, tzinfo=UTC)),
        ("yesterday", None),
        ({"YEAR": 2026}, None),
        (None, None),
        (5, None),
    ],
)
def test_the_stamp_is_read_in_the_forms_that_it_comes_in(sent_stamp: Any, moment: datetime | None) -> None:
    assert read(DATEUPDATED=sent_stamp).stamp == moment


def test_an_update_sends_back_everything_and_overlays_what_changes() -> None:
    remote = read()
    changes = {
        "category": "Pumps",
        "contract": "C-7",
        "dor": "project",
        "source": "purchase",
        "monthly_rate": None,
        "purchase_price": 10_000_000,
        "forecast_start": date(2026, 4, 2),
        "forecast_end": date(2026, 5, 3),
        "is_discontinued": True,
    }
    request = screen(flag_texts=("Y", "N")).update(remote, changes, "7")
    assert request["recordid"] == 7
    assert request["USERDEFINEDSERVICEACTION"] == "UPDATE"
    values = sent(request)
    for name in ("UDFCHAR07", "PFS_F_FREIGHT", "PFA_ACT", "PFS_FT", "PFS_F_CLASS"):
        assert values[name] == VALUES[name], "what does not change goes back as it came"
    assert "PFS_F_RATE" not in values, "what is left out becomes null"
    assert values["PFS_F_CATEGORY"] == {"TEXTDATA": "Pumps"}
    assert values["PFS_F_SOURCE"] == {"TEXTDATA": "PURCHASE"}
    assert values["PFA_CA_CONTRACT"] == {"TEXTDATA": "C-7"}
    assert values["PFA_DIS"] == {"TEXTDATA": "Y"}
    assert values["PFS_F_STARTDATE"] == {"DATETIMEDATA": DAY | {"SUBSECOND": 0, "MONTH": 4, "DAY": 2}}
    assert values["PFS_F_ENDDATE"]["DATETIMEDATA"]["TIMEZONE"] == "+0000"
    price = {"VALUE": 100_000, "NUMOFDEC": 2, "SIGN": "+", "CURRENCY": "XXX", "DRCR": "D"}
    assert values["PFS_F_PRICE"] == {"NUMERICDATA": price}


def test_an_amount_keeps_what_pems_says_beside_it() -> None:
    values = sent(screen().update(read(), {"monthly_rate": 54_001_200}, "7"))
    assert values["PFS_F_RATE"] == {"NUMERICDATA": NUMBER | {"VALUE": 540_012}}


def test_a_lock_that_is_no_number_is_sent_as_it_came() -> None:
    assert screen().update(read(), {}, "a7")["recordid"] == "a7"


def test_a_field_that_the_screen_does_not_have_is_refused() -> None:
    for field in ("plan_start", "description", "pfa_id", "organization_id", "sync_state"):
        with pytest.raises(NotOnScreen, match="the screen CUPFA2 of PEMS does not have it"):
            screen().update(read(), {field: None}, "7")


def test_an_amount_that_is_too_fine_is_refused() -> None:
    with pytest.raises(TooFine):
        screen().update(read(), {"monthly_rate": 1}, "7")
    assert screen(money_decimals=4).update(read(), {"monthly_rate": 1}, "7")


def test_an_installation_has_names_of_its_own() -> None:
    other = screen(screen_name="ZZPFA", screen_fields={"category": "ZZ_CAT", "pfa_id": "ZZ_ID"})
    values = sent(other.update(read(VALUES | {"ZZ_CAT": {"TEXTDATA": "x"}}), {"category": "Pumps"}, "7"))
    assert values["ZZ_CAT"] == {"TEXTDATA": "Pumps"}
    assert values["ZZ_ID"] == {"TEXTDATA": "78497"}
    assert values["PFS_F_CATEGORY"] == VALUES["PFS_F_CATEGORY"], "there it is a field that we do not map"
    assert other.get("RIO", "1")["USERDEFINEDSCREENNAME"] == "ZZPFA"


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"X": {"recordid": None}},
        {"X": {"recordid": True}},
        {"X": {"recordid": " "}},
        {"X": {"recordid": 7}},
        {"X": {"recordid": 7, LIST: None}},
        {"X": {"recordid": 7, LIST: {PAIR: [5]}}},
    ],
)
def test_what_is_no_record_is_malformed(result: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer, match="PEMS answered a record"):
        screen().object_of("RIO", "1", result)


def test_the_answer_to_an_update_has_the_next_lock() -> None:
    updated = screen().updated_of({"recordid": 8, "DATEUPDATED": DAY})
    assert updated.recordid == "8"
    assert updated.stamp == datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


def test_a_stamp_has_no_seconds_so_that_a_later_row_of_the_same_minute_is_not_taken_for_older() -> None:
    updated = screen().updated_of({"recordid": 8, "DATEUPDATED": DAY | {"HOUR": 8, "MINUTE": 30, "SECOND": 45}})
    assert updated.stamp == datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
