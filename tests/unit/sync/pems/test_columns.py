"""A grid that is not what is configured: what differs is told, with what it affects."""

from __future__ import annotations

from typing import Any

import pytest

from pfa_rpc.sync.pems.columns import Columns
from pfa_rpc.sync.pems.errors import MalformedAnswer, SchemaDrift
from pfa_rpc.sync.pems.settings import GRID_ALIASES, PemsSettings


def columns(*, without: tuple[str, ...] = (), extra: tuple[str, ...] = (), **types: str) -> Columns:
    names = [alias for alias in (*GRID_ALIASES.values(), *extra) if alias not in without]
    fields = [{"aliasnum": n, "name": alias, "type": types.get(alias, "VARCHAR")} for n, alias in enumerate(names)]
    return Columns.of({"FIELDS": {"FIELD": fields}}, PemsSettings.load())


def test_the_default_columns_are_those_of_an_export() -> None:
    drift = columns().drift
    assert (drift.unknown, drift.missing, drift.retyped) == ((), (), ())
    assert not drift.is_fatal


def test_a_missing_column_says_what_it_affects() -> None:
    found = columns(without=("description", "pfs_f_class"), extra=("pfs_new",))
    found.check()
    assert found.drift.sentences() == (
        "pfs_f_class (class) is missing: class stays as it is",
        "description (description) is missing: description stays as it is",
        "pfs_new is not known: it is passed over",
    )


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("pfs_id", r"pfs_id \(PFA id\)"),
        ("pfs_a_org", r"pfs_a_org \(organization\)"),
        ("pfs_f_source", r"pfs_f_source \(source\)"),
        ("pfs_f_rental", r"pfs_f_rental \(monthly rate\)"),
        ("pfs_f_startdate", r"pfs_f_startdate \(forecast start\)"),
    ],
)
def test_without_some_columns_no_row_can_be_taken_in(without: str, said: str) -> None:
    with pytest.raises(SchemaDrift, match=f"{said} is missing: no row can be taken in without it"):
        columns(without=(without,)).check()


def test_a_pair_of_dates_may_be_missing_as_a_whole() -> None:
    columns(without=("pfs_f_startdate", "pfs_f_enddate")).check()


def test_a_column_of_another_type_is_told() -> None:
    drift = columns(pfs_f_rental="CHKBOOLEAN", pfs_f_startdate="DATETIME", pfs_f_class="NUMBER").drift
    assert [column.alias for column in drift.retyped] == ["pfs_f_rental"]
    assert drift.sentences() == (
        "pfs_f_rental (monthly rate) is of type CHKBOOLEAN: cells that do not fit reject their row",
    )


@pytest.mark.parametrize("fields", [None, {}, {"FIELD": None}, {"FIELD": [5]}, {"FIELD": [{"name": "x"}]}])
def test_a_head_without_columns_is_malformed(fields: Any) -> None:
    with pytest.raises(MalformedAnswer, match="PEMS answered a head request"):
        Columns.of({"FIELDS": fields}, PemsSettings.load())
