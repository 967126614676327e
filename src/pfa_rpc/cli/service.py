"""Commands that run the service itself: `serve_command`, `migrate_command` and `version_command`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from pfa_rpc.server.settings import Settings

SERVE_EXAMPLE: Final = example(
    "pfa serve",
    "pfa serve --listen 127.0.0.1:0 --database sqlite:////var/lib/pfa/pfa.sqlite3",
    "pfa serve --show-config",
)
MIGRATE_EXAMPLE: Final = example("pfa migrate --database sqlite:///pfa.sqlite3")
VERSION_EXAMPLE: Final = example("pfa version --json")

# The variables are read by the settings, which say of each value where it comes from: hence no envvar here.
Database = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", show_default=False, help="The database; else PFA_DATABASE_URL, or a default."
    ),
]


def serve_command(
    *,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            show_default=False,
            help="Address to listen on, port 0 for any that is free; else PFA_LISTEN, or a default.",
        ),
    ] = None,
    database: Database = None,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print every setting and where it comes from, and end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the settings as JSON.")] = False,
) -> None:
    """Start the service, until it is told to stop.

    Settings come from the command line, the environment (PFA_*) and the file that PFA_CONFIG_FILE names, in this
    order. A new database gets its tables by itself. An address that other machines can reach needs PFA_API_TOKENS.
    SIGTERM and Ctrl-C let calls that are under way finish.
    """
    from pfa_rpc.server.settings import Settings

    settings = Settings.load(listen=listen, database_url=database)
    if show_config:
        _show_settings(settings, as_json=as_json)
        return
    from pfa_rpc.server.application import run

    run(settings)


def _show_settings(settings: Settings, *, as_json: bool) -> None:
    from dataclasses import asdict

    from rich.text import Text

    from pfa_rpc.cli.render import Output, new_table
    from pfa_rpc.cli.text import plain

    output, shown = Output(as_json=as_json), settings.shown()
    if as_json:
        output.document([asdict(setting) for setting in shown])
        return
    table = new_table()
    for heading in ("variable", "value", "from", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"variable", "from"})
    for one in shown:
        table.add_row(*(Text(plain(text)) for text in (one.variable, one.value, one.source, one.description)))
    output.show(table)


def migrate_command(database: Database = None) -> None:
    """Bring the database to the schema of this version.

    Says from which schema to which. A database that is up to date stays as it is; one that a newer version made is
    refused. `pfa serve` makes the tables of a new database by itself, and asks for this command where they are older.
    """
    import asyncio

    from pfa_rpc.cli.render import Output
    from pfa_rpc.server.settings import Settings

    settings = Settings.load(database_url=database)
    before, after = asyncio.run(_migrate(settings.database_url))
    output = Output()
    if before == after:
        output.line(f"The database has schema {after} already.")
    else:
        output.line(f"The database went from {f'schema {before}' if before else 'no schema'} to schema {after}.")


async def _migrate(url: str) -> tuple[str | None, str]:
    from pfa_rpc.store.database import Database as Store
    from pfa_rpc.store.migrating.migrate import migrate

    store = Store(url)
    try:
        return await migrate(store)
    finally:
        await store.close()


def version_command(
    as_json: options.AsJson = False,
) -> None:
    """Print the versions of pfa and of what it stands on.

    A report of a fault should name them.
    """
    import platform
    from importlib.metadata import version

    from pfa_rpc.cli.render import Output, pairs_table

    names = {"pfa": "pfa-rpc", "grpcio": "grpcio", "protobuf": "protobuf", "sqlalchemy": "sqlalchemy"}
    versions = {name: version(package) for name, package in names.items()} | {"python": platform.python_version()}
    output = Output(as_json=as_json)
    if as_json:
        output.document(versions)
    else:
        output.show(pairs_table(versions.items()))
