"""Whatever PEMS puts into a cell, a run goes on: the row is rejected with its reason, its record stays as it was."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from pfa_rpc.simulator.faults import Match, Reply
from pfa_rpc.simulator.layout import Layout
from pfa_rpc.simulator.rows import Image
from pfa_rpc.store.syncing.cursors import RejectedRow, list_rejected
from pfa_rpc.store.syncing.runs import Mode, RunState
from tests.integration.store.conftest import make_migrated
from tests.integration.sync.test_pull import ROWS, Site, site, site_at
from tests.servers.stock import Stock

__all__ = ["site"]  # a fixture

NEITHER: Final = "is neither text nor a number"
ZERO: Final = "holds U+0000"
HALF: Final = "holds half of a surrogate pair, or bytes that are not UTF-8"
TOO_LONG: Final = "cell is longer than 10,000 characters"
_rng: Final = random.Random(7)
LONG_NAME: Final = "".join(chr(_rng.randrange(0x4E00, 0x9FFF)) for _ in range(9_000))
"""A text that cannot be compressed, so that no index of a database holds it."""

ODD: Final[Sequence[tuple[str, str, str]]] = (
    ("pfs_f_model", r'"a\u0000b"', f"model {ZERO}"),
    ("pfs_f_category", r'"\u0000"', f"category {ZERO}"),
    ("description", r'"half \ud83d"', f"description {HALF}"),
    ("pfs_f_area", r'"\ude00\ud83d"', f"area {HALF}"),
    ("pfs_f_class", '"\udcff\udcfe"', f"class {HALF}"),
    ("pfs_lastmodifiedby", r'"o\u0000kafor"', f"modified in PEMS by {ZERO}"),
    ("pfs_f_source", r'"RENTAL\u0000"', "unknown source"),
    ("pfs_f_startdate", r'"03/01/2026\u0000"', "forecast start is not a date"),
    ("pfs_f_rental", r'"5,400.00\ud800"', "monthly rate is not a number"),
    ("pfs_f_rental", "1e400", "monthly rate is not a number"),
    ("pfs_f_rental", "1e999999999999999999999", "monthly rate is not a number"),
    ("pfs_f_rental", "1" + "0" * 5_000, "monthly rate is too large"),
    ("pfs_f_rental", '"100000000000.0001"', "monthly rate is too large"),
    ("pfs_f_rental", "1234567890.12345", "monthly rate has more than 4 decimals"),
    ("pfs_f_purchase", "NaN", f"purchase price {NEITHER}"),
    ("pfs_f_purchase", "-Infinity", f"purchase price {NEITHER}"),
    ("pfs_f_model", "Infinity", f"model {NEITHER}"),
    ("pfs_f_model", "true", f"model {NEITHER}"),
    ("pfs_f_model", '["a", "b"]', f"model {NEITHER}"),
    ("pfs_f_model", '{"id":7,"D":[{"n":1,"value":"x"}]}', f"model {NEITHER}"),
    ("pfs_f_model", '[{"id":7},{"id":8}]', f"model {NEITHER}"),
    ("pfs_f_startdate", "20260301", "forecast start is not a date"),
    ("pfs_f_startdate", "false", f"forecast start {NEITHER}"),
    ("pfs_f_startdate", '"02/30/2026"', "forecast start is not a date"),
    ("pfs_f_enddate", '"01/01/10000"', "forecast end is not a date"),
    ("pfs_f_enddate", '"01/01/0000"', "forecast end is not a date"),
    ("pfs_lastmodified", '"06/13/2026 25:61"', "modified in PEMS is not a date"),
    ("pfs_f_actualized", '"perhaps"', "flag is neither yes nor no"),
    ("pfs_f_actualized", "2", "flag is neither yes nor no"),
    ("pfs_f_actualized", "[true]", f"actualized {NEITHER}"),
    ("description", f'"{"x" * (1 << 20)}"', TOO_LONG),
    ("pfs_f_source", f'"{"x" * (1 << 20)}"', TOO_LONG),
    ("pfs_f_category", f'"{LONG_NAME}"', "category is longer than 400 characters"),
    ("pfs_f_area", f'"{LONG_NAME}"', "area is longer than 400 characters"),
    ("pfs_f_model", '"A","value":"B"', "model comes twice"),
)
"""Column, what stands in it as JSON, where halves of pairs stand for bytes that are not UTF-8, and the reason."""


class OddLayout(Layout):
    """A grid that puts anything in place of values: id → (column, JSON)."""

    odd: Mapping[str, tuple[str, str]]

    def rows(self, images: Sequence[Image], first: int) -> list[bytes]:
        """Return rows as JSON."""
        found = zip(images, super().rows(images, first), strict=True)
        return [self._replaced(row, *self.odd[i.pfa_id]) if i.pfa_id in self.odd else row for i, row in found]

    def _replaced(self, row: bytes, alias: str, json: str) -> bytes:
        cell = re.compile(rb'(?<="n":%d,"value":)(?:"[^"]*"|null)' % self.numbers[alias])
        return cell.sub(lambda _: json.encode(errors="surrogateescape"), row)


def put(site: Site, odd: Mapping[str, tuple[str, str]]) -> None:
    """Let PEMS send something else in a cell of some rows: id → (column, JSON)."""
    layout = OddLayout(site.simulator.settings, site.simulator.installation.locale)
    layout.odd = odd
    site.simulator._exchange.grid.layout = layout


async def rejected(site: Site) -> dict[str, RejectedRow]:
    """Return the rejected rows by key."""
    async with site.database.reading() as connection:
        rows = await list_rejected(connection, site.organization_id, limit=1_000)
    return {row.row_key: row for row in rows}


async def test_whatever_stands_in_a_cell_rejects_its_row_alone_with_the_reason(site: Site) -> None:
    """Of records that are there already: they keep their last good values, and say why."""
    await site.run()
    before = {pfa_id: await site.values(pfa_id) for pfa_id in site.ids()}
    odd = dict(zip(site.ids(), ODD, strict=False))
    put(site, {pfa_id: (alias, json) for pfa_id, (alias, json, _) in odd.items()})
    run = await site.run(Mode.FULL)
    assert (run.state, run.message) == (RunState.SUCCEEDED, "")
    assert (run.counts.fetched, run.counts.rejected, run.counts.vanished) == (ROWS, len(ODD), 0)
    listed = await rejected(site)
    found = {pfa_id: (row.faults[0][0], row.faults[0][2]) for pfa_id, row in listed.items()}
    assert found == {pfa_id: (alias, reason) for pfa_id, (alias, _, reason) in odd.items()}
    for pfa_id, (_, _, reason) in odd.items():
        record = await site.values(pfa_id)
        assert reason in record["rejected_reason"]
        assert record | {"rejected_reason": None} == before[pfa_id]
    assert max(len(text) for row in listed.values() for text in row.cells.values()) <= 1_000
    revision = await site.revision()
    again = await site.run(Mode.FULL)
    assert (again.state, again.counts.rejected, await site.revision()) == (RunState.SUCCEEDED, len(ODD), revision)


async def test_rows_that_were_odd_from_the_first_are_taken_in_once_they_are_mended(site: Site) -> None:
    odd = dict(zip(site.ids(), ODD, strict=False))
    put(site, {pfa_id: (alias, json) for pfa_id, (alias, json, _) in odd.items()})
    run = await site.run()
    assert (run.state, run.counts.rejected, run.counts.inserted) == (RunState.SUCCEEDED, len(ODD), ROWS - len(ODD))
    assert set(await rejected(site)) == set(odd)
    put(site, {})
    run = await site.run(Mode.FULL)
    assert (run.counts.rejected, run.counts.inserted) == (0, len(ODD))
    assert await rejected(site) == {}


@pytest.mark.parametrize(
    ("json", "reason"),
    [
        ("null", "missing pfs_id"),
        (r'"9\u0000"', f"pfs_id {ZERO}"),
        (r'"9\ud800"', f"pfs_id {HALF}"),
        (f'"{"9" * 5_000}"', "pfs_id is longer than 200 characters"),
        ('["9"]', f"PFA id {NEITHER}"),
        ("true", f"PFA id {NEITHER}"),
    ],
)
async def test_an_id_that_is_none_rejects_its_row_and_the_pages_go_on(site: Site, json: str, reason: str) -> None:
    """It is the last of a page, from which the next page is asked for; the record is believed gone by nobody."""
    await site.run()
    last = site.ids()[19]
    put(site, {last: ("pfs_id", json)})
    run = await site.run(Mode.FULL)
    assert (run.state, run.message) == (RunState.SUCCEEDED, "")
    assert (run.counts.fetched, run.counts.rejected, run.counts.vanished) == (ROWS, 1, 0)
    ((key, row),) = (await rejected(site)).items()
    assert (key.startswith("#"), row.pfa_id) == (True, "")
    assert reason in [fault[2] for fault in row.faults]
    assert not (await site.values(last))["deleted_in_pems"]


async def test_a_refusal_in_what_is_no_text_ends_the_run_with_a_sentence_all_the_same(site: Site) -> None:
    said = r'{"ErrorAlert": [{"Message": "Not \u0000 today \ud800."}], "Result": null}'
    site.simulator.faults.add(Reply(400, said), Match(call="DATA"))
    run = await site.run()
    assert (run.state, run.message) == (RunState.FAILED, "PEMS says: Not \ufffd today \ufffd.")


async def test_a_column_whose_name_is_no_text_is_told_of(database_kind: str, stock: Stock, tmp_path: Path) -> None:
    with stock.copy(database_kind, tmp_path, make_migrated) as (url, _):
        async with site_at(url, simulator={"extra_columns": ("odd\0\ud800",)}) as site:
            run = await site.run()
    assert (run.state, run.counts.inserted) == (RunState.SUCCEEDED, ROWS)
    assert run.notes == ("odd\ufffd\ufffd is not known: it is passed over",)


async def test_stamps_of_the_first_day_of_the_calendar_are_no_reason_to_stop(site: Site) -> None:
    for pfa_id in site.ids():
        before = site.simulator.row(pfa_id)
        values = {**before.values, "pfs_lastmodified": "01/01/0001 00:00"}
        site.simulator.rows.replace(Image(values, before.recordid))
    assert (await site.run()).counts.inserted == ROWS
    first = site.ids()[0]
    site.simulator.edit(first, {"pfs_f_model": "Z-9"})
    run = await site.run()
    assert (run.state, run.counts.updated) == (RunState.SUCCEEDED, 1)
