"""WatchRecords: the records that match first, then every change, from the feed of the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pfa.v1.watch_pb2 import WatchRecordsRequest, WatchRecordsResponse
from pfa_rpc.errors import RevisionCompacted, SlowClient
from pfa_rpc.records.revision import CHUNK_RECORDS, Revision
from pfa_rpc.services.call import Call
from pfa_rpc.services.following.feed import STRETCH, ChangeFeed
from pfa_rpc.services.following.queues import Backlog, Subscription
from pfa_rpc.services.following.views import View
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.reading.framing import BATCH_BYTES
from pfa_rpc.services.reading.streams import HEARTBEAT_SECONDS, RecordStreams, Stream
from pfa_rpc.services.requests import authorize, read_filter, read_mask, revision_token
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.history.feed import Stretch, oldest_followed, read_changes
from pfa_rpc.store.organizations import get_organization

_IS_CURRENT: Final = WatchRecordsResponse(is_current=True).SerializeToString()


class RecordWatch:
    """Serves watchers."""

    def __init__(self, database: Database, tokens: Tokens, streams: RecordStreams, backlog: Backlog) -> None:
        self._database = database
        self._tokens = tokens
        self._streams = streams
        self._feed = ChangeFeed(database, tokens, backlog)

    async def write(self, request: WatchRecordsRequest, call: Call) -> None:
        """Write until the client, or the server, ends it. Raises RevisionCompacted, and SlowClient with a token."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        condition = await read_filter(request.filter, call.principal)
        view = View(condition, read_mask(request.read_mask, call.principal))
        since: Revision | None = None
        if request.revision_token:
            since = Revision(*self._tokens.open("revision", request.revision_token, organization_id, b""))
        watch = _Watch(self._database, self._tokens, organization_id, view, call, since)
        async with self._feed.subscribed(organization_id, view, call.peer) as subscription:
            try:
                if watch.since is None:
                    await self._write_current(watch)
                async with subscription.lasting():
                    await watch.follow(subscription)
            except SlowClient as error:
                raise SlowClient(metadata={"changes_through": watch.token}) from error

    async def _write_current(self, watch: _Watch) -> None:
        """Write the records that match as they are, and note what they are at least as new as."""

        def trailer(stream: Stream) -> bytes:
            stream.revision_token = "begun"  # noqa: S105 (no secret: it says that the first message is on its way)
            return _IS_CURRENT

        stream = Stream(
            watch.organization_id, watch.view.condition, watch.view.mask, CHUNK_RECORDS, b"", other_trailer=trailer
        )
        await self._streams.write(stream, watch.call)
        assert stream.revision is not None, "a stream that was written has been read"  # noqa: S101 (for the type)
        watch.since = stream.revision
        await watch.call.write(WatchRecordsResponse(is_current=True, changes_through=watch.token))


@dataclass(slots=True)
class _Watch:
    """One watcher, and how far it is."""

    database: Database
    tokens: Tokens
    organization_id: str
    view: View
    call: Call
    since: Revision | None
    """Everything up to it was written; None: nothing yet."""

    @property
    def token(self) -> str:
        """Names `since`."""
        return "" if self.since is None else self._token(self.since)

    def _token(self, revision: Revision) -> str:
        return revision_token(self.tokens, self.organization_id, revision)

    async def follow(self, subscription: Subscription) -> None:
        """Write every change after `since`, from the database what the subscription has missed, then what it gets."""
        if subscription.through != self.since:
            await self._catch_up(subscription)
        while True:
            if subscription.is_behind:
                subscription.rejoin()
                await self._catch_up(subscription)
            batch = await subscription.next(HEARTBEAT_SECONDS)
            if batch is None:
                if not subscription.is_behind:
                    await self._write_checkpoint(subscription)
            elif not self._shows(batch.revision):
                for message in batch.messages:
                    await subscription.write(message, self.call.write)
                if batch.is_last:
                    self.since = batch.revision

    async def _write_checkpoint(self, subscription: Subscription) -> None:
        through = subscription.through
        if through is not None and not self._shows(through):
            self.since = through  # nothing that this view shows has changed
        await subscription.write(WatchRecordsResponse(changes_through=self.token).SerializeToString(), self.call.write)

    def _shows(self, revision: Revision) -> bool:
        return self.since is not None and self.since.shows(revision)

    async def _catch_up(self, subscription: Subscription) -> None:
        """Write what has changed since, from the database, in stretches: none waits for a client that reads slowly."""
        stretch: Stretch | None = None
        is_begun = False
        while True:
            async with subscription.room_for(BATCH_BYTES):
                stretch = await self._read(stretch)
                if stretch is None:
                    return
                through = "" if stretch.end is not None else self._token(stretch.revision)
                for message in await self.view.messages(stretch.changes, through, is_begun=is_begun):
                    await subscription.write(message, self.call.write)
                    is_begun = True
            if stretch.end is None:
                self.since = stretch.revision
                return

    async def _read(self, last: Stretch | None) -> Stretch | None:
        """Return the stretch after the last one, the first where there was none; None where nothing has changed."""
        assert self.since is not None, "the current records come first"  # noqa: S101 (for the type)
        async with self.database.reading() as connection:
            if last is None:
                current = (await get_organization(connection, self.organization_id)).revision
                self._require_kept(current, await oldest_followed(connection, self.organization_id, current))
                if current == self.since:
                    return None
            return await read_changes(
                connection,
                self.organization_id,
                self.since.number,
                after=None if last is None else last.end,
                limit=STRETCH,
                with_earlier=not self.view.is_whole,
            )

    def _require_kept(self, current: Revision, oldest: int) -> None:
        """Raise RevisionCompacted where not every change since is in the history."""
        assert self.since is not None, "checked by the caller"  # noqa: S101 (for the type)
        if not current.shows(self.since):
            raise RevisionCompacted(
                "the revision_token is from before the database was restored; begin again without it",
            )
        if self.since.number < oldest:
            raise RevisionCompacted(
                "the revision_token is older than the history that is kept, which begins "
                f"{oldest - self.since.number:,} revisions later; begin again without it",
                metadata={"oldest_revision": str(oldest)},
            )
