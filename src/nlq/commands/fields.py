"""Fields of commands: the names of what changes, at a position among the tokens.

Gives `Named`, `Phrase` and `FieldReader`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from nlq.commands.words import (
    ARTICLES,
    BEFORE_CONDITION,
    EVENTS,
)
from nlq.normalize import Kind, Token, keys
from nlq.schema import FieldSpec, FieldType, Schema
from nlq.tagging.tagger import Tagger
from nlq.tagging.tags import RECORD, Event, Flagged, Meaning, Reading
from nlq.tagging.tries import Trie

_EVENTS: Final = frozenset(("EVENT", "SPAN", "WHEN", "LAYER", "FIELD"))
_COMPARING: Final = frozenset(("COMPARE", "WHEN"))
_CONDITIONS: Final = frozenset(("WHEN", "FIELD"))
_LONGEST_NAME: Final = 6


@dataclass(slots=True)
class Phrase:
    """Tokens of a command that say one thing."""

    first: int
    end: int


@dataclass(slots=True)
class Named(Phrase):
    """Fields that change."""

    fields: tuple[FieldSpec, ...] = ()
    period: bool = False
    """Whether a word for the whole period was said ("dates"), not its ends."""


class FieldReader:
    """Reads the names of fields by one schema and vocabulary."""

    def __init__(self, schema: Schema, tagger: Tagger) -> None:
        self._schema = schema
        self._tagger = tagger
        conventions = schema.conventions.commands
        self._periods = Trie()
        for phrase, ends in conventions.periods.items():
            self._periods.add(keys(phrase), Reading("PERIOD", " ".join(ends)))
        self._pairs = [conventions.period, *dict.fromkeys(conventions.periods.values())]

    def field(self, tokens: Sequence[Token], index: int, limit: int) -> tuple[int, FieldSpec] | None:
        """Return the token after the name of a field that starts at a token, and the field; None without one.

        A name that runs into a value leaves it its beginning: "area silo 4" is "area" and the value.
        """
        found = self._tagger.fixed.longest(tokens, index)
        if found is None:
            return None
        for end in range(found[0], index, -1):
            readings = found[1] if end == found[0] else self._tagger.fixed.exactly(t.key for t in tokens[index:end])
            spec = _field_of(readings) or self._event_of(readings, tokens[end - 1])
            if spec is not None and end <= limit and not (end > index + 1 and self._begins_value(tokens, end)):
                return end, spec
        return None

    def _event_of(self, readings: Sequence[Reading], last: Token) -> FieldSpec | None:
        """Return the date that a noun such as "arrival" names."""
        for reading in readings if last.key in EVENTS else ():
            if isinstance(reading.payload, Event):
                return reading.payload.field
        return None

    def _begins_value(self, tokens: Sequence[Token], end: int) -> bool:
        """Return whether the last word of a name is the first of a value."""
        value = self._tagger.values.longest(tokens, end - 1)
        return value is not None and value[0] > end

    def names(self, tokens: Sequence[Token], index: int, limit: int) -> Named | None:
        """Return the fields named from a token on, joined by "and"; None without one."""
        named = self._name(tokens, index, limit)
        while named is not None and named.end + 1 < limit and tokens[named.end].key in ("and", ",", "&", "/"):
            start = named.end + 1
            while start < limit and tokens[start].key in ("the", "and", "its", "their"):
                start += 1
            more = self._name(tokens, start, limit) if start < limit else None
            if more is None or more.period:
                break
            fields = (*named.fields, *self._layered(named.fields, more, tokens))
            named = Named(named.first, more.end, fields, named.period)
        return named

    def _name(self, tokens: Sequence[Token], index: int, limit: int) -> Named | None:
        period = self._periods.longest(tokens, index)
        found = self.field(tokens, index, limit)
        if period is not None and period[0] <= limit and (found is None or period[0] >= found[0]):
            if self.value_end(tokens, index) is not None:
                return None
            ends = cast("str", period[1][0].payload).split()
            fields = tuple(self._schema.by_name[name] for name in ends)
            return Named(index, period[0], fields, period=True)
        return Named(index, found[0], (found[1],)) if found is not None else None

    def _layered(self, before: tuple[FieldSpec, ...], more: Named, tokens: Sequence[Token]) -> tuple[FieldSpec, ...]:
        """Read "plan start and end" as both ends of the plan."""
        default = self._schema.conventions.commands.period
        bare = more.end - more.first == 1 + (tokens[more.end - 1].key == "date")
        if not bare or len(more.fields) != 1 or more.fields[0].name not in default:
            return more.fields
        place = default.index(more.fields[0].name)
        for pair in self._pairs:
            if before[-1].name == pair[1 - place]:
                return (self._schema.by_name[pair[place]],)
        return more.fields

    def labels(self, tokens: Sequence[Token], named: Named) -> bool:
        """Return whether a field only names the value behind it: "area Silo 4"."""
        if named.end >= len(tokens) or len(named.fields) > 1:
            return False
        spec = named.fields[0]
        for trie in (self._tagger.values, self._tagger.fixed):
            found = trie.longest(tokens, named.end)
            if found is not None and any(each.field is spec for each in meanings_of(found[1])):
                return True
            # "silo 4" of "area silo 4": the name's last word belongs to the value.
            found = trie.longest(tokens, named.end - 1)
            if found is not None and found[0] > named.end and any(e.field is spec for e in meanings_of(found[1])):
                return True
        return tokens[named.end].kind is Kind.NUMBER and spec.type is FieldType.TEXT

    def names_before(self, tokens: Sequence[Token], begin: int, end: int) -> Named | None:
        """Return the fields whose names end right before a token: "the cranes' monthly rate"."""
        for start in range(max(begin, end - _LONGEST_NAME), end):
            named = self.names(tokens, start, end)
            if named is not None and named.end == end:
                if self._is_compared(tokens, begin, start):
                    return None
                before = start - (start > begin and tokens[start - 1].key in ("a", "an", "any"))
                return None if before > begin and tokens[before - 1].key in BEFORE_CONDITION else named
        return None

    def _is_compared(self, tokens: Sequence[Token], begin: int, end: int) -> bool:
        """Return whether a comparison stands before a token: "the plan end" of "ending after the plan end"."""
        while end > begin and tokens[end - 1].key in ARTICLES:
            end -= 1
        said = [token.key for token in tokens[max(begin, end - _LONGEST_NAME) : end]]
        found = (self._tagger.fixed.exactly(said[first:]) for first in range(len(said)))
        return any(readings and readings[0].tag in _COMPARING for readings in found)

    def is_inside(self, tokens: Sequence[Token], begin: int, index: int) -> bool:
        """Return whether a word is a part of a condition's phrase: "as" of "same as", "by" of "modified in PEMS by"."""
        return self._phrase_around(tokens, begin, index, _CONDITIONS) is not None

    def comparison_around(self, tokens: Sequence[Token], begin: int, index: int) -> int | None:
        """Return the first token of the comparison that a word is a part of ("to" of "not equal to"), None of none."""
        return self._phrase_around(tokens, begin, index, _COMPARING)

    def _phrase_around(self, tokens: Sequence[Token], begin: int, index: int, tags: frozenset[str]) -> int | None:
        for first in range(max(begin, index - _LONGEST_NAME), index):
            found = self._tagger.fixed.longest(tokens, first)
            if found is not None and found[0] > index and found[1][0].tag in tags:
                return first
        return None

    def is_event(self, token: Token) -> bool:
        """Return whether a word says of which date a day behind it is: "starting"."""
        return any(reading.tag in _EVENTS for reading in self._tagger.fixed.exactly((token.key,)))

    def is_spanned(self, tokens: Sequence[Token], end: int) -> bool:
        """Return whether two words before a token say what overlaps with the days there: "on site"."""
        path = [token.key for token in tokens[max(end - 2, 0) : end]]
        return any(reading.tag == "SPAN" for reading in self._tagger.fixed.exactly(path))

    def is_record(self, tokens: Sequence[Token], named: Named) -> bool:
        """Return whether the name of a field stands for the records as well ("equipment")."""
        path = [token.key for token in tokens[named.first : named.end] if token.key not in ARTICLES]
        return any(reading.tag == RECORD for reading in self._tagger.fixed.exactly(path))

    def value_end(self, tokens: Sequence[Token], index: int) -> int | None:
        """Return the token after the value of the vocabulary that starts at a token, None without one."""
        found = self._tagger.values.longest(tokens, index)
        return found[0] if found is not None else None


def meanings_of(readings: Sequence[Reading]) -> tuple[Meaning, ...]:
    """Return the values that readings hold, none where they hold none."""
    for reading in readings:
        if reading.tag == "VALUE":
            return cast("tuple[Meaning, ...]", reading.payload)
    return ()


def _field_of(readings: Sequence[Reading]) -> FieldSpec | None:
    for reading in readings:
        if reading.tag in ("FIELD", "MEASURE"):
            return cast("FieldSpec", reading.payload)
        if reading.tag == "FLAG" and isinstance(reading.payload, Flagged) and reading.payload.state:
            return reading.payload.field
    return None
