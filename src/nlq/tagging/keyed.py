"""Keyed: the key of one record behind a word that announces it, as in "record 78497" and "pfa id = 78497".

Gives `KeyReader`. Keys are no values of the vocabulary: what stands behind the word is taken as it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.normalize import TAKEN, Kind, Token, keys
from nlq.query import Operator
from nlq.schema import FieldSpec, Schema
from nlq.tagging.tags import FILLER, Meaning, Reading, Tagged

_JOINED: Final = frozenset(("-", "_", ".", "/"))
_LISTING: Final = frozenset(("AND", "OR", "COMMA"))


class KeyReader:
    """Reads keys of records, by the conventions of a schema."""

    def __init__(self, schema: Schema) -> None:
        """Take the field of keys and the words before a key; without such a field nothing is read."""
        self._field: FieldSpec | None = schema.by_name.get(schema.conventions.key)
        self._words = frozenset(key for word in schema.conventions.key_words for key in keys(word))

    def read(self, tokens: Sequence[Token], index: int, before: Sequence[Tagged]) -> Tagged | None:
        """Return the key that starts at a token, None where no word before it announces one."""
        if self._field is None or not before or tokens[index].gap in _JOINED or tokens[index].key == TAKEN:
            return None
        end = index + 1
        while end < len(tokens) and tokens[index].kind is not Kind.QUOTED and tokens[end].gap in _JOINED:
            end += 1
        if not any(map(_is_written, tokens[index:end])) or not self._is_announced(tokens, before):
            return None
        value = tokens[index].raw + "".join(token.gap + token.raw for token in tokens[index + 1 : end])
        return Tagged(index, end, (Reading("VALUE", (Meaning(self._field, value),)),))

    def _is_announced(self, tokens: Sequence[Token], before: Sequence[Tagged]) -> bool:
        place = len(before) - 1
        if place > 0 and before[place].tag in _LISTING and self._is_key(before[place - 1]):
            return True
        while place > 0 and _equals(before[place]):
            place -= 1
        last = before[place]
        if last.field is not None and last.field is self._field:
            return True
        token = tokens[last.first] if last.end == last.first + 1 else None
        # "records 20" are twenty of them, "record 20" is one
        return token is not None and token.key in self._words and token.raw.casefold() == token.key

    def _is_key(self, stretch: Tagged) -> bool:
        return any(meaning.field is self._field for meaning in stretch.meanings)


def _is_written(token: Token) -> bool:
    """Return whether a token can be a key: quoted, or with a digit."""
    return token.kind is Kind.QUOTED or any(map(str.isdigit, token.raw))


def _equals(stretch: Tagged) -> bool:
    """Return whether "is" or "=" stands there."""
    if stretch.tag == "COMPARE":
        return stretch.readings[0].payload in (Operator.EQ, Operator.NE)
    return stretch.tag in (FILLER, "NOT")
