"""Conditions: the terms of a question as one condition, those that conventions add included.

Gives `Conditions`, and `absorbed`, which drops alternatives that add nothing. Terms that ask one field for two things
are refused, amounts and dates get their fields, and what cannot hold for any record is remarked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from nlq.filters.canon import Canon
from nlq.phrases.alternatives import AlternativesTerm, parallel
from nlq.phrases.amounts import REVERSED_RANGE, settle_amounts
from nlq.phrases.comparing import AgainstTerm
from nlq.phrases.dating import settle_dates
from nlq.phrases.emptiness import why_empty
from nlq.phrases.gathered import Gathered
from nlq.phrases.notes import Note, choice_note, left_out_note, partly_note, reach_note, roughly_note, value_note
from nlq.phrases.parts import HavingPart
from nlq.phrases.sharing import copula_of
from nlq.phrases.terms import BoundTerm, DateTerm, FlagTerm, Term, ValueTerm, joined, without
from nlq.phrases.windows import take_windows, unbound_dates
from nlq.query import Aggregate, And, Condition, FieldComparison, Operator, Or, fields_of
from nlq.schema import FieldSpec
from nlq.tagging.changed import is_changed
from nlq.tagging.fillers import UNITS
from nlq.tagging.tags import RECORD, Tagged

_SMALL_COUNT: Final = 1000
_SHORTEST_KEY: Final = 4
"""Fewest digits of a number alone that is likely meant as a record's key."""
ALWAYS_EMPTY: Final = "always_empty"


