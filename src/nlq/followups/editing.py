"""Editing: orders that edit the question before, not the records: "replace Silo 4 with Silo 7", "switch to purchases".

Gives `read_edit` and `Edit`. An order that says "them" or names records is none, nor is one about what the
question before does not ask for: those change records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from nlq.followups.conjuncts import about, choice_of, conjuncts
from nlq.normalize import Token
from nlq.query import Comparison, Operator, Query, fold
from nlq.schema import FieldSpec, FieldType, Schema
from nlq.tagging.tags import FILLER, LABEL, Tagged

Tag = Callable[[list[Token]], list[Tagged]]
"""Tags tokens."""

_SWITCH: Final = "switch"
_MAKE: Final = "make"
_VERBS: Final = frozenset(("replace", "swap", "exchange", "substitute", "change", _SWITCH, _MAKE))
_LEADS: Final = frozenset(("please", "now", "ok", "okay", "and", "then", "can", "could", "you", "so", "lets", "just"))
_RECORDS: Final = frozenset(
    ("them", "those", "these", "they", "their", "its", "all", "every", "each", "everything", "records", "record")
)
"""Words, as they are typed, with which an order is about records."""
_IT: Final = frozenset(("it", "that", "this", "over", "back"))
"""Words, as they are typed, for the question before."""
_BEFORE_OLD: Final = frozenset(("the", "from", "out", "value"))
_TO: Final = frozenset(("to", "with", "by", "for", "into"))
_BEFORE_NEW: Final = frozenset(("the", "a", "in", "on", "instead", "of", "please", "be"))
_LISTING: Final = frozenset(("AND", "OR", "COMMA"))
_LIMITS: Final = {"MONEY": (FieldType.MONEY,), "DATE": (FieldType.DATE, FieldType.TIME)}
"""Tags of what limits fields → the types of these."""
_LIMITING: Final = frozenset(("COMPARE", "TO", "AND", "BETWEEN", "FROM", "ABOUT", "SUFFIX", "AMOUNT_OF", "WHEN"))
"""Tags of what can stand around an amount or a day."""


@dataclass(slots=True)
class Edit:
    """What an order does to the question before."""

    end: int
    """The first token of what is asked for now; those before are the order."""
    asked: list[Tagged]
    """What is asked for now."""
    gone: list[Tagged] = field(default_factory=list)
    """The values that give way; none where those of the same fields do."""


def read_edit(tokens: Sequence[Token], before: Query, schema: Schema, tag: Tag) -> Edit | None:
    """Return how an order edits the query before, None where it does not."""
    said = [token.raw.casefold() for token in tokens]
    verb = next((place for place, word in enumerate(said) if word not in _LEADS), len(said))
    if verb == len(said) or said[verb] not in _VERBS or not _RECORDS.isdisjoint(said):
        return None
    return _EditReader(tokens, said, before, schema, tag).read(verb)


class _EditReader:
    """Reads one order."""

    def __init__(self, tokens: Sequence[Token], said: Sequence[str], before: Query, schema: Schema, tag: Tag) -> None:
        self._tokens = tokens
        self._said = said
        self._before = conjuncts(before.where)
        self._schema = schema
        self._tag = tag

    def read(self, verb: int) -> Edit | None:
        """Return the edit of an order whose verb stands there."""
        first = self._skip(verb + 1, _IT | _BEFORE_OLD)
        if self._said[verb] == _MAKE:
            pointed = any(word in _IT for word in self._said[verb + 1 : first])
            return (self._exchange(first, []) or self._limits(first)) if pointed else None
        to = next((each for each in range(first, len(self._said)) if self._said[each] in _TO), None)
        if to is None:
            return None
        old = _content(self._tag(list(self._tokens[first:to])))
        if not old:
            return self._exchange(to + 1, [], anything=self._said[verb] == _SWITCH)
        if len(old) == 1 and old[0].tag == "FIELD" and old[0].field is not None:
            return self._of_field(first, to, old[0].field)
        if any(each.tag != "VALUE" for each in old) or not all(map(self._is_asked, old)):
            return None
        return self._exchange(to + 1, old, self._numbered(first, to))

    def _exchange(
        self, start: int, gone: list[Tagged], number: Tagged | None = None, *, anything: bool = False
    ) -> Edit | None:
        """Return the edit where it puts values in the place of others that the question before asks for."""
        start = self._skip(start, _BEFORE_NEW)
        if number is not None:
            return Edit(number.first, [number], gone)
        asked = self._tagged(start)
        new = _content(asked)
        allowed = ("VALUE", "FLAG", "DATE") if anything else ("VALUE",)
        if not new or any(each.tag not in allowed for each in new):
            return None
        return Edit(start, asked, gone) if anything or gone or all(map(self._is_about, new)) else None

    def _limits(self, start: int) -> Edit | None:
        """Return the edit of "make that $7,500" and "make it next quarter", in place of limits of the same kind."""
        start = self._skip(start, _BEFORE_NEW)
        asked = self._tagged(start)
        tags = {each.tag for each in _content(asked)}
        for kind, types in _LIMITS.items():
            limited = any(self._schema.by_name[name].type in types for name in self._limited())
            if kind in tags and tags <= _LIMITING | {kind} and limited:
                return Edit(start, asked)
        return None

    def _limited(self) -> set[str]:
        """Return the fields that the question before limits."""
        limits = (each for each in self._before if isinstance(each, Comparison) and each.operator is not Operator.EQ)
        return {each.field for each in limits}

    def _of_field(self, first: int, to: int, of: FieldSpec) -> Edit | None:
        """Return the edit of "change the silo to 7"."""
        if not self._asks(of):
            return None
        start = self._skip(to + 1, _BEFORE_NEW)
        number = self._numbered(first, to)
        asked = self._tagged(start) if number is None else [number]
        new = _content(asked)
        fits = new and all(any(meaning.field.name == of.name for meaning in each.meanings) for each in new)
        return Edit(start, asked) if fits else None

    def _numbered(self, first: int, to: int) -> Tagged | None:
        """Return the value that a number alone means behind the words before it: "Silo 7" of "the silo to 7"."""
        start = self._skip(to + 1, _BEFORE_NEW)
        if start != len(self._tokens) - 1 or not self._said[start].isdecimal():
            return None
        for end in (to, to - 1):
            found = self._tag([*self._tokens[first:end], self._tokens[start]])
            if len(found) == 1 and found[0].tag == "VALUE":
                return Tagged(start, start + 1, found[0].readings)
        return None

    def _tagged(self, start: int) -> list[Tagged]:
        """Return the tokens from one on, tagged by themselves: "Silo 4 to Silo 7" would be a range."""
        found = self._tag(list(self._tokens[start:]))
        return [Tagged(each.first + start, each.end + start, each.readings, each.path) for each in found]

    def _skip(self, place: int, words: frozenset[str]) -> int:
        while place < len(self._said) and self._said[place] in words:
            place += 1
        return place

    def _asks(self, spec: FieldSpec) -> bool:
        return any(spec.name in about(each, self._schema) for each in self._before)

    def _is_about(self, stretch: Tagged) -> bool:
        return any(self._asks(meaning.field) for meaning in stretch.meanings)

    def _is_asked(self, stretch: Tagged) -> bool:
        """Return whether the question before asks for a value."""
        said = {(meaning.field.name, fold(meaning.value)) for meaning in stretch.meanings}
        choices = [choice for choice in map(choice_of, self._before) if choice is not None and choice.wanted]
        return any((each.field, fold(str(value))) in said for each in choices for value in each.values)


def _content(tagged: Sequence[Tagged]) -> list[Tagged]:
    return [each for each in tagged if each.tag not in (FILLER, LABEL, *_LISTING)]
