"""Rows of the grid as values of records: what the reader of pages gives is what the mapper of files gives."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.schema import ID_LENGTH
from pfa_rpc.sync.mapping import Fault, PemsRow, Rejection, RowMapper
from pfa_rpc.sync.pems.columns import Columns
from pfa_rpc.sync.pems.row_reader import ForeignRow, ReadRow, RejectedRow, RowReader, SweptRow
from pfa_rpc.sync.pems.rows import cut, rows_at
from pfa_rpc.sync.pems.settings import GRID_ALIASES, PemsSettings

CELLS = {
    "pfs_id": "78497",
    "pfs_a_org": "RIO",
    "pfs_f_area": "Silo 4",
    "pfs_f_category": "Cranes",
    "pfs_f_catdesc": "",
    "pfs_f_class": "60T Crawler",
    "pfs_f_source": "RENTAL",
    "pfs_f_dor": "BEO",
    "pfs_f_actualized": "-",
    "pfs_f_discontinued": "-",
    "pfs_f_fundstrans": "+",
    "pfs_f_rental": "5,400.00",
    "pfs_f_purchase": "",
    "pfs_f_manufacturer": 'Liebherr – "Ost"',
    "pfs_f_model": "LR 1300\\X",
    "pfs_p_startdate": "03/01/2026",
    "pfs_p_enddate": "06/13/2026",
    "pfs_f_startdate": "03/15/2026",
    "pfs_f_enddate": "07/01/2026",
    "pfs_a_startdate": "",
    "pfs_a_enddate": "",
    "pfs_p_projcode": "C-1014",
    "pfs_equipment_tag": "",
    "description": 'Crane, lattice boom }]},{"n": 3',
    "pfs_lastmodified": "06/13/2026 15:56",
    "pfs_lastmodifiedby": "okafor",
}
NUMBERS = {alias: 11 + 3 * place for place, alias in enumerate(sorted(CELLS))}
ODD = ["", "x", "+", "N", "RENTAL", "purchase", "1e5", "12.34567", "-5", "02/30/2026", "01/01/2027", "a" * 10_001, "  "]


def columns(settings: PemsSettings, **types: str) -> Columns:
    extra = {settings.version_column: 999} if settings.version_column else {}
    fields = [
        {"aliasnum": number, "name": alias.upper(), "type": types.get(alias, "VARCHAR")}
        for alias, number in {**NUMBERS, **extra, "odd_one": 5}.items()
    ]
    return Columns.of({"FIELDS": {"FIELD": fields}}, settings)


def read(rows: list[dict[str, Any]], *, reader: RowReader | None = None, **how: Any) -> list[ReadRow]:
    """Read rows as they would come in an answer."""
    text = json.dumps({"Result": {"ResultData": {"GRID": {"DATA": {"ROW": rows}}}}}, **how)
    found = cut(text.encode(), rows_at(text.encode()))
    settings = PemsSettings.load()
    reader = reader or RowReader(columns(settings), settings, "RIO")
    cut_rows = [one for part in found.parts() for one in part]
    return reader.read(cut_rows, list(map(reader.digest, cut_rows)), found.head).in_order()


def row(cells: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"id": number, "D": [{"n": NUMBERS[alias], "value": value} for alias, value in cells.items()]}


def mapped(cells: dict[str, str]) -> PemsRow | Rejection:
    return RowMapper(list(CELLS), {"RIO"}).map([cells.get(alias) or "" for alias in CELLS])


def swept(found: ReadRow) -> SweptRow:
    assert isinstance(found, SweptRow)
    return found


@given(st.dictionaries(st.sampled_from(list(CELLS)), st.sampled_from([*ODD, *CELLS.values()])), st.randoms())
def test_a_row_is_read_as_that_of_a_file(changes: dict[str, str], rng: random.Random) -> None:
    """With its cells in any order, missing ones as null, as empty text or left out, written with spaces or without."""
    cells = CELLS | changes
    shuffled = dict(rng.sample(list(cells.items()), len(cells)))
    sent = {a: (text or rng.choice([None, ""])) for a, text in shuffled.items() if text or rng.random() < 0.5}
    separators = rng.choice([(",", ":"), (", ", ": ")])
    good, found = read([row(CELLS), row(sent, 2)], separators=separators, ensure_ascii=rng.random() < 0.5)
    assert swept(good).row == mapped(CELLS)
    expected = mapped(cells)
    if isinstance(expected, PemsRow):
        assert swept(found).row == expected
    elif isinstance(found, RejectedRow):
        assert found.rejection == expected
        assert found.pfa_id == (pfa_id if len(pfa_id := cells["pfs_id"].strip()) <= ID_LENGTH else "")
        assert found.cells == cells
    else:
        assert found == ForeignRow(cells["pfs_a_org"].strip())


def test_a_row_read_alone_is_read_as_one_among_others() -> None:
    alone = read([row(CELLS)])
    assert swept(alone[0]).row == mapped(CELLS)
    rows = [row(CELLS | {"pfs_id": str(number)}, number) for number in range(50)]
    assert [swept(found).row.pfa_id for found in read(rows)] == [str(number) for number in range(50)]


def test_numbers_and_booleans_of_json_are_read_as_their_text() -> None:
    cells = CELLS | {"pfs_id": 78497, "pfs_f_rental": 5400.5, "pfs_f_purchase": 7, "pfs_f_actualized": True}
    found = swept(read([row(cells)])[0]).row
    assert found.pfa_id == "78497"
    assert found.values["monthly_rate"] == 54_005_000
    assert found.values["purchase_price"] == 70_000
    assert found.values["is_actualized"] is True


def test_columns_that_no_field_takes_its_value_from_are_passed_over() -> None:
    odd = row(CELLS)
    odd["D"].insert(3, {"n": 5, "value": {"nested": [1]}})
    odd["D"].append({"n": 4711, "value": "of a column that the head did not name"})
    assert swept(read([odd])[0]).row == mapped(CELLS)


def test_a_row_of_another_organization_is_none_of_ours() -> None:
    assert read([row(CELLS | {"pfs_a_org": "RIO2"})]) == [ForeignRow("RIO2")]
    without = read([row(CELLS | {"pfs_a_org": None})])[0]
    assert isinstance(without, RejectedRow), "whose it is nobody knows, and it was asked for as ours"


def test_a_rejected_row_keeps_its_id_its_stamp_and_its_cells() -> None:
    found = read([row(CELLS | {"pfs_f_source": "LEASE", "pfs_f_enddate": "soon"})])[0]
    assert isinstance(found, RejectedRow)
    assert found.pfa_id == "78497"
    assert found.cells["pfs_f_source"] == "LEASE"
    assert [fault.reason for fault in found.rejection.faults] == ["unknown source", "forecast end is not a date"]
    assert found.stamp == datetime(2026, 6, 13, 15, 56, tzinfo=UTC)


def test_another_installation_writes_otherwise() -> None:
    names = {"monthly_rate": "ZZ_RATE", "class": "zz_class"}
    settings = PemsSettings.load(
        columns=names,
        date_format="DD-MON-YYYY",
        decimal_point=",",
        thousands=".",
        time_zone="America/Edmonton",
        version_column="UPDATECOUNT",
    )
    renamed = {"pfs_f_rental": "zz_rate", "pfs_f_class": "zz_class"}
    fields = [
        {"aliasnum": number, "name": renamed.get(alias, alias), "type": "VARCHAR"} for alias, number in NUMBERS.items()
    ]
    fields.append({"aliasnum": 999, "name": "updatecount", "type": "NUMBER"})
    known = Columns.of({"FIELDS": {"FIELD": fields}}, settings)
    assert not known.drift.missing
    assert not known.drift.unknown
    dates = {alias: "" for alias in CELLS if alias.endswith("date")}
    cells = (
        CELLS
        | dates
        | {
            "pfs_f_rental": "5.400,25",
            "pfs_f_startdate": "13-Jun-2026",
            "pfs_f_enddate": "01-JUL-2026",
            "pfs_lastmodified": "13-JUN-2026 15:56",
        }
    )
    sent = row(cells)
    sent["D"].append({"n": 999, "value": 41})
    found = swept(read([sent], reader=RowReader(known, settings, "RIO"))[0])
    assert found.row.values["monthly_rate"] == 54_002_500
    assert found.row.values["forecast_start"] == date(2026, 6, 13)
    assert found.row.stamp == datetime(2026, 6, 13, 21, 56, tzinfo=UTC)
    assert found.version == "41"
    (rejected,) = read([row(cells | {"pfs_f_rental": "much"})], reader=RowReader(known, settings, "RIO"))
    assert isinstance(rejected, RejectedRow)
    assert [fault.column for fault in rejected.rejection.faults] == ["zz_rate"], "by the name that it has there"


def test_a_digest_tells_apart_what_differs_and_nothing_else() -> None:
    settings = PemsSettings.load()
    reader = RowReader(columns(settings), settings, "RIO")

    def digest(cells: dict[str, Any], number: int, by: RowReader = reader) -> bytes:
        return read([row(cells, number)], reader=by)[0].cells_digest  # type: ignore[union-attr]

    assert digest(CELLS, 1) == digest(CELLS, 2), "the number of a row is its place on the page"
    for alias in CELLS:
        if alias != "pfs_a_org":
            assert digest(CELLS | {alias: "z"}, 1) != digest(CELLS, 1)
    others = [
        RowReader(columns(other), other, "RIO")
        for other in (PemsSettings.load(time_zone="Asia/Tokyo"), PemsSettings.load(date_format="DD/MM/YYYY"))
    ]
    assert len({digest(CELLS, 1, by) for by in (reader, *others)}) == 3, "equal cells mean other values there"


@pytest.mark.parametrize("cells", ["x", [5], [{"value": 1}], [{"n": "x"}], [{"n": [1]}], [{"n": True}], None])
def test_a_row_whose_cells_cannot_be_told_apart_is_rejected_alone(cells: object) -> None:
    good, found = read([row(CELLS), {"id": 1, "D": cells}])
    assert swept(good).row == mapped(CELLS)
    assert isinstance(found, RejectedRow)
    assert found.pfa_id == ""
    assert "cells cannot be told apart" in [fault.reason for fault in found.rejection.faults]


def test_a_cell_that_is_none_beside_good_ones_rejects_its_row_which_keeps_its_id() -> None:
    odd = row(CELLS)
    odd["D"].append(5)
    found = read([odd])[0]
    assert isinstance(found, RejectedRow)
    assert (found.pfa_id, found.rejection.faults) == ("78497", (Fault("", "", "cells cannot be told apart"),))


@pytest.mark.parametrize("value", ["[" * 100_000 + "]" * 100_000, "[1, 2", "nothing"])
def test_a_row_that_cannot_be_decoded_is_rejected_alone(value: str) -> None:
    settings = PemsSettings.load()
    reader = RowReader(columns(settings), settings, "RIO")
    rows = [json.dumps(row(CELLS)).encode(), json.dumps(row(CELLS)).replace('"RENTAL"', value).encode()]
    good, found = reader.read(rows, [b"1", b"2"], b"").in_order()
    assert swept(good).row == mapped(CELLS)
    assert found == RejectedRow("", {}, Rejection((Fault("", "", "row cannot be read"),)), b"2", None)


@pytest.mark.parametrize(
    ("number", "rate"),
    [
        ("123456789.1234", 1_234_567_891_234),  # more digits than a float has
        ("5400.10", 54_001_000),
        ("5.4e3", 54_000_000),
        ("54E-1", 54_000),
        ("-0", 0),
    ],
)
def test_numbers_of_json_are_exact(number: str, rate: int) -> None:
    settings = PemsSettings.load()
    reader = RowReader(columns(settings), settings, "RIO")
    sent = json.dumps(row(CELLS)).replace('"5,400.00"', number).encode()
    assert swept(reader.read([sent], [b"1"], b"").in_order()[0]).row.values["monthly_rate"] == rate


def test_the_grid_knows_a_column_for_every_field_of_a_file() -> None:
    assert list(GRID_ALIASES.values()) == list(CELLS)
