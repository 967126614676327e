"""Inside: suggestions for a caret that words stand behind, with which the whole text reads.

Gives `fitted` and `without_repeats`. What fits behind the words before the caret can still clash with those behind it:
so each suggestion is tried. One that is within a phrase ("Si|lo 4") replaces all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from nlq.completion.suggest import Suggestion, word_end
from nlq.normalize import Token
from nlq.tagging.tags import UNKNOWN, Tagged

LONGEST: Final = 300
"""Longest text in which suggestions are tried, in characters: of longer ones each reading takes too long."""
_TRIED: Final = 12
"""Most suggestions that are tried, so that they come while one types."""


def has_words_behind(text: str, caret: int) -> bool:
    """Return whether words stand behind a caret, that which it touches aside."""
    touches = caret > 0 and text[caret - 1].isalnum()
    return any(map(str.isalnum, text[word_end(text, caret) if touches else caret :]))


def fitted(
    text: str,
    caret: int,
    found: Sequence[Suggestion],
    tagged: tuple[Sequence[Token], Sequence[Tagged]],
    reads: Callable[[str], bool],
) -> tuple[Suggestion, ...]:
    """Return the suggestions with which a text reads, or all of them where it reads with none.

    `tagged` are the text's tokens and stretches, `reads` says whether a text is understood.
    """
    phrase = _phrase_at(caret, *tagged)
    variants = [tuple(_variants(text, each, phrase)) for each in found if not _is_said(text, each)][:_TRIED]
    tried = variants if len(text) <= LONGEST else []
    whole = [next((each for each in ways if reads(accepted(text, each))), None) for ways in tried]
    return tuple(each for each in whole if each is not None) or tuple(ways[0] for ways in variants)


def without_repeats(text: str, found: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """Return suggestions without those that write what one before them writes."""
    first: dict[str, Suggestion] = {}
    for each in found:
        first.setdefault(accepted(text, each), each)
    return tuple(first.values())


def accepted(text: str, suggestion: Suggestion) -> str:
    """Return a text with a suggestion accepted."""
    return f"{text[: suggestion.start]}{suggestion.text}{text[suggestion.end :]}"


def _is_said(text: str, suggestion: Suggestion) -> bool:
    """Return whether a suggestion would only say again what stands behind it."""
    return text[suggestion.end :].lstrip().casefold().startswith(suggestion.text.casefold())


def _phrase_at(caret: int, tokens: Sequence[Token], stretches: Sequence[Tagged]) -> tuple[int, int] | None:
    """Return the characters of the phrase that a caret is in or in front of; None where it is in none."""
    for stretch in stretches:
        if stretch.first < stretch.end and stretch.tag != UNKNOWN:
            start, end = tokens[stretch.first].start, tokens[stretch.end - 1].end
            if start <= caret < end:
                return start, end
    return None


def _variants(text: str, suggestion: Suggestion, phrase: tuple[int, int] | None) -> Iterator[Suggestion]:
    """Yield the ways to write a suggestion, the likeliest first: alone, or in the place of a phrase.

    The phrase gives way first that the suggestion begins in front of, and last one that begins where it would end.
    """
    start, end = phrase or (len(text), len(text))
    if suggestion.start <= start < suggestion.end < end:
        yield replace(suggestion, end=end)
    runs_on = text[suggestion.end : suggestion.end + 1].isalnum() and suggestion.text[-1:].isalnum()
    yield replace(suggestion, text=f"{suggestion.text} ") if runs_on else suggestion
    if suggestion.end == start:
        yield replace(suggestion, end=end)
