"""An export file is pulled into a database."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.cli.main import main
from pfa_rpc.errors import InvalidRequest, SetupError
from pfa_rpc.records.encode import Values
from pfa_rpc.schema import MERGED_FIELDS
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import create_organization, get_organization
from pfa_rpc.store.records import read_for_write, save_records
from pfa_rpc.store.tables import organization_revisions, records
from pfa_rpc.sync.export_file import ExportFile, UnreadableExport
from pfa_rpc.sync.importing import ImportSummary, import_file
from pfa_rpc.sync.staging import Staging
from tests.causes import CAUSE
from tests.integration.store.conftest import database

__all__ = ["database"]  # a fixture

ROOT = Path(__file__).resolve().parents[2]
EXPORT = ROOT / "examples" / "pems_export.csv.gz"
FACTS = json.loads((ROOT / "tests" / "fixtures" / "import_facts.json").read_text())
CODES = tuple(FACTS["records"])
HEADER = [
    *("pfs_id", "description", "pfs_a_org", "pfs_f_source", "pfs_f_dor"),
    *("pfs_f_actualized", "pfs_f_discontinued", "pfs_f_fundstrans", "pfs_f_rental", "pfs_f_purchase"),
    *("pfs_f_startdate", "pfs_f_enddate", "pfs_lastmodified"),
]
ROW = dict(
    zip(
        HEADER,
        [
            "1",
            "crane",
            "RIO",
            "RENTAL",
            "BEO",
            "N",
            "N",
            "N",
            "5,400.00",
            "",
            "03/01/2026",
            "06/01/2026",
            "06/01/2026 12:00",
        ],
        strict=True,
    )
)


def table(*rows: dict[str, str], header: Sequence[str] = HEADER) -> str:
    """Return the text of a CSV file; each row is ROW with changes."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for changes in rows:
        writer.writerow([(ROW | changes).get(name, "") for name in header])
    return text.getvalue()


