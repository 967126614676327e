"""Commands about drafts: `drafts`, a group with `create`, `list`, `edit`, `show`, `commit` and `discard`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from pfa.v1.draft_pb2 import Draft, DraftConflict, EditDraftRequest, GetDraftResponse
    from pfa_rpc.cli.render import Output

drafts = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
"""The group of commands."""

CREATE_EXAMPLE: Final = example("pfa draft create 'Cranes two weeks later' -o RIO")
LIST_EXAMPLE: Final = example("pfa draft list -o RIO")
EDIT_EXAMPLE: Final = example(
    "pfa draft edit DRAFT 78497 forecast_end=2026-05-01 -o RIO",
    "pfa draft edit DRAFT --filter 'category = \"Cranes\"' --set 'forecast_end += 14 days' -o RIO",
    "pfa draft edit DRAFT --revert 6f1c4d52-7a0e-5b8e-9d43-0b7f4a9f2c11 -o RIO",
)
SHOW_EXAMPLE: Final = example("pfa draft show DRAFT -o RIO --months")
COMMIT_EXAMPLE: Final = example("pfa draft commit DRAFT -o RIO --yes", "pfa draft commit DRAFT -o RIO --keep-mine")
DISCARD_EXAMPLE: Final = example("pfa draft discard DRAFT -o RIO --yes")

Name = Annotated[str, typer.Argument(metavar="DRAFT", show_default=False, help="The draft, by its UUID.")]


@drafts.command("create", epilog=CREATE_EXAMPLE)
def create_command(
    *,
    name: Annotated[str, typer.Argument(metavar="[NAME]", show_default=False, help="What to call it.")] = "",
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Begin a draft, and print its UUID.

    What is edited in it nobody else sees until it is committed.
    """
    target = options.target_of(server, token, timeout)
    import uuid

    from pfa.v1.draft_pb2 import CreateDraftRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import plain

    request = CreateDraftRequest(organization_id=organization, display_name=name, draft_id=str(uuid.uuid4()))
    with connect(target) as connection:
        response = connection.call(connection.records.CreateDraft, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        output.line(plain(response.draft.draft_id))


@drafts.command("list", epilog=LIST_EXAMPLE)
def list_command(
    *,
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print your drafts, the last edited first."""
    target = options.target_of(server, token, timeout)
    from pfa.v1.draft_pb2 import ListDraftsRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object

    with connect(target) as connection:
        response = connection.call(connection.records.ListDrafts, ListDraftsRequest(organization_id=organization))
    output = Output(as_json=as_json)
    if as_json:
        output.document({"drafts": [], **as_object(response)})
        return
    for draft in response.drafts:
        output.line(_line(draft))
    if not response.drafts:
        output.line("You have no drafts.", "dim")


@drafts.command("edit", epilog=EDIT_EXAMPLE)
def edit_command(
    *,
    draft: Name,
    record: Annotated[
        str,
        typer.Argument(metavar="[ID]", show_default=False, help="Id in PEMS, or UUID, of a record to set fields of."),
    ] = "",
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIELD=VALUE...]", show_default=False, help="Fields to set; no value clears."),
    ] = None,
    organization: options.Organization,
    filter_text: options.Filter = "",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="CHANGE",
            show_default=False,
            help="A change of all that the filter matches: 'forecast_end += 14 days'; may be given again.",
        ),
    ] = None,
    revert: Annotated[
        list[str] | None,
        typer.Option("--revert", metavar="UUID", show_default=False, help="A record to take out of the draft again."),
    ] = None,
    allow_refused: Annotated[
        bool, typer.Option("--allow-refused", help="Leave out the records that a rule refuses, and change the others.")
    ] = False,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Change records in a draft, or take them out of it.

    It is one record, all that a filter matches in the draft, or some that are to be again as they are outside of it.
    Fields are written as for `pfa edit`, changes as for `pfa propose`.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.draft_pb2 import EditDraftRequest
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.editing import mutation_of
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import count
    from pfa_rpc.cli.values import assignments, changes_of

    request = EditDraftRequest(
        organization_id=organization,
        draft_id=draft,
        mutations=[mutation_of(record, assignments(texts or ()))] if record else (),
        filter=filter_text,
        changes=changes_of(changes or ()),
        revert_ids=revert or (),
        allow_refused=allow_refused,
    )
    _require_one(request)
    with connect(target) as connection, pointing(filter_text=filter_text):
        response = connection.call(connection.records.EditDraft, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
        return
    others = [f"{response.unchanged:,} had the values already"] if response.unchanged else []
    others += [f"{response.refused:,} were refused and left out"] if response.refused else []
    output.line("; ".join([f"{count(response.edited, 'record')} edited", *others]))
    output.line(_line(response.draft), "dim")


@drafts.command("show", epilog=SHOW_EXAMPLE)
def show_command(
    *,
    draft: Name,
    organization: options.Organization,
    months: Annotated[bool, typer.Option("--months", help="Show the costs of each month, too.")] = False,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print what a draft changes, what that costs, and its conflicts.

    A conflict is a field that was changed otherwise since the draft changed it.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.draft_pb2 import GetDraftRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object

    request = GetDraftRequest(organization_id=organization, draft_id=draft)
    with connect(target) as connection:
        response = connection.call(connection.records.GetDraft, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        _show(output, response, with_months=months)


@drafts.command("commit", epilog=COMMIT_EXAMPLE)
def commit_command(
    *,
    draft: Name,
    organization: options.Organization,
    keep_mine: Annotated[
        bool, typer.Option("--keep-mine", help="Write the draft's values of fields that were changed meanwhile.")
    ] = False,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Leave fields that were changed meanwhile as they are now.")
    ] = False,
    yes: options.Yes = False,
    request_id: options.RequestId = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Write all that a draft changes, and drop it.

    It fails where a field was changed otherwise meanwhile, unless one of the options says what becomes of it.
    """
    target = options.target_of(server, token, timeout)
    import uuid

    from pfa.v1.draft_pb2 import CommitDraftRequest, DraftResolution
    from pfa_rpc.cli.confirming import confirm
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.errors import CommandError
    from pfa_rpc.cli.exits import USAGE
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import count, plain

    if keep_mine and leave_out:
        raise CommandError("give --keep-mine or --leave-out, not both", status=USAGE)
    kept = "KEEP_MINE" if keep_mine else "LEAVE_OUT" if leave_out else "UNSPECIFIED"
    request = CommitDraftRequest(
        organization_id=organization,
        draft_id=draft,
        default_resolution=DraftResolution.Value(f"DRAFT_RESOLUTION_{kept}"),
        request_id=request_id or str(uuid.uuid4()),
    )
    output = Output(as_json=as_json)
    if not confirm(f"Commit the draft to {organization}?", yes=yes):
        output.line("Nothing was changed.")
        return
    with connect(target) as connection:
        response = connection.call(connection.records.CommitDraft, request)
    if as_json:
        output.document(as_object(response))
        return
    output.line(f"{count(response.changed, 'record')} changed, {response.created:,} made")
    if response.change_id:
        output.line(f"`pfa undo {plain(response.change_id)}` sets it back", "dim")


@drafts.command("discard", epilog=DISCARD_EXAMPLE)
def discard_command(
    *,
    draft: Name,
    organization: options.Organization,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Drop a draft and all that it changes."""
    target = options.target_of(server, token, timeout)
    from pfa.v1.draft_pb2 import DiscardDraftRequest
    from pfa_rpc.cli.confirming import confirm
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import count

    output = Output(as_json=as_json)
    if not confirm("Drop the draft and all that it changes?", yes=yes):
        output.line("Nothing was dropped.")
        return
    request = DiscardDraftRequest(organization_id=organization, draft_id=draft)
    with connect(target) as connection:
        response = connection.call(connection.records.DiscardDraft, request)
    if as_json:
        output.document(as_object(response))
    else:
        output.line(f"{count(response.records, 'record')} dropped")


def _require_one(request: EditDraftRequest) -> None:
    from pfa_rpc.cli.errors import CommandError
    from pfa_rpc.cli.exits import USAGE

    if sum([bool(request.mutations), bool(request.changes), bool(request.revert_ids)]) != 1:
        raise CommandError("give a record with fields, changes by --set, or --revert: one of the three", status=USAGE)


def _line(draft: Draft) -> str:
    from pfa_rpc.cli.text import plain

    name = f"  {plain(draft.display_name)}" if draft.display_name else ""
    when = draft.change_time.ToDatetime()
    size = f"{draft.changed:,} changed, {draft.created:,} made"
    return f"{plain(draft.draft_id)}  {size}, edited {when:%Y-%m-%d %H:%M} UTC{name}"


def _show(output: Output, response: GetDraftResponse, *, with_months: bool) -> None:
    from pfa_rpc.cli.proposal_tables import show_effect
    from pfa_rpc.cli.text import plain

    output.line(_line(response.draft))
    if response.fields:
        counts = sorted(response.fields.items(), key=lambda item: (-item[1], item[0]))
        output.line("fields   " + ", ".join(f"{plain(name)} {number:,}" for name, number in counts))
    if response.HasField("effect"):
        show_effect(output, response.effect, with_months=with_months)
    if response.conflict_count:
        output.line()
        output.line(f"{response.conflict_count:,} in conflict:", "bold")
    for conflict in response.conflicts:
        for text in _conflict_lines(conflict):
            output.line(text)


def _conflict_lines(conflict: DraftConflict) -> list[str]:
    from pfa_rpc.cli.text import cell, plain
    from pfa_rpc.records.encode import from_message
    from pfa_rpc.schema import BY_NAME

    if not conflict.fields:
        return [f"  {plain(conflict.pfa_id)}: is made by the draft, and exists by now"]
    base, mine, theirs = (from_message(side) for side in (conflict.base, conflict.mine, conflict.theirs))
    return [
        f"  {plain(conflict.pfa_id)}: {BY_NAME[name].label}: was {cell(BY_NAME[name], base[name])}, "
        f"is {cell(BY_NAME[name], mine[name])} in the draft, {cell(BY_NAME[name], theirs[name])} now"
        for name in conflict.fields
        if name in BY_NAME
    ]
