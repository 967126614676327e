"""What was written into an installation: `Ledger` has an `Entry` for every applied write, for tests to count."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pfa_rpc.simulator.values import Value


class Origin(enum.StrEnum):
    """Who wrote."""

    SERVICE = "service"  # a call of the screen service
    PERSON = "person"  # somebody in PEMS, as a test or a fault plays it


class Effect(enum.StrEnum):
    """What a write did to its row."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Entry:
    """One applied write."""

    sequence: int
    """From 1, without gaps."""
    at: datetime
    origin: Origin
    effect: Effect
    organization: str
    pfa_id: str
    by: str
    recordid: int
    """The row's update counter after the write."""
    before: Mapping[str, Value]
    """Values that the write changed, as they were, by column."""
    after: Mapping[str, Value]
    """The same columns, as they are since."""
    request: Mapping[str, Any] | None
    """Body of the call that wrote."""


class Ledger:
    """Every applied write, the oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self.entries)

    def since(self, sequence: int) -> list[Entry]:
        """Return the entries after a sequence number; 0 gives all."""
        return self.entries[sequence:]

    def of(self, pfa_id: str, organization: str | None = None, origin: Origin | None = None) -> list[Entry]:
        """Return the entries of a row, of one origin where it is given."""
        return [
            entry
            for entry in self.entries
            if entry.pfa_id == pfa_id and organization in (None, entry.organization) and origin in (None, entry.origin)
        ]

    def append(self, entry: Entry) -> None:
        """Add the entry of a write that was just applied."""
        self.entries.append(entry)
