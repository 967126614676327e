"""Clauses of commands: a verb and the phrases with it become typed changes.

Gives `ClauseReader`. What a verb does hangs on the phrase with it: "cut the rate by 10 %" scales, "cut the cranes by 2
weeks" ends them earlier, "cut the rate to $4,500" sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final

from nlq.commands.clause import ClauseContext
from nlq.commands.frame import Clause
from nlq.commands.moving import Moving
from nlq.commands.outcome import Outcome, refusal_of
from nlq.commands.phrases import PhraseReader
from nlq.commands.setting import Setting
from nlq.commands.states import States
from nlq.commands.targets import Targets
from nlq.commands.words import (
    LEADING_TO,
    QUALIFYING,
    SETTING,
    UNTIL,
    Act,
)
from nlq.dates import read_date
from nlq.normalize import Token
from nlq.schema import Schema

_BY_AMOUNT: Final = frozenset((Act.SHIFT, Act.EXTEND, Act.BEGIN, Act.FINISH, Act.SCALE))


class ClauseReader:
    """Reads one clause of a command."""

    def __init__(
        self, tokens: Sequence[Token], clause: Clause, today: date, schema: Schema, phrases: PhraseReader
    ) -> None:
        self._at = ClauseContext(tokens, clause, today, schema, phrases)
        self._moving = Moving(self._at)
        self._targets = Targets(self._at)
        self._setting = Setting(self._at, self._targets)
        self._states = States(self._at, self._setting, self._targets)

    def read(self) -> Outcome | None:
        """Return what the clause does, None where its words make no command."""
        verb = self._at.clause.verb
        self._at.take(self._at.clause.first, self._at.clause.start, "")
        self._at.take_particle()
        done = any(attempt() for attempt in self._attempts())
        if done:
            self._report_others()
        if not done and Act.SET in verb.acts and self._at.head is not None and not self._at.head.fields[0].editable:
            self._at.outcome.refusal = refusal_of(self._at.head.fields[0], self._at.schema)
            self._at.take_named(self._at.head)
            done = True
        if not done and (not verb.weak or self._sets_something()):
            self._at.ask(self._missing())
            done = True
        return self._at.outcome if done else None

    def _attempts(self) -> Iterator[Callable[[], bool]]:
        """Yield the ways to read the clause, the first that fits being right."""
        verb = self._at.clause.verb
        if verb.state:
            yield self._states.state_of_verb
            return
        yield self._setting.unknown_value
        if verb.factor:
            yield self._moving.multiplied
        if Act.ASSIGN in verb.acts:
            yield self._states.assigned
        if verb.acts & _BY_AMOUNT:
            yield self._moving.changed_by
        if verb.acts == {Act.CLEAR}:
            yield self._states.cleared  # "to" is then of the records: "with a plan end from March to June"
        yield self._setting.changed_to
        if Act.GIVE in verb.acts:
            yield self._states.given
        if Act.STATE in verb.acts:
            yield self._states.made
        if Act.CLEAR in verb.acts:
            yield self._states.cleared
        if Act.RESET in verb.acts and not verb.weak and Act.FINISH not in verb.acts:
            yield self._setting.put_back
        if verb.acts & {Act.DELETE, Act.CREATE}:
            yield self._states.never

    def _report_others(self) -> None:
        """Report further amounts and values that the clause names: none of them may pass as a condition."""
        taken = {index for each in self._at.outcome.taken for index in range(each.first, each.end)}
        words = SETTING | UNTIL | {"by"}
        for index in range(self._at.index, self._at.clause.end - 1):
            key = self._at.tokens[index].key
            if index in taken or key not in words or self._belongs_to_condition(index):
                continue
            end = self._other_amount(index) if key == "by" else self._other_value(index)
            if end is not None:
                self._at.outcome.unread.append((index, end))
                taken.update(range(index, end))
        for end in [each.end for each in self._at.outcome.taken if each.end > self._at.clause.start]:
            stop = self._qualified(end) if end not in taken else None
            if stop is not None:
                self._at.outcome.unread.append((end, stop))
                taken.update(range(end, stop))
        self._report_day(taken)

    def _belongs_to_condition(self, index: int) -> bool:
        """Return whether a word that can stand before an amount or a value is part of what names the records."""
        leads = self._at.tokens[index - 1].key in LEADING_TO
        return leads or self._at.phrases.fields.is_inside(self._at.tokens, self._at.index, index)

    def _qualified(self, end: int) -> int | None:
        """Return the token after what qualifies the change right behind it: "… to $4,500, not $5,000"."""
        tokens, limit = self._at.tokens, self._at.clause.end
        start = end
        while start < limit and tokens[start].key in QUALIFYING:
            start += 1
        if start in (end, limit):
            return None
        target = self._at.phrases.target(tokens, start, limit, self._at.today, None)
        if target is not None and (target.meanings or target.flag is not None):
            changed = {change.field for change in self._at.outcome.changes}
            fields = {each.field.name for each in target.meanings}
            flagged = target.flag is not None and any(
                change.value in (True, False) for change in self._at.outcome.changes
            )
            return target.end if flagged or fields & changed else None
        amount = self._at.phrases.distance(tokens, start, limit) if self._at.phrases.may_begin(tokens[start]) else None
        if amount is not None:
            return amount.end
        return target.end if target is not None and target.amount is not None else None

    def _report_day(self, taken: set[int]) -> None:
        """Report the day from which a change is to hold: "by 5 % from July 1" names no records of July."""
        last = self._at.clause.end
        for index in range(self._at.index, last):
            found = read_date(self._at.tokens, index, self._at.today) if index not in taken else None
            if found is None or found.end != last or (found.start is None and found.stop is None):
                continue
            said = index - 1 not in taken and self._at.phrases.fields.is_event(self._at.tokens[index - 1])
            if index - 1 - said in taken or (self._at.clause.verb.state and not said):
                self._at.outcome.unread.append((index - said, last))
            return

    def _other_amount(self, index: int) -> int | None:
        distance = self._at.phrases.distance(self._at.tokens, index, self._at.clause.end)
        return distance.end if distance is not None and index not in self._at.dated else None

    def _other_value(self, index: int) -> int | None:
        option = self._targets.target_at(index)
        ranged = option is not None and option[1].amount is not None and not option[1].amount.marked
        return option[1].end if option is not None and not ranged and index not in self._at.dated else None

    def _sets_something(self) -> bool:
        """Return whether a field is to get a value that is not understood: "set the source to lease"."""
        if Act.SET not in self._at.clause.verb.acts or self._at.head is None:
            return False
        return any(token.key == "to" for token in self._at.tokens[self._at.head.end : self._at.clause.end])

    def _missing(self) -> str:
        """Return what to ask where a verb says nothing of what it changes."""
        said = self._at.text(self._at.clause.first, self._at.clause.start)
        if self._sets_something() and self._at.head is not None:
            return f"“{said}”: which value should the {self._at.head.fields[0].label} get?"
        if Act.SCALE in self._at.clause.verb.acts and Act.SHIFT not in self._at.clause.verb.acts:
            return f"“{said}”: by how much, or to what? Say, for example, “by 5 %”."
        if Act.CLEAR in self._at.clause.verb.acts:
            return f"“{said}”: which field loses its value? Say, for example, “clear the contract of …”."
        if Act.SET in self._at.clause.verb.acts and not self._at.clause.verb.acts & {Act.EXTEND, Act.SHIFT}:
            return f"“{said}”: which field should get which value? Say, for example, “set the area to …”."
        return f"“{said}”: by how much, or to when? Say, for example, “by 2 weeks”."
