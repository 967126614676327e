"""What a question was read as: the query, and how each word led there.

Gives `Interpretation`, `InterpretationKind`, `Piece`, `Role`, `Assumption` and `Alternative`.
All offsets count code points of the question as it was given.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from nlq.changes import Change
from nlq.query import Query


class InterpretationKind(enum.Enum):
    """What a question asks for."""

    RECORDS = "records"
    """Records: those of the query, in its order."""
    FIGURES = "figures"
    """Figures: what the query's aggregate says."""
    CHANGE = "change"
    """A proposal to change the records of the query; nothing is changed by reading it."""
    REFUSED = "refused"
    """Something that is never done; `reason` says why. The query is empty."""


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


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
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
    """What it was read as: the part of the filter it gave, or a phrase such as "count"; empty for filler.

    Of words not understood: why, where they are read but cannot be, as a date that does not exist.
    """
    suggestions: tuple[str, ...] = ()
    """Of words not understood or corrected: the nearest known words, best first."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
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
class Alternative:
    """Another reading of a question."""

    sentence: str
    """What to ask for that reading."""
    filter: str
    """Canonical filter text of its conditions."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
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
    carried: tuple[Assumption, ...] = ()
    """Conditions, order, limit and figures taken over from the question before."""
    ambiguities: tuple[Assumption, ...] = ()
    """Where more than one reading was possible, and which was taken."""
    complete: bool = True
    """Whether every word was understood."""
    warnings: tuple[str, ...] = ()
    """Remarks on the query itself, such as conditions that no record can meet."""
    kind: InterpretationKind = InterpretationKind.RECORDS
    """What is asked for."""
    changes: tuple[Change, ...] = ()
    """What a proposal changes, in the order of the schema's fields."""
    reason: str = ""
    """Why a question is refused: one word in lower case, such as "unsupported_mutation"."""
    question_back: str = ""
    """What the answer has to ask before it can be given: the question has several readings of equal weight, and
    `alternatives` are all of them. The query is the first; without an answer to this it is not looked up."""
    alternatives: tuple[Alternative, ...] = ()
    """Other readings of the whole question, best first."""
    errors: tuple[str, ...] = ()
    """What the question holds that cannot be, one sentence each, such as a date that does not exist; the words are
    among the pieces not understood."""
    codes: tuple[str, ...] = ()
    """What warnings and errors are about, one word each: reversed_range, always_empty, invalid_date."""
    confirm: tuple[str, ...] = ()
    """Words of a proposal that were corrected, which somebody has to confirm first."""
