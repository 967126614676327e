"""SyncService: runs of the synchronization with PEMS, their log, rows that were rejected, and what is wanted of it."""

from __future__ import annotations

from typing import Final

from pfa.v1 import sync_service_pb2 as pb
from pfa.v1.conflict_pb2 import (
    ListConflictsRequest,
    ListConflictsResponse,
    ResolveConflictsRequest,
    RetryRecordsRequest,
)
from pfa_rpc.errors import InvalidRequest
from pfa_rpc.schema import FIELDS
from pfa_rpc.services.call import Call, endless
from pfa_rpc.services.editing.repeats import read_request_id
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.requests import DEFAULT_PAGE, MAX_PAGE, authorize, bounded
from pfa_rpc.services.syncing.conflicts import Conflicts
from pfa_rpc.services.syncing.messages import DIRECTIONS, MODES, rejected_message, run_message, settings_message
from pfa_rpc.services.syncing.settings import updated_settings
from pfa_rpc.services.syncing.watch import watch_run
from pfa_rpc.services.tokens import Tokens, digest
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import current_organization
from pfa_rpc.store.syncing.cursors import list_rejected
from pfa_rpc.store.syncing.runs import NewRun, list_runs
from pfa_rpc.store.syncing.settings import read_sync_settings, save_sync_settings
from pfa_rpc.sync.runner import Runner

_RUNS: Final = digest("ListSyncs")
_REJECTED: Final = digest("ListRejectedRows")


class SyncService:
    """The synchronization of organizations."""

    def __init__(self, database: Database, tokens: Tokens, runner: Runner) -> None:
        self._database = database
        self._tokens = tokens
        self._runner = runner
        self._conflicts = Conflicts(database, tokens, runner)

    async def start_sync(self, request: pb.StartSyncRequest, call: Call) -> pb.StartSyncResponse:
        """Begin a run."""
        organization_id = authorize(call, Permission.SYNC, request.organization_id)
        request_id = read_request_id(request.request_id)
        new = NewRun(
            DIRECTIONS.read(request.direction, "direction"),
            MODES.read(request.mode, "mode"),
            call.principal.name,
            self._runner.holder,
            request_id,
            digest("StartSync", request) if request_id is not None else None,
        )
        run = await self._runner.start(organization_id, new)
        return pb.StartSyncResponse(sync=run_message(run, call.principal))

    async def get_sync(self, request: pb.GetSyncRequest, call: Call) -> pb.GetSyncResponse:
        """Return a run."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        run = await self._runner.find(organization_id, _sync_id(request))
        return pb.GetSyncResponse(sync=run_message(run, call.principal))

    async def list_syncs(self, request: pb.ListSyncsRequest, call: Call) -> pb.ListSyncsResponse:
        """Return a page of the log."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        page_size = bounded("page_size", request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
        token = request.page_token
        before = self._tokens.open("page", token, organization_id, _RUNS) if token else None
        await current_organization(self._database, organization_id)
        async with self._database.reading() as connection:
            runs = await list_runs(connection, organization_id, limit=page_size + 1, before=before)
        response = pb.ListSyncsResponse(syncs=[run_message(run, call.principal) for run in runs[:page_size]])
        if len(runs) > page_size:
            response.next_page_token = self._tokens.seal("page", organization_id, _RUNS, runs[page_size - 1].number)
        return response

    async def cancel_sync(self, request: pb.CancelSyncRequest, call: Call) -> pb.CancelSyncResponse:
        """Ask a run to end."""
        organization_id = authorize(call, Permission.SYNC, request.organization_id)
        run = await self._runner.cancel(organization_id, _sync_id(request), call.principal.name)
        return pb.CancelSyncResponse(sync=run_message(run, call.principal))

    @endless
    async def watch_sync(self, request: pb.WatchSyncRequest, call: Call) -> None:
        """Write a run as it goes on, until it is over."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        await watch_run(self._runner, organization_id, _sync_id(request), request.after_sequence, call)

    async def list_rejected_rows(self, request: pb.ListRejectedRowsRequest, call: Call) -> pb.ListRejectedRowsResponse:
        """Return a page of the rows that cannot be taken in."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        page_size = bounded("page_size", request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
        token = request.page_token
        after = self._tokens.open("page", token, organization_id, _REJECTED) if token else ""
        await current_organization(self._database, organization_id)
        async with self._database.reading() as connection:
            rows = await list_rejected(connection, organization_id, limit=page_size + 1, after=after)
        hidden = self._money_columns() if not call.principal.may(Permission.SEE_MONEY) else frozenset()
        response = pb.ListRejectedRowsResponse(rows=[rejected_message(row, hidden) for row in rows[:page_size]])
        if len(rows) > page_size:
            key = rows[page_size - 1].row_key
            response.next_page_token = self._tokens.seal("page", organization_id, _REJECTED, key)
        return response

    def _money_columns(self) -> frozenset[str]:
        """Return what the columns of amounts are called here, and what they are called elsewhere."""
        named = self._runner.settings.columns
        return frozenset(
            alias for field in FIELDS if field.is_money for alias in (field.pems, named.get(field.name)) if alias
        )

    async def get_sync_settings(self, request: pb.GetSyncSettingsRequest, call: Call) -> pb.GetSyncSettingsResponse:
        """Return what is wanted."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        await current_organization(self._database, organization_id)
        async with self._database.reading() as connection:
            settings = await read_sync_settings(connection, organization_id)
        return pb.GetSyncSettingsResponse(settings=settings_message(settings))

    async def update_sync_settings(
        self, request: pb.UpdateSyncSettingsRequest, call: Call
    ) -> pb.UpdateSyncSettingsResponse:
        """Change what is wanted."""
        organization_id = authorize(call, Permission.SYNC, request.organization_id)
        await current_organization(self._database, organization_id)
        async with self._database.writing() as connection:
            settings = updated_settings(await read_sync_settings(connection, organization_id), request, call)
            await save_sync_settings(connection, organization_id, settings)
        return pb.UpdateSyncSettingsResponse(settings=settings_message(settings))

    async def list_conflicts(self, request: ListConflictsRequest, call: Call) -> ListConflictsResponse:
        """Return a page of conflicts."""
        return await self._conflicts.list(request, call)

    async def resolve_conflicts(self, request: ResolveConflictsRequest, call: Call) -> bytes:
        """Settle conflicts."""
        return await self._conflicts.resolve(request, call)

    async def retry_records(self, request: RetryRecordsRequest, call: Call) -> bytes:
        """Send records in error again."""
        return await self._conflicts.retry(request, call)


def _sync_id(request: pb.GetSyncRequest | pb.CancelSyncRequest | pb.WatchSyncRequest) -> str:
    """Return the run that a request names. Raises InvalidRequest where it names none."""
    if not request.sync_id:
        raise InvalidRequest.of("sync_id", "is missing; ListSyncs gives that of each run")
    return request.sync_id
