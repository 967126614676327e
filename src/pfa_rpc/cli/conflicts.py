"""`pfa conflicts`: lists, shows and settles what was changed here and in PEMS to different values."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pfa.v1 import conflict_pb2 as pb
    from pfa_rpc.cli.connection import Connection

conflicts = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
"""The group of commands."""

LIST_EXAMPLE: Final = example("pfa conflicts list -o RIO", "pfa conflicts list -o RIO --settled --json")
SHOW_EXAMPLE: Final = example("pfa conflicts show 78497 -o RIO")
RESOLVE_EXAMPLE: Final = example(
    "pfa conflicts resolve -o RIO    # asks about one after the other",
    "pfa conflicts resolve 78497 -o RIO --take mine",
    "pfa conflicts resolve -o RIO --take theirs --filter 'category = \"Cranes\"'",
)
_PAGE: Final = 1000


class Side(enum.StrEnum):
    """Which side is kept."""

    MINE = "mine"
    THEIRS = "theirs"


@conflicts.command("list", epilog=LIST_EXAMPLE)
def list_command(
    *,
    organization: options.Organization,
    filter_text: options.Filter = "",
    settled: Annotated[bool, typer.Option("--settled", help="Those that are over, in place of the open ones.")] = False,
    page_size: options.PageSize = 100,
    page_token: options.PageToken = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print the fields that were changed here and in PEMS to different values.

    Each with what both sides last agreed on, both values, and who changed them. The filter picks records.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1 import conflict_pb2 as pb
    from pfa_rpc.cli.conflict_tables import show_conflicts
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.render import Output, as_object, show_next_page

    request = pb.ListConflictsRequest(
        organization_id=organization,
        filter=filter_text,
        state=pb.CONFLICT_STATE_SETTLED if settled else pb.CONFLICT_STATE_OPEN,
        page_size=page_size,
        page_token=page_token,
    )
    with connect(target) as connection, pointing(filter_text=filter_text):
        page = connection.call(connection.syncs.ListConflicts, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document({"conflicts": [], **as_object(page)})
        return
    show_conflicts(output, page.conflicts)
    show_next_page(output, page.next_page_token)


@conflicts.command("show", epilog=SHOW_EXAMPLE)
def show_command(
    *,
    pfa_id: Annotated[str, typer.Argument(metavar="PFA_ID", show_default=False, help="The record, by its id in PEMS.")],
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print the open conflicts of a record, both sides beside each other.

    What both sides last agreed on comes first, then the local value and that of PEMS, with who changed it and when.
    """
    target = options.target_of(server, token, timeout)
    from pfa_rpc.cli.conflict_tables import show_sides
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object

    with connect(target) as connection:
        found = _of_record(connection, organization, pfa_id)
    output = Output(as_json=as_json)
    if as_json:
        output.document({"conflicts": [as_object(conflict) for conflict in found]})
    elif found:
        show_sides(output, found)
    else:
        output.line("The record is not in conflict.")


@conflicts.command("resolve", epilog=RESOLVE_EXAMPLE)
def resolve_command(
    *,
    pfa_id: Annotated[
        str, typer.Argument(metavar="[PFA_ID]", show_default=False, help="The record, by its id in PEMS; none: all.")
    ] = "",
    organization: options.Organization,
    filter_text: options.Filter = "",
    take: Annotated[
        Side | None,
        typer.Option("--take", show_default=False, help="Keep this side of all of them, and ask about none."),
    ] = None,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Settle conflicts, record by record at a prompt, or all at once.

    At the prompt m keeps the local value, t takes PEMS', v sets another one, s skips, q ends. What is kept or set is
    written to PEMS by the next run.
    """
    target = options.target_of(server, token, timeout)
    from pfa_rpc.cli.confirming import confirm
    from pfa_rpc.cli.conflict_prompt import resolve_all, resolve_by_asking
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.errors import CommandError
    from pfa_rpc.cli.exits import USAGE
    from pfa_rpc.cli.render import Output
    from pfa_rpc.cli.text import count

    if pfa_id and filter_text:
        raise CommandError("give either a record or a filter", status=USAGE)
    if as_json and take is None:
        raise CommandError("--json goes with --take only: the prompt is for people", status=USAGE)
    output = Output(as_json=as_json)
    with connect(target) as connection, pointing(filter_text=filter_text):
        if pfa_id:
            found = _of_record(connection, organization, pfa_id)
        else:
            found = list(_open_conflicts(connection, organization, filter_text))
        if take is None:
            settled = resolve_by_asking(connection, organization, found, output)
        else:
            whose = "the local values" if take is Side.MINE else "PEMS' values"
            what = f"Keep {whose} in {count(len(found), 'conflict')} of {organization}?"
            is_wanted = bool(found) and confirm(what, yes=yes)
            settled = resolve_all(connection, organization, found, mine=take is Side.MINE) if is_wanted else 0
    if as_json:
        output.document({"resolved": settled, "open": len(found) - settled})
    else:
        output.line(f"{count(settled, 'conflict')} settled, {len(found) - settled:,} left open")


def _of_record(connection: Connection, organization: str, pfa_id: str) -> list[pb.Conflict]:
    """Return the open conflicts of a record. Raises ServerError where there is no such record."""
    from pfa.v1.record_service_pb2 import GetRecordRequest

    quoted = pfa_id.replace("\\", "\\\\").replace('"', '\\"')
    found = list(_open_conflicts(connection, organization, f'pfa_id = "{quoted}"'))
    if not found:
        connection.call(connection.records.GetRecord, GetRecordRequest(organization_id=organization, pfa_id=pfa_id))
    return found


def _open_conflicts(connection: Connection, organization: str, filter_text: str) -> Iterator[pb.Conflict]:
    """Yield the open conflicts of records, page by page."""
    from pfa.v1.conflict_pb2 import ListConflictsRequest

    request = ListConflictsRequest(organization_id=organization, filter=filter_text, page_size=_PAGE)
    while True:
        page = connection.call(connection.syncs.ListConflicts, request)
        found: Sequence[pb.Conflict] = page.conflicts
        yield from found
        request.page_token = page.next_page_token
        if not request.page_token:
            return
