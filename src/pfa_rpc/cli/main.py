"""The entry point of `pfa`: `run` for the console, `main` for tests, `app` with every command.

Nothing heavy is imported here or by the modules of the commands: they import what they need when they run, so that
`pfa --help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final, NoReturn

import typer

from pfa_rpc.cli import (
    caches,
    conflicts,
    copying,
    doctor,
    drafts,
    editing,
    exits,
    figures,
    generating,
    health,
    history,
    importing,
    organizations,
    proposals,
    questions,
    records,
    restored,
    service,
    simulating,
    syncing,
    undoing,
    vocabulary,
    watching,
)
from pfa_rpc.cli.errors import CommandError, ReaderGone, tell
from pfa_rpc.cli.options import example
from pfa_rpc.errors import PfaError, SetupError

_STATUSES: Final = "\b\nExit status:\n" + "\n".join(f"  {status:<4} {status.meaning}" for status in exits.ALL)

app = typer.Typer(
    name="pfa",
    help="""Plan / Forecast / Actual equipment records over gRPC.

    `serve`, `migrate`, `import`, `generate`, `copy`, `doctor` and `restored` work on databases, `simulate-pems` plays
    PEMS; the other commands ask a running server, and say what they found as tables or, with --json, for machines.""",
    epilog=example("pfa serve", "pfa ask 'rentals in Silo 4 over $5000' -o RIO") + "\n\n" + _STATUSES,
    no_args_is_help=True,
    add_completion=False,
    # Plain help and errors: they come without control codes, and without the time that rich takes to be imported.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    """Print the version and end, where asked to."""
    if asked:
        from importlib.metadata import version

        print(f"pfa {version('pfa-rpc')}")
        raise typer.Exit


@app.callback()
def _before_commands(
    *,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


app.command("serve", epilog=service.SERVE_EXAMPLE)(service.serve_command)
app.command("migrate", epilog=service.MIGRATE_EXAMPLE)(service.migrate_command)
app.command("import", epilog=importing.IMPORT_EXAMPLE)(importing.import_command)
app.command("generate", epilog=generating.GENERATE_EXAMPLE)(generating.generate_command)
app.command("copy", epilog=copying.COPY_EXAMPLE)(copying.copy_command)
app.command("doctor", epilog=doctor.DOCTOR_EXAMPLE)(doctor.doctor_command)
app.command("restored", epilog=restored.RESTORED_EXAMPLE)(restored.restored_command)
app.command("ask", epilog=questions.ASK_EXAMPLE)(questions.ask_command)
app.command("interpret", epilog=questions.INTERPRET_EXAMPLE)(questions.interpret_command)
app.command("list", epilog=records.LIST_EXAMPLE)(records.list_command)
app.command("get", epilog=records.GET_EXAMPLE)(records.get_command)
app.command("stream", epilog=records.STREAM_EXAMPLE)(records.stream_command)
app.command("history", epilog=history.HISTORY_EXAMPLE)(history.history_command)
app.command("edit", epilog=editing.EDIT_EXAMPLE)(editing.edit_command)
app.command("propose", epilog=proposals.PROPOSE_EXAMPLE)(proposals.propose_command)
app.command("apply", epilog=proposals.APPLY_EXAMPLE)(proposals.apply_command)
app.command("undo", epilog=undoing.UNDO_EXAMPLE)(undoing.undo_command)
app.command("watch", epilog=watching.WATCH_EXAMPLE)(watching.watch_command)
app.command("aggregate", epilog=figures.AGGREGATE_EXAMPLE)(figures.aggregate_command)
app.add_typer(drafts.drafts, name="draft", help="Change records in drafts that only you see, and commit them.")
app.add_typer(organizations.organizations, name="organizations", help="List or create organizations.")
app.add_typer(vocabulary.vocabulary, name="vocabulary", help="List, add or remove what questions call things.")
app.add_typer(syncing.sync, name="sync", help="Keep records in step with PEMS: run, look, cancel, set.")
app.add_typer(conflicts.conflicts, name="conflicts", help="Settle what was changed here and in PEMS.")
app.add_typer(caches.cache, name="cache", help="Look at, fill or clear the cache of a server.")
app.command("health", epilog=health.HEALTH_EXAMPLE)(health.health_command)
app.command("simulate-pems", epilog=simulating.SIMULATE_EXAMPLE)(simulating.simulate_command)
app.command("version", epilog=service.VERSION_EXAMPLE)(service.version_command)


def run() -> NoReturn:
    """Run the command line of this process and end with its status."""
    # The C core of gRPC writes to stderr what the sentence of an error says better.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for file in (sys.stdout, sys.stderr):
        if isinstance(file, io.TextIOWrapper):
            # Where the locale lacks a character, a question mark serves people better than no answer.
            file.reconfigure(errors="replace")
    status = main(sys.argv[1:])
    _close_output()
    sys.exit(status)


def main(arguments: Sequence[str]) -> int:
    """Run a command line; return its exit status. Errors become one sentence on standard error."""
    try:
        app(args=list(arguments), prog_name="pfa")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else exits.FAILURE
    except ReaderGone:
        return exits.OK
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except CommandError as error:
        return _fail(error.message, error.status, error.notes)
    except PfaError as error:
        # What this machine lacks is no conflict with what is there, though it has the same code.
        status = exits.FAILURE if isinstance(error, SetupError) else exits.for_code(error.status)
        return _fail(error.message, status, [f"{v.field}: {v.description}" for v in error.violations])
    except UnicodeEncodeError:
        return _fail("an argument is not UTF-8 text", exits.USAGE)
    return exits.OK


def _fail(message: str, status: exits.ExitStatus, notes: Sequence[str] = ()) -> int:
    tell(message, notes)
    return status


def _close_output() -> None:
    """Write out what is left; where it has nowhere to go, keep the interpreter from complaining at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