@pytest.fixture(params=["sqlite", "partitioned"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Files, and PostgreSQL in its harder form: every table split by organization."""
    return str(request.param)


class Importer:
    """Imports texts into one database as files of one name."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.path = folder / "export.csv"

    async def __call__(self, content: str | bytes, codes: Sequence[str] = ("RIO",), **options: Any) -> ImportSummary:
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        return await self.file(self.path, codes, **options)

    async def file(self, path: Path, codes: Sequence[str] = ("RIO",), **options: Any) -> ImportSummary:
        """Import a file that exists."""
        with ExportFile.open(path) as export:
            return await import_file(self.database, export, organizations=codes, **options)

    @property
    def rejected(self) -> list[dict[str, str]]:
        """The rejected rows beside the file."""
        path = self.path.with_name("export.csv.rejected.csv")
        return read_table(path) if path.exists() else []

    async def values(self, pfa_id: str = "1", code: str = "RIO") -> Values:
        """Return the values of a record."""
        async with self.database.write(code, CAUSE) as write:
            return (await read_for_write(write, [pfa_id]))[pfa_id].values
        raise AssertionError

    async def revision(self, code: str = "RIO") -> int:
        """Return how many writes an organization has seen."""
        async with self.database.reading() as connection:
            return (await get_organization(connection, code)).revision.number

    async def edit(self, state: str = "modified", **changes: Any) -> None:
        """Edit record 1 as a person would."""
        async with self.database.write("RIO", CAUSE) as write:
            before = (await read_for_write(write, ["1"]))["1"]
            after = before.copy()
            after.base = after.base or {field.name: before.values[field.name] for field in MERGED_FIELDS}
            after.values |= changes | {"sync_state": state, "modified_fields": tuple(changes)}
            await save_records(write, await get_organization(write.connection, "RIO"), [(before, after)])


@pytest.fixture
def importing(database: Database, tmp_path: Path) -> Importer:
    """An importer into the empty database."""
    return Importer(database, tmp_path)


def read_table(path: Path, errors: str = "strict") -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8-sig", errors=errors, newline="") as file:
        return list(csv.DictReader(file))


def correct(path: Path, wrong: str, right: str) -> None:
    """Edit a file as a person would."""
    path.write_bytes(path.read_bytes().replace(wrong.encode(), right.encode()))


async def counts(database: Database) -> dict[str, int]:
    """Return the number of records by organization."""
    query = sa.select(records.c.organization_id, sa.func.count()).group_by(records.c.organization_id)
    async with database.reading() as connection:
        return {code: number for code, number in await connection.execute(query)}  # noqa: C416 (rows are no pairs to mypy)


async def revisions(database: Database) -> dict[str, tuple[int, int]]:
    """Return the revision pair of each organization."""
    table = organization_revisions.c
    async with database.reading() as connection:
        found = await connection.execute(sa.select(table.organization_id, table.revision, table.nonce))
        return {code: (revision, nonce) for code, revision, nonce in found}


async def test_the_export_gives_the_records_it_should_and_its_bad_rows_their_reasons(
    importing: Importer, tmp_path: Path
) -> None:
    """Exactly the known bad rows are rejected, for the known reasons; nothing is lost."""
    path = tmp_path / "rejected.csv"
    summary = await importing.file(EXPORT, CODES, rejected=path)
    assert await counts(importing.database) == FACTS["records"]
    found = {
        int(row["rejected_row"]): [row["rejected_reason"], row["rejected_value"], row["pfs_id"]]
        for row in read_table(path)
    }
    assert found == {int(number): fault for number, fault in FACTS["rejected"].items()}
    assert summary.rejected == Counter(reason for reason, _, _ in FACTS["rejected"].values())
    assert (summary.rows, summary.total("inserted"), summary.duplicates) == (20_300, 20_220, 20)
    assert sorted(summary.created) == sorted(CODES)
    assert summary.rows == summary.changed + summary.rejected_rows + summary.duplicates
    # A second time it changes nothing: no record, no revision; and the summary says so.
    before = await revisions(importing.database)
    summary = await importing.file(EXPORT, CODES, rejected=path)
    assert (summary.changed, summary.total("unchanged"), summary.created) == (0, 20_220, [])
    assert await revisions(importing.database) == before


async def test_a_corrected_file_of_rejected_rows_can_be_imported(importing: Importer) -> None:
    """It holds the rows whole, line breaks included; the columns of ours are passed over and not doubled."""
    text = 'a "crane",\r\nwith é and a second line'
    summary = await importing(table({}, {"pfs_id": "2", "description": text, "pfs_f_dor": "CORP"}))
    assert (summary.total("inserted"), summary.rejected) == (1, {"unknown dor": 1})
    assert summary.rejected_file == str(importing.path) + ".rejected.csv"
    wrong = Path(summary.rejected_file)
    summary = await importing.file(wrong)
    assert summary.unknown_columns == []
    again = read_table(Path(str(summary.rejected_file)))
    assert [row["rejected_reason"] for row in again] == ["unknown dor"]
    correct(wrong, "CORP,", "BEO,")
    assert (await importing.file(wrong)).total("inserted") == 1
    assert (await importing.values("2"))["description"].splitlines() == text.splitlines()


NO_TEXT = [
    ("description", "a\0b", "description holds U+0000"),
    ("description", "\ud800", "description holds half of a surrogate pair, or bytes that are not UTF-8"),
    ("pfs_id", "2\0", "pfs_id holds U+0000"),
    ("pfs_id", "2\udfff", "pfs_id holds half of a surrogate pair, or bytes that are not UTF-8"),
    ("pfs_a_org", "RIO\0", "unknown organization"),
    ("pfs_f_source", "RENTAL\0", "unknown source"),
    ("pfs_f_startdate", "03/01/2026\0", "forecast start is not a date"),
    ("pfs_f_startdate", "01/01/0000", "forecast start is not a date"),
    ("pfs_f_enddate", "01/01/10000", "forecast end is not a date"),
    ("pfs_f_rental", "NaN", "monthly rate is not a number"),
    ("pfs_f_rental", "1" + "0" * 5_000, "monthly rate is too large"),
    ("pfs_f_category", "".join(map(chr, range(0x4E00, 0x4E00 + 9_000))), "category is longer than 400 characters"),
    ("pfs_f_category", "x" * 100_000, "cell is longer than 10,000 characters"),
]


async def test_what_no_database_holds_rejects_its_row_alone_with_the_reason(importing: Importer) -> None:
    """The row is in the file of rejected rows as it came."""
    header = [*HEADER, "pfs_f_category"]
    odd = [{"pfs_id": str(100 + number), column: text} for number, (column, text, _) in enumerate(NO_TEXT)]
    summary = await importing(table({}, *odd, header=header).encode(errors="surrogatepass"))
    assert (summary.total("inserted"), summary.rejected_rows) == (1, len(NO_TEXT))
    found = read_table(Path(str(summary.rejected_file)), "surrogatepass")
    reasons = [(row["rejected_column"], row["rejected_reason"]) for row in found]
    assert reasons == [(column, reason) for column, _, reason in NO_TEXT]
    assert [row[column] for row, (column, _, _) in zip(found, NO_TEXT, strict=True)] == [text for _, text, _ in NO_TEXT]
    assert json.loads(json.dumps(summary.document()))["unknown_organizations"] == {"RIO\ufffd": 1}


async def test_rejected_rows_of_an_earlier_import_go_away(importing: Importer) -> None:
    """The file tells of the last import of its export."""
    await importing(table({"pfs_f_dor": "x"}))
    assert len(importing.rejected) == 1
    assert (await importing(table({}))).rejected_file is None
    assert not importing.path.with_name("export.csv.rejected.csv").exists()


async def test_another_file_is_never_overwritten_with_rejected_rows(importing: Importer, tmp_path: Path) -> None:
    """A slip in --rejected must not cost a file."""
    precious = tmp_path / "precious.csv"
    precious.write_text("a,b\n1,2\n")
    with pytest.raises(SetupError, match="is not a file of rejected rows"):
        await importing(table({}), rejected=precious)
    assert precious.read_text() == "a,b\n1,2\n"
    assert await counts(importing.database) == {}


async def test_where_rejected_rows_cannot_be_written_nothing_is_imported(importing: Importer, tmp_path: Path) -> None:
    """They would be lost."""
    with pytest.raises(SetupError, match="name another file"):
        await importing(table({}, {"pfs_id": "2", "pfs_f_dor": "x"}), rejected=tmp_path / "nowhere" / "x.csv")
    assert await counts(importing.database) == {}


async def test_rows_of_the_wrong_width_are_rejected(importing: Importer) -> None:
    """They do not shift values into other columns."""
    lines = table({}).splitlines()
    summary = await importing("\n".join([*lines, lines[1] + ",more", "2,RIO", "", lines[1].replace("1,", "3,", 1)]))
    assert summary.rejected == {"too many cells": 1, "too few cells": 1}
    assert summary.total("inserted") == 2
    assert [row["rejected_value"] for row in importing.rejected] == ["14", "2"]


async def test_the_newer_of_two_rows_with_one_id_wins(importing: Importer) -> None:
    """On a tie the later one; a bad row does not beat a good one; another organization's id is another id."""
    rows = [
        {"description": "old", "pfs_lastmodified": "06/01/2026 12:00"},
        {"description": "newest", "pfs_lastmodified": "06/03/2026 12:00"},
        {"description": "newer", "pfs_lastmodified": "06/02/2026 12:00"},
        {"description": "bad", "pfs_lastmodified": "06/04/2026 12:00", "pfs_f_dor": "x"},
        {"description": "tie", "pfs_lastmodified": "06/03/2026 12:00"},
        {"description": "other", "pfs_a_org": "CAPE"},
    ]
    summary = await importing(table(*rows), ("RIO", "CAPE"))
    assert (await importing.values())["description"] == "tie"
    assert [(duplicate.row, duplicate.kept_row) for duplicate in summary.duplicate_rows] == [(1, 2), (3, 2), (2, 5)]
    assert (summary.duplicates, summary.rejected_rows, summary.total("inserted")) == (3, 1, 2)


async def test_a_local_edit_is_never_overwritten(importing: Importer) -> None:
    """What PEMS changed elsewhere is taken; the same field is a conflict that is told of."""
    await importing(table({}))
    await importing.edit(forecast_end=date(2026, 9, 1))
    changed = {"description": "new", "pfs_lastmodified": "06/02/2026 12:00"}
    summary = await importing(table(changed))
    values = await importing.values()
    assert summary.total("updated") == 1
    assert (values["forecast_end"], values["description"]) == (date(2026, 9, 1), "new")
    assert (values["sync_state"], values["modified_fields"]) == ("modified", ("forecast_end",))
    conflicting = table(changed | {"pfs_f_enddate": "10/01/2026", "pfs_lastmodified": "06/03/2026 12:00"})
    summary = await importing(conflicting)
    assert (summary.total("conflicts"), summary.conflict_rows[0].fields) == (1, ("forecast_end",))
    assert (await importing.values())["forecast_end"] == date(2026, 9, 1)
    assert (await importing(conflicting)).changed == 0


async def test_a_record_that_is_being_written_is_deferred_and_looked_at_again(importing: Importer) -> None:
    """The row is not counted as seen."""
    await importing(table({}))
    await importing.edit("pending_sync", category="Pumps")
    newer = table({"description": "new", "pfs_lastmodified": "06/02/2026 12:00"})
    before = await importing.values()
    assert (await importing(newer)).total("deferred") == 1
    assert await importing.values() == before
    await importing.edit("modified", category="Pumps")
    assert (await importing(newer)).total("updated") == 1
    assert (await importing.values())["description"] == "new"


async def test_columns_come_in_any_order_and_unknown_ones_are_named(importing: Importer) -> None:
    """Names are compared without case and spaces; a column that is absent leaves its field as it is."""
    await importing(table({}))
    header = [" PFS_ID ", "pfs_new", "", *reversed([name for name in HEADER[2:] if name != "pfs_id"])]
    content = table({" PFS_ID ": "1", "pfs_lastmodified": "06/02/2026 12:00", "pfs_f_rental": "1"}, header=header)
    summary = await importing(content)
    assert summary.unknown_columns == ["pfs_new", "column 3 (without a name)"]
    assert "description" in summary.absent_columns
    values = await importing.values()
    assert (values["description"], values["monthly_rate"]) == ("crane", 10_000)


async def test_without_organizations_every_one_that_exists_is_taken(importing: Importer) -> None:
    """None is created; a code that no organization has is told of."""
    await create_organization(importing.database, "RIO")
    summary = await importing(table({}, {"pfs_id": "2", "pfs_a_org": "RI0"}), ())
    assert (summary.total("inserted"), summary.unknown_organizations, summary.created) == (1, {"RI0": 1}, [])


async def test_rows_of_organizations_that_were_not_named_are_passed_over(importing: Importer) -> None:
    """They are not wrong, so they are not rejected."""
    await create_organization(importing.database, "CAPE")
    summary = await importing(table({}, {"pfs_id": "2", "pfs_a_org": "CAPE"}))
    assert (summary.skipped, summary.rejected_rows, await counts(importing.database)) == ({"CAPE": 1}, 0, {"RIO": 1})


async def test_a_malformed_code_is_refused(importing: Importer) -> None:
    """Before anything is read."""
    with pytest.raises(InvalidRequest, match="not the code of an organization"):
        await importing(table({}), ("RIO", "no code"))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf\n\n", "it is empty"),
        (b"a,b,c\n1,2,3\n", "names no column of PEMS"),
        (b"pfs_id;pfs_a_org\n1;RIO\n", "separated by semicolons"),
        (b"pfs_id,pfs_a_org\n1,RIO\n", "it lacks the columns pfs_f_source, pfs_f_dor"),
        (",".join([*HEADER[:-2], "pfs_lastmodified"]).encode(), "it lacks the column pfs_f_enddate"),
        (",".join([*HEADER, "PFS_ID"]).encode(), "names more than once: pfs_id"),
        (b"PK\x03\x04rest", "an Excel workbook"),
        (b"PK,pfs_id,pfs_a_org\n7,1,RIO\n", "it lacks the columns pfs_f_source"),  # a header, not the start of a ZIP
        ("pfs_id,x".encode("utf-16"), "UTF-16"),
        (b"\x7fELF\0\0", "zero byte, at byte 4"),
        (b"pfs_id," + b"x" * (2 << 20), "longer than"),
        (table({"description": "caf\xe9"}).encode("latin-1"), "row 1 (line 2) is not UTF-8: 0xe9 at byte"),
        (table({}).encode() + b'2,"open\n' * 3, "row 2"),
        (table({}).encode() + b'2,"a" b,RIO\n', "text follows a closing quotation mark"),
        (table({}).encode() + b'2,"' + b"y" * 200_000 + b'"\n', "a cell is far too long"),
        (table({}).replace("\r\n", "\r").encode(), "bare carriage returns"),
        (
            gzip.compress(table(*[{"pfs_id": str(n)} for n in range(5000)]).encode())[:-20],
            "the gzip file ends too early",
        ),
        (gzip.compress(table({}).encode())[:-8] + b"\0" * 8, "cannot be read further"),
        (b"\x1f\x8bnonsense", "cannot be read further"),
    ],
)
async def test_a_file_that_is_no_export_imports_nothing(importing: Importer, content: bytes, text: str) -> None:
    """It gets a sentence that names the place, before anything is written."""
    with pytest.raises(UnreadableExport) as caught:
        await importing(content)
    assert text in caught.value.message
    assert await counts(importing.database) == {}
    assert await revisions(importing.database) == {}
    assert sorted(path.name for path in importing.path.parent.iterdir() if "rejected" in path.name) == []


