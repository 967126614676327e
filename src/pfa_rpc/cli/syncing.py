"""`pfa sync`: begins, watches, cancels and lists synchronizations with PEMS, and says what is wanted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from pfa.v1 import sync_service_pb2 as pb
    from pfa_rpc.cli.connection import Connection

sync = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
"""The group of commands."""

RUN_EXAMPLE: Final = example("pfa sync run -o RIO", "pfa sync run -o RIO --pull --full")
STATUS_EXAMPLE: Final = example("pfa sync status -o RIO")
LOG_EXAMPLE: Final = example("pfa sync log -o RIO --page-size 5")
WATCH_EXAMPLE: Final = example("pfa sync watch -o RIO    # the run that is under way")
CANCEL_EXAMPLE: Final = example("pfa sync cancel -o RIO")
REJECTED_EXAMPLE: Final = example("pfa sync rejected -o RIO")
RETRY_EXAMPLE: Final = example("pfa sync retry 78497 -o RIO", "pfa sync retry -o RIO --filter 'category = \"Cranes\"'")
SETTINGS_EXAMPLE: Final = example(
    "pfa sync settings -o RIO",
    "pfa sync settings -o RIO --suspend --note 'PEMS moves to another host'",
    "pfa sync settings -o RIO --policy actual_end=pems --policy model=ask",
)
_UNSYNCED: Final = ("MODIFIED", "PENDING_SYNC", "SYNC_ERROR")

SyncId = Annotated[
    str, typer.Argument(metavar="[SYNC_ID]", show_default=False, help="The run; none: the one begun last.")
]


@sync.command("run", epilog=RUN_EXAMPLE)
def run_command(
    *,
    organization: options.Organization,
    pull: Annotated[bool, typer.Option("--pull", help="Only read PEMS.")] = False,
    push: Annotated[bool, typer.Option("--push", help="Only write to PEMS.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Read every row, not only those changed since.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for the end of the run.")] = False,
    request_id: options.RequestId = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Read PEMS, then write local edits to it, and wait for the end.

    Ctrl-C ends the waiting, not the run. One that fails ends the command with its reason.
    """
    target = options.target_of(server, token, timeout)
    import uuid

    from pfa.v1 import sync_service_pb2 as pb
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.sync_progress import follow, require_succeeded

    both = {(True, False): pb.SYNC_DIRECTION_PULL, (False, True): pb.SYNC_DIRECTION_PUSH}
    request = pb.StartSyncRequest(
        organization_id=organization,
        direction=both.get((pull, push), pb.SYNC_DIRECTION_BOTH),
        mode=pb.SYNC_MODE_FULL if full else pb.SYNC_MODE_INCREMENTAL,
        request_id=request_id or str(uuid.uuid4()),
    )
    with connect(target) as connection:
        run = connection.call(connection.syncs.StartSync, request).sync
        if not no_wait:
            run = follow(connection, organization, run)
    _show_run(run, as_json=as_json)
    if not no_wait:
        require_succeeded(run)


