"""Presently: "on site now" and "on site today", which a flag and a period both answer, each with the other to choose.

Gives `note_presence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from nlq.filters.canon import Canon
from nlq.phrases.dating import overlap
from nlq.phrases.gathered import Gathered
from nlq.phrases.terms import DateTerm, FlagTerm, Term

_NOW: Final = frozenset(("now", "currently"))
_SAYING: Final[frozenset[type[Term]]] = frozenset((DateTerm, FlagTerm))
_ONE_DAY: Final = timedelta(days=1)


def note_presence(terms: Sequence[Term], gathered: Gathered, canon: Canon, today: date) -> None:
    """Report for each term that says what is there at present how else it can be read."""
    if _SAYING.isdisjoint(map(type, terms)):
        return
    layers = canon.schema.conventions.dates.layers
    flag = canon.schema.presence if layers else None
    if flag is None:
        return
    _, present = canon.flag(flag.name, state=True)
    days = {(term.first, term.end) for term in terms if _is_within(term, today)}
    notes = gathered.result.ambiguities
    for place, note in enumerate(notes if days else ()):
        if (note.first, note.end) in days:
            notes[place] = replace(note, alternatives=(present, *note.alternatives))
    for term in terms:
        if isinstance(term, FlagTerm) and term.field is flag and term.state and _is_now(term, gathered):
            period = canon.text(overlap(layers[0], today, today + _ONE_DAY, canon.schema))
            text = f"what is recorded as {flag.true_words[0]} is meant, whatever the {layers[0].name} period"
            gathered.note(text, term, present, (period,))


def _is_within(term: Term, today: date) -> bool:
    """Return whether a term asks for what is there today."""
    if not isinstance(term, DateTerm) or not term.within:
        return False
    return (term.date.start, term.date.stop) == (today, today + _ONE_DAY)


def _is_now(term: FlagTerm, gathered: Gathered) -> bool:
    around = (*gathered.tokens[max(0, term.first - 1) : term.first], *gathered.tokens[term.end : term.end + 2])
    return any(token.key in _NOW for token in around)