async def test_gzip_is_told_by_its_first_bytes(importing: Importer) -> None:
    """The name of the file does not matter."""
    assert (await importing(gzip.compress(b"\xef\xbb\xbf" + table({}).encode()))).total("inserted") == 1


async def test_an_export_can_come_through_a_pipe(importing: Importer, tmp_path: Path) -> None:
    """It is read once, from front to back."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = table(*[{"pfs_id": str(number)} for number in range(1_000)]).encode()
    writing = asyncio.create_task(asyncio.to_thread(pipe.write_bytes, content))
    with await asyncio.to_thread(ExportFile.open, pipe) as export:
        summary = await import_file(importing.database, export, organizations=["RIO"])
    await writing
    assert summary.total("inserted") == 1_000


async def test_a_full_disk_under_the_staged_rows_imports_nothing(
    importing: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says where the rows are kept, and how to have them elsewhere."""

    def small(self: Staging) -> None:
        begin(self)
        self._database.execute("PRAGMA max_page_count = 20")

    begin = Staging.__init__
    monkeypatch.setattr(Staging, "__init__", small)
    with pytest.raises(SetupError, match="TMPDIR"):
        await importing(table(*[{"pfs_id": str(number)} for number in range(1_000)]))
    assert await counts(importing.database) == {}


