"""Lacking: negations of what groups have, as in "silos with no cranes" and "which models are not rented".

Gives `negates_groups` and `take_lacking`. Such a question asks for the groups of which no record is what follows.
"which areas have rentals but no cranes" asks two things of the groups, which is not answered.
"""

from __future__ import annotations

from typing import Final

from nlq.phrases.gathered import Gathered
from nlq.phrases.parts import DistinctPart, FieldPart, FigurePart, Mark, Part, ValuePart
from nlq.phrases.sharing import COPULAS
from nlq.query import Function

_NEGATED: Final = frozenset((*COPULAS, "arent", "isnt", "werent", "wasnt"))
"""How negations begin that say of groups that none of their records is something."""


def negates_groups(mark: Mark, before: Part | None, content: Part | None, gathered: Gathered) -> bool:
    """Return whether a negation is of groups, or of whether there are any, and not of single records.

    `before` stands right before it, `content` is the part before that is no mark.
    """
    tokens = gathered.tokens
    if mark.tag == "NOT":
        copula = mark.first > 0 and tokens[mark.first - 1].key in COPULAS
        return (copula or tokens[mark.first].key in _NEGATED) and _names_groups(content)
    if _names_groups(content) or _asks_for_any(before):
        return True
    named = bool(gathered.distinct) or any(bare.field.groupable for bare in gathered.bare)
    return named and not gathered.groups and not gathered.figures and isinstance(content, ValuePart)


def take_lacking(mark: Mark, content: Part | None, gathered: Gathered, *, is_first: bool) -> None:
    """Take a negation as asking for groups without records; report it where something else is asked of them, too.

    `is_first`: whether no condition stands before it.
    """
    if is_first and gathered.lacking is None and not isinstance(content, FigurePart) and gathered.yes_no is None:
        gathered.lacking = mark
    else:
        gathered.refuse(mark, *(("any",) if gathered.yes_no is not None else ()))  # a yes could mean either


def _asks_for_any(part: Part | None) -> bool:
    return isinstance(part, Mark) and part.tag == "YES_NO"


def _names_groups(part: Part | None) -> bool:
    """Return whether a part names groups, or counts them: "silos", "number of silos"."""
    if isinstance(part, FigurePart):
        return part.functions == (Function.COUNT_DISTINCT,)
    return isinstance(part, DistinctPart) or (isinstance(part, FieldPart) and part.field.groupable)
