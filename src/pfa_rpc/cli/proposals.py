"""`pfa propose`, what a change of many records would do, and `pfa apply`, which carries it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from pfa.v1.proposal_pb2 import ApplyChangeResponse, ProposeChangeRequest
    from pfa_rpc.cli.connection import Connection
    from pfa_rpc.cli.render import Output

PROPOSE_EXAMPLE: Final = example(
    "pfa propose 'extend all cranes by 2 weeks' -o RIO",
    "pfa propose --filter 'category = \"Cranes\"' --set 'monthly_rate *= 0.9' --set 'area_silo = \"Silo 4\"' -o RIO",
    "pfa propose 'discontinue all pumps' -o RIO --apply",
)
APPLY_EXAMPLE: Final = example("pfa apply PROPOSAL_TOKEN -o RIO")

AllowRefused = Annotated[
    bool, typer.Option("--allow-refused", help="Leave out the records that a rule refuses, and change the others.")
]


def propose_command(
    *,
    question: Annotated[
        str, typer.Argument(metavar="[QUESTION]", show_default=False, help="The order in plain words.")
    ] = "",
    organization: options.Organization,
    filter_text: options.Filter = "",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="CHANGE",
            show_default=False,
            help="A change, in place of an order: 'forecast_end += 14 days'; may be given again.",
        ),
    ] = None,
    today: options.Today = None,
    confirm_corrections: Annotated[
        bool, typer.Option("--confirm-corrections", help="Corrected words of the order are right as they were read.")
    ] = False,
    sample: Annotated[
        int, typer.Option("--sample", min=1, max=100, metavar="NUMBER", help="Records to show before and after.")
    ] = 5,
    months: Annotated[bool, typer.Option("--months", help="Show the costs of each month, too.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Ask whether to carry it out, and do so.")] = False,
    allow_refused: AllowRefused = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Show what a change of many records would do, and what it would cost.

    It is an order in plain words, or a filter with changes: FIELD += 14 days (or weeks, months), FIELD += 500,
    FIELD *= 0.9, FIELD = VALUE, FIELD = null, FIELD = OTHER_FIELD. Nothing is changed unless --apply is given and
    confirmed.
    """
    target = options.target_of(server, token, timeout)
    day = options.day_of("--today", today)
    from pfa.v1.proposal_pb2 import ProposeChangeRequest
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.proposal_tables import show_proposal
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.values import changes_of
    from pfa_rpc.records.encode import date_message

    request = ProposeChangeRequest(
        organization_id=organization,
        filter=filter_text,
        changes=changes_of(changes or ()),
        question=question,
        today=None if day is None else date_message(day),
        confirm_corrections=confirm_corrections,
        sample_size=sample,
    )
    _require_one(request)
    output = Output(as_json=as_json)
    with connect(target) as connection, pointing(filter_text=filter_text):
        response = connection.call(connection.records.ProposeChange, request)
        if as_json and not apply:
            output.document(as_object(response))
            return
        if not as_json:
            show_proposal(output, response, with_months=months)
        if not apply:
            _show_token(output, response.proposal.proposal_token)
            return
        count = response.proposal.changed
        told = _apply(
            connection, organization, response.proposal.proposal_token, count, yes=yes, allow_refused=allow_refused
        )
    _show_applied(output, told)


def apply_command(
    *,
    proposal: Annotated[str, typer.Argument(metavar="TOKEN", show_default=False, help="Token of the proposal.")],
    organization: options.Organization,
    allow_refused: AllowRefused = False,
    yes: options.Yes = False,
    request_id: options.RequestId = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Carry out a change that `pfa propose` showed.

    It fails where one of its records was changed since, and where a rule refuses records, unless they may be left out.
    """
    target = options.target_of(server, token, timeout)
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output

    with connect(target) as connection:
        told = _apply(
            connection, organization, proposal, None, yes=yes, allow_refused=allow_refused, request_id=request_id
        )
    _show_applied(Output(as_json=as_json), told)


def _require_one(request: ProposeChangeRequest) -> None:
    from pfa_rpc.cli.errors import CommandError
    from pfa_rpc.cli.exits import USAGE

    if bool(request.question) == bool(request.changes):
        raise CommandError("give either an order in words, or changes by --set", status=USAGE)


def _apply(
    connection: Connection,
    organization: str,
    proposal: str,
    number: int | None,
    *,
    yes: bool,
    allow_refused: bool,
    request_id: str = "",
) -> ApplyChangeResponse | None:
    """Return what was done; None where it was not confirmed."""
    import uuid

    from pfa.v1.proposal_pb2 import ApplyChangeRequest
    from pfa_rpc.cli.confirming import confirm
    from pfa_rpc.cli.text import count

    what = "the records of the proposal" if number is None else count(number, "record")
    if not confirm(f"Change {what} of {organization}?", yes=yes):
        return None
    request = ApplyChangeRequest(
        organization_id=organization,
        proposal_token=proposal,
        request_id=request_id or str(uuid.uuid4()),
        allow_refused=allow_refused,
    )
    return connection.call(connection.records.ApplyChange, request)


def _show_token(output: Output, token: str) -> None:
    from pfa_rpc.cli.text import plain

    if token:
        output.line("Nothing was changed. Within an hour this carries it out:")
        output.line(f"  pfa apply {plain(token)}")
    else:
        output.line("Nothing was changed.")


def _show_applied(output: Output, told: ApplyChangeResponse | None) -> None:
    from pfa_rpc.cli.render import as_object
    from pfa_rpc.cli.text import count, plain

    if told is None:
        output.line("Nothing was changed.")
    elif output.as_json:
        output.document(as_object(told))
    else:
        others = [f"{told.unchanged:,} had the values already"] if told.unchanged else []
        others += [f"{told.refused:,} were refused and left out"] if told.refused else []
        output.line("; ".join([f"{count(told.changed, 'record')} changed", *others]))
        if told.change_id:
            output.line(f"`pfa undo {plain(told.change_id)}` sets it back", "dim")