async def test_money_dates_and_costs_arrive_in_the_record(importing: Importer) -> None:
    """92 days at 5,400 a month."""
    await importing(table({}))
    values = await importing.values()
    assert (values["monthly_rate"], values["forecast_end"]) == (54_000_000, date(2026, 6, 1))
    assert values["forecast_cost"] == 1_632_063
    assert values["sync_state"] == "pristine"


async def test_an_import_that_is_stopped_leaves_whole_batches_and_can_be_finished(importing: Importer) -> None:
    """What was committed stays; the second run takes the others."""
    content = table(*[{"pfs_id": str(number)} for number in range(2500)])
    importing.path.write_text(content)
    summary = ImportSummary()
    started = asyncio.Event()

    def stop_after_a_batch(phase: str, done: int, _total: int) -> None:
        if phase == "writing" and done:
            started.set()

    task = asyncio.create_task(importing.file(importing.path, summary=summary, progress=stop_after_a_batch))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    committed = (await counts(importing.database))["RIO"]
    assert committed in (1000, 2000)
    again = await importing.file(importing.path)
    assert (again.total("inserted"), again.total("unchanged")) == (2500 - committed, committed)


async def test_an_import_that_is_stopped_while_reading_writes_nothing(importing: Importer) -> None:
    """Not even the file of rejected rows."""
    importing.path.write_text(table(*[{"pfs_id": str(number), "pfs_f_dor": "x"} for number in range(20_000)]))
    loop = asyncio.get_running_loop()
    started = asyncio.Event()
    task = asyncio.create_task(
        importing.file(importing.path, progress=lambda *_: loop.call_soon_threadsafe(started.set) and None)
    )
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await revisions(importing.database) == {}
    assert [path.name for path in importing.path.parent.glob("*rejected*")] == []
    assert [path.name for path in importing.path.parent.glob(".*partial")] == []


