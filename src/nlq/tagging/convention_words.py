"""Convention words: what the conventions of a schema call dates, periods and conditions, as phrases with readings.

Gives `convention_phrases` and `undone_phrases`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nlq.schema import Schema
from nlq.tagging.tags import Claim, Event, Gap, Reading

_OF_TIME: Final = frozenset(("date", "period"))
"""Last words of phrases for a layer that say that its dates are meant, and not its cost."""
_WHO: Final = (
    "who",
    "who last",
    "who has",
    "who has last",
    "who have",
    "who else",
    "which user",
    "which users",
    "who made",
    "who made the",
)


def convention_phrases(schema: Schema) -> Iterator[tuple[str, Reading]]:
    """Yield the phrases with their readings, the preferred reading of a phrase first."""
    yield from _date_phrases(schema)
    for saying in schema.conventions.sayings:
        for phrase in saying.phrases:
            yield phrase, Reading("CLAIM", Claim(saying.condition, saying.others))
    for name, (field, other) in schema.conventions.gaps.items():
        gap = Gap(schema.by_name[field], schema.by_name[other])
        for phrase in schema.by_name[name].words:
            yield phrase, Reading("GAP", gap)
            yield phrase, Reading("MEASURE", schema.by_name[name])


def undone_phrases(schema: Schema) -> Iterator[tuple[str, Reading]]:
    """Yield the words that say before a date that nothing was done, which mostly are words for a state."""
    for name, phrases in schema.conventions.dates.undone.items():
        yield from ((phrase, Reading("UNDONE", schema.by_name[name])) for phrase in phrases)


def _done_phrases(schema: Schema) -> Iterator[tuple[str, Reading]]:
    """Yield the nouns for what was done, which a date behind them tells the time of."""
    for name, nouns in schema.conventions.dates.done.items():
        yield from ((noun, Reading("FIELD", schema.by_name[name])) for noun in nouns)


def _date_phrases(schema: Schema) -> Iterator[tuple[str, Reading]]:
    """Yield the phrases for dates and periods."""
    yield from _done_phrases(schema)
    dates = schema.conventions.dates
    starts = tuple(schema.by_name[layer.start] for layer in dates.layers)
    ends = tuple(schema.by_name[layer.end] for layer in dates.layers)
    for fields, phrases in ((starts, dates.start_words), (ends, dates.end_words)):
        for phrase in phrases if fields else ():
            yield phrase, Reading("EVENT", Event(fields[0], fields[1:]))
    for phrase in dates.within_words:
        yield phrase, Reading("SPAN")
    for layer in dates.layers:
        for phrase in layer.words:
            yield phrase, Reading("LAYER", layer)
            if layer.cost and phrase.split()[-1] not in _OF_TIME:
                yield phrase, Reading("MEASURE", schema.by_name[layer.cost])
    for name, verbs in dates.deeds.items():
        yield from ((phrase, Reading("WHO", schema.by_name[name])) for phrase in ("by whom", "by who", "who did it"))
        for verb in verbs:
            yield verb, Reading("DEED", schema.by_name[name])
    for name, time in dates.recorded.items():
        for word in (*schema.by_name[time].words, *dates.done.get(time, ())):
            for who in _WHO:
                yield f"{who} {word}", Reading("WHO", schema.by_name[name])
