"""What rows a simulator begins with: those of an export, or invented ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pfa_rpc.errors import InvalidRequest
from pfa_rpc.records.generating import draw, plan
from pfa_rpc.simulator.rows import Rows
from pfa_rpc.simulator.running import Simulator
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.simulator.values import NotValid
from pfa_rpc.sync.export_file import UnreadableExport

HEADER = (
    "pfs_id,pfs_a_org,pfs_f_source,pfs_f_dor,pfs_f_actualized,pfs_f_discontinued,pfs_f_fundstrans,"
    "pfs_f_rental,pfs_f_purchase,pfs_lastmodified,pfs_unknown"
)


def exported(folder: Path, *rows: str) -> Rows:
    """Return the rows of a simulator that holds an export."""
    path = folder / "export.csv"
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    return Simulator(Settings(export=path)).rows


def test_an_export_is_taken_in_as_pems_wrote_it(tmp_path: Path) -> None:
    rows = exported(tmp_path, '7,RIO,RENTAL,BEO,Y,-,false,"5,400.00",,03/01/2026 10:00,x')

    values = rows.get("RIO", "7").values
    assert (values["pfs_f_actualized"], values["pfs_f_discontinued"], values["pfs_f_fundstrans"]) == (
        True,
        False,
        False,
    )
    assert values["pfs_f_rental"] == Decimal("5400.00")
    assert values["pfs_f_model"] is None


def test_of_rows_with_one_id_the_newest_is_taken_and_of_equal_stamps_the_later(tmp_path: Path) -> None:
    rows = exported(
        tmp_path,
        "7,RIO,RENTAL,BEO,Y,N,N,1,,03/01/2026 10:00,",
        "7,RIO,RENTAL,BEO,Y,N,N,2,,03/01/2026 10:00,",
        "7,RIO,RENTAL,BEO,Y,N,N,3,,02/01/2026 10:00,",
        "7,RIO2,RENTAL,BEO,Y,N,N,4,,02/01/2026 10:00,",
    )

    assert rows.get("RIO", "7").values["pfs_f_rental"] == 2
    assert rows.get("RIO2", "7").values["pfs_f_rental"] == 4


def test_rows_that_nobody_could_accept_stay_as_wrong_as_they_are(tmp_path: Path) -> None:
    rows = exported(
        tmp_path,
        "7,RIO,LEASE,BEO,maybe,N,N,much,,soon,",
        ",RIO,RENTAL,BEO,Y,N,N,1,,,",
    )

    values = rows.get("RIO", "7").values
    assert [values[f"pfs_{name}"] for name in ("f_source", "f_actualized", "f_rental", "lastmodified")] == [
        "LEASE",
        "maybe",
        "much",
        "soon",
    ]
    assert len(rows) == 1, "PEMS has no row without an id"


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")

    with pytest.raises(UnreadableExport):
        Simulator(Settings(export=path))


def test_invented_rows_are_those_that_are_generated_before_anybody_edits_them() -> None:
    rows = Simulator(Settings(records=900, organizations=3, seed=4)).rows

    planned = plan(900, 3, 4)
    assert rows.organizations == {one.organization_id: one.records for one in planned}
    drawn = {one.values["pfa_id"]: one for one in draw(planned[0], 0)}
    edited = [pfa_id for pfa_id, one in drawn.items() if one.base]
    assert edited
    for pfa_id, one in drawn.items():
        held = one.base or one.values
        values = rows.get("GEN01", pfa_id).values
        assert values["pfs_f_area"] == held["area_silo"]
        assert values["pfs_f_source"] == held["source"].upper()
        assert values["pfs_f_startdate"] == held["forecast_start"]
        assert values["pfs_f_rental"] == (
            None if held["monthly_rate"] is None else Decimal(held["monthly_rate"]) / 10_000
        )


def test_the_same_seed_gives_the_same_rows_and_locks() -> None:
    def held(seed: int) -> list[tuple[object, int]]:
        return [(dict(image.values), image.recordid) for image in Simulator(Settings(records=50, seed=seed)).rows]

    assert held(1) == held(1)
    assert held(1) != held(2)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "pems.example"])  # noqa: S104 - refused, not bound
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(InvalidRequest, match="not a loopback address"):
        Settings(host=host)


def test_a_collation_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="binary, ignore-case, linguistic, natural"):
        Settings(sort_collation="swedish")


@pytest.mark.parametrize(
    ("column", "given", "held"),
    [
        ("pfs_f_rental", "1,250.5", Decimal("1250.50")),
        ("pfs_f_rental", 1250, Decimal("1250.00")),
        ("pfs_f_startdate", "03/01/2026", date(2026, 3, 1)),
        ("pfs_f_startdate", date(2026, 3, 1), date(2026, 3, 1)),
        ("pfs_f_discontinued", "Y", True),
        ("pfs_f_discontinued", False, False),
        ("pfs_f_model", " PT6 ", "PT6"),
        ("pfs_f_model", "", None),
    ],
)
def test_an_edit_takes_values_and_their_text(column: str, given: object, held: object) -> None:
    pems = Simulator(Settings(records=1))

    assert pems.edit("70000", {column: given}).values[column] == held


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ("pfs_f_rental", 12.5),
        ("pfs_f_rental", True),
        ("pfs_f_rental", "much"),
        ("pfs_f_startdate", datetime(2026, 3, 1, tzinfo=UTC)),
        ("pfs_f_startdate", "2026-02-30"),
        ("pfs_f_discontinued", 1),
        ("pfs_f_model", 5),
    ],
)
def test_an_edit_takes_nothing_that_is_no_value_of_its_column(column: str, given: object) -> None:
    pems = Simulator(Settings(records=1))

    with pytest.raises(NotValid):
        pems.edit("70000", {column: given})
    assert not pems.ledger.entries
