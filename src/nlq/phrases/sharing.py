"""Sharing: what a question for a share is a share of.

Gives `share_of`, `copula_of`, `mentions` and `COPULAS`. "what percentage of cranes are rentals" has the whole before
"are" and the part behind it; "share of rentals versus purchases" groups by what the list is of; "share of rentals"
names the part alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from nlq.filters.canon import Canon
from nlq.phrases.alternatives import flat
from nlq.phrases.comparing import AgainstTerm
from nlq.phrases.gathered import Gathered
from nlq.phrases.grouping import MAX_GROUPS
from nlq.phrases.terms import FlagTerm, Term, ValueTerm, joined
from nlq.query import Aggregate, Aggregation, Function, conjunction
from nlq.schema import FieldType

COPULAS: Final = frozenset(("are", "is", "were", "was"))
_LEADING: Final = frozenset(("with", "without", "whose", "that", "which"))
"""Words, as keys, by which more is said of the whole: "percentage of rentals with a cost over plan by area"."""
_SHARED: Final = frozenset((Function.COUNT, Function.SUM))


def share_of(
    asked: Aggregate | None, terms: list[Term], gathered: Gathered, canon: Canon
) -> tuple[Aggregate | None, list[Term]]:
    """Return the figures as shares, and the terms of the whole that they are shares of."""
    mark = gathered.share
    if mark is None:
        return _apart(asked, terms, gathered)
    asked = asked or Aggregate((Aggregation(Function.COUNT),))
    if len(asked.aggregations) > 1 or asked.aggregations[0].function not in _SHARED or asked.distinct:
        gathered.refuse(mark)
        return asked, terms
    copula, stated = _copula(gathered, mark.end), _stated(terms, gathered, mark.end)
    behind = [term for term in terms if copula is not None and term.first >= copula] or stated
    if asked.group_by and not behind:
        gathered.use(mark, "as a share")
        return replace(asked, percent=True), terms
    listed = _listed(terms)
    if listed is not None and copula is None and not stated:
        gathered.use(mark, "as a share")
        return replace(asked, percent=True, group_by=(listed.field.name,)), _without_all(terms, listed)
    part = behind if copula is not None or stated else _first_run(terms)
    condition = canon.form(conjunction(*joined(part)))
    if condition is None:
        gathered.refuse(mark)
        return asked, terms
    gathered.use(mark, "as a share")
    rest = [term for term in terms if not any(term is each for each in part)]
    return replace(asked, percent=True, part=condition), rest


def _first_run(terms: list[Term]) -> list[Term]:
    """Return the first term with those that "or" joins to it: "percentage of rentals or discontinued"."""
    end = 1
    while end < len(terms) and terms[end].alternative:
        end += 1
    return terms[:end]


def _apart(asked: Aggregate | None, terms: list[Term], gathered: Gathered) -> tuple[Aggregate | None, list[Term]]:
    """Return the figures of each value of a list that "versus" tells apart: "rentals versus purchases"."""
    mark = gathered.versus
    if mark is None or asked is None:
        return asked, terms
    listed = _listed(terms)
    full = len(asked.group_by) >= MAX_GROUPS or asked.having or asked.distinct
    if listed is None or not listed.field.groupable or full or listed.field.name in asked.group_by:
        gathered.refuse(mark)
        return asked, terms
    gathered.use(mark, f"by {listed.field.label}")
    return replace(asked, group_by=(listed.field.name, *asked.group_by)), _without_all(terms, listed)


def _copula(gathered: Gathered, index: int) -> int | None:
    """Return the token of the "are" that stands between whole and part, None where none does."""
    for place in range(index, len(gathered.tokens) - 1):
        token = gathered.tokens[place]
        if place in gathered.claimed:
            continue  # "percentage of cranes whose rate was changed"
        if token.key in COPULAS and gathered.tokens[place + 1].key != "there":
            return place
    return None


def _stated(terms: Sequence[Term], gathered: Gathered, index: int) -> list[Term]:
    """Return the state that stands right behind a noun, in a list: "percentage of rentals actualized"."""
    of = [place for place, token in enumerate(gathered.tokens) if token.key == "of" and place >= index - 1]
    for noun, state in pairwise(terms if of else ()):
        said = isinstance(noun, ValueTerm) and noun.first >= index and noun.end == state.first
        led = gathered.tokens[state.first].key in _LEADING
        if said and of[0] < noun.first and not led and isinstance(state, (FlagTerm, AgainstTerm)):
            return [state]
    return []


def copula_of(gathered: Gathered) -> int:
    """Return the token that parts the whole of a share from its part, that after the last where none does."""
    found = _copula(gathered, gathered.share.end) if gathered.share is not None else None
    return len(gathered.tokens) if found is None else found


def _listed(terms: Sequence[Term]) -> ValueTerm | None:
    """Return the term that lists several values to tell apart, None where none does."""
    for term in terms:
        if isinstance(term, ValueTerm) and len(term.values) > 1 and not term.negative:
            return term
    return None


def _without_all(terms: list[Term], listed: ValueTerm) -> list[Term]:
    """Return the terms without a list of all the values that there are of a field."""
    if listed.field.type is FieldType.ENUM and {value.name for value in listed.field.values} == set(listed.values):
        return [term for term in terms if term is not listed]
    return terms


def mentions(terms: Sequence[Term]) -> set[str]:
    """Return the flags that terms speak of."""
    return {term.field.name for term in flat(terms) if isinstance(term, FlagTerm)}