class Conditions:
    """Settles the terms of one question."""

    def __init__(
        self, gathered: Gathered, canon: Canon, currency: str, stretches: Mapping[int, Tagged], unread_ends: set[int]
    ) -> None:
        self._gathered = gathered
        self._result = gathered.result
        self._canon = canon
        self._schema = canon.schema
        self._currency = currency
        self._stretches = stretches
        self._unread_ends = unread_ends
        self.terms: list[Term] = []
        self._totals: Aggregate | None = None
        """The figures, where costs are totalled."""
        self._is_apart = False
        """Whether the terms being settled are of one of several kinds of records."""

    def settle(self, terms: list[Term], asked: FieldSpec | None, totals: Aggregate | None = None) -> None:
        """Give each term its condition, and account for its words.

        `asked` is the field whose values are asked for; `totals` are the figures where costs are totalled.
        """
        if AgainstTerm in {*map(type, terms)}:
            terms = _told_once(terms)
            self._note_changed(terms, asked)
        self._totals = totals
        figured = self._gathered.share is not None or self._gathered.versus is not None
        apart = None if figured else parallel(terms)
        if apart is None:
            kept = self._compatible(terms) if not figured else self._compatible_parts(terms)
            self.terms = self._settled(kept, asked)
            return
        named: list[Term] = [term for term in apart.common if isinstance(term, ValueTerm)]
        self._is_apart = True
        groups = [self._settled(group, asked, beside=named) for group in apart.groups]
        self._is_apart = False
        common = self._settled(self._compatible(apart.common), asked)
        self.terms = common
        each = [term for group in groups for term in group]
        either = AlternativesTerm(each[0].first, each[-1].end, False, False, False, groups) if all(groups) else None
        if either is None or (len({*map(len, groups)}) > 1 and isinstance(either.condition(), Or)):
            # Of kinds of which one lacks what was not understood of it, no sentence can tell the others.
            for term in each:
                self._gathered.refuse(term)
        else:
            self.terms = [*common, either]

    def _compatible_parts(self, terms: list[Term]) -> list[Term]:
        """Return the terms that hold together, apart for the whole that a share is of and for its part."""
        whole = copula_of(self._gathered)
        parts = [[term for term in terms if (term.first < whole) is before] for before in (True, False)]
        return [term for part in parts if part for term in self._compatible(part)]

    def _note_changed(self, terms: Sequence[Term], asked: FieldSpec | None) -> None:
        """Say which changes of fields are meant where the question asks for no people."""
        conventions = self._schema.conventions
        if asked is not None and asked.name in conventions.dates.deeds:
            return
        for term in terms:
            if isinstance(term, AgainstTerm) and is_changed(term.stated, conventions.changed.field):
                self._gathered.note(conventions.changed.note, term, self._canon.text(term.condition()), ())

    def _settled(self, terms: list[Term], asked: FieldSpec | None, beside: Sequence[Term] = ()) -> list[Term]:
        """Return terms that hold together, each with its condition; `beside` hold as well and are settled elsewhere."""
        self.terms = [*beside, *terms]
        kinds = {*map(type, self.terms)}
        if DateTerm in kinds:  # first, as one that says which days costs are of is no alternative to a kind of record
            self._settle_dates(asked)
        if BoundTerm in kinds:
            self._settle_amounts()
        settled = self.terms[len(beside) :]
        for term in settled:
            self._account(term)
        return settled

    def where(self, terms: list[Term], mentioned: set[str]) -> Condition | None:
        """Return the condition of some of the terms, with that of the conventions for flags not mentioned."""
        conditions = [*absorbed(joined(terms)), *self._left_out(mentioned)]
        together = And(tuple(conditions)) if len(conditions) > 1 else conditions[0] if conditions else None
        where = self._canon.form(together)
        reason = why_empty(where, self._schema)
        if reason is not None:
            self._result.warnings.append(reason)
            self._result.codes.append(ALWAYS_EMPTY)
        return where

    def _account(self, term: Term) -> None:
        condition = term.condition()
        if isinstance(term, ValueTerm):
            if term.others:
                self._result.ambiguities.append(value_note(term, self._canon))
            if term.rivals:
                self._result.doubts.append(term)
            if term.partly:
                self._result.ambiguities.append(partly_note(term, self._canon))
        elif isinstance(term, AgainstTerm) and term.assumed:
            others = tuple(map(self._canon.text, term.others))
            self._gathered.note(term.note, term, self._canon.text(term.stated), others)
        if condition is not None:
            self._gathered.use(term, self._canon.text(condition))
        elif isinstance(term, FlagTerm):
            self._gathered.use(term, f"{term.field.label} or not")
        if term.beside is not None and (reach := reach_note(term, self._canon)) is not None:
            self._result.ambiguities.append(reach)

    # Amounts and dates

    def _settle_amounts(self) -> None:
        """Give amounts their fields, and write down what was chosen and what was refused."""
        terms = self.terms
        choices, refusals, remarks = settle_amounts(
            terms, self._schema, self._currency, counted=self._counts, part=copula_of(self._gathered)
        )
        refused = {id(refusal.term) for refusal in refusals}
        self.terms = without(terms, lambda term: id(term) in refused) if refused else terms
        for refusal in refusals:
            key = self._key_said(refusal.term)
            self._gathered.refuse(refusal.term, *key)
            hint = f"A number alone says nothing about a record; say {key[0]} for the one of that id." if key else ""
            self._result.warnings.append(hint or refusal.reason)
        self._result.warnings += remarks
        self._result.codes += [REVERSED_RANGE] * bool(remarks)
        self._result.ambiguities += [choice_note(choice, self._canon) for choice in choices]
        for term in self.terms:
            if isinstance(term, BoundTerm) and term.about and term.resolved is not None:
                self._result.ambiguities.append(roughly_note(term, self._canon))

    def _key_said(self, term: BoundTerm) -> tuple[str, ...]:
        """Return how a number that stands alone would name a record: "record 78497"; nothing where it cannot."""
        words = self._schema.conventions.key_words
        tokens = self._gathered.tokens[term.first : term.end]
        alone = term.exact and term.field is None and len(tokens) == 1 and tokens[0].raw.isdigit()
        return (f"{words[0]} {tokens[0].raw}",) if words and alone and len(tokens[0].raw) >= _SHORTEST_KEY else ()

    def _settle_dates(self, asked: FieldSpec | None) -> None:
        """Give dates their fields, and write down what was chosen and what does not exist."""
        open_terms = unbound_dates(self.terms)
        dated = settle_dates(self.terms, self._schema, asked)
        if self._totals is not None:
            totals = None if self._is_apart else self._totals
            take_windows(open_terms, totals, dated, self._gathered, self._canon)
        for term in open_terms:
            if term.window and term.resolved is not None:  # where no costs are totalled
                term.resolved = None
                self._gathered.refuse(term, "total … cost")
        self._result.warnings += dated.remarks
        self._result.codes += dated.codes
        for choice in dated.choices:
            chosen = choice.chosen or self._canon.text(choice.term.condition())
            note = Note(choice.text, choice.term.first, choice.term.end, chosen, choice.others)
            self._result.ambiguities.append(note)
        for term, reason in dated.refused:
            self._gathered.refuse(term)
            self._result.errors.append(reason)
            self._result.reasons[term.first] = reason
        self.terms = without(self.terms, lambda term: isinstance(term, DateTerm) and term.resolved is None)

    def _counts(self, term: BoundTerm) -> bool:
        """Return whether a bound's number is no amount.

        It counts ("over 30 days", "more than 10 rentals"), or stands after a word not understood.
        """
        if term.exact and term.field is None and term.first in self._unread_ends:
            return True
        return counts_things(term.end, term, self._gathered, self._stretches)

    # Terms that do not go together

    def _compatible(self, terms: list[Term]) -> list[Term]:
        """Return the terms without those that ask one field for something else again: they need a question each."""
        if _are_apart(terms):
            return terms
        kept: list[Term] = []
        asked: dict[str, Term] = {}
        implied: dict[str, Term] = {}
        optional: set[int] = set()
        for before, term in pairwise(terms):
            if term.alternative:
                optional |= {before.first, term.first}
        for number, term in enumerate(terms):
            if isinstance(term, BoundTerm) and term.field is None and len(kept) < number:
                # "rentals over $5k and purchases over $100k": what is not asked has no amount either.
                self._gathered.refuse(term)
                continue
            if isinstance(term, AgainstTerm) and isinstance(term.stated, And) and _is_optional(number, terms):
                self._gathered.refuse(term)
                self._result.warnings.append("What stands for two conditions is no alternative; ask for it on its own.")
                continue
            if isinstance(term, BoundTerm) and self._gathered.share is None and _limits_again(number, terms):
                self._gathered.refuse(term)
                self._result.warnings.append("Two amounts are limited apart from each other; ask for each on its own.")
                continue
            if isinstance(term, AgainstTerm) and not isinstance(term.stated, FieldComparison | None):
                names = sorted(fields_of(term.stated))
                again = [name for name in names if name in asked and {asked[name].first, term.first} & optional]
                if again:
                    self._refuse_again(term, self._schema.by_name[again[0]])
                    continue
                implied |= dict.fromkeys(names, term)
            if not isinstance(term, (ValueTerm, FlagTerm)) or (isinstance(term, ValueTerm) and term.negative):
                kept.append(term)
                continue
            before = asked.setdefault(term.field.name, term)
            saying = implied.get(term.field.name)
            is_clear = saying is None or not {saying.first, term.first} & optional
            if is_clear and (
                before is term or (not {before.first, term.first} & optional and self._agree(before, term))
            ):
                kept.append(term)
                continue
            self._refuse_again(term, term.field)
        places = {id(term) for term in kept}
        return without(terms, lambda term: id(term) not in places) if len(kept) < len(terms) else terms

    def _agree(self, before: Term, term: Term) -> bool:
        """Return whether what is asked of a field again can be meant of the same records.

        Where a share is asked for, "that are" parts what it is of from what it is a share of.
        """
        stated = term.stated_of is before and self._gathered.share is None
        return stated or isinstance(term, FlagTerm) or before.condition() == term.condition()

    def _refuse_again(self, term: Term, field: FieldSpec) -> None:
        self._gathered.refuse(term)
        self._result.warnings.append(
            f"The {field.label} is asked for twice, apart from each other; ask for each in its own question."
        )

    # Conventions

    def _left_out(self, mentioned: set[str]) -> list[Condition]:
        """Return the conditions that questions have unless they mention the flag."""
        key = self._schema.conventions.key
        for at, term in enumerate(self.terms):
            # Single records, named by their key, are found whatever their state is.
            named = isinstance(term, ValueTerm) and term.field.name == key and not term.negative
            if named and not _is_optional(at, self.terms):
                return []
        conditions: list[Condition] = []
        for name in self._schema.conventions.left_out:
            if name not in mentioned:
                self._result.defaults.append(left_out_note(name, self._canon))
                conditions.append(self._canon.flag(name, state=False)[0])
        return conditions


