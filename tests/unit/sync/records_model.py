"""The records of the model: two fields of a real record, worked on by the real core, each state of it numbered once.

The core is pure, so what an event makes of a state is computed once and looked up from then on. Times are few: what was
stamped by the present event is past for the next one, whether it is older than a reading under way is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import BrokenRule
from pfa_rpc.records.tracking import marked_edited
from pfa_rpc.schema import MERGED_FIELDS
from pfa_rpc.sync.core import first_seen, step
from pfa_rpc.sync.effects import Effect
from pfa_rpc.sync.events import Event, LocalEdit, Pulled
from pfa_rpc.sync.mapping import PemsRow
from pfa_rpc.sync.merge import Terms
from pfa_rpc.sync.sync_record import Phase, SyncRecord

FIELDS: Final = ("category", "model")
"""The two fields that are edited."""
OLD: Final = "0"
"""What both have at first. Edits made here are L1, L2; those made in PEMS R1, R2."""

BEFORE: Final = datetime(2026, 6, 1, tzinfo=UTC)
PAST: Final = BEFORE + timedelta(hours=1)
SINCE: Final = PAST + timedelta(hours=1)
NOW: Final = PAST + timedelta(hours=2)
LEASED: Final = NOW + timedelta(days=1)
LATER: Final = NOW + timedelta(hours=1)
"""The time of an attempt that is to be waited for."""
EXPIRED: Final = NOW + timedelta(days=2)
PUSH: Final = "push"

Pair = tuple[str, str]
"""Values of the two fields."""
Step = Callable[[SyncRecord, Event, Terms], tuple[SyncRecord, tuple[Effect, ...]]]

_REST: Final[Values] = {field.name: None for field in MERGED_FIELDS} | {"source": "rental", "dor": "beo"}


@lru_cache(maxsize=4_096)
def whole(values: Pair) -> Values:
    """Return the merged fields of a record with two values. Shared: not to be changed."""
    return _REST | dict(zip(FIELDS, values, strict=True))


def pair(values: Values) -> Pair:
    """Return the two values."""
    return values[FIELDS[0]], values[FIELDS[1]]


def stamp_of(seq: int, a_minute: int) -> datetime:
    """Return PEMS' stamp of a change, where so many in a row are made in one minute."""
    return BEFORE + timedelta(minutes=seq // a_minute)


def row_of(values: Pair, stamp: datetime) -> PemsRow:
    """Return the grid's row of an object."""
    return PemsRow("RIO", "1", whole(values), stamp, "pems", "", "/".join(values).encode())


class Stepped(NamedTuple):
    """What an event makes of a record."""

    record: int
    effects: tuple[Effect, ...]
    is_touched: bool
    """Whether readings that were begun before must not be believed any more."""


class Records:
    """The states of the record, by number."""

    def __init__(self, terms: Terms, step_: Step = step) -> None:
        self.terms = terms
        self._step = step_
        self._numbers: dict[Hashable, int] = {}
        self._known: list[SyncRecord] = []
        self._steps: dict[tuple[int, Hashable], Stepped] = {}
        new = first_seen(Pulled(row_of((OLD, OLD), BEFORE), PAST))
        self.first = self._number(replace(new, values=new.values | {"modified_by": "ann", "modified_at": PAST}))

    def __getitem__(self, number: int) -> SyncRecord:
        return self._known[number]

    def __len__(self) -> int:
        return len(self._known)

    def step(self, number: int, key: Hashable, event: Callable[[], Event]) -> Stepped:
        """Return what an event makes of a state; events with one key are equal."""
        known = self._steps.get((number, key))
        if known is None:
            record, effects = self._step(self._known[number], event(), self.terms)
            known = self._steps[number, key] = self._stepped(record, effects)
        return known

    def edited_outside(self, number: int, key: Hashable, edit: LocalEdit) -> Stepped:
        """Return what an edit makes of a state that is stored without the core being asked."""
        known = self._steps.get((number, key))
        if known is None:
            record = self._known[number]
            values, _ = marked_edited(record.values, record.base, record.values | edit.updates, edit.by, edit.at)
            known = self._steps[number, key] = self._stepped(replace(record, values=values), ())
        return known

    def _stepped(self, record: SyncRecord, effects: tuple[Effect, ...]) -> Stepped:
        is_touched = NOW in (record.values["last_synced_at"], record.repull)
        return Stepped(self._number(_aged(record)), effects, is_touched)

    def _number(self, record: SyncRecord) -> int:
        key = _key(record)
        number = self._numbers.setdefault(key, len(self._known))
        if number == len(self._known):
            self._known.append(record)
        return number


def _aged(record: SyncRecord) -> SyncRecord:
    """Return the record as it is for the next event: what is now is past then."""
    synced_at = record.values["last_synced_at"]
    push, attempt = record.push, record.next_attempt_at
    if attempt is not None:
        # Whoever takes a push over has waited for the attempt; nobody else has to, before a record can be claimed.
        attempt = LATER if push is not None and push.phase is Phase.UNKNOWN and attempt > NOW else PAST
    if push is not None:
        push = replace(push, push_id=PUSH, lease_until=LEASED if push.lease_until is not None else None)
    return replace(
        record,
        values=record.values | {"last_synced_at": PAST if synced_at == NOW else synced_at},
        repull=PAST if record.repull is not None else None,
        next_attempt_at=attempt,
        push=push,
        editors={},
    )


def _key(record: SyncRecord) -> Hashable:
    """Return what tells states apart: all but what only people read. Attempts are too few to be counted here."""
    values, push = record.values, record.push
    sent: Any = None
    if push is not None:
        values_sent = tuple(sorted(push.values.items()))
        sent = (values_sent, push.phase, push.lease_until is not None, push.lock, push.doubtful)
    conflicts = tuple((c.field, c.base, c.mine, c.theirs, c.ambiguous, c.decided) for c in record.conflicts)
    marks = (values["pems_stamp"], record.seen_digest, record.repull, record.presence, record.rejected)
    is_early = record.next_attempt_at == LATER
    return (pair(values), pair(record.base), pair(record.remote), record.state, marks, is_early, conflicts, sent)


def never_both(values: Any) -> list[BrokenRule]:
    """A rule across the fields: the first may not be edited here while the second has an edit of PEMS."""
    first, second = pair(values)
    return [BrokenRule(FIELDS[1], "not with this category")] if first[0] == "L" and second[0] == "R" else []


def no_rules(_values: Any) -> list[BrokenRule]:
    """Every record is good."""
    return []


APART: Final = Terms(groups=tuple((name,) for name in FIELDS), rules=no_rules)
TIED: Final = Terms(groups=(FIELDS,), rules=no_rules)
RULED: Final = Terms(groups=APART.groups, rules=never_both)
