"""The command `pfa import`: takes the file of a PEMS export into the database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import INTERRUPTED, INVALID_INPUT, USAGE
from pfa_rpc.cli.options import AsJson, example
from pfa_rpc.cli.service import Database

if TYPE_CHECKING:
    from datetime import tzinfo

    from pfa_rpc.cli.render import Output
    from pfa_rpc.sync.importing import ImportSummary, Progress

IMPORT_EXAMPLE: Final = example(
    "pfa import examples/pems_export.csv.gz --organizations RIO,RIO2,CAPE,DELTA,BAY-7",
    "pfa import export.csv --rejected /tmp/rejected.csv --json",
)
_LISTED: Final = 5
"""Duplicates, conflicts and unknown organizations that are shown one by one; --json tells of more."""


def import_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="The export: CSV in UTF-8, or that in gzip.")
    ],
    *,
    organizations: Annotated[
        str | None,
        typer.Option(
            "--organizations",
            metavar="CODES",
            show_default=False,
            help="Organizations whose rows are taken in, comma-separated; those that do not exist are created. "
            "None: every organization that exists.",
        ),
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", show_default=False, help="Where rows that are wrong go; without it FILE.rejected.csv."
        ),
    ] = None,
    time_zone: Annotated[
        str, typer.Option(metavar="NAME", help="Time zone of the last-modified stamps in the file: America/Denver.")
    ] = "UTC",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Take the rows of a PEMS export into the database.

    New rows become records, changed ones update theirs, and what was edited here is never overwritten. The same file a
    second time changes nothing.

    A row that is wrong is left out and kept: it goes, whole, to FILE.rejected.csv with its number, columns, values and
    reasons. Correct it there and import that file. Where nothing was rejected, that of an earlier import is removed.

    The exit status is 0 when the file was imported, some of its rows rejected or not; 3 when every row was rejected, or
    the file cannot be read as an export: then nothing was written. An import that was stopped is finished by running it
    again.
    """
    from pfa_rpc.cli.render import Output

    codes = _codes(organizations)
    zone = _zone(time_zone)
    if rejected is not None and file.exists() and rejected.exists() and rejected.samefile(file):
        raise CommandError("--rejected names the file that is to be imported", status=USAGE)
    output = Output(as_json=as_json)
    summary = _run(file, codes, rejected, zone, database)
    if as_json:
        output.document(summary.document())
    else:
        _show(output, summary)
    if summary.rows and summary.rejected_rows == summary.rows:
        raise CommandError("every row was rejected", status=INVALID_INPUT, notes=[_advice(file, summary)])


def _advice(file: Path, summary: ImportSummary) -> str:
    """Return what to do where every row was rejected."""
    from pfa_rpc.store.organizations import is_code

    # Names that are no codes cannot be given on a command line.
    codes = [code for code in _unknown(summary) if is_code(code)]
    if not codes:
        return f"correct them in {summary.rejected_file}, then import that file"
    return f"if they are yours, create the organizations: pfa import {file} --organizations {','.join(codes)}"


def _unknown(summary: ImportSummary) -> list[str]:
    """Return the codes that no organization has, those of most rows first."""
    return sorted(summary.unknown_organizations, key=lambda code: -summary.unknown_organizations[code])


def _codes(text: str | None) -> list[str]:
    """Return the codes in a comma-separated list, each once."""
    from pfa_rpc.store.organizations import is_code

    if text is None:
        return []
    codes = [code.strip() for code in text.split(",")]
    for code in codes:
        if not is_code(code):
            raise CommandError(
                f"--organizations takes codes such as RIO,BAY-7, not {code[:100]!r}; a code is 1 to 32 letters, "
                'digits, "-" and "_", beginning with a letter or digit',
                status=USAGE,
            )
    return list(dict.fromkeys(codes))


def _zone(name: str) -> tzinfo:
    from datetime import UTC
    from zoneinfo import ZoneInfo

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise CommandError(
            f"--time-zone takes an IANA name such as America/Denver, not {name!r}", status=USAGE
        ) from error


_COLLECT_AFTER: Final = 100_000
"""Objects made before the collector looks for cycles."""


