"""From a row of PEMS to the values of a record."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.schema import BY_NAME, MERGED_FIELDS, ORGANIZATION_ALIAS, PEMS_FIELDS
from pfa_rpc.sync.cells import CELL_LIMIT, BadCell, cell_reader
from pfa_rpc.sync.mapping import (
    KNOWN_ALIASES,
    Fault,
    PemsRow,
    Rejection,
    RowMapper,
    columns_missing,
    digest_of,
    text_of,
    values_of,
)

CELLS = {
    "pfs_id": "78005",
    "description": ' spare, "new" ',
    "pfs_a_org": "RIO",
    "pfs_f_area": " Silo 4  ",
    "pfs_f_category": "Cranes",
    "pfs_f_catdesc": "",
    "pfs_f_class": "60T Crawler",
    "pfs_f_source": "Rental",
    "pfs_f_dor": "BEO",
    "pfs_f_actualized": "Y",
    "pfs_f_discontinued": "-",
    "pfs_f_fundstrans": "FALSE",
    "pfs_f_rental": "5,400.00",
    "pfs_f_purchase": "",
    "pfs_f_manufacturer": "Liebherr",
    "pfs_f_model": "LR",
    "pfs_p_startdate": "03/01/2026",
    "pfs_p_enddate": "06/01/2026",
    "pfs_f_startdate": "03/15/2026",
    "pfs_f_enddate": "06/13/2026",
    "pfs_a_startdate": "",
    "pfs_a_enddate": "",
    "pfs_p_projcode": "C-1",
    "pfs_equipment_tag": "",
    "pfs_lastmodified": "06/13/2026 15:56",
    "pfs_lastmodifiedby": "jsmith",
}


def mapped(zone: Any = UTC, **changes: str) -> PemsRow | Rejection:
    """Map CELLS with some of them changed."""
    cells = CELLS | changes
    return RowMapper(list(cells), {"RIO"}, zone).map(list(cells.values()))


def row(**changes: str) -> PemsRow:
    """Map a row that is good."""
    result = mapped(**changes)
    assert isinstance(result, PemsRow)
    return result


def faults(**changes: str) -> list[tuple[str, str, str]]:
    """Map a row that is not, and return its faults."""
    result = mapped(**changes)
    assert isinstance(result, Rejection)
    return [(fault.column, fault.value, fault.reason) for fault in result.faults]


def test_a_row_becomes_the_values_of_a_record() -> None:
    """Text is trimmed, empty is missing, the rest has its type."""
    assert row() == PemsRow(
        organization_id="RIO",
        pfa_id="78005",
        values={
            "area_silo": "Silo 4",
            "category": "Cranes",
            "forecast_category": None,
            "class": "60T Crawler",
            "source": "rental",
            "dor": "beo",
            "is_actualized": True,
            "is_discontinued": False,
            "is_funds_transferable": False,
            "monthly_rate": 54_000_000,
            "purchase_price": None,
            "manufacturer": "Liebherr",
            "model": "LR",
            "plan_start": date(2026, 3, 1),
            "plan_end": date(2026, 6, 1),
            "forecast_start": date(2026, 3, 15),
            "forecast_end": date(2026, 6, 13),
            "actual_start": None,
            "actual_end": None,
            "contract": "C-1",
            "equipment": None,
            "description": 'spare, "new"',
        },
        stamp=datetime(2026, 6, 13, 15, 56, tzinfo=UTC),
        modified_by="jsmith",
        text=row().text,
        digest=row().digest,
    )


def test_every_field_of_pems_is_mapped() -> None:
    """A field that is added to the table of fields is mapped without more."""
    assert set(row().values) == {field.name for field in MERGED_FIELDS}
    assert set(CELLS) == KNOWN_ALIASES


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"pfs_a_org": "RI0"}, ("pfs_a_org", "RI0", "unknown organization")),
        ({"pfs_a_org": "rio"}, ("pfs_a_org", "rio", "unknown organization")),
        ({"pfs_id": "  "}, ("pfs_id", "", "missing pfs_id")),
        ({"pfs_f_source": "LEASE"}, ("pfs_f_source", "LEASE", "unknown source")),
        ({"pfs_f_source": ""}, ("pfs_f_source", "", "unknown source")),
        ({"pfs_f_dor": "CORPORATE"}, ("pfs_f_dor", "CORPORATE", "unknown dor")),
        ({"pfs_f_actualized": "maybe"}, ("pfs_f_actualized", "maybe", "flag is neither yes nor no")),
        ({"pfs_f_actualized": ""}, ("pfs_f_actualized", "", "flag is neither yes nor no")),
        ({"pfs_f_enddate": "31/02/2026"}, ("pfs_f_enddate", "31/02/2026", "forecast end is not a date")),
        ({"pfs_p_startdate": "2026-03-01"}, ("pfs_p_startdate", "2026-03-01", "plan start is not a date")),
        ({"pfs_a_enddate": "00/10/2026"}, ("pfs_a_enddate", "00/10/2026", "actual end is not a date")),
        ({"pfs_lastmodified": "soon"}, ("pfs_lastmodified", "soon", "modified in PEMS is not a date")),
        (
            {"pfs_lastmodified": "06/13/2026 24:00"},
            ("pfs_lastmodified", "06/13/2026 24:00", "modified in PEMS is not a date"),
        ),
        ({"pfs_f_purchase": "12.5.3"}, ("pfs_f_purchase", "12.5.3", "price is not a number")),
        ({"pfs_f_rental": "5.400,00"}, ("pfs_f_rental", "5.400,00", "monthly rate is not a number")),
        ({"pfs_f_rental": "1,23"}, ("pfs_f_rental", "1,23", "monthly rate is not a number")),
        ({"pfs_f_rental": "٣"}, ("pfs_f_rental", "٣", "monthly rate is not a number")),
        ({"pfs_f_rental": "1e3"}, ("pfs_f_rental", "1e3", "monthly rate is not a number")),
        ({"pfs_f_rental": "nan"}, ("pfs_f_rental", "nan", "monthly rate is not a number")),
        ({"pfs_f_rental": "1.00001"}, ("pfs_f_rental", "1.00001", "monthly rate has more than 4 decimals")),
        ({"pfs_f_rental": "9" * 18}, ("pfs_f_rental", "9" * 18, "monthly rate is too large")),
        ({"pfs_f_rental": "9" * 6000}, ("pfs_f_rental", "9" * 6000, "monthly rate is too large")),
        ({"pfs_f_rental": "-4,500.00"}, ("pfs_f_rental", "-4,500.00", "monthly rate is negative")),
        ({"pfs_f_rental": ""}, ("pfs_f_rental", "", "rental without a monthly rate")),
        ({"pfs_f_source": "PURCHASE"}, ("pfs_f_purchase", "", "purchase without a purchase price")),
        ({"pfs_f_startdate": "06/14/2026"}, ("pfs_f_startdate", "06/14/2026", "forecast start after end")),
        ({"pfs_p_startdate": "06/14/2026"}, ("pfs_p_startdate", "06/14/2026", "plan start after end")),
        (
            {"pfs_f_discontinued": "+", "pfs_f_fundstrans": "1"},
            ("pfs_f_discontinued", "+", "discontinued and funds transferable exclude each other"),
        ),
        (
            {"description": "x" * (CELL_LIMIT + 1)},
            ("description", "x" * (CELL_LIMIT + 1), "cell is longer than 10,000 characters"),
        ),
    ],
)
def test_a_wrong_cell_is_a_fault_with_its_value(changes: dict[str, str], fault: tuple[str, str, str]) -> None:
    """One wrong cell gives one fault: the rules do not report what could not be read a second time."""
    assert faults(**changes) == [fault]


def test_all_faults_of_a_row_are_reported_the_organization_first() -> None:
    """Whoever corrects a row learns of everything at once."""
    wrong = {"pfs_a_org": "", "pfs_f_dor": "x", "pfs_f_rental": "many", "pfs_f_startdate": "12/31/2026"}
    assert [reason for _, _, reason in faults(**wrong)] == [
        "unknown organization",
        "unknown dor",
        "monthly rate is not a number",
        "forecast start after end",
    ]


@pytest.mark.parametrize(("cells", "reason"), [(25, "too few cells"), (27, "too many cells")])
def test_a_row_of_another_width_is_rejected_as_a_whole(cells: int, reason: str) -> None:
    """Which cell is which cannot be known."""
    result = RowMapper(list(CELLS), {"RIO"}).map(["x"] * cells)
    assert result == Rejection((Fault("", str(cells), reason),))


def test_unknown_columns_are_passed_over() -> None:
    """They have no part in the values; their length counts all the same."""
    assert row(pfs_new="x") == row()
    assert faults(pfs_new="x" * 10_001)[0][0] == "pfs_new"


def test_a_column_that_is_absent_gives_no_value() -> None:
    """Not sent is not the same as empty."""
    cells = {name: cell for name, cell in CELLS.items() if name not in ("description", "pfs_lastmodified")}
    result = RowMapper(list(cells), {"RIO"}).map(list(cells.values()))
    assert isinstance(result, PemsRow)
    assert "description" not in result.values
    assert result.stamp is None


def test_the_columns_without_which_no_row_could_be_taken_in() -> None:
    """Keys, required fields and what a rule ties to a column that is there."""
    assert columns_missing(CELLS) == ()
    assert set(columns_missing(())) == {
        "pfs_id",
        ORGANIZATION_ALIAS,
        "pfs_f_source",
        "pfs_f_dor",
        "pfs_f_actualized",
        "pfs_f_discontinued",
        "pfs_f_fundstrans",
        "pfs_f_rental",
        "pfs_f_purchase",
    }
    assert columns_missing(set(CELLS) - {"pfs_f_enddate"}) == ("pfs_f_enddate",)
    assert columns_missing(set(CELLS) - {"pfs_f_enddate", "pfs_f_startdate", "description"}) == ()


@pytest.mark.parametrize(
    ("text", "amount"), [("0", 0), ("5.", 50_000), ("1,234,567.8901", 12_345_678_901), ("+2.50000", 25_000)]
)
def test_amounts(text: str, amount: int) -> None:
    """Amounts become ten-thousandths; zeros at the end add no decimals."""
    assert row(pfs_f_rental=text).values["monthly_rate"] == amount


@given(st.integers(min_value=0, max_value=10**15))
def test_every_amount_that_pems_can_write_is_read_exactly(amount: int) -> None:
    """No amount is rounded on the way."""
    text = f"{amount // 10_000:,}.{amount % 10_000:04}"
    assert cell_reader(BY_NAME["monthly_rate"])(text) == amount


@given(st.dates())
def test_every_date_that_pems_can_write_is_read(day: date) -> None:
    """Month first, then day."""
    assert cell_reader(BY_NAME["plan_start"])(f"{day.month:02}/{day.day:02}/{day.year:04}") == day


@given(st.text(max_size=50))
def test_no_text_makes_a_reader_fail_otherwise(text: str) -> None:
    """Whatever a cell holds, it is a value or a fault."""
    for field in PEMS_FIELDS:
        with contextlib.suppress(BadCell):
            cell_reader(field, ZoneInfo("Asia/Tokyo"))(text.strip())


def test_stamps_are_read_in_the_zone_of_pems() -> None:
    """15:56 in Denver in June is 21:56 UTC."""
    result = mapped(ZoneInfo("America/Denver"))
    assert isinstance(result, PemsRow)
    assert result.stamp == datetime(2026, 6, 13, 21, 56, tzinfo=UTC)


def test_a_stamp_at_the_end_of_time_is_a_fault() -> None:
    """Its UTC time cannot be told."""
    result = mapped(ZoneInfo("America/Denver"), pfs_lastmodified="12/31/9999 23:59")
    assert isinstance(result, Rejection)


@pytest.mark.parametrize(
    "flags", [("+", "-"), ("Y", "N"), ("y", "n"), ("true", "false"), ("True", "FALSE"), ("1", "0")]
)
def test_flags_come_in_three_fashions(flags: tuple[str, str]) -> None:
    """All mean the same."""
    yes, no = flags
    values = row(pfs_f_actualized=yes, pfs_f_discontinued=no).values
    assert (values["is_actualized"], values["is_discontinued"]) == (True, False)


def test_the_digest_is_of_the_values_alone() -> None:
    """Spelling of the cells, stamp and name do not count; any value does, and missing is not empty text."""
    assert (
        row().digest
        == row(pfs_f_rental="5400", pfs_f_actualized="+", pfs_lastmodified="", pfs_lastmodifiedby="").digest
    )
    digests = {
        row(**changes).digest
        for changes in (
            {},
            {"pfs_f_area": ""},
            {"pfs_f_area": "None"},
            {"pfs_f_area": "null"},
            {"pfs_f_area": "Silo", "pfs_f_category": "4Cranes"},
            {"pfs_f_enddate": "06/14/2026"},
        )
    }
    assert len(digests) == 6
    assert len(row().digest) == 16


def test_the_digest_does_not_depend_on_the_order_of_columns() -> None:
    """Two exports may order their columns differently."""
    names = list(reversed(CELLS))
    result = RowMapper(names, {"RIO"}).map([CELLS[name] for name in names])
    assert isinstance(result, PemsRow)
    assert result.digest == row().digest


def test_values_survive_being_written_as_text() -> None:
    """What is staged comes back the same."""
    values = row().values
    assert values_of(text_of(values)) == values
    assert digest_of(text_of(values)) == row().digest
