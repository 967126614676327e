"""Term list: takes the parts of a question in their order, and gives the terms that they state.

Gives `TermList`, which joins lists ("cranes, forklifts or pumps") and finds what each negation negates, and
`likeliest_first`. Two values of one field joined by "and", "or" or a comma are a list: either may hold. "or" between
two fields joins the two terms beside it; everything else holds together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from nlq.normalize import Kind, Token
from nlq.phrases.comparing import AgainstTerm
from nlq.phrases.context import Settled
from nlq.phrases.parts import BoundPart, DatedPart, FieldPart, FlagPart, Mark, Part, PresencePart, ValuePart
from nlq.phrases.terms import BoundTerm, DateTerm, FlagTerm, PresenceTerm, Term, ValueTerm
from nlq.query import Not
from nlq.schema import FieldSpec, FieldType
from nlq.tagging.tags import Meaning

_NOT: Final = frozenset(("not", "never", "no", "non"))
"""Words, as keys, by which a state is negated on its own."""
_COPULAS: Final = frozenset(("are", "is", "that"))
_AGAIN: Final = frozenset(("anything", "everything", "anybody", "those", "any", "all"))
"""Words, as keys, that begin a list's next thing anew."""
_OF_NOUNS: Final = frozenset(("EXCEPT", "WITHOUT", "NEITHER", "NOR"))
"""Negations of what is named behind them; "not rented cranes" are cranes."""
_LIKELIER: Final = 2
"""How many times as many records must have a value in one field as in another for the one to be meant."""
_JOINS: Final = frozenset(("AND", "OR", "COMMA", "BUT"))
_NEGATIONS: Final = frozenset(("NOT", "EXCEPT", "WITHOUT", "NEITHER", "NOR"))