# --- the command


def pfa(folder: Path, *arguments: str) -> int:
    """Run `pfa import` on a database in a folder."""
    return main(["import", "--database", f"sqlite:///{folder}/command.sqlite3", *arguments])


def test_the_command_shows_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table by organization, the rejected rows by reason, what was passed over."""
    path = tmp_path / "export.csv"
    path.write_text(table({}, {}, {"pfs_id": "2", "pfs_a_org": "RI0"}))
    assert pfa(tmp_path, str(path), "--organizations", "RIO,BAY-7") == 0
    out = capsys.readouterr().out
    assert "RIO (new)" in out
    assert "1 row was rejected" in out
    assert "unknown organization" in out
    assert "--organizations: RI0" in out
    assert "row 1: RIO 1, taken from row 2" in out
    assert pfa(tmp_path, str(path)) == 0
    assert "Nothing was changed." in capsys.readouterr().out


def test_the_command_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Totals, organizations, and what was left out."""
    path = tmp_path / "export.csv"
    path.write_text(table({}, {"pfs_id": "2", "pfs_f_dor": "x"}))
    assert pfa(tmp_path, str(path), "--organizations", "RIO", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rows"], document["inserted"], document["rejected_rows"]) == (2, 1, 1)
    assert document["rejected"] == {"unknown dor": 1}
    assert document["organizations"]["RIO"]["inserted"] == 1
    assert document["rows_per_second"] > 0


def test_where_every_row_is_rejected_the_command_fails_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(table({}, {"pfs_id": "2", "pfs_a_org": "CAPE"}, {"pfs_id": "3", "pfs_a_org": "no code"}))
    assert pfa(tmp_path, str(path)) == 3
    told = capsys.readouterr()
    assert "3 rows were rejected" in told.out
    assert "every row was rejected" in told.err
    assert f"pfa import {path} --organizations RIO,CAPE" in told.err
    assert pfa(tmp_path, str(path), "--organizations", "RIO,CAPE") == 0
    capsys.readouterr()
    path.write_text(table({"pfs_f_dor": "x"}))
    assert pfa(tmp_path, str(path), "--organizations", "RIO", "--json") == 3
    told = capsys.readouterr()
    assert json.loads(told.out)["rejected_rows"] == 1
    assert f"correct them in {path}.rejected.csv" in told.err
    path.write_text(table())
    assert pfa(tmp_path, str(path)) == 0


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["EXPORT", "--organizations", "no code"], 2),
        (["EXPORT", "--organizations", "RIO,,CAPE"], 2),
        (["EXPORT", "--time-zone", "Mars/Olympus"], 2),
        (["EXPORT", "--rejected", "EXPORT"], 2),
        (["missing.csv"], 3),
        (["."], 3),
    ],
)
def test_the_command_ends_with_a_status_for_each_failure(
    arguments: list[str], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence on standard error, and no database left behind."""
    path = tmp_path / "export.csv"
    path.write_text(table({}))
    assert pfa(tmp_path, *[argument.replace("EXPORT", str(path)) for argument in arguments]) == status
    assert capsys.readouterr().err.startswith("pfa: ")
    assert not (tmp_path / "command.sqlite3").exists()


def test_ctrl_c_stops_the_command_with_one_sentence(tmp_path: Path) -> None:
    """What was committed stays, and the command says how to go on."""
    path = tmp_path / "export.csv"
    path.write_text(table(*[{"pfs_id": str(number)} for number in range(30_000)]))
    url = f"sqlite:///{tmp_path}/command.sqlite3"
    code = "import sys; from pfa_rpc.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "import", str(path), "--organizations", "RIO", "--database", url],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("PFA_")},
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not Path(f"{tmp_path}/command.sqlite3-wal").exists():
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.startswith("pfa: stopped; ")
    assert "Traceback" not in error
