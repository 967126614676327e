"""The steps of pushes within one write: `PushSteps`, which counts them and gathers what is to be done next."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.database import Write
from pfa_rpc.store.syncing.runs import Counts
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.effects import Action, Audit, Effect, Get, OpenConflict, Update
from pfa_rpc.sync.events import Claim, Event, LeaseExpired

_PUSHED: Final = (Action.ACKNOWLEDGED, Action.FOUND_APPLIED)


class Task(NamedTuple):
    """A request to PEMS that a record needs."""

    record_id: str
    pfa_id: str
    effect: Get | Update


class PushSteps:
    """Takes records through steps of their pushes.

    Args:
        write: the write that all of it belongs to.
        batch: its records.
    """

    def __init__(self, write: Write, batch: SyncBatch) -> None:
        self._write = write
        self._batch = batch
        self._tasks: dict[str, list[Task]] = {}
        self.counts = Counts()

    @property
    def connection(self) -> AsyncConnection:
        """The write's."""
        return self._write.connection

    @property
    def at(self) -> datetime:
        """When all of it happens."""
        return self._write.at

    @property
    def tasks(self) -> list[Task]:
        """What is to be done once the write is committed."""
        return [task for of_record in self._tasks.values() for task in of_record]

    async def read(self, record_ids: Sequence[str]) -> None:
        """Read records, to take them through steps."""
        await self._batch.read("id", record_ids)

    def claim(self, record_id: str, until: datetime) -> None:
        """Claim a record, taking it over from a worker that is gone where there is one."""
        record = self._batch.get(record_id)
        if record is not None and record.is_leased:
            self.step(record_id, LeaseExpired(str(uuid.uuid4()), until, self.at))
            record = self._batch.get(record_id)
        if record is not None and not record.is_leased:
            self.step(record_id, Claim(str(uuid.uuid4()), until, self.at))

    def step(self, record_id: str, event: Event) -> None:
        """Take a record through a step; what was to be done for it before is done, or is void."""
        if self._batch.get(record_id) is None:
            return
        effects = self._batch.step(record_id, replace(event, at=self.at))
        record = self._batch.get(record_id)
        assert record is not None  # noqa: S101 - it was there before the step
        self._count(effects)
        pushed = None if record.push is None else record.push.push_id
        self._tasks[record_id] = [
            Task(record_id, record.values["pfa_id"], effect)
            for effect in effects
            if isinstance(effect, Get | Update) and effect.push_id in (None, pushed)
        ]

    def _count(self, effects: Sequence[Effect]) -> None:
        actions = {effect.action for effect in effects if isinstance(effect, Audit)}
        self.counts.pushed += not actions.isdisjoint(_PUSHED)
        self.counts.failed += Action.GAVE_UP in actions
        self.counts.conflicts += any(isinstance(effect, OpenConflict) for effect in effects)
