"""The rules of the model: how worlds follow one another, when everything that can happen or go wrong does.

`Model.settling`, `Model.moves` and `Model.faults` give every next world. They raise `Violation` where a promise is
broken on the way: an update that writes over what nobody here has seen, a value written twice, a version going back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pfa_rpc.sync.conflicts import NotResolvable
from pfa_rpc.sync.core import step
from pfa_rpc.sync.effects import Effect, Get, Purpose, Update
from pfa_rpc.sync.events import (
    Acknowledged,
    Claim,
    Failed,
    Keep,
    LeaseExpired,
    LocalEdit,
    Missing,
    OutcomeUnknown,
    Pulled,
    Read,
    Refused,
    Resolved,
    StaleLock,
)
from pfa_rpc.sync.merge import Terms
from pfa_rpc.sync.sync_record import Presence, SyncRecord
from tests.unit.sync.records_model import (
    APART,
    BEFORE,
    EXPIRED,
    FIELDS,
    LEASED,
    NOW,
    OLD,
    PUSH,
    SINCE,
    Pair,
    Records,
    Step,
    Stepped,
    pair,
    row_of,
    stamp_of,
    whole,
)
from tests.unit.sync.world import (
    Bounds,
    Edit,
    Message,
    Page,
    Pems,
    Violation,
    Worker,
    World,
    arrived,
    in_flight,
    kept_to_be_sent,
    remote_object,
    with_edit,
    with_message,
)


class Model:
    """The rules by which worlds follow one another."""

    def __init__(self, terms: Terms = APART, bounds: Bounds | None = None, step_: Step = step) -> None:
        self.bounds = bounds or Bounds()
        self.records = Records(terms, step_)
        self.terms = terms
        self._known_writable: dict[int, frozenset[tuple[int, str]]] = {}
        self._known_broken: dict[Pair, bool] = {}

    @property
    def first(self) -> World:
        """The world before anything has happened."""
        return World(self.records.first, Pems((OLD, OLD), 1, 0))

    def plain(self, world: World) -> World:
        """Return the world without what can make no difference any more, so that there are fewer of them."""
        record, pems, worker = self.records[world.record], world.pems, world.worker
        network, seen, written = world.network, 0, world.written
        if network:
            network = tuple(message for message in network if message.lock in (None, pems.lock))
        if world.seen and any(seq < world.seen for seq in in_flight(world)):
            seen = world.seen
        if worker is not None and not worker.is_fresh and record.repull is None:
            worker = worker._replace(is_fresh=True)
        if written:
            written = written & self._writable(world.record, worker, network)
        cursor = -1 if world.cursor < pems.seq else pems.seq
        told = (worker, network, seen, cursor, written)
        if told == (world.worker, world.network, world.seen, world.cursor, world.written):
            return world
        return world._replace(worker=worker, network=network, seen=seen, cursor=cursor, written=written)

    def _writable(self, number: int, worker: Worker | None, network: tuple[Message, ...]) -> frozenset[tuple[int, str]]:
        """Return (field, value) of all that could be written once more."""
        known = self._known_writable.get(number)
        if known is None:
            known = self._known_writable[number] = kept_to_be_sent(self.records[number])
        messages = [*network, worker.message] if worker is not None and worker.message is not None else network
        for message in messages:
            known |= frozenset(enumerate(message.values))
        return known

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield every next world that something makes, with the name of the move."""
        yield from self._late(world)
        if world.edits < self.bounds.edits:
            yield from self._edits(world)
        if world.changes < self.bounds.changes:
            yield from self._changes(world)

    def settling(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield the moves that need nobody to do anything, and that no fault makes."""
        yield from self._work(world)
        yield from self._pull(world)

    def _late(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield what happens where an update arrives after all; it may as well never do."""
        for place, message in enumerate(world.network):
            rest = world.network[:place] + world.network[place + 1 :]
            if message.lock in (None, world.pems.lock):
                yield "a late update arrives", self._arrive(world._replace(network=rest), message)[0]

    # --- commits ---------------------------------------------------------------------------------------------------

    def _commit(self, world: World, stepped: Stepped) -> World:
        """Store what a step gave; readings under way are older than what it has learned."""
        if not stepped.is_touched:
            return world._replace(record=stepped.record)
        worker, page, reread = world.worker, world.page, world.reread
        worker = worker._replace(is_fresh=False) if worker is not None else None
        page = page._replace(is_fresh=False) if page is not None else None
        reread = reread._replace(is_fresh=False) if reread is not None else None
        return world._replace(record=stepped.record, worker=worker, page=page, reread=reread)

    def _learn(self, world: World, stepped: Stepped, seq: int) -> World:
        """Store a step that took in what PEMS held after so many changes."""
        before, after = self.records[world.record], self.records[stepped.record]
        if after.remote != before.remote:
            if seq < world.seen:
                raise Violation("what is known of PEMS goes back to an older version")
            world = world._replace(seen=seq)
        return self._commit(world, stepped)

    def _put(self, world: World, key: Any, event: Any, effects_to: Worker | None = None) -> World:
        """Commit an event of the worker, and let it go on with the effects."""
        stepped = self.records.step(world.record, key, event)
        return self._go_on(self._commit(world._replace(worker=effects_to), stepped), stepped.effects)

    def _go_on(self, world: World, effects: tuple[Effect, ...]) -> World:
        """Return the world whose worker has the effects of its push to carry out; all others may be lost."""
        for effect in effects:
            if isinstance(effect, Update):
                return world._replace(worker=self._with_update(world, effect))
            if isinstance(effect, Get) and effect.purpose in (Purpose.SEND, Purpose.READ_BACK):
                return world._replace(worker=Worker("get"))
        return world._replace(worker=None)

    def _with_update(self, world: World, effect: Update) -> Worker:
        snapshot = world.worker.snapshot if world.worker is not None else None
        assert snapshot is not None
        assert snapshot.values is not None
        record = self.records[world.record]
        for conflict in record.conflicts:
            if conflict.field in effect.values:
                raise Violation(f"{conflict.field} is in open conflict and is sent")
        sent = FIELDS[0] in effect.values, FIELDS[1] in effect.values
        values = pair(whole(snapshot.values) | effect.values)
        return Worker("wait", message=Message(values, int(effect.lock), sent, self._bases(world)))

    @staticmethod
    def _bases(world: World) -> Pair:
        first, second = world.edited
        return first.basis if first else OLD, second.basis if second else OLD

    # --- the worker ------------------------------------------------------------------------------------------------

    def _work(self, world: World) -> Iterator[tuple[str, World]]:
        worker = world.worker
        if worker is None:
            yield from self._begin(world)
        elif worker.stage == "get":
            yield "read the object", world._replace(worker=Worker("read", world.pems))
        elif worker.stage == "read":
            yield "commit what was read", self._read(world, worker)
        elif worker.stage == "wait" and worker.message is not None:
            after, answer, seq = self._arrive(world, worker.message)
            yield f"the update arrives: {answer}", after._replace(worker=Worker("answer", answer=answer, seq=seq))
        elif worker.stage == "answer":
            yield f"commit the answer: {worker.answer}", self._answer(world, worker)

    def _begin(self, world: World) -> Iterator[tuple[str, World]]:
        record = self.records[world.record]
        if record.is_leased:
            after = self._put(world, "expired", lambda: LeaseExpired(PUSH, EXPIRED, EXPIRED))
            yield "take over", after
        else:
            after = self._put(world, "claim", lambda: Claim(PUSH, LEASED, NOW))
            if after.record != world.record:
                yield "claim", after

    def _read(self, world: World, worker: Worker) -> World:
        snapshot, requested = worker.snapshot, SINCE if worker.is_fresh else BEFORE
        assert snapshot is not None
        stepped = self.records.step(
            world.record,
            ("read", snapshot, requested),
            lambda: Read(remote_object(snapshot, self.bounds.a_minute), requested, NOW, PUSH),
        )
        return self._go_on(self._learn(world, stepped, snapshot.seq), stepped.effects)

    def _answer(self, world: World, worker: Worker) -> World:
        if worker.answer == "stale":
            return self._put(world, "stale", lambda: StaleLock(PUSH, NOW))
        if worker.answer == "gone":
            requested = SINCE if worker.is_fresh else BEFORE
            return self._put(world, ("gone", requested), lambda: Read(None, requested, NOW, PUSH))
        lock, seq = worker.answer.removeprefix("made "), worker.seq
        stepped = self.records.step(
            world.record,
            ("made", lock, seq),
            lambda: Acknowledged(PUSH, lock, NOW, stamp_of(seq, self.bounds.a_minute)),
        )
        return self._go_on(self._learn(world, stepped, seq), stepped.effects)

    # --- PEMS ------------------------------------------------------------------------------------------------------

    def _arrive(self, world: World, message: Message) -> tuple[World, str, int]:
        """Let PEMS make an update, or refuse it; return also its answer and the change that it tells of."""
        pems = world.pems
        if pems.values is None:
            return world, "gone", 0
        if message.lock is not None and message.lock != pems.lock:
            return world, "stale", 0
        written = set(world.written)
        for number, (old, new) in enumerate(zip(pems.values, message.values, strict=True)):
            if old == new:
                continue
            if not message.sent[number]:
                raise Violation(f"an update changes {FIELDS[number]}, which nobody has edited here")
            if old[0] == "R" and old != message.bases[number]:
                raise Violation(f"{old} of PEMS is written over, which the editor of {new} has not seen")
            if (number, new) in written:
                raise Violation(f"{new} is written a second time")
            if new[0] == "L":
                written.add((number, new))
        after = Pems(message.values, pems.lock + 1, pems.seq + 1)
        if self.breaks_rules(message.values):
            raise Violation(f"PEMS holds {message.values}, which break a rule")
        world = world._replace(pems=after, written=frozenset(written), edited=arrived(world, message.values))
        return world, f"made {after.lock}", after.seq

    def breaks_rules(self, values: Pair) -> bool:
        """Tell whether two values may not stand together."""
        known = self._known_broken.get(values)
        if known is None:
            known = self._known_broken[values] = bool([*self.terms.rules(whole(values))])
        return known

    def _changes(self, world: World) -> Iterator[tuple[str, World]]:
        """Somebody changes the object in PEMS, deletes it, or makes it anew."""
        pems, count = world.pems, world.changes + 1
        if pems.values is None:
            # Another object, with locks of its own: what was written to the old one may be written to this one as well.
            again = Pems((OLD, OLD), 100, pems.seq + 1)
            yield "PEMS: made anew", world._replace(pems=again, changes=count, written=frozenset())
            return
        for number, name in enumerate(FIELDS):
            if number and self._is_symmetric(world):
                break
            for value in self._new_values(world, number):
                values = (value, pems.values[1]) if number == 0 else (pems.values[0], value)
                if self.breaks_rules(values):
                    continue
                after = Pems(values, pems.lock + 1, pems.seq + 1)
                yield (
                    f"PEMS: {name} = {value}",
                    world._replace(pems=after, changes=count, edited=arrived(world, values)),
                )
        if self.bounds.with_deletion:
            yield "PEMS: deleted", world._replace(pems=Pems(None, 0, pems.seq + 1), changes=count)

    def _new_values(self, world: World, number: int) -> Iterator[str]:
        assert world.pems.values is not None
        now = world.pems.values[number]
        yield f"R{world.changes + 1}"
        if self.bounds.with_coincidence:
            local = self.records[world.record].values[FIELDS[number]]
            yield from {value for value in (OLD, local) if value != now}

    def _is_symmetric(self, world: World) -> bool:
        """Tell whether the two fields are alike still, so that one of them will do."""
        return not world.edits and not world.changes and self.terms.rules is APART.rules

    # --- pulling ---------------------------------------------------------------------------------------------------

    def _pull(self, world: World) -> Iterator[tuple[str, World]]:
        page, reread, record = world.page, world.reread, self.records[world.record]
        if page is not None:
            yield "commit the page", self._take_page(world._replace(page=None), page)
        elif world.pems.seq > world.cursor:
            yield "read a page", world._replace(page=Page(world.pems))
        if reread is not None:
            yield "commit what was read again", self._take_object(world._replace(reread=None), reread)
        elif not record.is_leased and (record.repull is not None or record.presence is Presence.MISSING):
            yield "read again", world._replace(reread=Page(world.pems))

    def _take_object(self, world: World, page: Page) -> World:
        snapshot, requested = page.snapshot, SINCE if page.is_fresh else BEFORE
        stepped = self.records.step(
            world.record,
            ("read again", snapshot, requested),
            lambda: Read(remote_object(snapshot, self.bounds.a_minute), requested, NOW),
        )
        return self._learn(world, stepped, snapshot.seq)

    def _take_page(self, world: World, page: Page) -> World:
        snapshot, requested = page.snapshot, SINCE if page.is_fresh else BEFORE
        world = world._replace(cursor=max(world.cursor, snapshot.seq))
        if snapshot.values is None:
            return self._commit(world, self.records.step(world.record, "missing", lambda: Missing(NOW)))
        row = row_of(snapshot.values, stamp_of(snapshot.seq, self.bounds.a_minute))
        stepped = self.records.step(
            world.record, ("row", row.digest, row.stamp, requested), lambda: Pulled(row, NOW, requested)
        )
        return self._learn(world, stepped, snapshot.seq)

    # --- people ----------------------------------------------------------------------------------------------------

    def _edits(self, world: World) -> Iterator[tuple[str, World]]:
        """Somebody edits the record here, or decides about its conflicts."""
        record = self.records[world.record]
        for number, name in enumerate(FIELDS):
            if number and self._is_symmetric(world):
                break
            value = f"L{world.edits + 1}"
            values = record.values | {name: value}
            if self.breaks_rules(pair(values)):
                continue
            edit = LocalEdit({name: value}, "ann", NOW)
            enter = self.records.edited_outside if self.bounds.edits_outside else self._edit
            after = self._commit(world, enter(world.record, (name, value), edit))
            edited = with_edit(world.edited, number, Edit(value, record.remote[name]))
            yield f"edit {name} = {value}", after._replace(edits=world.edits + 1, edited=edited)
        if self.bounds.with_resolution and record.conflicts:
            yield from self._decisions(world, record)

    def _edit(self, number: int, key: Any, edit: LocalEdit) -> Stepped:
        return self.records.step(number, key, lambda: edit)

    def _decisions(self, world: World, record: SyncRecord) -> Iterator[tuple[str, World]]:
        for keep in Keep:
            choices = {conflict.field: keep for conflict in record.conflicts}
            try:
                stepped = self.records.step(world.record, keep, lambda c=choices: Resolved(c, "bob", NOW))  # type: ignore[misc]
            except NotResolvable:
                continue
            edited, written = world.edited, set(world.written)
            for conflict in record.conflicts:
                number = FIELDS.index(conflict.field)
                # To keep mine is to want it written, again if need be.
                written.discard((number, conflict.mine))
                mine = Edit(conflict.mine, record.remote[conflict.field]) if keep is Keep.MINE else None
                edited = with_edit(edited, number, mine)
            after = self._commit(world, stepped)._replace(edited=edited, written=frozenset(written))
            yield f"decide: {keep.value}", after._replace(edits=world.edits + 1)

    # --- faults ----------------------------------------------------------------------------------------------------

    def faults(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield every next world that a fault makes."""
        worker = world.worker
        if world.reread is not None:
            yield "the reader crashes", world._replace(reread=None)
        if world.page is not None:
            yield "the puller crashes", world._replace(page=None)
            twice = self._take_page(world, world.page)
            yield "a page comes twice", twice
        if worker is None:
            return
        alone = world._replace(worker=None)
        if worker.stage == "wait" and worker.message is not None:
            alone = alone._replace(network=with_message(world.network, worker.message))
        yield "the worker crashes", alone
        if worker.stage in ("wait", "answer"):
            yield "no answer", self._put(alone, "unknown", lambda: OutcomeUnknown(PUSH, "timed out", NOW))
        if worker.stage == "get":
            yield "the read fails", self._put(world, "5xx", lambda: Failed(PUSH, "error 500", NOW, counts=True))
        if worker.stage == "wait":
            yield "too many requests", self._put(world, "429", lambda: Failed(PUSH, "busy", NOW, counts=False))
            yield "refused", self._put(world, "refused", lambda: Refused(PUSH, "not valid", NOW))
        yield from self._stopped(world, worker)

    def _stopped(self, world: World, worker: Worker) -> Iterator[tuple[str, World]]:
        """The worker is stopped so long that another takes over; what it then sends arrives all the same."""
        if not self.records[world.record].is_leased:
            return
        network = world.network
        if worker.stage == "wait" and worker.message is not None:
            network = with_message(network, worker.message)
        stopped = world._replace(worker=None, network=network)
        yield (
            "take over from a slow worker",
            self._put(stopped, "expired", lambda: LeaseExpired(PUSH, EXPIRED, EXPIRED)),
        )