@sync.command("status", epilog=STATUS_EXAMPLE)
def status_command(
    *,
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print the last run, and how many records wait for PEMS or for a person."""
    target = options.target_of(server, token, timeout)
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object, pairs_table
    from pfa_rpc.cli.sync_tables import show_run

    with connect(target) as connection:
        runs = _runs(connection, organization, 1).syncs
        waiting = {state: _count(connection, organization, f"sync_state = {state}") for state in _UNSYNCED}
        waiting["IN_CONFLICT"] = _count(connection, organization, "conflicting_fields:*")
    output = Output(as_json=as_json)
    if as_json:
        last = {"sync": as_object(runs[0])} if runs else {}
        output.document({**last, "records": {name.lower(): number for name, number in waiting.items()}})
        return
    if runs:
        show_run(output, runs[0])
    else:
        output.line("Nothing was synchronized yet.")
    words = ("edited, not in PEMS", "being written", "in error", "in conflict")
    output.show(pairs_table(zip(words, (f"{number:,}" for number in waiting.values()), strict=True)))


@sync.command("log", epilog=LOG_EXAMPLE)
def log_command(
    *,
    organization: options.Organization,
    page_size: options.PageSize = 20,
    page_token: options.PageToken = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print the runs of an organization, the latest first.

    Those that were due and skipped are among them, with the reason.
    """
    target = options.target_of(server, token, timeout)
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object, show_next_page
    from pfa_rpc.cli.sync_tables import show_runs

    with connect(target) as connection:
        page = _runs(connection, organization, page_size, page_token)
    output = Output(as_json=as_json)
    if as_json:
        output.document({"syncs": [], **as_object(page)})
        return
    if page.syncs:
        show_runs(output, page.syncs)
    else:
        output.line("Nothing was synchronized yet.")
    show_next_page(output, page.next_page_token)


@sync.command("watch", epilog=WATCH_EXAMPLE)
def watch_command(
    *,
    sync_id: SyncId = "",
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Follow a run to its end, wherever it runs."""
    target = options.target_of(server, token, timeout)
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.sync_progress import follow

    with connect(target) as connection:
        run = follow(connection, organization, _find(connection, organization, sync_id))
    _show_run(run, as_json=as_json)


@sync.command("cancel", epilog=CANCEL_EXAMPLE)
def cancel_command(
    *,
    sync_id: SyncId = "",
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """End a run; what it has done stays, and the next one goes on from there."""
    target = options.target_of(server, token, timeout)
    from pfa.v1.sync_service_pb2 import CancelSyncRequest
    from pfa_rpc.cli.connection import connect

    with connect(target) as connection:
        found = _find(connection, organization, sync_id).sync_id
        request = CancelSyncRequest(organization_id=organization, sync_id=found)
        run = connection.call(connection.syncs.CancelSync, request).sync
    _show_run(run, as_json=as_json)


@sync.command("rejected", epilog=REJECTED_EXAMPLE)
def rejected_command(
    *,
    organization: options.Organization,
    page_size: options.PageSize = 100,
    page_token: options.PageToken = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print the rows of PEMS that cannot be taken in, and why."""
    target = options.target_of(server, token, timeout)
    from pfa.v1.sync_service_pb2 import ListRejectedRowsRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object, show_next_page
    from pfa_rpc.cli.sync_tables import show_rejected

    request = ListRejectedRowsRequest(organization_id=organization, page_size=page_size, page_token=page_token)
    with connect(target) as connection:
        page = connection.call(connection.syncs.ListRejectedRows, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document({"rows": [], **as_object(page)})
        return
    if page.rows:
        show_rejected(output, page.rows)
    else:
        output.line("No row is rejected.")
    show_next_page(output, page.next_page_token)


@sync.command("retry", epilog=RETRY_EXAMPLE)
def retry_command(
    *,
    pfa_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PFA_ID]...", show_default=False, help="Records, by their id in PEMS."),
    ] = None,
    organization: options.Organization,
    filter_text: options.Filter = "",
    request_id: options.RequestId = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Send records in error again with the next run.

    Those that are named, those of a filter, or all.
    """
    target = options.target_of(server, token, timeout)
    import uuid

    from pfa.v1.conflict_pb2 import RetryRecordsRequest
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import count

    request = RetryRecordsRequest(
        organization_id=organization,
        pfa_ids=pfa_ids or (),
        filter=filter_text,
        request_id=request_id or str(uuid.uuid4()),
    )
    with connect(target) as connection, pointing(filter_text=filter_text):
        response = connection.call(connection.syncs.RetryRecords, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
        return
    more = "; there are more, ask again" if response.has_more else ""
    others = len(set(pfa_ids or ())) - response.retried
    more += f"; of those named {others:,} {'is' if others == 1 else 'are'} not in error" if others > 0 else ""
    output.line(f"{count(response.retried, 'record')} will be sent again{more}")


@sync.command("settings", epilog=SETTINGS_EXAMPLE)
def settings_command(
    *,
    organization: options.Organization,
    suspended: Annotated[
        bool | None,
        typer.Option(
            "--suspend/--resume", show_default=False, help="Neither read PEMS nor write to it; or do so again."
        ),
    ] = None,
    read_only: Annotated[
        bool | None,
        typer.Option("--read-only/--read-write", show_default=False, help="Read PEMS, and never write to it; or both."),
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", show_default=False, help="Why, for whoever wonders.")
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="MINUTES", show_default=False, help="Time between two runs; 0: none, default: as set."
        ),
    ] = None,
    policies: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="FIELD=SIDE",
            show_default=False,
            help="Who wins the conflicts of a field: pems, mine or ask; may be given again.",
        ),
    ] = None,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print what an organization wants of its synchronization, or change it."""
    target = options.target_of(server, token, timeout)
    from pfa.v1.sync_service_pb2 import GetSyncSettingsRequest, UpdateSyncSettingsRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.sync_settings import changed_settings
    from pfa_rpc.cli.sync_tables import show_settings

    with connect(target) as connection:
        asked = GetSyncSettingsRequest(organization_id=organization)
        settings = connection.call(connection.syncs.GetSyncSettings, asked).settings
        paths = changed_settings(
            settings, suspended=suspended, read_only=read_only, note=note, every=every, policies=policies or ()
        )
        if paths:
            update = UpdateSyncSettingsRequest(organization_id=organization, settings=settings)
            update.update_mask.paths.extend(paths)
            settings = connection.call(connection.syncs.UpdateSyncSettings, update).settings
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(settings))
    else:
        show_settings(output, settings)


def _runs(connection: Connection, organization: str, page_size: int, page_token: str = "") -> pb.ListSyncsResponse:
    from pfa.v1.sync_service_pb2 import ListSyncsRequest

    request = ListSyncsRequest(organization_id=organization, page_size=page_size, page_token=page_token)
    return connection.call(connection.syncs.ListSyncs, request)


def _find(connection: Connection, organization: str, sync_id: str) -> pb.SyncRun:
    """Return a run, or the last one. Raises CommandError where there is none."""
    from pfa.v1.sync_service_pb2 import GetSyncRequest
    from pfa_rpc.cli.errors import CommandError
    from pfa_rpc.cli.exits import NOT_FOUND

    if sync_id:
        request = GetSyncRequest(organization_id=organization, sync_id=sync_id)
        return connection.call(connection.syncs.GetSync, request).sync
    runs = _runs(connection, organization, 1).syncs
    if not runs:
        raise CommandError(f"nothing of {organization} was synchronized yet", status=NOT_FOUND)
    return runs[0]


def _count(connection: Connection, organization: str, filter_text: str) -> int:
    from pfa.v1.record_service_pb2 import ListRecordsRequest

    request = ListRecordsRequest(organization_id=organization, filter=filter_text, page_size=1, include_total_size=True)
    return connection.call(connection.records.ListRecords, request).total_size


def _show_run(run: pb.SyncRun, *, as_json: bool) -> None:
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.sync_tables import show_run

    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(run))
    else:
        show_run(output, run)
