"""Writes local edits to PEMS: `Pushing`, the phase of a run that claims records, sends them and takes in the answers.

    claim 100 → GET each → one write: merged, sent → UPDATE each → one write: acknowledged, or what else became of them

Each arrow is a commit, so that whoever comes after a crash knows what may have been sent. Several such rounds run at
the same time; the pace of the organization decides how fast they are.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from pfa_rpc.store.syncing.queue import claimable, count_waiting, next_due
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.confirming import event_of
from pfa_rpc.sync.effects import Get, Update
from pfa_rpc.sync.events import Acknowledged, Event
from pfa_rpc.sync.ongoing import Ongoing
from pfa_rpc.sync.pems import PemsClient, PemsSettings, RemoteObject
from pfa_rpc.sync.pems.errors import PemsError, Resting
from pfa_rpc.sync.push_failures import ends_run, failure_event, is_away
from pfa_rpc.sync.push_steps import PushSteps, Task

AT_ONCE: Final = 100
"""Records that are claimed, and whose answers are saved, in one write."""
ROUNDS: Final = 2
"""Rounds at the same time: one waits for PEMS while the other is at the database."""
REQUESTS: Final = 8
"""Requests of this phase at the same time."""
LEASE: Final = timedelta(minutes=3)
"""How long a claimed record is left alone by everybody else: longer than a round takes."""
PATIENCE: Final = timedelta(minutes=2)
"""How far away the next attempt may be for a run to wait for it; others are left to the next run."""
_MOST_SWEEPS: Final = 100
"""Times that a run goes through the edited records, so that it ends although people go on editing."""
_AWAY_ENDS: Final = 3
"""Rounds in a row without any answer from PEMS, after which the run ends."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a request for a record."""

    record_id: str
    effect: Get | Update
    """What was asked for."""
    event: Event | None
    """What it says to the core."""
    error: PemsError | None = None


class Pushing:
    """The phase `pushing` of runs.

    Args:
        settings: of PEMS.
        lease: how long a claimed record is left alone by other workers.
        patience: how far away the next attempt may be for a run to wait for it.
        first_delay: time before a second attempt, where it is not that of the terms.
    """

    def __init__(
        self,
        settings: PemsSettings,
        *,
        lease: timedelta = LEASE,
        patience: timedelta = PATIENCE,
        first_delay: timedelta | None = None,
    ) -> None:
        self.lease = lease
        self.patience = patience
        self.first_delay = first_delay

    async def __call__(self, ongoing: Ongoing, client: PemsClient) -> None:
        """Write what waits to be written. Raises PemsError, LeaseLost, SyncCancelled."""
        await _Push(self, ongoing, client).run()


