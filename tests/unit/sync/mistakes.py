"""Mistakes that such a synchronization is known to be made with: `MISTAKES`, each seeded into the core or the world.

Each loses data, or gets stuck, by a way that the model must find; else what the model says of the real core is worth
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from unittest.mock import patch

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import differing
from pfa_rpc.sync.conflicts import merged_fields
from pfa_rpc.sync.core import step
from pfa_rpc.sync.effects import Effect, Update
from pfa_rpc.sync.events import Acknowledged, Event, OutcomeUnknown, Pulled, Read, RemoteObject
from pfa_rpc.sync.merge import Terms
from pfa_rpc.sync.pushing import Verdict, verdict
from pfa_rpc.sync.sync_record import Phase, Push, SyncRecord, rested, with_values
from tests.unit.sync.exploring import Explored, explore
from tests.unit.sync.model import Model
from tests.unit.sync.records_model import APART, NOW, PUSH, RULED, Step
from tests.unit.sync.world import Bounds, Message, Page, Worker, World

Given = tuple[SyncRecord, tuple[Effect, ...]]


@dataclass(frozen=True)
class Mistake:
    """A mistake, and how the model finds it."""

    name: str
    found: str
    """Part of what the model says of it."""
    step: Step = step
    model: type[Model] = Model
    terms: Terms = APART
    bounds: Bounds = field(default_factory=lambda: Bounds(edits=2, changes=1, faults=1))
    patched: Callable[..., object] | None = None
    """What takes the place of `pushing.sendable`."""

    def explore(self) -> Explored:
        """Go through the worlds of a service that makes the mistake."""
        model = self.model(self.terms, self.bounds, self.step)
        if self.patched is None:
            return explore(model)
        with patch("pfa_rpc.sync.pushing.sendable", self.patched):
            return explore(model)


def _clears(record: SyncRecord, event: Event, terms: Terms) -> Given:
    after, effects = step(record, event, terms)
    if isinstance(event, Acknowledged):
        clean = merged_fields(after.values)
        after = rested(replace(after, base=clean, remote=clean))
    return after, effects


def _overwrites_on_acknowledgement(record: SyncRecord, event: Event, terms: Terms) -> Given:
    after, effects = step(record, event, terms)
    if isinstance(event, Acknowledged) and record.push is not None:
        after = rested(replace(after, values=after.values | record.push.values))
    return after, effects


def _overwrites_on_pull(record: SyncRecord, event: Event, terms: Terms) -> Given:
    if isinstance(event, Pulled) and record.push is None:
        row = event.row.values
        return rested(replace(record, values=record.values | row, base=row, remote=row)), ()
    return step(record, event, terms)


def _logs_no_conflict(record: SyncRecord, event: Event, terms: Terms) -> Given:
    after, effects = step(record, event, terms)
    return replace(after, conflicts=(), base=after.remote), effects


def _resends(record: SyncRecord, event: Event, terms: Terms) -> Given:
    push = record.push
    if push is None or push.phase is not Phase.UNKNOWN or not isinstance(event, Read) or event.remote is None:
        return step(record, event, terms)
    again = replace(push, phase=Phase.SENT, lock=event.remote.lock)
    return replace(record, push=again), (Update(PUSH, push.values, event.remote.lock),)


def _takes_unknown_for_success(record: SyncRecord, event: Event, terms: Terms) -> Given:
    if isinstance(event, OutcomeUnknown):
        event = Acknowledged(PUSH, "2", NOW)
    return step(record, event, terms)


def _skips_pending(record: SyncRecord, event: Event, terms: Terms) -> Given:
    if isinstance(event, Pulled) and record.push is not None:
        return record, ()
    return step(record, event, terms)


def _trusts_every_row(record: SyncRecord, event: Event, terms: Terms) -> Given:
    if isinstance(event, Pulled):
        event = replace(event, requested_at=None, row=replace(event.row, stamp=None))
    return step(record, event, terms)


def _lets_local_win(record: SyncRecord, event: Event, terms: Terms) -> Given:
    push = record.push
    if push is None or push.phase is not Phase.UNKNOWN or not isinstance(event, Read) or event.remote is None:
        return step(record, event, terms)
    if verdict(push, event.remote, terms) is not Verdict.AMBIGUOUS:
        return step(record, event, terms)
    remote = record.remote | event.remote.values
    won = with_values(replace(record, push=None, base=remote, remote=remote), last_synced_at=event.at)
    return rested(won), ()


def _merges_without_rules(record: SyncRecord, event: Event, _terms: Terms) -> Given:
    return step(record, event, APART)


def _forgets_doubts(record: SyncRecord, event: Event, terms: Terms) -> Given:
    after, effects = step(record, event, terms)
    if after.push is not None and after.push.phase is Phase.SENT:
        after = replace(after, push=replace(after.push, doubtful=False))
    return after, effects


def _believes_a_late_reading(record: SyncRecord, event: Event, terms: Terms) -> Given:
    if isinstance(event, Read):
        event = replace(event, requested_at=NOW)
    return step(record, event, terms)


def _takes_equal_for_unapplied(record: SyncRecord, event: Event, terms: Terms) -> Given:
    """After an unknown outcome, take values that are those of before for a sign that nothing was written."""
    push = record.push
    is_back = push is not None and push.phase is Phase.UNKNOWN and isinstance(event, Read)
    if is_back and push is not None and isinstance(event, Read) and isinstance(event.remote, RemoteObject):
        found = {name: event.remote.values[name] for name in push.values}
        if found == {name: record.base[name] for name in push.values}:
            record = replace(record, push=replace(push, phase=Phase.CLAIMED, doubtful=False))
    return step(record, event, terms)


def _everything(record: SyncRecord, _terms: Terms) -> Values:
    return {name: record.values[name] for name in differing(record.values, record.base)}


class _BlindPut(Model):
    """Sends the record as it is here, whatever PEMS holds."""

    def _with_update(self, world: World, effect: Update) -> Worker:
        worker = super()._with_update(world, effect)
        assert worker.message is not None
        values = self.records[world.record].values
        message = worker.message
        blind = Message((values["category"], values["model"]), None, message.sent, message.bases)
        return worker._replace(message=blind)


class _EarlyCursor(Model):
    """Moves the cursor on when a page was read, not when its rows are written."""

    def _pull(self, world: World) -> Iterator[tuple[str, World]]:
        for name, after in super()._pull(world):
            page = after.page
            is_read = isinstance(page, Page) and world.page is None
            yield name, after._replace(cursor=page.snapshot.seq) if is_read and page is not None else after


class _NoTakeover(Model):
    """Leaves pushes alone whose lease has run out."""

    def _begin(self, world: World) -> Iterator[tuple[str, World]]:
        push: Push | None = self.records[world.record].push
        if push is None:
            yield from super()._begin(world)


_TWO_CHANGES: Final = Bounds(edits=1, changes=2, faults=1)
_CHANGED_BACK: Final = Bounds(edits=1, changes=1, faults=1, with_coincidence=True)

MISTAKES: Final = (
    Mistake("an acknowledgement clears what was edited meanwhile", "is gone|believes", _clears),
    Mistake("an acknowledgement overwrites local values", "is gone", _overwrites_on_acknowledgement),
    Mistake("a pull overwrites local edits", "is gone", _overwrites_on_pull),
    Mistake("a conflict is not logged", "is written over", _logs_no_conflict),
    Mistake("a blind put", "is written over", model=_BlindPut),
    Mistake("an update is sent again without reading back", "is written over", _resends),
    Mistake("an unknown outcome counts as success", "the record believes", _takes_unknown_for_success),
    Mistake("a pull skips pending records and advances", "the record believes", _skips_pending),
    Mistake("the cursor is moved before the commit", "the record believes", model=_EarlyCursor),
    Mistake("no guard against older versions", "goes back", _trusts_every_row),
    Mistake("local values win after an ambiguous outcome", "is written over", _lets_local_win, bounds=_TWO_CHANGES),
    Mistake("disjoint edits are merged against a rule", "a rule", _merges_without_rules, terms=RULED),
    Mistake("a field in conflict is sent", "in open conflict and is sent", patched=_everything),
    Mistake("a late update is forgotten", "a second time", _forgets_doubts, bounds=_CHANGED_BACK),
    Mistake("equal values count as not applied", "a second time", _takes_equal_for_unapplied, bounds=_CHANGED_BACK),
    Mistake("a direct reading that came late is believed", "goes back|believes", _believes_a_late_reading),
    Mistake("nobody takes over from a worker that crashed", "stuck in pending_sync", model=_NoTakeover),
)