def counts_things(end: int, bound: BoundTerm | HavingPart, gathered: Gathered, stretches: Mapping[int, Tagged]) -> bool:
    """Return whether what stands behind a bound is counted by it: "more than 10 rentals"."""
    if end >= len(gathered.tokens):
        return False
    if gathered.tokens[end].key in UNITS:
        return True
    after = stretches.get(end)
    small = max(amount.value for _, amount in bound.limits) < _SMALL_COUNT
    return small and bound.field is None and after is not None and after.tag in (RECORD, "VALUE", "FLAG", "CLAIM")


def _are_apart(terms: list[Term]) -> bool:
    """Return whether each term asks for something of its own, as those of most questions do: none asks a field again.

    What compares fields, or limits a second amount, has to be held against the others.
    """
    if len(terms) < 2:
        return True
    kinds = [*map(type, terms)]
    if AgainstTerm in kinds or kinds.count(BoundTerm) > 1:
        return False
    names = [term.field.name for term in terms if isinstance(term, (ValueTerm, FlagTerm))]
    return len({*names}) == len(names)


def absorbed(conditions: list[Condition]) -> list[Condition]:
    """Return the conditions without alternatives of which one holds anyway: "cranes, cranes or rentals"."""
    if len(conditions) < 2 or Or not in [*map(type, conditions)]:
        return conditions
    conditions = [
        each.operands[0] if isinstance(each, Or) and len(set(each.operands)) == 1 else each for each in conditions
    ]
    said = {part for each in conditions for part in _parts(each)}
    either = {
        frozenset(each.operands) for each in conditions if isinstance(each, Or)
    }  # the same is said again and again
    return [each for each in conditions if not isinstance(each, Or) or not _is_met(each, said, either)]


