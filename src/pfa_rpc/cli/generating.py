"""The command `pfa generate`: fills a database with invented records."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import INTERRUPTED, USAGE
from pfa_rpc.cli.options import AsJson, example
from pfa_rpc.cli.service import Database

if TYPE_CHECKING:
    from pfa_rpc.cli.render import Output
    from pfa_rpc.store.upkeep.generating import GeneratedSummary

GENERATE_EXAMPLE: Final = example(
    "pfa generate --records 100000 --organizations 5",
    "pfa generate --records 1000000 --organizations 30 --seed 1 --database postgresql://pfa@127.0.0.1/pfa",
)
_MOST_RECORDS: Final = 100_000_000
_MOST_ORGANIZATIONS: Final = 10_000
_LISTED: Final = 20


def generate_command(
    *,
    records: Annotated[
        int, typer.Option("--records", metavar="N", min=1, max=_MOST_RECORDS, help="How many records.")
    ] = 100_000,
    organizations: Annotated[
        int,
        typer.Option(
            "--organizations",
            metavar="N",
            min=1,
            max=_MOST_ORGANIZATIONS,
            help="How many organizations share them: some large, many small.",
        ),
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another seed gives other records.")] = 1,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            max=64,
            show_default=False,
            help="How many processes write at once (PostgreSQL); else one for each processor.",
        ),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Fill a database with invented records.

    They look like those of PEMS and obey every rule. The same numbers give the same records, in whatever database and
    by however many processes. The organizations are GEN01, GEN02 and so on, the largest first.

    A database with other data is refused. A run that was stopped is finished by running the same command again.
    """
    from pfa_rpc.cli.render import Output

    if records < organizations:
        raise CommandError("--records must be at least --organizations: each gets one or more", status=USAGE)
    output = Output(as_json=as_json)
    summary = _run(database, records, organizations, seed, processes or os.cpu_count() or 1)
    if as_json:
        output.document(summary.document())
        return
    _show(output, summary)


def _run(url: str | None, records: int, organizations: int, seed: int, processes: int) -> GeneratedSummary:
    import asyncio

    from pfa_rpc.cli.progress import counting
    from pfa_rpc.server.settings import Settings
    from pfa_rpc.store.database import Database
    from pfa_rpc.store.migrating.migrate import migrate
    from pfa_rpc.store.upkeep.generating import generate

    settings = Settings.load(database_url=url)

    async def run() -> GeneratedSummary:
        database = Database(settings.database_url)
        try:
            await migrate(database)
        finally:
            await database.close()
        with counting("generating") as progress:
            return await generate(
                settings.database_url,
                records=records,
                organizations=organizations,
                seed=seed,
                processes=processes,
                progress=progress,
            )

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        raise CommandError(
            "stopped; what was written stays. Run the same command again for the others", status=INTERRUPTED
        ) from None


def _show(output: Output, summary: GeneratedSummary) -> None:
    from rich.text import Text

    from pfa_rpc.cli.render import new_table
    from pfa_rpc.cli.text import count

    if not summary.written:
        output.line("Every record was there already.")
    table = new_table()
    table.add_column("organization")
    table.add_column("records", justify="right")
    for code, number in list(summary.organizations.items())[:_LISTED]:
        table.add_row(Text(code), Text(f"{number:,}"))
    output.show(table)
    more = len(summary.organizations) - _LISTED
    if more > 0:
        output.line(f"and {count(more, 'organization')} more")
    if summary.written:
        output.line(
            f"{count(summary.written, 'record')} in {summary.seconds:.1f} s "
            f"({summary.records_per_second:,.0f} records/s)"
        )
