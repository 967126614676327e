"""Outcome: what a clause of a command does, or why it does nothing.

Gives `Outcome`, its parts, and `refusal_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from nlq.changes import Change, ChangeOperation
from nlq.phrases.notes import Note
from nlq.query import Condition
from nlq.schema import FieldSpec, FieldType, Schema


@dataclass(slots=True)
class Taken:
    """Tokens that belong to the change, and what they mean there."""

    first: int
    end: int
    meaning: str = ""


@dataclass(slots=True)
class Pending:
    """An amount for a field that the records decide."""

    operation: ChangeOperation
    value: Decimal
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that is never done."""

    reason: str
    """Why, in a sentence."""
    order: str
    """The plainest order that is refused so."""


@dataclass(slots=True)
class Outcome:
    """What a clause changes, or why it does not."""

    changes: list[Change] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    """What the records have now: the "$4,000" of "from $4,000 to $4,500"."""
    taken: list[Taken] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    ask: str = ""
    """What has to be asked back; there are no changes then."""
    options: list[tuple[Change, ...]] = field(default_factory=list)
    """What the answer to that can be."""
    refusal: Refusal | None = None
    """Why this is never done."""
    unread: list[tuple[int, int]] = field(default_factory=list)
    """Tokens (first, end) of the clause that mean nothing."""
    invalid: str = ""
    """What is wrong with a date that does not exist."""
    presumed: bool = False
    """Whether so little was said that the records have to be named by a condition of their own."""


def refusal_of(spec: FieldSpec, schema: Schema) -> Refusal | None:
    """Return why a field is never changed, None where it may be."""
    if spec.editable:
        return None
    what = f"Whether a record is {spec.label}" if spec.type is FieldType.BOOL else f"The {spec.label}"
    reason = f"{what} cannot be changed. {schema.conventions.commands.fixed.get(spec.name, '')}".strip()
    return Refusal(reason, f"Change the {spec.label}.")
