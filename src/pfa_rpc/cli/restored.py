"""The command `pfa restored`: what to run after a database was restored, so that no cache is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli.options import AsJson, example
from pfa_rpc.cli.service import Database

if TYPE_CHECKING:
    from pfa_rpc.records.revision import Revision

RESTORED_EXAMPLE: Final = example(
    "pfa restored --database postgresql://pfa@127.0.0.1/pfa", "pfa restored --organization RIO"
)


def restored_command(
    *,
    organization: Annotated[
        list[str] | None,
        typer.Option(
            "--organization",
            "-o",
            metavar="CODE",
            show_default=False,
            help="This organization; may be given again. None: every one.",
        ),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make every cached answer out of date after a database was restored.

    Each organization, and each chunk of its records, gets a new revision with a new nonce, so that nothing which a
    cache kept from before is taken for what the database holds now. No record changes. The service may run meanwhile,
    and the command may be run again; afterwards readers fill the caches anew.
    """
    from pfa_rpc.cli.render import Output, new_table
    from pfa_rpc.cli.text import count, plain

    output = Output(as_json=as_json)
    renewed = _run(database, organization)
    if as_json:
        output.document({code: {"revision": str(pair.number), "chunks": n} for code, (pair, n) in renewed.items()})
        return
    if renewed:
        table = new_table()
        for heading in ("organization", "revision", "chunks"):
            table.add_column(heading, justify="left" if heading == "organization" else "right", no_wrap=True)
        for code, (pair, chunks) in renewed.items():
            table.add_row(plain(code), f"{pair.number:,}", f"{chunks:,}")
        output.show(table)
    output.line(f"{count(len(renewed), 'organization')} at a new revision", "dim")


def _run(url: str | None, codes: list[str] | None) -> dict[str, tuple[Revision, int]]:
    import asyncio

    from pfa_rpc.server.settings import Settings
    from pfa_rpc.store.database import Database
    from pfa_rpc.store.existing import require_existing
    from pfa_rpc.store.upkeep.doctor import organization_sizes
    from pfa_rpc.store.upkeep.restored import renew

    settings = Settings.load(database_url=url)

    async def run() -> dict[str, tuple[Revision, int]]:
        database = Database(settings.database_url)
        try:
            await require_existing(database, settings.database_url)
            async with database.reading() as connection:
                known = await organization_sizes(connection)
            return {code: await renew(database, code) for code in dict.fromkeys(codes or known)}
        finally:
            await database.close()

    return asyncio.run(run())
