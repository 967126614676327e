"""Commands that read records: `list_command`, `get_command` and `stream_command`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from google.protobuf.field_mask_pb2 import FieldMask

    from pfa.v1.record_service_pb2 import ListRecordsResponse
    from pfa_rpc.cli.render import Output

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DEFAULT_PAGE: Final = 50
_MAX_SKIP: Final = 2**31 - 1

LIST_EXAMPLE: Final = example(
    "pfa list -o RIO",
    "pfa list -o RIO --filter 'source = RENTAL AND monthly_rate > 5000' --order-by 'monthly_rate desc' --total",
    "pfa list -o RIO --fields pfa_id,category,forecast_cost --json",
)
GET_EXAMPLE: Final = example("pfa get 78497 -o RIO")
STREAM_EXAMPLE: Final = example(
    "pfa stream -o RIO --filter 'is_discontinued = false' --output rio.jsonl",
    "pfa stream -o RIO | jq -r .pfa_id",
)


def list_command(
    *,
    organization: options.Organization,
    filter_text: options.Filter = "",
    order_by: Annotated[
        str, typer.Option("--order-by", metavar="TEXT", show_default=False, help="Order: 'monthly_rate desc, pfa_id'.")
    ] = "",
    page_size: options.PageSize = _DEFAULT_PAGE,
    page_token: options.PageToken = "",
    skip: Annotated[
        int, typer.Option("--skip", min=0, max=_MAX_SKIP, metavar="NUMBER", help="Records to pass over.")
    ] = 0,
    total: Annotated[bool, typer.Option("--total", help="Count all records that match, too.")] = False,
    fields: options.Fields = None,
    columns: options.Columns = None,
    draft: options.Draft = "",
    consistency: options.Consistency = options.FRESH,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print a page of records that match a filter.

    The filter is AIP-160 text over the names of fields. Nothing is left out unsaid: discontinued records come too,
    unless the filter says otherwise. Where more records match, the output ends with the token of the next page.
    """
    mask, names = options.names_of("--fields", fields), options.names_of("--columns", columns, also=["flags"])
    target = options.target_of(server, token, timeout)
    need = options.consistency_of(consistency)
    from pfa.v1.record_service_pb2 import ListRecordsRequest
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.render import Output, as_object

    request = ListRecordsRequest(
        organization_id=organization,
        filter=filter_text,
        order_by=order_by,
        page_size=page_size,
        page_token=page_token,
        skip=skip,
        include_total_size=total,
        draft_id=draft,
        read_mask=_read_mask(mask),
        consistency=need,
    )
    with connect(target) as connection, pointing(filter_text=filter_text, order_by=order_by):
        response = connection.call(connection.records.ListRecords, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        _show_page(output, response, names or mask, nothing=_nothing(page_token, skip))


def _nothing(page_token: str, skip: int) -> str:
    """Return what a page without records means: that none matches only where it is the first."""
    if page_token:
        return "No record is left."
    return f"No record is left after {skip:,} passed over." if skip else "No record matches."


def _show_page(output: Output, response: ListRecordsResponse, names: Sequence[str] | None, *, nothing: str) -> None:
    from pfa_rpc.cli.render import show_age, show_next_page, show_records
    from pfa_rpc.cli.text import count

    show_records(output, response.records, names)
    shown = count(len(response.records), "record")
    of_all = f" of {response.total_size:,}" if response.HasField("total_size") else ""
    output.line(f"{shown}{of_all}" if response.records or of_all else nothing, "dim")
    show_age(output, response.age if response.HasField("age") else None)
    show_next_page(output, response.next_page_token)


def _read_mask(names: Sequence[str] | None) -> FieldMask | None:
    """Return the read mask for some names of fields, None for all."""
    from google.protobuf.field_mask_pb2 import FieldMask

    from pfa_rpc.schema import BY_NAME

    return FieldMask(paths=[BY_NAME[name].proto for name in names]) if names else None


def is_uuid(name: str) -> bool:
    """Tell whether a name has the form of the keys that this service gives."""
    return _UUID.fullmatch(name) is not None


def get_command(
    *,
    name: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="Id in PEMS, or the UUID that this service gave.")
    ],
    organization: options.Organization,
    fields: options.Fields = None,
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="TIME", show_default=False, help="The record as it was at that time.")
    ] = "",
    draft: options.Draft = "",
    consistency: options.Consistency = options.FRESH,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print one record with all its fields.

    The record is named by its id in PEMS or by the key that this service gave it, a UUID; the form tells which. Its
    synchronization with PEMS is shown last: state, versions, modified fields, and the last error.
    """
    mask = options.names_of("--fields", fields)
    need = options.consistency_of(consistency)
    at = options.time_of("--as-of", as_of)
    target = options.target_of(server, token, timeout)
    from pfa.v1.record_service_pb2 import GetRecordRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object, pairs_table, record_pairs, show_age

    request = GetRecordRequest(
        organization_id=organization, read_mask=_read_mask(mask), consistency=need, draft_id=draft
    )
    if at is not None:
        request.ClearField("consistency")
        request.as_of_time.FromDatetime(at)
    if is_uuid(name):
        request.id = name.lower()
    else:
        request.pfa_id = name
    with connect(target) as connection:
        response = connection.call(connection.records.GetRecord, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        output.show(pairs_table(record_pairs(response.record, mask)))
        show_age(output, response.age if response.HasField("age") else None)


def stream_command(
    *,
    organization: options.Organization,
    filter_text: options.Filter = "",
    output: Annotated[
        str, typer.Option("--output", metavar="FILE", help="Where to write; the file appears once it is whole.")
    ] = "-",
    fields: options.Fields = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=0, max=5000, metavar="NUMBER", help="Records in a batch; 0: as it suits.")
    ] = 0,
    draft: options.Draft = "",
    consistency: options.Consistency = options.FRESH,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Write every record that matches a filter, as lines of JSON.

    The records come in an order that never changes, to standard output or to a file; progress goes to standard error.
    A stream that breaks is resumed where it broke, a few times. The time limit is the longest silence of the server.
    """
    mask = options.names_of("--fields", fields)
    need = options.consistency_of(consistency)
    target = options.target_of(server, token, timeout)
    from pfa.v1.record_service_pb2 import StreamRecordsRequest
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.streaming import stream_records

    request = StreamRecordsRequest(
        organization_id=organization,
        filter=filter_text,
        batch_size=batch_size,
        read_mask=_read_mask(mask),
        consistency=need,
        draft_id=draft,
    )
    with connect(target) as connection, pointing(filter_text=filter_text):
        stream_records(connection, request, output)
