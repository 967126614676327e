"""The worlds of the model: everything there is at one moment, as values that can be told apart.

A world is a record, PEMS, a worker with what it has in memory, updates on their way, readings that are not committed,
and what editors remember of their edits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pfa_rpc.sync.events import RemoteObject
from pfa_rpc.sync.sync_record import SyncRecord
from tests.unit.sync.records_model import FIELDS, Pair, pair, stamp_of, whole


class Violation(Exception):
    """A promise of the synchronization is broken."""


class Pems(NamedTuple):
    """What PEMS holds."""

    values: Pair | None
    """None: it was deleted."""
    lock: int
    seq: int
    """Changes until now; PEMS shows its stamp only, which is coarse."""


class Message(NamedTuple):
    """An update on its way: the whole object, as it replaces the old one."""

    values: Pair
    lock: int | None
    """None: whatever the object's lock is."""
    sent: tuple[bool, bool]
    """Which fields were meant to be changed."""
    bases: Pair
    """What the editor of each field had seen of PEMS when editing it."""


class Worker(NamedTuple):
    """What a worker has in memory."""

    stage: str
    """get, read, wait, answer."""
    snapshot: Pems | None = None
    is_fresh: bool = True
    """Whether nothing was learned of PEMS since the snapshot was asked for."""
    message: Message | None = None
    answer: str = ""
    """made, stale or gone."""
    seq: int = 0
    """Of the change that the answer tells of."""


class Page(NamedTuple):
    """A page of the grid, or an object that was read directly, that is not committed yet."""

    snapshot: Pems
    is_fresh: bool = True
    """Whether nothing was learned of PEMS since it was asked for."""


class Edit(NamedTuple):
    """The last edit of a field, as its editor remembers it."""

    value: str
    """Empty once PEMS has had it."""
    basis: str
    """What PEMS was known to hold then."""


class World(NamedTuple):
    """Everything there is at one moment."""

    record: int
    pems: Pems
    edits: int = 0
    """Edits made here so far."""
    changes: int = 0
    """Changes made in PEMS by others so far."""
    cursor: int = 0
    """The change up to which pages were committed."""
    worker: Worker | None = None
    network: tuple[Message, ...] = ()
    """Updates whose answer nobody waits for any more."""
    page: Page | None = None
    reread: Page | None = None
    """What was read directly, as the record wished."""
    seen: int = 0
    """The change that the record knows of."""
    edited: tuple[Edit | None, Edit | None] = (None, None)
    """The last edit of each field that nobody has decided against."""
    written: frozenset[tuple[int, str]] = frozenset()
    """(field, value) that was written by this service."""


@dataclass(frozen=True)
class Bounds:
    """How much happens in a world."""

    edits: int = 2
    changes: int = 2
    faults: int = 2
    with_deletion: bool = False
    with_coincidence: bool = False
    """Whether PEMS may be changed back, or to what was edited here."""
    with_resolution: bool = False
    """Whether a person may decide about conflicts; counts as an edit."""
    a_minute: int = 4
    """Changes in PEMS that get the same stamp."""
    edits_outside: bool = False
    """Whether edits are stored without the core being asked."""


def in_flight(world: World) -> Iterator[int]:
    """Yield the changes after which PEMS was read, where the record does not know of it yet."""
    worker = world.worker
    if world.page is not None:
        yield world.page.snapshot.seq
    if world.reread is not None:
        yield world.reread.snapshot.seq
    if worker is not None:
        yield worker.snapshot.seq if worker.snapshot is not None else worker.seq or 999


def kept_to_be_sent(record: SyncRecord) -> frozenset[tuple[int, str]]:
    """Return (field, value) of all that is kept of a record to be sent, now or later."""
    sent = record.push.values if record.push is not None else {}
    kept = [pair(record.values), pair({name: sent.get(name, "") for name in FIELDS})]
    found = {value for values in kept for value in enumerate(values)}
    return frozenset(found | {(FIELDS.index(conflict.field), conflict.mine) for conflict in record.conflicts})


def arrived(world: World, values: Pair) -> tuple[Edit | None, Edit | None]:
    """Return the edits, those with a value that PEMS has now without it: nothing can be lost of them any more."""
    first, second = world.edited
    if first is not None and first.value == values[0]:
        first = first._replace(value="")
    if second is not None and second.value == values[1]:
        second = second._replace(value="")
    return first, second


def with_edit(
    edited: tuple[Edit | None, Edit | None], number: int, edit: Edit | None
) -> tuple[Edit | None, Edit | None]:
    return (edit, edited[1]) if number == 0 else (edited[0], edit)


def with_message(network: tuple[Message, ...], message: Message) -> tuple[Message, ...]:
    return tuple(sorted((*network, message), key=repr))


def remote_object(snapshot: Pems, a_minute: int) -> RemoteObject | None:
    """Return what a direct read finds; None where there is nothing."""
    if snapshot.values is None:
        return None
    return RemoteObject(whole(snapshot.values), str(snapshot.lock), stamp_of(snapshot.seq, a_minute), "pems")
