"""Commands: a question that orders a change becomes typed changes, and the words that name the records are left over.

Gives `CommandReader`, `Command` and `finish`. The words of the change are taken out, clause by clause; what remains is
read as every question is. Where an order could be meant in several ways, nothing is changed and the answer asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from nlq.changes import Change, canonical_changes
from nlq.commands.clauses import ClauseReader
from nlq.commands.frame import Clause, Frame, Verbs, frames, names_nothing
from nlq.commands.outcome import Outcome, Pending, Refusal, refusal_of
from nlq.commands.phrases import PhraseReader
from nlq.commands.words import COMMAND_WORDS, EVERYTHING, JOINS, POINTING, PRONOUNS
from nlq.filters.canon import Canon
from nlq.normalize import TAKEN, Kind, Token
from nlq.phrases.notes import Note
from nlq.phrases.resolve import Resolved, Use
from nlq.query import And, Comparison, Condition, Operator, Query, conjunction
from nlq.schema import Schema
from nlq.tagging.fuzzy import Speller
from nlq.tagging.tagger import Tagger

UNSUPPORTED: Final = "unsupported_mutation"
"""The reason of every refusal, in one word."""
WHICH: Final = "Which records? Name them, or say “all records”."
"""What is asked back where an order names no records."""
_EACH: Final = "What “{}” changes is not the same records: ask for each change by itself."
_AGAIN: Final = "The {} is changed twice: ask for each change by itself."


@dataclass(slots=True)
class Command:
    """What a command changes."""

    tokens: list[Token]
    """The tokens of the question; those of the change carry the key `TAKEN`."""
    changes: list[Change] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    """What the records have now: the "$4,000" of "from $4,000 to $4,500"."""
    uses: list[Use] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    unread: list[tuple[int, int]] = field(default_factory=list)
    corrected: dict[int, str] = field(default_factory=dict)
    ask: str = ""
    """What has to be asked back; nothing is changed then."""
    options: list[tuple[Change, ...]] = field(default_factory=list)
    """All that is changed by one answer to that, and by another; empty where that is not known."""
    refusal: Refusal | None = None
    """Why it is never done."""
    invalid: str = ""
    """What is wrong with a date that does not exist."""
    presumed: bool = False
    """Whether the records have to be named by a condition of their own: "cancel that" may mean something else."""


class CommandReader:
    """Reads commands about the records of one schema, by one vocabulary."""

    def __init__(self, schema: Schema, tagger: Tagger, speller: Speller, currency: str) -> None:
        self._schema = schema
        self._speller = speller
        self._verbs = Verbs(schema.conventions.commands.verbs)
        self._phrases = PhraseReader(schema, tagger, currency)
        self._known = tagger.known

    def read(self, tokens: Sequence[Token], today: date, *, goes_on: bool) -> Command | None:
        """Return what a question orders, None where it orders no change.

        `goes_on` says whether a question was asked before, of which "remove the cranes" takes something away.
        """
        for frame in frames(tokens, self._verbs, self._misspelt):
            outcomes = self._outcomes(self._spelt(tokens, frame), frame, today)
            if goes_on and any(clause.verb.weak and outcome.refusal for clause, outcome in outcomes):
                return None
            if frame.terse and any(outcome.pending for _, outcome in outcomes):
                continue
            if outcomes:
                return self._command(tokens, frame, outcomes)
        return None

    def _misspelt(self, token: Token) -> str | None:
        """Return the verb that a word misspells, None for words that mean or misspell something else."""
        if token.key in self._known or token.key in COMMAND_WORDS or self._speller.correct(token.key) is not None:
            return None
        return self._verbs.spelt(token.raw.casefold())

    def _spelt(self, tokens: Sequence[Token], frame: Frame) -> list[Token]:
        """Return the tokens with misspelt words as the words that they stand for; `frame` remembers which."""
        spelt = list(tokens)
        for index, token in enumerate(tokens):
            if index in frame.corrected:
                spelt[index] = replace(token, raw=frame.corrected[index])
            elif token.kind is Kind.WORD and token.key not in self._known and token.key not in COMMAND_WORDS:
                word = self._speller.correct(token.key)
                if word is not None and not any(clause.first <= index < clause.start for clause in frame.clauses):
                    frame.corrected[index] = word
                    spelt[index] = replace(token, key=word)
        return spelt

    def _outcomes(self, tokens: Sequence[Token], frame: Frame, today: date) -> list[tuple[Clause, Outcome]]:
        """Return what each clause does; a clause that does nothing belongs to the one before it."""
        outcomes: list[tuple[Clause, Outcome]] = []
        for position, clause in enumerate(frame.clauses):
            outcome = ClauseReader(tokens, clause, today, self._schema, self._phrases).read()
            if outcome is not None and not (position and outcome.ask):
                outcomes.append((clause, outcome))
                continue
            if position == 0:
                return [(clause, outcome)] if outcome is not None else []
            before = replace(frame.clauses[0], end=frame.clauses[-1].end)
            joined = ClauseReader(tokens, before, today, self._schema, self._phrases).read()
            return [(before, joined)] if joined is not None else []
        return outcomes

    def _command(self, tokens: Sequence[Token], frame: Frame, outcomes: list[tuple[Clause, Outcome]]) -> Command:
        command = Command([])
        taken = {index for first, end in frame.polite for index in range(first, end)}
        for clause, outcome in outcomes:
            self._add(command, tokens, clause, outcome, taken)
        # The others are words of the records, and corrected with them.
        command.corrected = {index: word for index, word in frame.corrected.items() if index in taken}
        self._check_targets(command, tokens, outcomes, taken)
        self._check_changes(command)
        command.tokens = [
            Token(TAKEN, Kind.OTHER, token.start, token.end, token.raw, token.gap) if index in taken else token
            for index, token in enumerate(tokens)
        ]
        return command

    def _add(
        self, command: Command, tokens: Sequence[Token], clause: Clause, outcome: Outcome, taken: set[int]
    ) -> None:
        """Add what a clause does to a command, with the words that join it to the clause before."""
        join = clause.first
        while command.uses and tokens[join - 1].key in JOINS:
            join -= 1
        taken.update(range(join, clause.first))
        what = canonical_changes(outcome.changes, self._schema)
        for each in outcome.taken:
            command.uses.append(Use(each.first, each.end, each.meaning or what or "change"))
            taken.update(range(each.first, each.end))
        command.changes += outcome.changes
        command.conditions += outcome.conditions
        command.notes += outcome.notes
        command.pending += outcome.pending
        if outcome.ask and not command.ask:
            command.ask, command.options = outcome.ask, outcome.options
        command.refusal = command.refusal or outcome.refusal
        command.invalid = command.invalid or outcome.invalid
        command.unread += outcome.unread
        command.presumed = command.presumed or outcome.presumed
        for first, end in outcome.unread:
            taken.update(range(first, end))

    def _check_targets(
        self, command: Command, tokens: Sequence[Token], outcomes: list[tuple[Clause, Outcome]], taken: set[int]
    ) -> None:
        """Let one clause name the records; the others may only point to them."""
        naming = 0
        last = 0
        for clause, _ in outcomes:
            behind = [i for i in range(max(last, clause.start), clause.end) if i not in taken]
            if clause.before[0] < clause.before[1] and names_nothing(tokens, behind):
                taken.update(behind)  # "take the cranes and push them out"
            places = [i for i in (*range(*clause.before), *range(last, clause.end)) if i not in taken]
            last = clause.end
            if names_nothing(tokens, places):
                pointing = {place for place in places if len(outcomes) > 1}
                taken |= pointing if naming or any(tokens[i].key not in PRONOUNS for i in pointing) else set()
                continue
            naming += 1
            if naming > 1:
                said = " ".join(tokens[place].raw for place in places if tokens[place].key not in JOINS)
                command.ask = command.ask or _EACH.format(said)

    def _check_changes(self, command: Command) -> None:
        """Refuse what is never changed; ask where one field is to become two things."""
        seen: dict[str, Change] = {}
        for change in command.changes:
            command.refusal = command.refusal or refusal_of(self._schema.by_name[change.field], self._schema)
            if seen.setdefault(change.field, change) != change:
                command.ask = command.ask or _AGAIN.format(self._schema.by_name[change.field].label)
        command.changes = list(seen.values())


def finish(
    command: Command, resolved: Resolved, tokens: Sequence[Token], canon: Canon, before: Query | None = None
) -> None:
    """Bring the change and the reading of its records together, in place.

    `before` is the question before, where the records are among those that it asked for.
    """
    goes_on = before is not None
    taken = {index for index, token in enumerate(tokens) if token.key == TAKEN}
    resolved.unread = [span for span in resolved.unread if not taken.issuperset(range(*span))]
    if before is None:
        places = (index for index, token in enumerate(tokens) if token.key in POINTING)
        resolved.unread += [(index, index + 1) for index in places]
    else:
        _drop_figures(resolved, before)
    if command.conditions:
        where = canon.form(conjunction(resolved.query.where, *command.conditions))
        resolved.query = replace(resolved.query, where=where)
    _reach_left_out(command, resolved, canon)
    for pending in command.pending:
        _settle_pending(command, pending, resolved, canon.schema)
    _warn_of_kinds(command, resolved, canon.schema)
    resolved.uses = [*command.uses, *resolved.uses]
    resolved.unread += command.unread
    resolved.ambiguities += command.notes
    query = resolved.query
    if query.aggregate is not None or query.sort or query.limit is not None:
        command.ask = (
            command.ask or "A change takes all records that meet its conditions, not figures or the first few."
        )
    if _is_limited(resolved, canon) and not (goes_on and command.presumed):
        return
    if command.presumed or not (goes_on or _says_everything(tokens)):
        command.ask = command.ask or WHICH


def _drop_figures(resolved: Resolved, before: Query) -> None:
    """Take the records behind the figures that were asked for before, in whatever order they were."""
    query = resolved.query
    if query.limit is None and query.sort == before.sort:
        query = replace(query, sort=())
    if query.limit is None and query.aggregate == before.aggregate and not (query.aggregate and query.aggregate.having):
        query = replace(query, aggregate=None)
    resolved.query = query


def _says_everything(tokens: Sequence[Token]) -> bool:
    return any(token.key in EVERYTHING for token in tokens)


def _is_limited(resolved: Resolved, canon: Canon) -> bool:
    """Return whether the records are named by a condition, other than by convention."""
    where = resolved.query.where
    conditions = where.operands if isinstance(where, And) else (where,) if where is not None else ()
    unsaid = {note.chosen for note in resolved.defaults}
    return any(canon.text(condition) not in unsaid for condition in conditions)


def _reach_left_out(command: Command, resolved: Resolved, canon: Canon) -> None:
    """Let a change that takes a flag back reach the records that have it, which questions leave out."""
    for change in command.changes:
        if change.value is not False:
            continue
        default = Comparison(change.field, Operator.EQ, value=False)
        chosen = canon.text(default)
        if not any(note.chosen == chosen for note in resolved.defaults):
            continue
        wanted = Comparison(change.field, Operator.EQ, value=True)
        resolved.defaults = [
            replace(
                note,
                text=f"the records are those that are {canon.schema.by_name[change.field].true_words[0]} now",
                chosen=canon.text(wanted),
                alternatives=(),
            )
            if note.chosen == chosen
            else note
            for note in resolved.defaults
        ]
        where = _exchanged(resolved.query.where, default, wanted)
        resolved.query = replace(resolved.query, where=canon.form(where))


def _exchanged(where: Condition | None, before: Condition, after: Condition) -> Condition | None:
    operands = where.operands if isinstance(where, And) else (where,)
    return conjunction(*(after if operand == before else operand for operand in operands))


def _warn_of_kinds(command: Command, resolved: Resolved, schema: Schema) -> None:
    """Remark that an amount is given to records of a kind that it says nothing of: a rate to purchases."""
    amounts = schema.conventions.amount_fields
    changed = {change.field for change in command.changes} & set(amounts.values())
    meant = _amount_field(resolved.query.where, schema) if changed else None
    for name in sorted(changed - {meant}):
        kinds = [value for (_, value), field_name in amounts.items() if field_name == name]
        of, label = " and ".join(kinds).lower(), schema.by_name[name].label
        resolved.warnings.append(f"The {label} is that of {of} records; others among them get it as well.")


def _settle_pending(command: Command, pending: Pending, resolved: Resolved, schema: Schema) -> None:
    """Let the kind of the records say which amount is meant: the rate of rentals, the price of purchases."""
    name = _amount_field(resolved.query.where, schema)
    if name is None:
        names = dict.fromkeys(schema.conventions.amount_fields.values())
        options = " or the ".join(schema.by_name[each].label for each in names)
        if not command.ask:
            command.ask = f"Which amount is changed: the {options}?"
            command.options = [(Change(each, pending.operation, pending.value),) for each in names]
        return
    value: Decimal = pending.value
    command.changes.append(Change(name, pending.operation, value))
    text = f"the amount is the {schema.by_name[name].label}, because of the records that are named"
    others = tuple(each for each in dict.fromkeys(schema.conventions.amount_fields.values()) if each != name)
    command.notes.append(Note(text, pending.first, pending.end, name, others))


def _amount_field(where: Condition | None, schema: Schema) -> str | None:
    conditions = where.operands if isinstance(where, And) else (where,)
    for condition in conditions:
        match condition:
            case Comparison(enum, Operator.EQ, str(value)) if (enum, value) in schema.conventions.amount_fields:
                return schema.conventions.amount_fields[enum, value]
    return None