class TermList:
    """Takes the parts of a question in their order, and gives its terms."""

    def __init__(self, settled: Settled, tokens: Sequence[Token] = ()) -> None:
        self._labels = settled.labels
        self._tokens = tokens
        self.terms: list[Term] = []
        self.dangling: list[tuple[int, int]] = []
        """Negations (first, end) that found nothing to negate."""
        self.shared = False
        """Whether a share is asked for: "are" then parts the whole from the part."""
        self._open: Term | None = None  # the term that a list may go on from
        self._join: str | None = None
        self._negation: Mark | None = None
        self._denied: Term | None = None
        """The term behind a negation of what is named there, which the words right behind it belong to."""

    def close(self) -> None:
        """End the list that is open: something else stands between it and what follows."""
        if self._negation is not None:
            self._drop_negation()
        self._open = None
        self._join = None

    def _drop_negation(self) -> None:
        if self._negation is not None:
            self.dangling.append((self._negation.first, self._negation.end))
            self._negation = None

    def take_mark(self, mark: Mark) -> None:
        """Take a word that joins or negates."""
        if mark.tag in _JOINS:
            # ", or" is an or, ", and" is an and.
            self._join = mark.tag if self._join in (None, "COMMA") else self._join
        elif mark.tag in _NEGATIONS:
            self._drop_negation()
            self._negation = mark
        elif mark.tag == "LEFT_OUT":
            self._leave_out(mark)

    def _leave_out(self, mark: Mark) -> None:
        """Negate the term before, and those that "or" joins to it: "discontinued left out"."""
        if self._open is None:
            self.dangling.append((mark.first, mark.end))
            return
        self._open.end = mark.end
        for term in reversed(self.terms):
            term.negative = not term.negative
            alternative, term.alternative = term.alternative, False
            if not alternative:
                break

    def take_value(self, part: ValuePart) -> None:
        """Take a value: it goes on with the list of its field, or begins a term."""
        first, end = self._span(part)
        term = self._open
        stated = self._states(part)
        if isinstance(term, ValueTerm) and self._continues(term.field, part.meanings, part.first) and stated is None:
            for meaning in part.meanings:
                if meaning.field is term.field and meaning.value not in term.values:
                    term.values.append(meaning.value)
                    term.partly += [meaning.value] if meaning.partly else []
            term.end = max(end, term.end)
            term.rivals = ()
            self._join = None
            return
        added = _value_term(first, end, part.meanings)
        self._add(added)
        added.stated_of = stated

    def _states(self, part: ValuePart) -> Term | None:
        """Return what a value is said of that was named before: "rentals that are purchases"."""
        before = self.terms[-1] if self.terms else None
        if self.shared or before is None or self._join not in (None, "COMMA") or self._negation is not None:
            return None
        if _COPULAS.isdisjoint([token.key for token in self._tokens[before.end : part.first]]):
            return None
        values = (term for term in self.terms if isinstance(term, ValueTerm) and not term.negative)
        return next((term for term in values if any(meaning.field is term.field for meaning in part.meanings)), None)

    def _continues(self, field: FieldSpec, meanings: tuple[Meaning, ...], first: int) -> bool:
        """Return whether a value belongs to the open list of a field."""
        if self._negation is not None or self._join == "BUT":
            return False
        listed = True in [meaning.field is field for meaning in meanings]
        return listed and not (self._join is None and self._is_beside(first))

    def _is_beside(self, first: int) -> bool:
        """Return whether a word stands right behind another, which it may belong to: "concrete pumps" are no list."""
        if self._open is None or self._open.end != first or not 0 < first < len(self._tokens):
            return False
        token, before = self._tokens[first], self._tokens[first - 1]
        plain = not token.gap.strip() and token.kind is before.kind is Kind.WORD
        return plain and token.key != before.key

    def take_flag(self, part: FlagPart) -> None:
        """Take a flag; its two states in one list leave it open."""
        term = self._open
        if isinstance(term, FlagTerm) and term.field is part.field and self._negation is None and self._join != "BUT":
            if part.state is None or part.state is not term.state:
                term.state = None
            term.end = part.end
            self._join = None
            return
        # "including discontinued and transferable" includes both.
        included = part.included or (isinstance(term, FlagTerm) and term.included and self._join in ("AND", "OR"))
        state = None if included else part.state
        self._add(FlagTerm(part.first, part.end, False, False, False, part.field, state, included))

    def take_presence(self, part: PresencePart) -> None:
        """Take a field that has a value, or none."""
        self._add(PresenceTerm(part.first, part.end, False, False, False, part.field, part.present, part.missing))

    def take_field(self, part: FieldPart) -> bool:
        """Take a field that a list of fields with or without a value goes on to; return whether one does."""
        before = self._open
        if part.field.type is FieldType.BOOL:
            return False
        if self._negation is not None and self._negation.tag in ("NEITHER", "NOR"):
            self._add(PresenceTerm(part.first, part.end, False, False, False, part.field, present=True))
            return True
        # A figure behind a comma is asked for on its own: "without a contract, forecast cost by area".
        joins = ("AND", "OR") if part.field.type in (FieldType.MONEY, FieldType.INTEGER) else ("AND", "OR", "COMMA")
        if not isinstance(before, PresenceTerm) or self._negation is not None or self._join not in joins:
            return False
        term = PresenceTerm(part.first, part.end, False, False, False, part.field, before.present, before.missing)
        self._add(term)
        term.alternative = term.alternative and (term.present or term.missing)
        return True

    def take_dated(self, part: DatedPart) -> DateTerm:
        """Take a date."""
        term = DateTerm(part.first, part.end, False, False, False, part.date, part.field, part.event, part.within)
        term.window = part.window
        self._add(term)
        return term

    def take_term(self, term: Term) -> None:
        """Take a condition that is made already."""
        self._add(term)

    def take_bound(self, part: BoundPart) -> None:
        """Take limits of a figure."""
        self._add(
            BoundTerm(
                part.first, part.end, False, False, False, part.field, part.limits, part.exact, part.about, part.unnamed
            )
        )

    def _add(self, term: Term) -> None:
        """Add a term, negated and joined as the words before it say."""
        before = self._open
        term.linked, term.join = before is not None, self._join
        term.alternative = before is not None and (self._join == "OR" or self._goes_on(before, term))
        if before is not None and before.negative and self._join is None:
            apart = before.end < term.first or isinstance(term, BoundTerm)
            term.beside = before if apart else None
            if before is self._denied and not apart and isinstance(term, (ValueTerm, FlagTerm)):
                # "everything except Grove cranes" leaves out what is both: of either, one must not hold.
                term.negative = term.alternative = True
                term.excluded = before.excluded
                self._denied = term
        elif before is not None and before.negative and self._join == "AND" and isinstance(term, (ValueTerm, FlagTerm)):
            if before.excluded:
                # "excluding cranes and Silo 4" leaves out either.
                term.negative = term.excluded = True
                self._denied = term
            elif isinstance(term, ValueTerm):
                term.beside = before
        elif before is not None and before.excluded and self._join == "AND" and isinstance(term, (BoundTerm, DateTerm)):
            if self._says_again(before, term):
                term.negative = term.excluded = True
            else:
                term.beside = before
        if self._negation is not None:
            term.negative = True
            term.excluded = self._negation.tag == "EXCEPT"
            self._denied = term if self._negation.tag in _OF_NOUNS else None
            term.first = min(term.first, self._negation.first)
        elif before is not None and self._is_neither(before, term):
            # "not rented or discontinued" is neither: each is negated, and both hold.
            term.negative = True
            term.excluded = before.excluded
            term.alternative = False
            self._denied = term if term.excluded else None
        self.terms.append(term)
        self._open = term
        self._join = None
        self._negation = None

    def _says_again(self, before: Term, term: Term) -> bool:
        """Return whether an exclusion begins anew before a term: "excluding anything from JLG and anything over 5k"."""
        return any(token.key in _AGAIN for token in self._tokens[before.end : term.first])

    def _is_neither(self, before: Term, term: Term) -> bool:
        """Return whether a negation reaches over "or": "not rented or discontinued", but "not rented or not here"."""
        if not before.negative or term.negative or not term.alternative or isinstance(term, BoundTerm):
            return False
        if isinstance(term, PresenceTerm):
            return term.present
        if isinstance(term, AgainstTerm):
            return not isinstance(term.stated, Not)
        return not isinstance(term, FlagTerm) or self._tokens[term.first].key not in _NOT

    def _goes_on(self, before: Term, term: Term) -> bool:
        """Return whether an amount or a date goes on with a list: "a monthly rate of 5,000, 6,000 or 7,000"."""
        if isinstance(before, DateTerm) and isinstance(term, DateTerm) and self._negation is None:
            periods = all(None not in (each.date.start, each.date.stop) for each in (before, term))
            return periods and not term.is_bound and self._join in ("AND", "COMMA")
        if not isinstance(before, BoundTerm) or not isinstance(term, BoundTerm) or self._negation is not None:
            return False
        same = term.field in (None, before.field) and before.equals and term.exact
        return same and self._join in ("AND", "COMMA")

    def _span(self, part: Part) -> tuple[int, int]:
        """Return the tokens of a value, its label included."""
        label = self._labels.get(part.first)
        return (part.first, part.end) if label is None else (min(part.first, label[0]), max(part.end, label[1]))


