"""Explain: what became of every word of the question.

Gives `Explainer`: pieces that cover the question, with suggestions for what was not understood; `is_complete` and
`assumptions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nlq.interpretation import Assumption, Piece, Role
from nlq.normalize import Token
from nlq.phrases.context import Settled
from nlq.phrases.notes import Note
from nlq.phrases.resolve import Resolved
from nlq.schema import Schema
from nlq.tagging.fuzzy import SUGGESTIONS, Choices, nearest
from nlq.tagging.tagger import Tagger

_MAX_SUGGESTED: Final = 10
"""Pieces of one question that get suggestions; a text of nothing but unknown words is no misspelt question."""
_NEAR_ENOUGH: Final = 0.65
"""Likeness asked of values where the field is known: lower than among all words."""
_COMMA: Final = ","
_USED: Final = Role.USED
_CORRECTED: Final = Role.CORRECTED
_NOT_UNDERSTOOD: Final = Role.NOT_UNDERSTOOD
_UNUSED: Final = (Role.FILLER, Role.NOT_UNDERSTOOD)
_Fate = tuple[Role, str]
"""What became of a token: its role and its meaning, one object for all tokens of a piece."""
_FILLER: Final[_Fate] = (Role.FILLER, "")
"""What becomes of a token that nothing else is said of."""
_MENDED: Final[_Fate] = (Role.CORRECTED, "")
"""What becomes of one that was corrected, where nothing else is said of it."""
_END: Final[_Fate] = (Role.FILLER, "the end")
"""What stands behind the last token."""


class Explainer:
    """Makes pieces and suggestions for the questions of one vocabulary."""

    def __init__(self, schema: Schema, tagger: Tagger) -> None:
        self._tagger = tagger
        values = [value for each in tagger.values.values.values() for value in each]
        words = [word for field in schema.fields for word in (field.label, *field.true_words[:1])]
        words += [value.label for field in schema.fields for value in field.values]
        self._names = Choices([*(value for value in values if not _has_digit(value)), *words])
        """What can be named without digits: values, fields, flags."""
        self._codes = Choices(filter(_has_digit, values))
        """Values with digits."""

    def pieces(
        self, text: str, tokens: list[Token], settled: Settled, resolved: Resolved, corrected: Mapping[int, str]
    ) -> tuple[Piece, ...]:
        """Return the pieces of a question in order; `corrected` maps tokens to the words they were read as."""
        fates = _fates(text, tokens, resolved, corrected)
        pieces: list[Piece] = []
        suggested = 0
        first, fate = 0, fates[0]
        for end, after in enumerate(fates):
            if after is fate:
                continue
            if fate is not None:
                role, meaning = fate
                start, stop = tokens[first].start, tokens[end - 1].end
                said = text[start:stop]
                suggestions: tuple[str, ...] = ()
                if role is _CORRECTED:
                    suggestions = tuple(corrected[index] for index in range(first, end) if index in corrected)
                elif role is _NOT_UNDERSTOOD and suggested < _MAX_SUGGESTED:
                    suggested += 1
                    suggestions = resolved.hints.get(first) or self._suggest(said, first, end, tokens, settled)
                pieces.append(Piece(start, stop, said, role, meaning, suggestions))
            first, fate = end, after
        return tuple(pieces)

    def _suggest(self, text: str, first: int, end: int, tokens: list[Token], settled: Settled) -> tuple[str, ...]:
        """Return the known words nearest to something not understood."""
        if first in settled.misfits:
            value, field = settled.misfits[first]
            choices = self._tagger.values.values.get(field.name, ())
            said = text[tokens[value].start - tokens[first].start :]
            return nearest(said, choices, least=_NEAR_ENOUGH) or nearest(text, choices, least=_NEAR_ENOUGH)
        holding_word = self._tagger.values.holding
        holding = [each.value for index in range(first, end) for each in holding_word.get(tokens[index].key, ())]
        if holding:
            return tuple(dict.fromkeys(holding))[:SUGGESTIONS]
        if all(tokens[index].key in self._tagger.known for index in range(first, end)):
            return ()
        digits = any(character.isdigit() for character in text)
        return (self._codes if digits else self._names).nearest(text)


def _has_digit(text: str) -> bool:
    return not text.isalpha() and any(map(str.isdigit, text))


def _fates(text: str, tokens: list[Token], resolved: Resolved, corrected: Mapping[int, str]) -> list[_Fate | None]:
    """Return the fate of each token, then the end: one object for those of one piece, None for commas left aside."""
    fates: list[_Fate | None] = [_FILLER] * len(tokens)
    for use in resolved.uses:
        first, end = use.first, use.end
        mended = corrected and any(index in corrected for index in range(first, end))
        fates[first:end] = [(_CORRECTED if mended else _USED, use.meaning)] * (end - first)
    unread: dict[str, _Fate] = {}
    for first, end in resolved.unread:
        reason = resolved.reasons.get(first, "")
        fates[first:end] = [unread.setdefault(reason, (_NOT_UNDERSTOOD, reason))] * (end - first)
    for index in corrected:
        if fates[index] is _FILLER:
            fates[index] = _MENDED
    for index, token in enumerate(tokens) if "," in text or ";" in text else ():
        if token.key == _COMMA and (fate := fates[index]) is not None and fate[0] in _UNUSED:
            fates[index] = None
    fates.append(_END)
    return fates


def is_complete(tokens: list[Token], resolved: Resolved) -> bool:
    """Return whether every word was understood; commas need not be."""
    unread = resolved.unread
    return not unread or all(token.key == _COMMA for first, end in unread for token in tokens[first:end])


def assumptions(notes: Iterable[Note], tokens: list[Token]) -> tuple[Assumption, ...]:
    """Return notes over tokens as assumptions over characters."""
    return tuple([_assumption(note, tokens) for note in notes])


def _assumption(note: Note, tokens: list[Token]) -> Assumption:
    if note.first == note.end:
        return Assumption(note.text, 0, 0, note.chosen, note.alternatives)
    start, end = tokens[note.first].start, tokens[note.end - 1].end
    return Assumption(note.text, start, end, note.chosen, note.alternatives)
