"""`pfa history`: who changed what, when and by which way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from pfa.v1.history_pb2 import HistoryEntry, ListChangesResponse
    from pfa_rpc.cli.render import Output

HISTORY_EXAMPLE: Final = example(
    "pfa history 78497 -o RIO",
    "pfa history -o RIO --by anna --since 2026-03-01 --field forecast_end",
    "pfa history -o RIO --filter 'category = \"Cranes\"' --json",
)
_DEFAULT_PAGE: Final = 50


def history_command(
    *,
    name: Annotated[
        str, typer.Argument(metavar="[ID]", show_default=False, help="Id in PEMS, or the UUID that this service gave.")
    ] = "",
    organization: options.Organization,
    filter_text: options.Filter = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", show_default=False, help="Who made the changes.")] = "",
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME", show_default=False, help="A field that changed; may be given again."),
    ] = None,
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", show_default=False, help="From 2026-03-01T08:00Z on, or a day."),
    ] = "",
    before: Annotated[
        str, typer.Option("--before", metavar="TIME", show_default=False, help="Up to that time, which is left out.")
    ] = "",
    page_size: Annotated[
        int, typer.Option("--page-size", min=1, max=1000, metavar="NUMBER", help="Most changes to print.")
    ] = _DEFAULT_PAGE,
    page_token: Annotated[
        str, typer.Option("--page-token", metavar="TEXT", show_default=False, help="Goes on after an earlier page.")
    ] = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print who changed what and when, the newest first.

    Each change is told with the way it came by, and with each field before and after. The filter picks records as they
    are now. Times without a zone are UTC.
    """
    target = options.target_of(server, token, timeout)
    span = {"start_time": options.time_of("--since", since), "end_time": options.time_of("--before", before)}
    from pfa.v1.history_pb2 import ListChangesRequest
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.records import is_uuid
    from pfa_rpc.cli.render import Output, as_object

    request = ListChangesRequest(
        organization_id=organization,
        filter=filter_text,
        changed_by=by,
        fields=fields or (),
        page_size=page_size,
        page_token=page_token,
    )
    for field, at in span.items():
        if at is not None:
            getattr(request, field).FromDatetime(at)
    if name:
        setattr(request, "id" if is_uuid(name) else "pfa_id", name)
    with connect(target) as connection, pointing(filter_text=filter_text):
        response = connection.call(connection.records.ListChanges, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        _show(output, response)


def _show(output: Output, response: ListChangesResponse) -> None:
    from pfa_rpc.cli.render import new_table
    from pfa_rpc.cli.text import count, moment, plain

    table = new_table()
    for heading in ("time (UTC)", "who", "how", "PFA id", "what"):
        table.add_column(heading)
    for entry in response.changes:
        at = moment(entry.change_time.ToDatetime())
        for number, what in enumerate(_differences(entry)):
            who = (at, plain(entry.changed_by), _origin(entry), plain(entry.pfa_id)) if not number else ("",) * 4
            table.add_row(*who, what)
    if response.changes:
        output.show(table)
    output.line(count(len(response.changes), "change") if response.changes else "Nothing was changed.", "dim")
    if response.next_page_token:
        output.line("More follow; the same command goes on with")
        output.line(f"  --page-token {plain(response.next_page_token)}")


def _origin(entry: HistoryEntry) -> str:
    from pfa.v1.history_pb2 import ChangeOrigin

    return ChangeOrigin.Name(entry.origin).removeprefix("CHANGE_ORIGIN_").lower()


def _differences(entry: HistoryEntry) -> Sequence[str]:
    """Return a line for each field that changed."""
    if entry.created:
        return ["created"]
    from pfa_rpc.cli.text import cell, plain
    from pfa_rpc.records.encode import from_message
    from pfa_rpc.schema import BY_NAME

    old, new = from_message(entry.old), from_message(entry.new)
    known = [BY_NAME[name] for name in entry.fields if name in BY_NAME]
    return [
        plain(f"{field.label}: {cell(field, old[field.name]) or 'none'} → {cell(field, new[field.name]) or 'none'}")
        for field in known
    ] or ["nothing that you may see"]
