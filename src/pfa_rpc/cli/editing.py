"""`pfa edit`: sets fields of one record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pfa.v1.mutation_pb2 import MutateRecordsResponse, Mutation
    from pfa_rpc.cli.render import Output

EDIT_EXAMPLE: Final = example(
    "pfa edit 78497 forecast_end=2026-05-01 monthly_rate=5400.50 -o RIO",
    "pfa edit 78497 contract= -o RIO    # takes the contract away",
    "pfa edit 78497 'area_silo=Silo 4' -o RIO --etag 0123456789abcdef --validate-only",
)


def edit_command(
    *,
    name: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="Id in PEMS, or the UUID that this service gave.")
    ],
    texts: Annotated[
        list[str], typer.Argument(metavar="FIELD=VALUE...", show_default=False, help="Fields to set; no value clears.")
    ],
    organization: options.Organization,
    etag: Annotated[
        str, typer.Option("--etag", metavar="TEXT", show_default=False, help="The etag that the record must have.")
    ] = "",
    validate_only: Annotated[
        bool, typer.Option("--validate-only", help="Only check it, and show what it gives.")
    ] = False,
    request_id: options.RequestId = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Set fields of one record.

    A day is written 2026-05-01, an amount 5400.50, a flag yes or no. With an etag the edit fails if somebody changed
    the record since it was read.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.mutation_pb2 import MutateRecordsRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.values import assignments

    values = assignments(texts)
    request = MutateRecordsRequest(
        organization_id=organization,
        mutations=[mutation_of(name, values, etag)],
        validate_only=validate_only,
        request_id=request_id,
    )
    with connect(target) as connection:
        response = connection.call(connection.records.MutateRecords, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        _show(output, response, values, validate_only=validate_only)


def mutation_of(name: str, values: Mapping[str, Any], etag: str = "") -> Mutation:
    """Return the update of some fields of a record, named by its id in PEMS or its UUID."""
    from google.protobuf.field_mask_pb2 import FieldMask

    from pfa.v1.mutation_pb2 import Mutation, MutationOperation
    from pfa_rpc.cli.records import is_uuid
    from pfa_rpc.records.encode import to_message
    from pfa_rpc.schema import BY_NAME

    record = to_message(values, "")  # amounts are in the organization's currency, whichever that is
    if is_uuid(name):
        record.id = name.lower()
    else:
        record.pfa_id = name
    mask = FieldMask(paths=[BY_NAME[field].proto for field in values])
    return Mutation(operation=MutationOperation.MUTATION_OPERATION_UPDATE, record=record, update_mask=mask, etag=etag)


def _show(output: Output, response: MutateRecordsResponse, values: Mapping[str, Any], *, validate_only: bool) -> None:
    from pfa_rpc.cli.render import pairs_table, record_pairs
    from pfa_rpc.cli.text import plain

    [record] = response.records
    names = ["pfa_id", *(name for name in values if name != "pfa_id"), "forecast_cost", "sync_state"]
    output.show(pairs_table(record_pairs(record, names)))
    if validate_only:
        output.line("Nothing was changed: it was only checked.")
    elif response.change_id:
        output.line(f"etag {plain(record.etag)}; `pfa undo {plain(response.change_id)}` sets it back", "dim")
    else:
        output.line("Nothing changed: the record has these values already.")
