"""Rows taken in a column at a time become the very records that the same rows become one by one, byte for byte."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from pfa_rpc.store.binary_copy import column_maker, row_head
from pfa_rpc.store.copied_rows import COLUMNS
from pfa_rpc.store.inserting import NewRows, pristine
from pfa_rpc.store.rows import RowMaker
from pfa_rpc.store.tables import records
from pfa_rpc.store.updating import NAMED
from pfa_rpc.sync.core import first_seen
from pfa_rpc.sync.events import Pulled
from pfa_rpc.sync.mapping import PemsRow, Rejection, RowMapper
from pfa_rpc.sync.pems.row_reader import RejectedRow, RowReader
from pfa_rpc.sync.pems.settings import PemsSettings
from pfa_rpc.sync.row_columns import RowColumns
from tests.unit.sync.pems.test_row_reader import CELLS, NUMBERS, columns

AT: Final = datetime(2026, 6, 13, 16, 1, 2, 345_678, tzinfo=UTC)
FIRST: Final = 512
REVISION: Final = 7
VERSION: Final = 999
SETTINGS: Final = PemsSettings.load(version_column="updatecount")
MAKER: Final = RowMaker("RIO", "USD")
READER: Final = RowReader(columns(SETTINGS), SETTINGS, "RIO")
TEXTS: Final = ("CATERPILLAR", "Caterpillar ", " caterpillar", "Straße  7", "İstanbul", "\u00a0x", "−5", "\t", "1")
WARTS: Final[dict[str, tuple[str, ...]]] = {
    "pfs_a_org": ("RIO", " RIO "),
    "pfs_f_source": ("RENTAL", "Purchase", "LEASE", ""),
    "pfs_f_dor": ("BEO", "project", "CORP"),
    **dict.fromkeys(
        ("pfs_f_actualized", "pfs_f_discontinued", "pfs_f_fundstrans"), ("+", "-", "Y", "n", "TRUE", "0", "?")
    ),
    **dict.fromkeys(
        ("pfs_f_rental", "pfs_f_purchase"),
        ("", "0", "5,400.00", "5400.1234", "12.34567", "-1", "100,000,000,000", "100,000,000,000.0001", "1e5", "5,40"),
    ),
    **dict.fromkeys(
        (alias for alias in CELLS if alias.endswith("date")),
        ("", "01/01/0001", "12/31/9999", "02/29/2028", "02/30/2026", "3/1/2026", "06/13/2026", "2026-06-13"),
    ),
    "pfs_lastmodified": ("", "06/13/2026", "06/13/2026 15:56", "06/13/2026 24:00", "soon"),
    "updatecount": ("", "7", "x" * 201),
}
"""Cells that exports and grids have beside the ordinary ones."""


def some_rows(rng: random.Random, odd: float) -> list[dict[str, str]]:
    """Return rows with ids of their own, of whose cells a share may be wrong."""
    rows = []
    for number in range(rng.randrange(1, 40)):
        cells = CELLS | {"updatecount": "3", "pfs_id": rng.choice([str(number), f" {number}é "])}
        for alias in cells:
            if alias in WARTS and rng.random() < odd:
                cells[alias] = rng.choice(WARTS[alias])
            elif alias not in WARTS and alias != "pfs_id" and rng.random() < 0.2:
                cells[alias] = rng.choice(TEXTS)
        rows.append(cells)
    return rows


def sent(cells: dict[str, str], number: int, rng: random.Random) -> bytes:
    """Return a row as it is sent: a missing value as null, as empty text, or left out."""
    given = [(VERSION if alias == "updatecount" else NUMBERS[alias], text) for alias, text in cells.items()]
    kept = [{"n": n, "value": text or rng.choice([None, ""])} for n, text in given if text or rng.random() < 0.9]
    return json.dumps({"id": number, "D": kept}, ensure_ascii=rng.random() < 0.5, separators=(",", ":")).encode()


def one_by_one(cells: dict[str, str], position: int) -> tuple[dict[str, Any], PemsRow] | Rejection | None:
    """Return the columns of the record that a row becomes alone, and the row; None where the grid alone has a fault."""
    mapped = RowMapper(list(CELLS), {"RIO"}).map([cells[alias] for alias in CELLS])
    if len(cells["updatecount"]) > 200:
        return None
    if isinstance(mapped, Rejection):
        return mapped
    record = first_seen(Pulled(mapped, AT, AT, cells["updatecount"] or None))
    (row,) = MAKER.rows(
        [record.values], bases=[None], seen_digests=[record.seen_digest], positions=[position], revision=REVISION
    )
    return row, mapped


def in_columns(good: RowColumns) -> tuple[list[dict[str, Any]], list[bytes], list[dict[str, Counter[str | None]]]]:
    """Return the records that rows become together, as columns and in the form of COPY, and the uses of each."""
    uses: list[dict[str, Counter[str | None]]] = [{name: Counter() for name in NAMED} for _ in range(2)]
    if not len(good):
        return [], [], uses
    new = [pristine(good.known(AT), good.digests)]
    (made,) = NewRows("RIO", "USD").columns(new, FIRST, REVISION, uses[0])
    copied = list(NewRows("RIO", "USD").copied(new, FIRST, REVISION, uses[1]))
    return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)], copied, uses


def as_copied(row: dict[str, Any]) -> bytes:
    """Return a record in the form of COPY, each of its columns made by itself."""
    return row_head(len(COLUMNS)) + b"".join(column_maker(records.c[name])(row[name]) for name in COLUMNS)


@pytest.mark.parametrize("odd", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("seed", range(10))
def test_rows_in_columns_give_what_the_same_rows_give_one_by_one(seed: int, odd: float) -> None:
    """Payload and columns, costs, keys and digests among them; uses of values; rejections with every reason."""
    rng = random.Random(f"{seed}/{odd}")
    rows = some_rows(rng, odd)
    cut = [sent(cells, number, rng) for number, cells in enumerate(rows, start=1)]
    part = READER.read(cut, list(map(READER.digest, cut)), b"")
    made, copied, uses = in_columns(part.good().rows)
    alone: list[dict[str, Any]] = []
    counted: dict[str, Counter[str | None]] = {name: Counter() for name in NAMED}
    for found, cells in zip(part.in_order(), rows, strict=True):
        expected = one_by_one(cells, FIRST + len(alone))
        if isinstance(expected, tuple):
            row, mapped = expected
            alone.append(row)
            for name in NAMED:
                counted[name][mapped.values.get(name)] += 1
        else:
            assert isinstance(found, RejectedRow)
            assert expected is None or found.rejection == expected
            assert found.pfa_id == cells["pfs_id"].strip()
    assert alone or odd
    assert made == alone
    assert copied == list(map(as_copied, alone))
    assert uses == [counted, counted]
