"""`pfa history`: who changed what, when and by which way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from datetime import datetime

    from pfa.v1.history_pb2 import ListChangesRequest, ListChangesResponse
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
    page_size: options.PageSize = _DEFAULT_PAGE,
    page_token: options.PageToken = "",
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
    from pfa_rpc.cli.render import Output, as_object

    request = ListChangesRequest(
        organization_id=organization,
        filter=filter_text,
        changed_by=by,
        fields=fields or (),
        page_size=page_size,
        page_token=page_token,
    )
    _narrow(request, name, span)
    with connect(target) as connection, pointing(filter_text=filter_text):
        response = connection.call(connection.records.ListChanges, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        _show_page(output, response)


def _narrow(request: ListChangesRequest, name: str, span: Mapping[str, datetime | None]) -> None:
    """Ask for the changes of one record, if one is named, and between two times, by the names of their fields."""
    from pfa_rpc.cli.records import is_uuid

    for field, at in span.items():
        if at is not None:
            getattr(request, field).FromDatetime(at)
    if name:
        setattr(request, "id" if is_uuid(name) else "pfa_id", name)


def _show_page(output: Output, response: ListChangesResponse) -> None:
    from pfa_rpc.cli.change_tables import show_changes
    from pfa_rpc.cli.render import show_next_page
    from pfa_rpc.cli.text import count

    show_changes(output, response)
    output.line(count(len(response.changes), "change") if response.changes else "Nothing was changed.", "dim")
    show_next_page(output, response.next_page_token)
