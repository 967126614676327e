"""The command `pfa copy`: copies one database into another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import CONFLICT, INTERRUPTED, USAGE
from pfa_rpc.cli.options import AsJson, example

if TYPE_CHECKING:
    from pfa_rpc.cli.render import Output
    from pfa_rpc.store.upkeep.copying import CopySummary

COPY_EXAMPLE: Final = example(
    "pfa copy --from sqlite:///pfa.sqlite3 --to postgresql://pfa@127.0.0.1/pfa",
    "pfa copy --from postgresql://pfa@127.0.0.1/pfa --to sqlite:////var/backups/pfa.sqlite3",
)


def copy_command(
    *,
    source: Annotated[str, typer.Option("--from", metavar="URL", show_default=False, help="The database to read.")],
    target: Annotated[
        str, typer.Option("--to", metavar="URL", show_default=False, help="The database to write; it gets its tables.")
    ],
    as_json: AsJson = False,
) -> None:
    """Copy one database into another, of the same kind or not.

    Organizations, records, vocabulary and the keys of tokens come over as they are, and are compared at the end:
    numbers of records, sums of money, and a digest of every record. A target with other data is refused.

    A copy that was stopped goes on when the same command is run again; so does one whose source has changed since.
    The service at the source may run meanwhile: each organization is copied as of one moment. The exit status is 7
    where one has changed since then, or where the target has other data; 8 where the two are not equal.
    """
    from pfa_rpc.cli.render import Output

    if source == target:
        raise CommandError("--from and --to name the same database", status=USAGE)
    output = Output(as_json=as_json)
    summary = _run(source, target)
    if as_json:
        output.document(summary.document())
    else:
        _show(output, summary)
    if summary.behind:
        raise CommandError(
            f"changed at the source while it was copied: {', '.join(summary.behind)}; run the same command again for "
            "what changed",
            status=CONFLICT,
        )


def _run(source_url: str, target_url: str) -> CopySummary:
    import asyncio
    from contextlib import AsyncExitStack

    from pfa_rpc.cli.progress import counting
    from pfa_rpc.store.database import Database
    from pfa_rpc.store.existing import require_existing
    from pfa_rpc.store.migrating.migrate import migrate
    from pfa_rpc.store.upkeep.copying import copy

    async def run() -> CopySummary:
        async with AsyncExitStack() as stack:
            source = Database(source_url)
            stack.push_async_callback(source.close)
            target = Database(target_url)
            stack.push_async_callback(target.close)
            await require_existing(source, source_url)
            await migrate(target)
            with counting("copying") as progress:
                return await copy(source, target, progress=progress)

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        raise CommandError(
            "stopped; what was copied stays. Run the same command again for the rest", status=INTERRUPTED
        ) from None


def _show(output: Output, summary: CopySummary) -> None:
    from rich.text import Text

    from pfa_rpc.cli.render import new_table

    table = new_table()
    for heading in ("organization", "records", "inserted", "replaced", "digest"):
        table.add_column(heading, justify="left" if heading in {"organization", "digest"} else "right")
    for code, one in summary.organizations.items():
        numbers = (f"{number:,}" for number in (one.records, one.inserted, one.replaced))
        table.add_row(Text(code), *map(Text, numbers), Text(one.digest))
    output.show(table)
    output.line(f"Both sides are equal. It took {summary.seconds:.1f} s.")
