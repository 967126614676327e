"""Alternatives: records of several kinds, each with conditions of its own: "cranes in Silo 4 and pumps in Silo 5".

Gives `AlternativesTerm`, `Parallel`, `parallel` and `flat`. Only runs of terms that ask the same fields in each of them
are taken so, as then it is clear where one ends and the next begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from nlq.phrases.terms import BoundTerm, DateTerm, FlagTerm, Term, ValueTerm, holds_together, joined
from nlq.query import Condition, Or

_LAST: Final = ("OR", "AND")
_SINGLE: Final = (ValueTerm, FlagTerm)
_FEWEST: Final = 4
"""Terms of the smallest two groups."""
_OF_EACH: Final = 2
"""Terms of one group that ask the same, at most: an amount can have two limits."""
_MOST: Final = 60
"""Most terms of a question in which kinds are told apart."""


@dataclass(slots=True)
class AlternativesTerm(Term):
    """Records that meet all terms of one of several groups."""

    groups: list[list[Term]] = field(default_factory=list)

    def condition(self) -> Condition | None:
        """Return the alternatives, None where one of them leaves everything open.

        One that asks all that another does and more adds no records: a part of that other was not understood.
        """
        conditions = [joined(group) for group in self.groups]
        if not all(conditions):
            return None
        kept = [each for each in conditions if not any(_is_wider(other, each) for other in conditions)]
        either = tuple(holds_together(tuple(each)) for each in kept)
        return Or(either) if len(either) > 1 else either[0]


@dataclass(slots=True)
class Parallel:
    """The terms of a question, told apart."""

    common: list[Term]
    """Those that all records meet."""
    groups: list[list[Term]]


def _is_wider(one: Sequence[Condition], other: Sequence[Condition]) -> bool:
    """Return whether one conjunction asks for less than another."""
    return len(one) < len(other) and all(each in other for each in one)


def flat(terms: Iterable[Term]) -> Iterator[Term]:
    """Yield the terms with those of alternatives in place of these."""
    for term in terms:
        if isinstance(term, AlternativesTerm):
            for group in term.groups:
                yield from group
        else:
            yield term


def parallel(terms: Sequence[Term]) -> Parallel | None:
    """Return the groups of terms that ask the same fields each, None where there are none.

    Terms before and behind them are common to all where a comma parts them off.
    """
    if not _FEWEST <= len(terms) <= _MOST:
        return None
    asked = [_asked(term) for term in terms]
    different = len(set(asked))
    if different in (1, len(asked)):
        return None
    for size in range(min(len(terms) // 2, _OF_EACH * different), 1, -1):
        for first in range(len(terms) - 2 * size + 1):
            end = _run_end(terms, asked, first, size)
            if end > first + size and _is_apart(terms, first, end) and not _asks_again(terms, asked, first, end):
                groups = [list(terms[start : start + size]) for start in range(first, end, size)]
                for group in groups:
                    group[0].alternative = False
                return Parallel([*terms[:first], *terms[end:]], groups)
    return None


def _asked(term: Term) -> str:
    """Return what a term is about; empty where it cannot be a part of a group."""
    if term.beside is not None or term.stated_of is not None:
        return ""
    if isinstance(term, FlagTerm):
        return term.field.name if term.state is not None and not term.included else ""
    if term.negative:
        return ""
    if isinstance(term, ValueTerm):
        return term.field.name
    return "amount" if isinstance(term, BoundTerm) else "date" if isinstance(term, DateTerm) else ""


def _run_end(terms: Sequence[Term], asked: Sequence[str], first: int, size: int) -> int:
    """Return the term after the last group of a size that a term begins, with others like it behind."""
    wanted = sorted(asked[first : first + size])
    names = [asked[place] for place in range(first, first + size) if isinstance(terms[place], _SINGLE)]
    sure = "" not in wanted and len(set(wanted)) > 1 and bool(names) and len(set(names)) == len(names)
    if not sure or any(not term.linked or term.join is not None for term in terms[first + 1 : first + size]):
        return first
    end = first + size
    while sorted(asked[end : end + size]) == wanted and _begins_group(terms, end, size):
        end += size
    return end if end > first + size and terms[end - size].join in _LAST else first


def _begins_group(terms: Sequence[Term], first: int, size: int) -> bool:
    """Return whether a joining word stands before a term, and none before the others of its group."""
    inner = terms[first + 1 : first + size]
    return terms[first].join in (*_LAST, "COMMA") and all(term.linked and term.join is None for term in inner)


def _asks_again(terms: Sequence[Term], asked: Sequence[str], first: int, end: int) -> bool:
    """Return whether a term beside a run asks for other values of a field that its groups ask: it is a kind, too."""
    names = {asked[place] for place in range(first, end) if isinstance(terms[place], ValueTerm)}
    beside = (*range(first), *range(end, len(terms)))
    return any(isinstance(terms[place], ValueTerm) and asked[place] in names for place in beside)


def _is_apart(terms: Sequence[Term], first: int, end: int) -> bool:
    """Return whether commas part a run from the terms around it."""
    before = not first or terms[first].join == "COMMA" or not terms[first].linked
    return before and (end == len(terms) or terms[end].join == "COMMA")
