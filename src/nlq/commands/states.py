"""States: orders whose value stands in the verb, behind it or at the end: "discontinue", "make them transferable".

Gives `States`.
"""

from __future__ import annotations

from typing import Final

from nlq.changes import Change, ChangeOperation
from nlq.commands.clause import ClauseContext
from nlq.commands.fields import Named
from nlq.commands.outcome import Refusal
from nlq.commands.phrases import Target, spec_of
from nlq.commands.setting import Setting
from nlq.commands.targets import Targets
from nlq.commands.words import (
    ARTICLES,
    BEFORE_CONDITION,
    DETERMINERS,
    EVERYTHING,
    LINKS,
    MARKS,
    SETTING,
    Act,
)
from nlq.schema import FieldSpec, FieldType

_LED: Final = BEFORE_CONDITION | LINKS
_MOST_VALUES: Final = 4
"""Values in a row among which records are looked for by what they are."""


class States:
    """Reads clauses without an amount to change by and without “to”."""

    def __init__(self, at: ClauseContext, setting: Setting, targets: Targets) -> None:
        self._at = at
        self._setting = setting
        self._targets = targets

    def state_of_verb(self) -> bool:
        """Read a verb that sets a flag: "discontinue the pumps"."""
        self._setting.give(self._at.clause.verb.state, self._at.clause.verb.sign > 0)
        if self._at.clause.end == self._at.index + 1 and self._at.tokens[self._at.index].key in ("it", "that", "this"):
            self._at.outcome.presumed = True  # "cancel that" may take back what was asked before
        return True

    def given(self) -> bool:
        """Read "give EQ-2087 a monthly rate of $4,500", "update EQ-2087 with contract C-1050"."""
        for index in range(self._at.index + 1, self._at.clause.end):
            if self._at.tokens[index].key in BEFORE_CONDITION - {"with"} or self._at.tokens[index - 1].key in _LED:
                continue
            target = self._at.phrases.target(self._at.tokens, index, self._at.clause.end, self._at.today, None)
            if self._at.tokens[index].key == "with":
                target = self._at.phrases.target(self._at.tokens, index + 1, self._at.clause.end, self._at.today, None)
            if target is None or target.label is None or target.end != self._at.clause.end:
                continue
            self._at.take(index, target.end, "")
            return self._setting.set(None, target)
        return False

    def _made_at_once(self) -> bool:
        """Read "mark discontinued all pumps": the flag stands right behind the verb."""
        target = self._at.phrases.target(self._at.tokens, self._at.index, self._at.clause.end, self._at.today, None)
        if target is None or target.flag is None or target.end >= self._at.clause.end:
            return False
        if self._at.tokens[target.end].key not in ARTICLES:
            return False
        self._at.take(self._at.index, target.end, "")
        return self._setting.set(None, target)

    def _made_amount(self) -> bool:
        """Read "make the monthly rate of EQ-2087 $4,500": the value of a named field stands at the end."""
        named = self._at.head
        if named is None or named.period:
            return False
        for index in range(max(named.end, self._at.clause.end - 5), self._at.clause.end):
            target = self._at.phrases.target(
                self._at.tokens, index, self._at.clause.end, self._at.today, named.fields[0]
            )
            marked = target is not None and (target.when is not None or (target.amount and target.amount.marked))
            if (
                target is not None
                and marked
                and target.end == self._at.clause.end
                and self._targets.suits(named, target)
            ):
                self._at.take(index, target.end, "")
                self._at.take_named(named)
                return self._setting.set(named, target)
        return False

    def made(self) -> bool:
        """Read "make all purchases transferable": the value stands at the end, without "to"."""
        if self._made_at_once() or self._made_amount():
            return True
        for index in range(max(self._at.index + 1, self._at.clause.end - 4), self._at.clause.end):
            if self._at.tokens[index].key in SETTING:
                continue
            target = self._at.phrases.target(self._at.tokens, index, self._at.clause.end, self._at.today, None)
            if target is None or target.end != self._at.clause.end or self._labels_records():
                continue
            enumerated = any(each.field.type is FieldType.ENUM for each in target.meanings)
            if target.flag is not None or enumerated:
                self._at.take(index, target.end, "")
                return self._setting.set(None, target)
        return False

    def _labels_records(self) -> bool:
        """Return whether the verb is the name of a field with one of its values behind it: "make Caterpillar"."""
        named = self._at.phrases.fields.field(self._at.tokens, self._at.clause.first, self._at.clause.start)
        if named is None or self._at.index >= self._at.clause.end:
            return False
        return self._at.phrases.fields.labels(self._at.tokens, Named(self._at.clause.first, named[0], (named[1],)))

    def assigned(self) -> bool:
        """Read "assign EQ-1 to the cranes in Silo 4", where the value stands before those who get it."""
        for index in range(self._at.index + 1, self._at.clause.end - 1):
            if self._at.tokens[index].key not in ("to", "for", "on"):
                continue
            given = self._at.phrases.single_value(self._at.tokens, self._at.index, index, self._at.today)
            if given is None:
                return False
            getting = self._at.phrases.single_value(self._at.tokens, index + 1, self._at.clause.end, self._at.today)
            same = getting is not None and any(each.field is spec_of(given) for each in getting.meanings)
            if same:
                return False  # "reassign contract C-1 to C-2"
            spec = spec_of(given)
            if spec is None or not spec.editable:
                return False
            if getting is not None and spec.name == self._at.conventions.assigned and not self._determined(index):
                return self._ask_which_gets(index, given, getting)
            if getting is not None and spec.name != self._at.conventions.assigned and given.label is None:
                return False
            if spec.name == self._at.conventions.assigned and not self._names_kind(index + 1):
                return False
            self._at.take(self._at.index, index + 1, "")
            self._setting.set(Named(index, index, (spec,)), given)
            return True
        return False

    def _ask_which_gets(self, to: int, given: Target, getting: Target) -> bool:
        """Ask whether "assign EQ-1 to pumps" gives the pumps a machine, or the machine a category."""
        if getting.label is not None or not self._names_kind(to + 1):
            return False
        at, kind = self._at, getting.meanings[0]
        tag, named = next((each.value for each in given.meanings), given.text), at.text(to + 1, getting.end)
        at.take(to, getting.end, "")
        return at.ask(
            f"“to {named}”: do the {named} get {tag}, or does {tag} get the {kind.field.label} {kind.value}? "
            f"Say “assign {tag} to the {named}”, or “set the {kind.field.label} of {tag} to {kind.value}”."
        )

    def _names_kind(self, index: int) -> bool:
        """Return whether the records are named by what they are, not by a value that they could be given."""
        prepositions = self._at.schema.conventions.prepositions
        for _ in range(_MOST_VALUES):
            target = self._at.phrases.target(self._at.tokens, index, self._at.clause.end, self._at.today, None)
            if target is None or any(prepositions.get(each.field.name) == "of" for each in target.meanings):
                return target is not None
            index = target.end  # "the Silo 4 crane"
        return False

    def _determined(self, to: int) -> bool:
        """Return whether an article behind "to" says that records of a kind follow: "to the pumps"."""
        return self._at.tokens[to + 1].key in DETERMINERS and self._names_kind(to + 1)

    def cleared(self) -> bool:
        """Read "clear the contract of EQ-2087"."""
        deletes = Act.DELETE in self._at.clause.verb.acts
        named = self._at.find(self._at.index, self._at.index, lambda each: self._can_clear(each, deletes=deletes))
        if named is None:
            return self._cleared_value(deletes=deletes)
        if deletes and self._at.is_record(named):
            return False
        if named.fields[0].type is FieldType.BOOL and named.fields[0].editable:
            return self._take_back(named, deletes=deletes)
        required = [each.label for each in named.fields if each.required]
        if required:
            reason = f"Every record has a {required[0]}: it can be changed, and not be cleared."
            self._at.outcome.refusal = Refusal(reason, f"Clear the {required[0]}.")
        for each in named.fields:
            self._at.outcome.changes.append(Change(each.name, ChangeOperation.CLEAR))
        self._at.take_named(named)
        if named.first > self._at.index and self._at.tokens[named.first - 1].key in EVERYTHING:
            self._at.take(named.first - 1, named.first, "")  # "clear all contracts" does not name all records
        return True

    def _take_back(self, named: Named, *, deletes: bool) -> bool:
        """Read "clear the transferable flag of EQ-2087"; "remove discontinued pumps" asks for records to go."""
        marked = named.end < self._at.clause.end and self._at.tokens[named.end].key in MARKS
        if deletes and not marked:
            return False
        named.end += marked
        self._setting.give(named.fields[0].name, value=False)
        self._at.take_named(named)
        return True

    def _cleared_value(self, *, deletes: bool) -> bool:
        """Read "unassign EQ-2087" and "remove contract C-1042 from the cranes": a field loses one value."""
        end = self._at.index + 1
        while end < self._at.clause.end and self._at.tokens[end].key != "from":
            end += 1
        named = end <= self._at.clause.end
        value = self._at.phrases.single_value(self._at.tokens, self._at.index, end, self._at.today) if named else None
        spec = None if value is None else spec_of(value)
        if value is None or spec is None or spec.type is not FieldType.TEXT:
            return False
        if deletes and (value.label is None or end == self._at.clause.end):
            return False
        self._at.outcome.changes.append(Change(spec.name, ChangeOperation.CLEAR))
        self._at.take(end, min(end + 1, self._at.clause.end), "")
        return True

    def _can_clear(self, each: FieldSpec, *, deletes: bool) -> bool:
        return each.type in (FieldType.TEXT, FieldType.BOOL) or not deletes

    def never(self) -> bool:
        """Read an order to delete or create records."""
        if Act.CREATE in self._at.clause.verb.acts:
            self._at.outcome.refusal = Refusal("Questions create no records.", "Create a record.")
        else:
            reason = "Records are never deleted by a question; a requirement can be discontinued."
            self._at.outcome.refusal = Refusal(reason, "Delete all records.")
        return True
