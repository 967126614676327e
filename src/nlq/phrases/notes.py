"""Notes: what a question left open, how it was settled, and what else it could be.

Gives `Note`, and one function for each choice that is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nlq.filters.canon import Canon
from nlq.phrases.amounts import Choice
from nlq.phrases.figure_words import plural
from nlq.phrases.terms import BoundTerm, Term, ValueTerm, holds_together
from nlq.query import Comparison, Condition, Not, Operator, conjunction
from nlq.schema import Schema
from nlq.tagging.tags import Amount


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Note:
    """An assumption, over tokens yet; empty where it concerns the whole question."""

    text: str
    first: int
    end: int
    chosen: str
    alternatives: tuple[str, ...]


def choice_note(choice: Choice, canon: Canon) -> Note:
    """Say which field an amount was taken to be of."""
    term, schema = choice.term, canon.schema
    money = schema.money_names
    if len(choice.options) > 1:
        each = (
            f"{schema.by_name[name].label} for {_called(enum, value, schema)}" for enum, value, name in choice.options
        )
        text = f"the amount is the {' and the '.join(each)}, because the question does not say which is meant"
        # Limits of another field differ in nothing but its name; to write each of them out takes ten times as long.
        said = canon.text(_on_field(money[0], term.limits))
        others = tuple([said.replace(money[0], name) for name in money])
        return Note(text, term.first, term.end, canon.text(term.resolved), others)
    enum, value, name = choice.options[0]
    text = (
        f"the amount is the {schema.by_name[name].label}, because the question is about {_called(enum, value, schema)}"
    )
    unfit = set(schema.conventions.amount_fields.values()) | {name}
    return Note(text, term.first, term.end, name, tuple(other for other in money if other not in unfit))


def _called(enum: str, value: str, schema: Schema) -> str:
    """Return what the records with an enum value are called: "rentals"."""
    return plural(next(each.label for each in schema.by_name[enum].values if each.name == value).lower())


def roughly_note(term: BoundTerm, canon: Canon) -> Note:
    """Say how rough "around" is."""
    text = "the amount is meant within 10 %, because the question says roughly"
    return Note(text, term.first, term.end, canon.text(term.resolved), ())


def value_note(term: ValueTerm, canon: Canon) -> Note:
    """Say that a value is one of other fields, too."""
    chosen = Comparison(term.field.name, Operator.EQ, term.values[0])
    others = (Comparison(other.field.name, Operator.EQ, other.value) for other in term.others)
    text = f"{term.values[0]} is read as a {term.field.label}; name the field to mean another"
    return Note(text, term.first, term.end, canon.text(chosen), tuple(map(canon.text, others)))


def partly_note(term: ValueTerm, canon: Canon) -> Note:
    """Say that only a part of a value's name was said."""
    named = " or ".join(term.partly)
    each = tuple(canon.text(Comparison(term.field.name, Operator.EQ, value)) for value in term.partly)
    text = f"{named} is meant, because the words are the end of the name"
    return Note(text, term.first, term.end, canon.text(term.condition()), each if len(each) > 1 else ())


def reach_note(term: Term, canon: Canon) -> Note | None:
    """Say that a negation could reach over the next term ("except cranes in Silo 4"), None where it could not."""
    before = term.beside
    if not isinstance(before, ValueTerm) or term.negative:
        return None
    condition = term.condition()
    if condition is None:
        return None
    stated = conjunction(before.condition(), condition)
    both = holds_together((replace(before, negative=False).condition(), condition))
    text = f"the negation is of {' and '.join(before.values)} only, not of what stands beside it"
    return Note(text, before.first, term.end, canon.text(stated), (canon.text(Not(both)),))


def left_out_note(name: str, canon: Canon) -> Note:
    """Say that records with a flag are left out, as the question does not mention it."""
    word = canon.schema.by_name[name].true_words[0]
    text = f'{word} records are left out; say "including {word}" to have them'
    return Note(text, 0, 0, canon.flag(name, state=False)[1], (canon.flag(name, state=True)[1],))


def _on_field(name: str, limits: Sequence[tuple[Operator, Amount]]) -> Condition:
    """Return limits on one field."""
    condition = conjunction(*(Comparison(name, operator, amount.value) for operator, amount in limits))
    assert condition is not None  # noqa: S101 - a bound has one limit at least
    return condition