class _Push:
    """One run's writing."""

    def __init__(self, pushing: Pushing, ongoing: Ongoing, client: PemsClient) -> None:
        self._pushing = pushing
        self._ongoing = ongoing
        self._client = client
        delay = pushing.first_delay
        self._terms = ongoing.terms if delay is None else replace(ongoing.terms, first_delay=delay)
        self._after = -1
        """Position behind which the next records are claimed."""
        self._busy: set[str] = set()
        """Records that a round of this process is at, however long that takes."""
        self._objects: dict[str, RemoteObject] = {}
        """What was read last of the records that are to be sent."""
        self._slots = asyncio.Semaphore(REQUESTS)
        self._turn = asyncio.Lock()
        self._away = Counter[type[Get | Update]]()
        """Rounds in a row without any answer, by what was asked for: PEMS may be read and not written to."""
        self._end_with: PemsError | None = None
        """Why it is of no use to go on."""

    async def run(self) -> None:
        """Go through the edited records until none is left, or those left have to wait for long."""
        async with self._ongoing.database.reading() as connection:
            waiting = await count_waiting(connection, self._ongoing.organization_id)
        self._ongoing.total = self._ongoing.counts.fetched + waiting
        for _ in range(_MOST_SWEEPS):
            if not await self._sweep() and not await self._wait():
                return

    async def _sweep(self) -> bool:
        """Go once through the edited records; tell whether there was anything to do."""
        self._after = -1
        has_worked = await _together(self._rounds() for _ in range(ROUNDS))
        if self._end_with is not None:
            raise self._end_with
        return any(has_worked)

    async def _rounds(self) -> bool:
        """Work on one part after the other until none is left; tell whether there was one."""
        has_worked = False
        while self._end_with is None:
            self._ongoing.check()
            claimed, tasks = await self._claim()
            if claimed is None:
                break
            while tasks:
                has_worked = True
                tasks = await self._settle(await _together(map(self._carried_out, tasks)))
            self._busy.difference_update(claimed)
            for record_id in claimed:
                self._objects.pop(record_id, None)
        return has_worked

    async def _wait(self) -> bool:
        """Wait for the next attempt that is due soon; tell whether there is one."""
        now = datetime.now(UTC)
        async with self._ongoing.database.reading() as connection:
            due = await next_due(connection, self._ongoing.organization_id, now)
        if due is None or due - now > self._pushing.patience:
            return False
        await asyncio.sleep((due - now).total_seconds())
        return True

    async def _claim(self) -> tuple[list[str] | None, list[Task]]:
        """Take the next records; return their ids, None where there are none, and what is to be done for them."""
        async with self._turn, self._writing() as steps:
            organization_id, at = self._ongoing.organization_id, steps.at
            found = await claimable(steps.connection, organization_id, at, after=self._after, limit=AT_ONCE)
            if not found:
                return None, []
            self._after = found[-1].position
            ids = [waiting.record_id for waiting in found if waiting.record_id not in self._busy]
            self._busy.update(ids)
            await steps.read(ids)
            for record_id in ids:
                steps.claim(record_id, at + self._pushing.lease)
        return ids, steps.tasks

    async def _settle(self, outcomes: Sequence[_Outcome]) -> list[Task]:
        """Take in what PEMS has answered; return what is to be done next."""
        for kind in (Get, Update):
            self._look_at(kind, [outcome.error for outcome in outcomes if isinstance(outcome.effect, kind)])
        events = [(outcome.record_id, outcome.event) for outcome in outcomes if outcome.event is not None]
        if not events:
            return []
        async with self._turn, self._writing() as steps:
            await steps.read([record_id for record_id, _ in events])
            for record_id, event in events:
                steps.step(record_id, event)
        return steps.tasks

    def _look_at(self, kind: type[Get | Update], errors: Sequence[PemsError | None]) -> None:
        """See whether it is of use to go on."""
        if not errors:
            return
        found = [error for error in errors if error is not None]
        has_answered = len(found) < len(errors) or not all(map(is_away, found))
        self._away[kind] = 0 if has_answered else self._away[kind] + 1
        ending = next(filter(ends_run, found), found[0] if self._away[kind] >= _AWAY_ENDS else None)
        self._end_with = self._end_with or ending

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[PushSteps]:
        """Give the steps of one write, which is committed, counted and reported with the run's lease held."""
        ongoing = self._ongoing
        counts = None
        async with ongoing.database.write(ongoing.organization_id, ongoing.cause) as write:
            await ongoing.hold(write.connection)
            batch = await SyncBatch.begin(write, self._terms, run_id=ongoing.run.run_id)
            steps = PushSteps(write, batch)
            yield steps
            await batch.save()
            await ongoing.report(write.connection, steps.counts)
            counts = steps.counts
        if counts is not None:
            ongoing.count(counts)

    async def _carried_out(self, task: Task) -> _Outcome:
        """Ask PEMS for what a record needs; return what that says to the core."""
        record_id, pfa_id, effect = task
        async with self._slots:
            asked_at = datetime.now(UTC)
            if isinstance(effect, Update) and self._end_with is not None:
                unsent = Resting(f"not sent: {self._end_with.message}")
                return _Outcome(record_id, effect, failure_event(effect, unsent, asked_at))
            try:
                event: Event
                if isinstance(effect, Update):
                    updated = await self._client.update(self._objects[record_id], effect.values, effect.lock)
                    event = Acknowledged(effect.push_id, updated.recordid, asked_at, updated.stamp)
                else:
                    found = await self._client.get(self._ongoing.organization_id, pfa_id)
                    if found is not None:
                        self._objects[record_id] = found
                    event = event_of(found, asked_at, asked_at, effect.push_id)
            except PemsError as error:
                return _Outcome(record_id, effect, failure_event(effect, error, datetime.now(UTC)), error)
        return _Outcome(record_id, effect, event)


async def _together(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Return the results of several tasks; where one fails the others are ended, and it alone is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