def _is_rival(other: Meaning, meant: Meaning) -> bool:
    """Return whether a meaning is about as likely as another: not half as many records have the one as the other."""
    return _LIKELIER * other.uses > meant.uses > 0 and _LIKELIER * meant.uses > other.uses


def _value_term(first: int, end: int, meanings: tuple[Meaning, ...]) -> ValueTerm:
    """Return the term of a value, or of a range of values, that some tokens name."""
    field = meanings[0].field
    if len(meanings) == 1:
        value = meanings[0].value
        partly = [value] if meanings[0].partly else []
        return ValueTerm(first, end, False, False, False, field, [value], (), partly, ())
    # A range of values has several of one field.
    meant = [meaning for meaning in meanings if meaning.field is field]
    others: tuple[Meaning, ...] = ()
    if len(meant) < len(meanings):
        others = tuple(m for m in meanings if m.field is not field and not _is_variant(m.field, field))
    values, partly = [each.value for each in meant], [each.value for each in meant if each.partly]
    rivals = tuple(each for each in others if _is_rival(each, meant[0])) if len(meant) == 1 else ()
    return ValueTerm(first, end, False, False, False, field, values, others, partly, rivals)


def likeliest_first(meanings: tuple[Meaning, ...], prepositions: Mapping[str, str], before: str) -> tuple[Meaning, ...]:
    """Return the meanings of one word with that of the likeliest field first.

    Among values of the vocabulary that is the one field whose preposition stands `before` ("in Grove"), or else the one
    that many more records have.
    """
    if not meanings[0].uses:
        return meanings  # a word of the language itself: no value of that name takes its place
    named = [each for each in meanings if prepositions.get(each.field.name) == before]
    if before and len({each.field.name for each in named}) == 1 and len(named) < len(meanings):
        return (*named, *(replace(each, uses=0) for each in meanings if each not in named))
    first = meanings[0]
    for each in meanings[1:]:
        if each.uses >= _LIKELIER * first.uses and not _is_variant(each.field, first.field):
            first = each
    if first.field is meanings[0].field:
        return meanings
    same = [each for each in meanings if each.field is first.field]
    return (*same, *(each for each in meanings if each.field is not first.field))


def _is_variant(field: FieldSpec, of: FieldSpec) -> bool:
    """Return whether a field is a kind of another by its name, as "forecast category" is of "category"."""
    return field.label.endswith(f" {of.label}")