def _is_met(alternatives: Or, said: set[Condition], either: set[frozenset[Condition]]) -> bool:
    """Return whether one of some alternatives holds anyway, or one of fewer."""
    if any(said.issuperset(_parts(operand)) for operand in alternatives.operands):
        return True
    operands = frozenset(alternatives.operands)
    return any(other < operands for other in either)


def _parts(condition: Condition) -> tuple[Condition, ...]:
    """Return what must hold for a condition to hold."""
    return condition.operands if isinstance(condition, And) else (condition,)


def _is_optional(number: int, terms: list[Term]) -> bool:
    """Return whether "or" joins a term to one of its neighbours."""
    return terms[number].alternative or (number + 1 < len(terms) and terms[number + 1].alternative)


def _limits_again(number: int, terms: list[Term]) -> bool:
    """Return whether an amount was limited so before, of others: "over 5k rentals or purchases over 100k"."""
    term, before = terms[number], terms[:number]
    if not isinstance(term, BoundTerm) or term.field is not None or not before:
        return False
    if term.unnamed and term.join in ("COMMA", "OR"):
        return False  # "over 5k, with an amount under 9k": of each record its own, whatever stands before
    opens = not term.alternative and _is_optional(number, terms)  # "over 3 over 5k or discontinued"
    if isinstance(before[-1], BoundTerm) and not opens:
        return False
    bounds = (each for each in before if isinstance(each, BoundTerm))
    said = (each for each in bounds if each.field is None and each.negative is term.negative)
    said = (each for each in said if each.limits != term.limits)  # the same again is no other limit
    return any({operator for operator, _ in each.limits} & {operator for operator, _ in term.limits} for each in said)


def _told_once(terms: list[Term]) -> list[Term]:
    """Let a comparison that leaves its fields open mean the one that the question states as well.

    "over budget rentals (actual cost above plan cost)".
    """
    stated = [term for term in terms if isinstance(term, AgainstTerm) and not term.assumed]
    for term in terms if stated else ():
        if not isinstance(term, AgainstTerm) or not term.assumed:
            continue
        for other in stated:
            if other.negative is term.negative and _pair(other.stated) in map(_pair, (term.stated, *term.others)):
                term.stated, term.assumed = other.stated, False
                break
    return terms


def _pair(condition: Condition) -> tuple[str, Operator, str] | None:
    """Return what is compared, and how; None for other conditions."""
    if isinstance(condition, FieldComparison):
        return condition.field, condition.operator, condition.other
    return None
