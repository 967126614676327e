"""What a question was read as: the query, and how each word led there.

Gives `Interpretation`, `Piece`, `Role` and `Assumption`. All offsets count code points of the question as it was given.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from nlq.query import Query


class Role(enum.Enum):
    """What became of a piece of a question."""

    USED = "used"
    """Its meaning is part of the query."""
    FILLER = "filler"
    """Words that carry no condition: "show me", "the"."""
    CORRECTED = "corrected"
    """Used after its spelling was corrected."""
    NOT_UNDERSTOOD = "not understood"
    """Not part of the query."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the question and what became of it."""

    start: int
    """First character."""
    end: int
    """The character after the last."""
    text: str
    """The characters themselves."""
    role: Role
    meaning: str = ""
    """What it was read as: the part of the filter it gave, or a phrase such as "count"; empty for filler."""
    suggestions: tuple[str, ...] = ()
    """Of words not understood or corrected: the nearest known words, best first."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something the question left open, how it was settled, and what else it could be."""

    text: str
    """What was assumed and why, in words."""
    start: int
    """First character of the words that it concerns."""
    end: int
    """The character after the last; equal to `start` where it concerns the whole question."""
    chosen: str
    """What was chosen: the name of a field, or a filter."""
    alternatives: tuple[str, ...] = ()
    """What else was possible, in the same form."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """The reading of a question."""

    query: Query
    """What will be looked up. Where words were not understood, only what was."""
    filter: str
    """Canonical filter text of the conditions; empty where there is none."""
    sentence: str
    """The reading in one sentence; asked as a question it gives the same query."""
    order_by: str
    """The order asked for, as in filter requests; empty where there is none."""
    pieces: tuple[Piece, ...]
    """Every word of the question, in its order."""
    defaults: tuple[Assumption, ...] = ()
    """Conditions added without being asked for."""
    ambiguities: tuple[Assumption, ...] = ()
    """Where more than one reading was possible, and which was taken."""
    complete: bool = True
    """Whether every word was understood."""
    warnings: tuple[str, ...] = ()
    """Remarks on the query itself, such as conditions that no record can meet."""
