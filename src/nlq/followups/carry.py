"""Carry: the query of a follow-up, from the query before it and what the follow-up itself says.

Gives `carry_over`, `carry`, the same on queries, and `left_aside`. What is taken over is written down as
notes, what gives way as a remark where that could surprise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from nlq.filters.canon import Canon
from nlq.filters.order_text import canonical_order
from nlq.followups.apart import asked_twice
from nlq.followups.asked import asked, included
from nlq.followups.conjuncts import (
    Edited,
    about,
    choice_of,
    conjuncts,
    dropped,
    exchanged,
    excluded,
    joined,
    narrowed,
    widened,
)
from nlq.followups.cues import LEADS, Cue, cues_at
from nlq.followups.follow_up import FollowUp, Move
from nlq.followups.lending import lend, lend_limits, moved, of_no_kind, refit, refit_part, refit_query
from nlq.followups.lending_dates import lend_dates, lend_window
from nlq.followups.retelling import amount_note, dated_notes, gave_way, lent_notes
from nlq.normalize import Token
from nlq.phrases.conditions import ALWAYS_EMPTY, absorbed
from nlq.phrases.emptiness import why_empty
from nlq.phrases.figure_words import figure_words
from nlq.phrases.notes import Note
from nlq.phrases.parts import FlagPart, Part
from nlq.phrases.resolve import Resolved, Use
from nlq.phrases.windows import MEANT, can_have_window, days_of
from nlq.query import SPREAD, Aggregate, Comparison, Condition, Operator, Query, Window, group_field
from nlq.tagging.fillers import EVERYTHING
from nlq.tagging.tags import Flagged, Tagged
from nlq.wording.phrasing import Phrasing

_CUE: Final = "goes on from the question before"
_ASIDE: Final = "the question before is left aside; begin with “of those” to go on from it"
_TERSE: Final = 4
"""Most words of a question that may be meant as a piece of another."""
_BEFORE: Final = "carried over from the question before: {}"


@dataclass(slots=True)
class Said:
    """What a follow-up says by itself."""

    query: Query
    """Its query, as if it were asked alone."""
    parts: Sequence[Part]
    """What it was read as."""
    defaults: list[Note]
    ambiguities: list[Note]


@dataclass(slots=True)
class Carried:
    """The query of a follow-up."""

    query: Query
    notes: list[Note] = field(default_factory=list)
    """What was taken over from the question before."""
    defaults: list[Note] = field(default_factory=list)
    ambiguities: list[Note] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: str = ""
    """Why the question cannot go on so; the query is then the one before."""


def open_flags(parts: Sequence[Part]) -> frozenset[str]:
    """Return the flags that the parts of a question leave open."""
    return frozenset(part.field.name for part in parts if isinstance(part, FlagPart) and part.state is None)


def carry_over(
    resolved: Resolved, follow: FollowUp, before: Query, parts: Sequence[Part], canon: Canon, *, phrasing: Phrasing
) -> list[Note]:
    """Put the query of a follow-up in the place of what it says by itself; return what was taken over.

    Where it cannot go on from the query before, its words are not understood, and the query is the one before.
    """
    said = Said(resolved.query, parts, resolved.defaults, resolved.ambiguities)
    carried = carry(follow, before, said, canon, phrasing)
    resolved.query = carried.query
    resolved.defaults, resolved.ambiguities = carried.defaults, carried.ambiguities
    resolved.warnings += carried.warnings
    reason = why_empty(carried.query.where, canon.schema)
    if reason is not None and reason not in resolved.warnings:
        resolved.warnings.append(reason)
        resolved.codes.append(ALWAYS_EMPTY)
    spans = follow.cues or [(use.first, use.end) for use in resolved.uses]
    if carried.refused:
        resolved.warnings.append(carried.refused)
        resolved.unread += spans
    else:
        resolved.uses += [Use(first, end, _CUE) for first, end in follow.cues]
    return carried.notes


def left_aside(
    resolved: Resolved,
    before: Query,
    tokens: Sequence[Token],
    parts: Sequence[Part],
    canon: Canon,
    *,
    phrasing: Phrasing,
) -> None:
    """Note of a terse question of its own ("cranes") that it leaves the one before aside, and what it would be of that.

    Whole sentences ("show me all cranes") leave no doubt, but those that name no records ("the three lowest rates") do,
    and those that begin with "now".
    """
    assumed = {note.chosen for note in resolved.defaults}
    stated = [each for each in conjuncts(resolved.query.where) if canon.text(each) not in assumed]
    named = bool(stated)
    everything = not named or any(choice_of(each) is not None for each in stated)  # "anything over 5k?" leaves a doubt
    led = any(token.key in LEADS or (everything and token.key in EVERYTHING) for token in tokens)
    whole = led or (named and len(tokens) > _TERSE)
    if before.where is None or (whole and not any(Cue.NOW in cues for _, cues in cues_at(tokens, 0))):
        return
    said = Said(resolved.query, parts, list(resolved.defaults), list(resolved.ambiguities))
    carried = carry(FollowUp(Move.NARROW), before, said, canon, phrasing)
    if not carried.refused and carried.notes and not carried.warnings:
        own, joint = canon.text(resolved.query.where), canon.text(carried.query.where)
        resolved.ambiguities.append(Note(_ASIDE, 0, 0, own, (joint,)))


def carry(follow: FollowUp, before: Query, said: Said, canon: Canon, phrasing: Phrasing) -> Carried:
    """Return the query that the follow-up asks for; `phrasing` tells what was taken over."""
    return _Carrier(follow, before, said, canon, phrasing).run()


class _Carrier:
    """Edits one query by one follow-up."""

    def __init__(self, follow: FollowUp, before: Query, said: Said, canon: Canon, phrasing: Phrasing) -> None:
        self._phrasing = phrasing
        self._follow = follow
        self._before = before
        self._said = said
        self._canon = canon
        self._schema = canon.schema
        self._result = Carried(before)
        self._window: Window | None = None
        """The days whose costs the follow-up means."""

    def run(self) -> Carried:
        """Edit the conditions, then what is asked about the records that meet them."""
        self._refuse(self._follow.refused)
        assumed = self._assumed()
        stated = [each for each in conjuncts(self._said.query.where) if each not in assumed]
        stated = self._without_window(stated)
        where = self._where(stated)
        shape = asked(self._follow, self._refitted(where), self._said.query, self._said.ambiguities, self._schema)
        self._refuse(shape.refused)
        if self._result.refused:
            return self._result
        query = included(replace(shape.query, where=where), self._said.query, self._schema)
        query = replace(query, aggregate=self._in_window(self._fitted(query.aggregate, where)))
        of_records = query.aggregate is None and not query.sort and query.limit is None
        query = replace(query, history=of_records and (query.history or self._said.query.history))
        self._result.query = query
        self._result.warnings += shape.warnings
        self._result.ambiguities += [note for note in self._said.ambiguities if note not in shape.settled]
        self._result.ambiguities += shape.added
        self._result.ambiguities += self._measure_notes()
        self._write_down(query)
        return self._result

    def _without_window(self, stated: list[Condition]) -> list[Condition]:
        """Take a date as the days whose costs are meant where the question before asks for costs."""
        if self._said.query.aggregate is not None and self._said.query.aggregate.window is not None:
            return stated
        kept, self._window = lend_window(stated, self._said.parts, self._before, self._schema)
        if self._window is not None:
            gone = [each for each in stated if each not in kept]
            names, text = {name for each in gone for name in about(each, self._schema)}, self._canon.text(joined(gone))
            notes = [note for note in self._said.ambiguities if note.chosen not in names]
            days = days_of(self._window)
            self._said.ambiguities = [replace(note, chosen=days) if note.chosen == text else note for note in notes]
        return kept

    def _in_window(self, asked: Aggregate | None) -> Aggregate | None:
        """Return the figures asked for, of the days said, or else of those of the question before."""
        before = self._before.aggregate.window if self._before.aggregate is not None else None
        said = self._said.query.aggregate.window if self._said.query.aggregate is not None else None
        window = self._window or said or before
        fits = asked is not None and can_have_window(asked, self._schema)
        if window is None or (asked is not None and fits and asked.window is window):
            return asked
        if asked is None or not fits:
            self._result.warnings.append(f"The days {days_of(window)} are left aside: only sums of costs are of some.")
            return None if asked is None else replace(asked, window=None)
        self._note(f"costs of the days {days_of(window)}") if window is before else self._note_days(window)
        return replace(asked, window=window)

    def _fitted(self, asked: Aggregate | None, where: Condition | None) -> Aggregate | None:
        """Return the figures, the part that a share is of the whole told of the kinds of records that are left."""
        if asked is None or asked.part is None:
            return asked
        part = refit_part(asked.part, conjuncts(where), self._schema)
        return asked if part == asked.part else replace(asked, part=self._canon.form(part))

    def _note_days(self, window: Window) -> None:
        """Say that a date is the days whose costs are meant."""
        note = Note(MEANT, 0, 0, days_of(window), ())
        self._said.ambiguities = [*self._said.ambiguities, note]

    def _refitted(self, where: Condition | None) -> Query:
        """Return the query before with its order and figures of the kinds of records that are asked for now."""
        before, now = conjuncts(self._before.where), conjuncts(where)
        query = refit_query(self._before, before, now, self._schema)
        if query != self._before:
            name = moved(before, now, self._schema)[1]
            others = tuple(each for each in self._schema.money_names if each != name)
            label = self._schema.by_name[name].label
            text = f"what was asked of another amount is asked of the {label}, which these records have"
            self._result.ambiguities.append(Note(text, 0, 0, name, others))
        return query

    def _refuse(self, reason: str) -> None:
        self._result.refused = self._result.refused or reason

    def _measure_notes(self) -> list[Note]:
        """Say which figure was lent, where the question names none."""
        if self._follow.measure is None:
            return []
        measure, first, end, known = self._follow.measure
        why = "the question before is about it" if known else "no question names another"
        others = tuple(name for name in self._schema.money_names if name != measure.name)
        return [Note(f"the figure is of the {measure.label}, because {why}", first, end, measure.name, others)]

    # Conditions

    def _assumed(self) -> list[Condition]:
        """Return the conditions that the follow-up has by convention only."""
        chosen = {note.chosen for note in self._said.defaults}
        each = (Comparison(name, Operator.EQ, value=False) for name in self._schema.conventions.left_out)
        return [condition for condition in each if self._canon.text(condition) in chosen]

    def _where(self, stated: list[Condition]) -> Condition | None:
        """Return the conditions of the question before, edited by those stated."""
        before = self._taken_back(conjuncts(self._before.where))
        lent = lend(stated, before, self._schema)
        if lent != stated:
            self._said.ambiguities = lent_notes(self._said.ambiguities, stated, lent, self._canon)
        if self._follow.move is Move.EXCHANGE:
            lent = lend_limits(lent, self._said.parts, before)
        dated = lend_dates(lent, self._said.parts, before, self._schema)
        if dated != lent:
            self._said.ambiguities = dated_notes(self._said.ambiguities, lent, dated, self._schema)
            lent = dated
        edited = self._edited(before, lent)
        self._refuse(edited.refused)
        fitted = refit(edited.where, before, self._schema)
        self._result.ambiguities += [amount_note(new, self._canon) for new in fitted if new not in edited.where]
        where = self._canon.form(joined(fitted))
        kept = absorbed(list(conjuncts(where)))
        self._refuse(asked_twice(kept, self._schema) or of_no_kind(kept, self._schema))
        return where if len(kept) == len(conjuncts(where)) else self._canon.form(joined(kept))

    def _edited(self, before: list[Condition], stated: list[Condition]) -> Edited:
        """Return the conditions of the question before after the one edit that the follow-up makes."""
        move = self._follow.move
        if move is Move.WIDEN:
            return widened(before, stated, self._schema)
        if move is Move.EXCLUDE:
            if len(stated) > 1:
                self._result.warnings.append("Each of these is left out by itself, not only the records that are both.")
            return excluded(before, stated, self._schema)
        if move is Move.NARROW:
            edited = narrowed(before, stated, self._schema)
            self._result.warnings += gave_way(edited.replaced, stated, self._canon)
            return edited
        if self._follow.instead_of:
            # "Yard A instead of Silo 4" leaves the other areas.
            held = {choice.field for choice in map(choice_of, before) if choice is not None and choice.wanted}
            beside = [each for each in stated if about(each, self._schema) <= held]
            before = widened(before, beside, self._schema).where
            stated = [each for each in stated if each not in beside]
        return exchanged(before, stated, self._schema, apart=move is Move.ADJUST)

    def _taken_back(self, before: Sequence[Condition]) -> list[Condition]:
        """Return the conditions before without what the follow-up drops, leaves open, or has something instead of."""
        drop = self._follow.dropped
        kept = list(before)
        if drop.unclear:
            self._refuse(self._which(before))
        if drop.conditions:
            flags = frozenset(self._schema.conventions.left_out)
            kept = [each for each in kept if about(each, self._schema) <= flags]
        held = {name for each in kept for name in about(each, self._schema)}
        lacking = [self._schema.by_name[name].label for name in self._schema.by_name if name in drop.fields - held]
        if lacking:
            self._refuse(f"The question before has no condition on the {' or '.join(lacking)}.")
        edited = dropped(kept, frozenset(drop.fields) | open_flags(self._said.parts), self._schema)
        self._refuse(edited.refused)
        return self._without_gone(edited.where)

    def _which(self, before: Sequence[Condition]) -> str:
        """Return the answer to "drop the filter" where there are several."""
        flags = frozenset(self._schema.conventions.left_out)
        fields = [about(each, self._schema) for each in before]
        names = [name for name in self._schema.by_name if any(name in each and not each <= flags for each in fields)]
        labels = [self._schema.by_name[name].label for name in names]
        listed = f"{', '.join(labels[:-1])} and the {labels[-1]}".replace(", ", ", the ")
        return f"The question before asks for the {listed}: say which, such as “drop the {labels[0]} filter”, or “all”."

    def _without_gone(self, before: list[Condition]) -> list[Condition]:
        """Return the conditions without the values that something else is wanted instead of."""
        for stretch in self._follow.instead_of:
            asked_for = [choice for choice in map(choice_of, before) if choice is not None and choice.wanted]
            gone = [
                each
                for each in _comparisons(stretch)
                if any(choice.field == each.field and each.value in choice.values for choice in asked_for)
            ]
            if not gone:
                self._refuse("The question before does not ask for what this one replaces.")
            before = excluded(before, gone[:1], self._schema).where
        return before

    # What is reported

    def _write_down(self, query: Query) -> None:
        """Note what was taken over, conditions by convention among the defaults."""
        kept = set(conjuncts(query.where)) & set(conjuncts(self._canon.form(self._before.where)))
        own = set(conjuncts(self._said.query.where)) - set(self._assumed())
        default = {note.chosen: note for note in self._said.defaults}
        for condition in conjuncts(query.where):
            text = self._canon.text(condition)
            if text in default and condition not in own:
                self._result.defaults.append(default[text])
            elif condition in kept and condition not in own:
                said, left_out = self._phrasing.phrases([condition])
                self._note(" ".join((*said, *left_out)), text)
        self._note_shape(query)

    def _note_shape(self, query: Query) -> None:
        """Note the order, the limit and the figures that were taken over."""
        before, said = self._before, self._said.query
        if query.sort and query.sort == before.sort and not said.sort:
            self._note(f"sorted by {self._order_words(query)}", canonical_order(query.sort))
        if query.limit is not None and query.limit == before.limit and said.limit is None:
            self._note(f"the first {query.limit}")
        if query.aggregate is not None and query.aggregate == before.aggregate and said.aggregate is None:
            self._note(*self._figure_words(query.aggregate))

    def _order_words(self, query: Query) -> str:
        terms = ((self._phrasing.label(term.field), term.descending) for term in query.sort)
        return ", ".join(f"{label} {'descending' if descending else 'ascending'}" for label, descending in terms)

    def _figure_words(self, asked: Aggregate) -> tuple[str, str]:
        """Return figures with their groups in words, and by the names of fields."""
        words = ", ".join(figure_words(figure, self._schema) for figure in asked.aggregations)
        names = ", ".join(f"{figure.function.value}({figure.field or ''})" for figure in asked.aggregations)
        if not asked.group_by:
            return words, names
        groups = " and ".join(self._group_words(name) for name in asked.group_by)
        return f"{words} by {groups}", f"{names} by {', '.join(asked.group_by)}"

    def _group_words(self, name: str) -> str:
        field, part = group_field(name)
        if name == SPREAD:
            return name
        return f"{part.name.lower()} of the {self._phrasing.label(field)}" if part else self._phrasing.label(field)

    def _note(self, text: str, chosen: str = "") -> None:
        self._result.notes.append(Note(_BEFORE.format(text), 0, 0, chosen or text, ()))


def _comparisons(stretch: Tagged) -> list[Comparison]:
    """Return what a value or a flag can be, as conditions."""
    payload = stretch.readings[0].payload
    if isinstance(payload, Flagged):
        return [Comparison(payload.field.name, Operator.EQ, payload.state)]
    return [Comparison(meaning.field.name, Operator.EQ, meaning.value) for meaning in stretch.meanings]