def _run(file: Path, codes: list[str], rejected: Path | None, zone: tzinfo, url: str | None) -> ImportSummary:
    import asyncio
    import gc

    from pfa_rpc.server.settings import Settings
    from pfa_rpc.store.database import Database
    from pfa_rpc.store.migrating.migrate import migrate
    from pfa_rpc.sync.export_file import ExportFile
    from pfa_rpc.sync.importing import ImportSummary, import_file

    # Rows make no cycles: looking for some after every few hundred of them would take a tenth of the time.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    settings = Settings.load(database_url=url)
    summary = ImportSummary()

    async def run(export: ExportFile) -> None:
        database = Database(settings.database_url)
        try:
            await migrate(database)
            with _progress() as progress:
                await import_file(
                    database,
                    export,
                    organizations=codes,
                    rejected=rejected,
                    zone=zone,
                    summary=summary,
                    progress=progress,
                )
        finally:
            await database.close()

    try:
        # The file is opened first: one that is no export must not leave a new database behind.
        with ExportFile.open(file) as export:
            asyncio.run(run(export))
    except KeyboardInterrupt:
        raise CommandError(
            f"stopped; {summary.changed:,} records were written and stay. Run the same command again for the others",
            status=INTERRUPTED,
        ) from None
    return summary


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Give a progress bar on the terminal of standard error, or none where there is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from pfa_rpc.cli.render import make_console

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeRemainingColumn())
    with Progress(*columns, console=make_console(sys.stderr), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bar.add_task(phase, total=total or None, done="")
            speed = bar.tasks[tasks[phase]].speed
            bar.update(tasks[phase], completed=done, done=_done(phase, done, total, speed))

        yield tell


def _done(phase: str, done: int, total: int, speed: float | None) -> str:
    if phase == "reading":
        return f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB" if total else ""
    return f"{done:,} of {total:,} rows" + (f", {speed:,.0f} rows/s" if speed else "")


def _show(output: Output, summary: ImportSummary) -> None:
    """Print what an import did."""
    from pfa_rpc.cli.text import plain

    output.line(
        f"{plain(summary.file)}: {summary.rows:,} rows in {summary.seconds:.1f} s "
        f"({summary.rows_per_second:,.0f} rows/s)"
    )
    _show_organizations(output, summary)
    _show_rejected(output, summary)
    _show_left_out(output, summary)
    _show_conflicts(output, summary)
    if summary.unknown_columns:
        output.line(f"Columns that were passed over: {plain(', '.join(summary.unknown_columns))}")
    if summary.absent_columns:
        output.line(f"Columns that the file lacks, their fields stay as they are: {', '.join(summary.absent_columns)}")
    if not summary.changed:
        output.line("Nothing was changed.")


def _show_organizations(output: Output, summary: ImportSummary) -> None:
    """Print the table of outcomes by organization; columns without a row are left out."""
    from rich.text import Text

    from pfa_rpc.cli.render import new_table

    headings = {
        "inserted": "inserted",
        "updated": "updated",
        "restamped": "only the stamp",
        "unchanged": "unchanged",
        "conflicts": "conflicts",
        "deferred": "deferred",
    }
    shown = [name for name in headings if name in {"inserted", "updated", "unchanged"} or summary.total(name)]
    table = new_table()
    table.add_column("organization")
    for name in shown:
        table.add_column(headings[name], justify="right")
    for code, counts in sorted(summary.organizations.items()):
        created = " (new)" if code in summary.created else ""
        table.add_row(Text(code + created), *(Text(f"{getattr(counts, name):,}") for name in shown))
    table.add_row(Text("total", style="bold"), *(Text(f"{summary.total(name):,}", style="bold") for name in shown))
    output.show(table)


def _show_rejected(output: Output, summary: ImportSummary) -> None:
    from rich.text import Text

    from pfa_rpc.cli.render import new_table
    from pfa_rpc.cli.text import count, plain

    if not summary.rejected:
        return
    place = plain(summary.rejected_file or "")
    output.line(f"{count(summary.rejected_rows, 'row was', 'rows were')} rejected, see {place}:")
    table = new_table(heading=False)
    table.add_column(justify="right")
    table.add_column()
    for reason, number in sorted(summary.rejected.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(Text(f"{number:,}"), Text(reason))
    output.show(table)
    if summary.unknown_organizations:
        codes = _unknown(summary)
        more = ", …" if len(codes) > _LISTED else ""
        output.line(
            f"Unknown organizations, to be created by naming them with --organizations: "
            f"{plain(', '.join(code or '(none)' for code in codes[:_LISTED]))}{more}"
        )


def _show_left_out(output: Output, summary: ImportSummary) -> None:
    from pfa_rpc.cli.text import count, plain

    if summary.duplicates:
        output.line(f"{count(summary.duplicates, 'row has', 'rows have')} an id that a newer row of the file has too:")
        for duplicate in summary.duplicate_rows[:_LISTED]:
            output.line(
                f"  row {duplicate.row:,}: {duplicate.organization_id} {plain(duplicate.pfa_id)}, "
                f"taken from row {duplicate.kept_row:,}"
            )
        if summary.duplicates > _LISTED:
            output.line("  …")
    if summary.skipped:
        codes = ", ".join(f"{code} ({number:,})" for code, number in sorted(summary.skipped.items()))
        output.line(f"Rows of organizations that were not named, and passed over: {codes}")


def _show_conflicts(output: Output, summary: ImportSummary) -> None:
    from pfa_rpc.cli.text import count, plain

    if not summary.conflict_rows:
        return
    rows = count(summary.total("conflicts"), "row changes", "rows change")
    output.line(f"{rows} what was changed here too; the values of here stay:")
    for conflict in summary.conflict_rows[:_LISTED]:
        names = ", ".join(conflict.fields)
        output.line(f"  row {conflict.row:,}: {conflict.organization_id} {plain(conflict.pfa_id)}: {names}")
    if summary.total("conflicts") > _LISTED:
        output.line("  …")
