"""Limits: which of them are of no field, but of how many records there are.

Gives `limits_records` and `counts_groups`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nlq.phrases.amounts import is_whole
from nlq.phrases.conditions import counts_things
from nlq.phrases.gathered import Gathered
from nlq.phrases.parts import BoundPart
from nlq.phrases.terms import BoundTerm
from nlq.query import Operator
from nlq.tagging.tags import RECORD, Tagged

_LISTED: Final = frozenset(("result", "row", "entry", "line", "match"))
"""What lists have of records: "max 10 results"."""


def limits_records(part: BoundPart, gathered: Gathered, stretches: Mapping[int, Tagged], *, begins: bool) -> bool:
    """Return whether a limit is of how many records are listed: "max 10 results", "at most 5 cranes".

    `begins`: whether the question begins with it.
    """
    if part.field is not None or part.exact or part.unnamed or part.end == len(gathered.tokens):
        return False
    (operator, amount), *more = part.limits
    grouped = gathered.groups or gathered.figures or any(bare.field.groupable for bare in gathered.bare)
    if (
        more
        or operator is not Operator.LE
        or amount.marked
        or not is_whole(amount.value)
        or amount.scale != 1
        or grouped
    ):
        return False
    after = stretches.get(part.end)
    listed = gathered.tokens[part.end].key in _LISTED or (after is not None and after.tag == RECORD)
    first = begins and after is not None and after.tag in ("VALUE", "FLAG")
    return listed or first


def counts_groups(part: BoundPart, gathered: Gathered, stretches: dict[int, Tagged]) -> bool:
    """Return whether a limit is of how many records a group has: "areas with more than 10 cranes"."""
    marked = any(amount.marked for _, amount in part.limits)
    named = any(bare.field.groupable for bare in gathered.bare) or bool(gathered.groups)
    probe = BoundTerm(part.first, part.end, False, False, False, part.field, part.limits, part.exact)
    return named and not marked and counts_things(part.end, probe, gathered, stretches)
