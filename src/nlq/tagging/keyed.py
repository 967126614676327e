"""Keyed: values that are in no vocabulary, behind what announces them: "record 78497", "modified in PEMS by maria".

Gives `KeyReader`. They are keys of records, and what fields hold that the conventions name as written: what stands
behind the word is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Final

from nlq.normalize import NUMBER, QUOTED, TAKEN, WORD, Token, keys
from nlq.query import Operator
from nlq.schema import FieldSpec, Schema
from nlq.tagging.tags import FILLER, Meaning, Reading, Tagged
from nlq.tagging.tries import Trie
from nlq.vocabulary import Synonym

_JOINED: Final = frozenset(("-", "_", ".", "/"))
_NEAR: Final = 4
"""Most words between what announces a key and the key."""
_LISTING: Final = frozenset(("AND", "OR", "COMMA"))
_EQUALS: Final = frozenset(("COMPARE", "NOT", FILLER))
_LINKING: Final = _LISTING | _EQUALS
"""Tags that may stand between what announces a value and the value."""


class KeyReader:
    """Reads keys of records, by the conventions of a schema."""

    def __init__(self, schema: Schema, fixed: Trie, values: Trie, synonyms: Iterable[Synonym]) -> None:
        """Take the field of keys and the words before a key, and the words and values that are none as written."""
        self._values = values
        self._written = frozenset(schema.conventions.written)
        self._field: FieldSpec | None = schema.by_name.get(schema.conventions.key)
        self._words = frozenset(key for word in schema.conventions.key_words for key in keys(word))
        self._announcing = self._written | {schema.conventions.key}
        self._used = fixed.single()
        own = [word for name in self._announcing if name in schema.by_name for word in schema.by_name[name].words]
        own += [each.phrase for each in synonyms if each.field in self._announcing]
        self._starts = frozenset(key for word in (*own, *self._announcing) for key in keys(word)[:1]) | self._words

    def may_read(self, said: Set[str]) -> bool:
        """Return whether anything can be a key in a question of these words, as keys: few announce any."""
        return not self._starts.isdisjoint(said)

    def read(self, tokens: Sequence[Token], index: int, before: Sequence[Tagged]) -> Tagged | None:
        """Return the key that starts at a token, None where no word before it announces one."""
        token, behind = tokens[index], index + 1
        if token.key in self._used and token.kind is WORD and (behind == len(tokens) or tokens[behind].gap == " "):
            return None  # all by itself a word that the language has a use for
        if not before or token.gap in _JOINED or token.key == TAKEN:
            return None
        last = before[-1]
        if last.readings[0].tag not in _LINKING and not self._announces(last, tokens):
            return None
        field, named = self._announced(tokens, before)
        if field is None:
            return None
        end = index + 1
        while end < len(tokens) and _goes_on(tokens[end - 1], tokens[end]):
            end += 1
        if not self._is_value(tokens[index:end], field):
            return None
        if not named and self._is_another(tokens, index, end):
            return None
        value = tokens[index].raw + "".join(token.gap + token.raw for token in tokens[index + 1 : end])
        return Tagged(index, end, (Reading("VALUE", (Meaning(field, value),)),))

    def _announces(self, last: Tagged, tokens: Sequence[Token]) -> bool:
        """Return whether a value as written can stand right behind a stretch."""
        field = last.field
        return (field is not None and field.name in self._announcing) or (
            last.end == last.first + 1 and tokens[last.first].key in self._words
        )

    def _announced(self, tokens: Sequence[Token], before: Sequence[Tagged]) -> tuple[FieldSpec | None, bool]:
        """Return the field that the words before announce a value of, and whether they name it."""
        place = len(before) - 1
        tag = before[place].readings[0].tag
        if tag in _LISTING and place > 0 and self._is_key(before[place - 1]):
            return self._field, True
        nearest = max(0, place - _NEAR)
        while tag in _EQUALS and place > nearest and (tag != "COMPARE" or _equals(before[place])):
            place -= 1
            tag = before[place].readings[0].tag
        last = before[place]
        field = last.field
        if field is not None and (field is self._field or field.name in self._written):
            return field, True
        token = tokens[last.first] if last.end == last.first + 1 else None
        # "records 20" are twenty of them, "record 20" is one
        announced = token is not None and token.key in self._words and token.raw.casefold() == token.key
        return (self._field if announced else None), False

    def _is_value(self, tokens: Sequence[Token], field: FieldSpec) -> bool:
        """Return whether tokens can be a value: quoted, with a digit, or a word that the language has no use for."""
        if tokens[0].kind is QUOTED:
            return True
        if field is self._field:
            return any(any(map(str.isdigit, token.raw)) for token in tokens)
        return tokens[0].kind is WORD and not (len(tokens) == 1 and tokens[0].key in self._used)

    def _is_another(self, tokens: Sequence[Token], index: int, end: int) -> bool:
        """Return whether a code with letters is a value of another field: "record EQ-2087" is the one with that tag."""
        found = self._values.longest(tokens, index) if end > index + 1 else None
        return found is not None and found[0] == end

    def _is_key(self, stretch: Tagged) -> bool:
        return self._field is not None and any(meaning.field is self._field for meaning in stretch.meanings)


def _goes_on(token: Token, after: Token) -> bool:
    """Return whether a token belongs to the one before it: "RX-12", "user7"."""
    plain = all(each.kind in (WORD, NUMBER) for each in (token, after))
    return plain and (after.gap in _JOINED or not after.gap)


def _equals(stretch: Tagged) -> bool:
    """Return whether a comparison is "is" or "="."""
    return stretch.readings[0].payload in (Operator.EQ, Operator.NE)
