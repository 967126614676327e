"""Retelling: what is noted of amounts and dates that a follow-up takes to be those of the question before.

Gives `lent_notes`, `dated_notes` and `amount_note`, and `gave_way`, the warnings of what could not hold together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nlq.filters.canon import Canon
from nlq.followups.conjuncts import about, choice_of
from nlq.phrases.notes import Note
from nlq.query import Comparison, Condition, conjunction, fold
from nlq.schema import Schema


def lent_notes(
    notes: Sequence[Note], stated: Sequence[Condition], lent: Sequence[Condition], canon: Canon
) -> list[Note]:
    """Return the ambiguities, those about amounts told of the fields that the amounts now have."""
    old = {canon.text(each) for each in stated if each not in lent}
    old.add(canon.text(canon.form(conjunction(*(each for each in stated if each not in lent)))))
    new = [each for each in lent if each not in stated]
    kept = [note for note in notes if note.chosen not in old]
    span = next(((note.first, note.end) for note in notes if note.chosen in old), (0, 0))
    return [*kept, *(replace(amount_note(each, canon), first=span[0], end=span[1]) for each in new[:1])]


def dated_notes(
    notes: Sequence[Note], stated: Sequence[Condition], dated: Sequence[Condition], schema: Schema
) -> list[Note]:
    """Return the ambiguities, those about dates told of what the dates are of now."""
    old = {name for each in stated if each not in dated for name in about(each, schema)}
    new = {name for each in dated if each not in stated for name in about(each, schema)}
    text = " and ".join(schema.by_name[name].label for name in schema.by_name if name in new)
    told = []
    for note in notes:
        moved_on = bool(new) and note.chosen in old and bool(note.alternatives)
        told.append(
            replace(note, text=f"the date is of the {text}, as in the question before", chosen=min(new))
            if moved_on
            else note
        )
    return told


def amount_note(condition: Condition, canon: Canon) -> Note:
    """Say which field an amount is of, by the question before."""
    names = about(condition, canon.schema)
    labels = " or the ".join(canon.schema.by_name[name].label for name in canon.schema.by_name if name in names)
    others = tuple(name for name in canon.schema.money_names if name not in names)
    text = f"the amount is the {labels}, by the question before"
    chosen = next(iter(names)) if len(names) == 1 else canon.text(condition)
    return Note(text, 0, 0, chosen, others)


def gave_way(replaced: Sequence[Condition], stated: Sequence[Condition], canon: Canon) -> list[str]:
    """Say what could not hold together with what was said."""
    said = []
    for old in replaced:
        new = [each for each in stated if about(each, canon.schema) == about(old, canon.schema)]
        if all(_is_flag(each) or not _contradicts(old, each) for each in new):
            continue
        texts = canon.text(old), canon.text(conjunction(*new))
        said.append(f"{texts[0]} of the question before gave way to {texts[1]}.")
    return said


def _is_flag(condition: Condition) -> bool:
    return isinstance(condition, Comparison) and isinstance(condition.value, bool)


def _contradicts(old: Condition, new: Condition) -> bool:
    """Return whether values said leave none of those before."""
    mine, its = choice_of(old), choice_of(new)
    if mine is None or its is None:
        return False
    folded = {fold(str(value)) for value in mine.values} & {fold(str(value)) for value in its.values}
    return (mine.wanted and its.wanted and not folded) or (mine.wanted is not its.wanted and bool(folded))
