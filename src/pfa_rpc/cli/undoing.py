"""`pfa undo`: sets one of one's own changes back, carries it out again, or lists them."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

UNDO_EXAMPLE: Final = example(
    "pfa undo -o RIO    # lists what can be undone",
    "pfa undo 1a672a33-8ac9-4fea-99d7-a1aa7af18528 -o RIO",
    "pfa undo 1a672a33-8ac9-4fea-99d7-a1aa7af18528 -o RIO --redo",
)


def undo_command(
    *,
    change_id: Annotated[
        str, typer.Argument(metavar="[CHANGE_ID]", show_default=False, help="The change; none: list the last ones.")
    ] = "",
    organization: options.Organization,
    redo: Annotated[bool, typer.Option("--redo", help="Carry out again a change that was undone.")] = False,
    yes: options.Yes = False,
    request_id: options.RequestId = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Set back one of your own last 200 changes, as a new change.

    Records that it made are discontinued. It fails where a field was changed again since, and names the field.
    """
    target = options.target_of(server, token, timeout)
    import uuid

    from pfa.v1.undo_pb2 import ListUndoableRequest, RedoChangeRequest, UndoChangeRequest
    from pfa_rpc.cli.change_tables import show_undoable
    from pfa_rpc.cli.confirming import confirm
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import count

    output = Output(as_json=as_json)
    with connect(target) as connection:
        if not change_id:
            listed = connection.call(connection.records.ListUndoable, ListUndoableRequest(organization_id=organization))
            if as_json:
                output.document(as_object(listed))
            elif listed.changes:
                show_undoable(output, listed)
            else:
                output.line("You have changed nothing yet.")
            return
        if not confirm(f"{'Redo' if redo else 'Undo'} the change {change_id} of {organization}?", yes=yes):
            output.line("Nothing was changed.")
            return
        named = {"organization_id": organization, "change_id": change_id, "request_id": request_id or str(uuid.uuid4())}
        response = (
            connection.call(connection.records.RedoChange, RedoChangeRequest(**named))
            if redo
            else connection.call(connection.records.UndoChange, UndoChangeRequest(**named))
        )
    if as_json:
        output.document(as_object(response))
    else:
        output.line(f"{count(response.changed, 'record')} {'changed again' if redo else 'set back'}")
