"""Terms: the conditions that a question states, each with the words that it came from.

Gives `Term` and its kinds, which `TermList` of `term_list.py` makes, and `joined`, the conditions of several terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from dataclasses import field as dataclass_field
from typing import Final

from nlq.dates import DateReading
from nlq.query import And, Comparison, Condition, Not, Operator, Or, Present
from nlq.schema import FieldSpec, Layer
from nlq.tagging.tags import Amount, Event, Meaning

_EQ: Final = Operator.EQ


@dataclass(slots=True)
class Term:
    """A condition that was stated."""

    first: int
    end: int
    negative: bool
    alternative: bool
    """Whether "or" joins it to the term before."""
    linked: bool
    """Whether nothing but joining words stands between it and the term before."""
    excluded: bool = field(default=False, init=False)
    """Whether it is negated by a word that leaves records out ("except"), which reaches over "and"."""
    stated_of: Term | None = field(default=None, init=False)
    """The term that it is said to be as well: "rentals that are purchases"."""
    join: str | None = field(default=None, init=False)
    """Tag of the word that joins it to the term before: AND, OR, BUT or COMMA."""
    beside: Term | None = field(default=None, init=False)
    """The negated term that it stands beside, whose negation could be meant to reach it."""

    def condition(self) -> Condition | None:
        """Return the condition, None where it leaves everything open."""
        raise NotImplementedError


@dataclass(slots=True)
class ValueTerm(Term):
    """A field has one of some values."""

    field: FieldSpec
    values: list[str]
    others: tuple[Meaning, ...] = ()
    """What the first value could be as well, where no label says which field is meant."""
    partly: list[str] = dataclass_field(default_factory=list)
    """The values of whose names only the end was said."""
    rivals: tuple[Meaning, ...] = ()
    """Those among the others that are as likely as the first value."""

    def condition(self) -> Condition:
        """Return the comparison with each value, joined by Or."""
        name, values = self.field.name, self.values
        condition: Condition = Comparison(name, _EQ, values[0])
        if len(values) > 1:
            condition = Or(tuple([Comparison(name, _EQ, value) for value in values]))
        return Not(condition) if self.negative else condition


@dataclass(slots=True)
class FlagTerm(Term):
    """A flag is set or not; state None: either."""

    field: FieldSpec
    state: bool | None
    included: bool = False

    def condition(self) -> Condition | None:
        """Return the comparison with the state."""
        if self.state is None:
            return None
        return Comparison(self.field.name, Operator.EQ, self.state is not self.negative)


@dataclass(slots=True)
class PresenceTerm(Term):
    """A field has a value, or none."""

    field: FieldSpec
    present: bool
    missing: bool = False

    def condition(self) -> Condition:
        """Return whether it is present."""
        present = Present(self.field.name)
        return present if self.present is not self.negative else Not(present)


@dataclass(slots=True)
class BoundTerm(Term):
    """A figure lies within limits."""

    field: FieldSpec | None
    limits: tuple[tuple[Operator, Amount], ...]
    exact: bool
    about: bool = False
    unnamed: bool = False
    resolved: Condition | None = None
    """The condition, once it is known which field is meant."""

    @property
    def equals(self) -> bool:
        """Whether it is one amount, whatever word of comparison says so."""
        return self.exact or [operator for operator, _ in self.limits] == [Operator.EQ]

    def condition(self) -> Condition | None:
        """Return the condition on the field that is meant."""
        if self.resolved is None:
            return None
        return Not(self.resolved) if self.negative else self.resolved


@dataclass(slots=True)
class DateTerm(Term):
    """A date of a record lies within two days, or a period of it overlaps with them."""

    date: DateReading
    field: FieldSpec | None = None
    event: Event | None = None
    within: bool = False
    window: bool = False
    """Whether it is said that the costs of its days are meant."""
    layer: Layer | None = None
    resolved: Condition | None = None
    """The condition, once it is known which date is meant."""

    @property
    def is_bound(self) -> bool:
        """Whether it is said what it is of."""
        return self.field is not None or self.event is not None or self.within or self.window

    def condition(self) -> Condition | None:
        """Return the condition on the date that is meant."""
        if self.resolved is None:
            return None
        return Not(self.resolved) if self.negative else self.resolved


def without(terms: Iterable[Term], is_refused: Callable[[Term], bool]) -> list[Term]:
    """Return the terms that are not refused. Those that follow a refused one are no alternatives to what is before it.

    "rentals 7 or $5,000" lists 7 and $5,000; where the 7 says nothing, $5,000 stands beside the rentals as the 7 did.
    """
    kept: list[Term] = []
    opens = False
    for term in terms:
        term.alternative = term.alternative and not opens
        opens = is_refused(term) and not term.alternative
        if not is_refused(term):
            kept.append(term)
    return kept


def joined(terms: list[Term]) -> list[Condition]:
    """Return the conditions that must all hold: one for each run of terms that "or" joins."""
    if True not in [term.alternative for term in terms]:
        return [condition for term in terms if (condition := term.condition()) is not None]
    runs: list[list[Condition | None]] = []
    for term in terms:
        if not (term.alternative and runs):
            runs.append([])
        runs[-1].append(term.condition())
    return [condition for run in runs if (condition := _either(run)) is not None]


def _either(run: list[Condition | None]) -> Condition | None:
    """Return the alternatives as one condition, None where one of them leaves everything open."""
    conditions = [condition for condition in run if condition is not None]
    if len(conditions) < len(run):
        return None
    return Or(tuple(conditions)) if len(conditions) > 1 else conditions[0]


def holds_together(conditions: tuple[Condition, ...]) -> Condition:
    """Return the conjunction of one condition or more."""
    return And(conditions) if len(conditions) > 1 else conditions[0]
