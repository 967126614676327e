"""`pfa watch`: changes of records in a terminal, as they are committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from pfa.v1.watch_pb2 import WatchRecordsRequest, WatchRecordsResponse
    from pfa_rpc.cli.connection import Connection
    from pfa_rpc.cli.render import Output
    from pfa_rpc.client import Change, Replica

WATCH_EXAMPLE: Final = example(
    "pfa watch -o RIO --filter 'source = RENTAL'",
    "pfa watch -o RIO --current --json | jq -r .kind",
    'pfa watch -o RIO --from "$TOKEN" --changes 1',
)
_SIGNS: Final = {"added": ("+", "green"), "changed": ("~", ""), "removed": ("-", "red")}
_OUTDATED: Final = frozenset({"REVISION_COMPACTED", "INVALID_TOKEN"})
"""Reasons after which a token is of no use any more."""
_NAMING: Final = ("area_silo", "category", "class")
"""Fields that say which record it is, beside its id."""


def watch_command(
    *,
    organization: options.Organization,
    filter_text: options.Filter = "",
    since: Annotated[
        str,
        typer.Option("--from", metavar="TOKEN", show_default=False, help="Tell what changed since this token."),
    ] = "",
    current: Annotated[bool, typer.Option("--current", help="Print the records that match now, too.")] = False,
    changes: Annotated[
        int, typer.Option("--changes", min=0, metavar="NUMBER", help="End after so many; 0: go on for ever.")
    ] = 0,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print changes of records as they are committed, until Ctrl-C.

    A record that comes to match is marked +, one that changes ~ with each field before and after, one that matches no
    more -. With --json each change is a line: kind, record, before. With --from a record's first change is marked +,
    and one that leaves unseen has its ids alone. A connection that is lost is made again, and nothing is missed. At the
    end, standard error has the token for --from. The time limit is the longest silence of the server, which tells every
    ten seconds that it is there.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.watch_pb2 import WatchRecordsRequest
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.errors import tell
    from pfa_rpc.cli.render import Output
    from pfa_rpc.cli.text import count
    from pfa_rpc.client import Replica

    output, replica, told = Output(as_json=as_json), Replica(token=since), 0
    request = WatchRecordsRequest(organization_id=organization, filter=filter_text, revision_token=since)
    try:
        with connect(target) as connection, pointing(filter_text=filter_text), _beginning_again(replica):
            for message in _messages(connection, request):
                for change in [*_unknown(replica, message if since else None), *replica.apply(message)]:
                    if current or not message.is_current:
                        _show(output, change)
                        told += 1
                if message.is_current and message.changes_through and not as_json:
                    matching = count(len(replica.records), "record matches", "records match")
                    tell(f"{matching}; waiting for changes")
                request.revision_token = replica.token
                if changes and told >= changes and message.changes_through:
                    return
    finally:
        if replica.token:
            tell(f"--from {replica.token} goes on from here")


@contextmanager
def _beginning_again(replica: Replica) -> Iterator[None]:
    """Say how to begin again where the server cannot go on from the replica's token, and forget it."""
    from pfa_rpc.cli.connection import ServerError

    try:
        yield
    except ServerError as error:
        if error.reason in _OUTDATED:
            replica.token = ""
            error.notes = (*error.notes, "without --from: what changes from now on, with --current all that is there")
        raise


def _unknown(replica: Replica, message: WatchRecordsResponse | None) -> Iterator[Change]:
    """Yield the records of a message that left without ever having come here: a watch from a token begins with none."""
    from pfa.v1.record_pb2 import Record
    from pfa_rpc.client import Change, ChangeKind

    for left in message.left if message is not None else ():
        if left.id not in replica.records:
            yield Change(ChangeKind.REMOVED, Record(id=left.id, pfa_id=left.pfa_id), None)


def _messages(connection: Connection, request: WatchRecordsRequest) -> Iterator[WatchRecordsResponse]:
    """Yield messages over as many connections as it takes; the request's token is kept up by the caller."""
    from pfa_rpc.cli.streaming import persistently

    return persistently(
        lambda: connection.stream(connection.records.WatchRecords, request, endless=True),
        resumable=lambda: bool(request.revision_token),
    )


def _show(output: Output, change: Change) -> None:
    if output.as_json:
        output.write_line(_document(change))
        return
    from rich.text import Text

    from pfa_rpc.cli.text import plain

    sign, style = _SIGNS[change.kind.value]
    output.show(Text(plain(f"{sign} {_name(change)}{_difference(change)}"), style=style))


def _document(change: Change) -> dict[str, object]:
    from pfa_rpc.cli.render import as_object

    before = None if change.before is None else as_object(change.before)
    return {"kind": change.kind.value, "record": as_object(change.record), "before": before}


def _name(change: Change) -> str:
    from pfa_rpc.cli.text import cell
    from pfa_rpc.records.encode import from_message
    from pfa_rpc.schema import BY_NAME

    values = from_message(change.record)
    told = [cell(BY_NAME[name], values[name]) for name in _NAMING if values[name] is not None]
    return "  ".join([values["pfa_id"], *told])


def _difference(change: Change) -> str:
    """Return the fields that differ, before and after; nothing for a record that came or left."""
    if change.kind.value != "changed" or change.before is None:
        return ""
    from pfa_rpc.cli.text import cell
    from pfa_rpc.records.deltas import differences
    from pfa_rpc.records.encode import from_message
    from pfa_rpc.schema import BY_NAME, Origin

    before, after = from_message(change.before), from_message(change.record)
    fields = [BY_NAME[name] for name in differences(before, after)]
    shown = [field for field in fields if field.origin is not Origin.SYNC or field.name == "sync_state"]
    told = [
        f"{field.label} {cell(field, before[field.name]) or 'none'} → {cell(field, after[field.name]) or 'none'}"
        for field in shown
    ]
    by = f"  by {after['modified_by']}" if "modified_at" in {field.name for field in fields} else ""
    return ": " + ", ".join(told) + by if told else ""
