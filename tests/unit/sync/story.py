"""A record, and what happens to it: `Story`, with the rows and objects that PEMS gives."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from pfa_rpc.records.encode import Values
from pfa_rpc.schema import MERGED_FIELDS
from pfa_rpc.sync.core import first_seen, step
from pfa_rpc.sync.effects import (
    Action,
    Audit,
    Effect,
)
from pfa_rpc.sync.events import (
    Claim,
    Event,
    LocalEdit,
    Pulled,
    Read,
    RemoteObject,
)
from pfa_rpc.sync.mapping import PemsRow, digest_of, text_of
from pfa_rpc.sync.merge import TERMS, Terms
from pfa_rpc.sync.sync_record import SyncRecord

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
BASE: Values = {field.name: None for field in MERGED_FIELDS} | {
    "category": "Cranes",
    "source": "rental",
    "dor": "beo",
    "is_actualized": False,
    "is_discontinued": False,
    "is_funds_transferable": False,
    "monthly_rate": 10_000_000,
    "forecast_start": date(2026, 3, 1),
    "forecast_end": date(2026, 6, 1),
}


def after(minutes: float) -> datetime:
    """Return a time so many minutes after the start."""
    return START + timedelta(minutes=minutes)


def row(stamp: datetime = START, *, by: str = "jsmith", **changes: Any) -> PemsRow:
    """Return a row of the grid: BASE with changes."""
    text = text_of(BASE | changes)
    return PemsRow("RIO", "78005", BASE | changes, stamp, by, text, digest_of(text))


def remote(lock: int = 7, **changes: Any) -> RemoteObject:
    """Return what a direct read finds: BASE with changes."""
    return RemoteObject(BASE | changes, str(lock), START, "jsmith")


class Story:
    """A record, and what happens to it; remembers the effects of the last event."""

    def __init__(self, terms: Terms = TERMS, **local: Any) -> None:
        self.terms = terms
        self.record: SyncRecord = first_seen(Pulled(row(), START))
        self.effects: tuple[Effect, ...] = ()
        if local:
            self.edit(1, **local)

    def tell(self, event: Event) -> Story:
        """Let an event happen."""
        self.record, self.effects = step(self.record, event, self.terms)
        return self

    def edit(self, minutes: float = 2, by: str = "ann", **updates: Any) -> Story:
        """Let somebody edit the record."""
        return self.tell(LocalEdit(updates, by, after(minutes)))

    def claim(self, push_id: str = "p1", minutes: float = 10) -> Story:
        """Let a worker claim the record."""
        return self.tell(Claim(push_id, after(minutes) + LEASE, after(minutes)))

    def read(self, found: RemoteObject | None, push_id: str | None = "p1", minutes: float = 11) -> Story:
        """Let a direct read come, which was begun half a minute before."""
        return self.tell(Read(found, after(minutes - 0.5), after(minutes), push_id))

    def send(self, push_id: str = "p1") -> Story:
        """Claim and read, so that an update is on its way."""
        return self.claim(push_id).read(remote(), push_id)

    def pull(self, pulled: PemsRow, minutes: float = 20, requested: float | None = None) -> Story:
        """Let a row come."""
        return self.tell(Pulled(pulled, after(minutes), after(minutes - 0.5 if requested is None else requested)))

    def __getitem__(self, name: str) -> Any:
        return self.record.values[name]

    def effect(self, kind: type[Any]) -> Any:
        """Return the one effect of a kind."""
        (found,) = [effect for effect in self.effects if isinstance(effect, kind)]
        return found

    def actions(self) -> set[Action]:
        """Return what goes into the log."""
        return {effect.action for effect in self.effects if isinstance(effect, Audit)}
