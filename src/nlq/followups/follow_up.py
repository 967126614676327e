"""Follow-up: how a question goes on from the one before it, and what its words say to do to it.

Gives `FollowUp` and `Move`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from nlq.followups.dropping import Dropped
from nlq.query import FigureSort, Having
from nlq.schema import FieldSpec
from nlq.tagging.tags import Tagged


class Move(enum.Enum):
    """What is done with the conditions of the question before."""

    NARROW = "narrow"
    """What is said holds as well."""
    EXCHANGE = "exchange"
    """What is said takes the place of what the same fields were asked for."""
    ADJUST = "adjust"
    """EXCHANGE, but the two ends of a range stay apart: "and under 10k"."""
    WIDEN = "widen"
    """What is said is wanted, too."""
    EXCLUDE = "exclude"
    """What is said is not wanted any more."""


@dataclass(slots=True)
class FollowUp:
    """How a question goes on from the one before it."""

    move: Move = Move.NARROW
    cues: list[tuple[int, int]] = field(default_factory=list)
    """Tokens (first, end) that say so; empty where the question only names no records itself."""
    dropped: Dropped = field(default_factory=Dropped)
    wants_records: bool = False
    """Whether it asks for records where the question before asked for figures."""
    single: bool = False
    """Whether it asks which one."""
    unlimited: bool = False
    reverse: bool = False
    order: FigureSort | None = None
    """The order of the groups before."""
    having: Having | None = None
    """What must hold of the groups before."""
    direction: bool | None = None
    """Whether the order before goes down, where only that is said."""
    measure: tuple[FieldSpec, int, int, bool] | None = None
    """The figure that "the total" is of, its tokens (first, end), and whether the question before names it."""
    refused: str = ""
    """Why the question before cannot be gone on from like that."""
    instead_of: list[Tagged] = field(default_factory=list)
    """The values that give way."""
