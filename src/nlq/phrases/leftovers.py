"""Leftovers: what was said that the query does not hold, reported as not understood.

Gives `refuse_records` and `refuse_rest`, which run once the figures and the conditions of a question are known.
"""

from __future__ import annotations

from collections.abc import Sequence

from nlq.phrases.gathered import Gathered, Resolved
from nlq.phrases.parts import Part
from nlq.phrases.terms import Term, ValueTerm
from nlq.query import Aggregate
from nlq.schema import FieldType


def refuse_records(asked: Aggregate, gathered: Gathered) -> None:
    """Report what orders records where figures are asked for, and no groups are there to be ordered."""
    leftover: list[Part]
    if asked.group_by:
        leftover = [*gathered.distinct, *gathered.groups]
    else:
        used = _used(gathered.result)
        ranks = [rank for rank in gathered.ranks if (rank.first, rank.end) not in used]
        leftover = [*ranks, *gathered.sorts, *gathered.directions, *gathered.most, *gathered.by_figures]
        leftover += [*gathered.distinct, *gathered.groups]
    if gathered.yes_no is not None and not asked.yes_no:
        leftover.append(gathered.yes_no)
    if gathered.lacking is not None and not asked.lacking:
        leftover.append(gathered.lacking)
    known = {*gathered.result.unread, *_used(gathered.result)} if leftover else set()
    gathered.result.unread += [(each.first, each.end) for each in leftover if (each.first, each.end) not in known]


def refuse_both(asked: Aggregate, terms: Sequence[Term], gathered: Gathered) -> None:
    """Report "both" where groups are asked for that have records of each of several values: "silos with both"."""
    for term in terms if asked.distinct else ():
        several = isinstance(term, ValueTerm) and len(term.values) > 1 and term.first > 0
        if several and gathered.tokens[term.first - 1].key == "both":
            gathered.result.unread.append((term.first - 1, term.first))
            gathered.result.reasons[term.first - 1] = "groups are found that have records of any of these"


def refuse_rest(gathered: Gathered) -> None:
    """Report the fields about which nothing was said, and what asks for figures where there are none."""
    figures = (*gathered.most, *gathered.by_figures, *gathered.distinct, *gathered.havings)
    figures += (gathered.lacking,) if gathered.lacking is not None else ()
    known = {*gathered.result.unread, *_used(gathered.result)} if figures or gathered.yes_no is not None else set()
    for part in figures:
        if (part.first, part.end) not in known:
            gathered.refuse(part)
    if gathered.yes_no is not None and (gathered.yes_no.first, gathered.yes_no.end) not in known:
        gathered.use(gathered.yes_no, "")
    for bare in gathered.bare:
        label = bare.field.label
        history = gathered.history
        if history is not None and history.end == bare.first and bare.field.type is FieldType.TIME:
            gathered.use(bare, "changes")  # "changes that maria made"
        elif bare.field.type is FieldType.MONEY:
            gathered.refuse(bare, f"total {label}", f"average {label}", f"{label} over …")
        elif bare.field.groupable:
            gathered.refuse(bare, f"by {label}", f"with a {label}")
        else:
            gathered.refuse(bare, f"sorted by {label}", f"without {label}")


def _used(result: Resolved) -> set[tuple[int, int]]:
    return {(use.first, use.end) for use in result.uses}
