"""Windows: dates that say which part of the costs is meant, not which records.

Gives `take_windows`, `with_window`, `unbound_dates`, `can_have_window`,
`days_of` and `MEANT`. "forecast cost in March" is what the days of
March cost: what a rental costs is spread over its days, what a purchase costs falls on its start. A date that is of a
field, of an event or of "on site" picks records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from nlq.dates.limits import Manner
from nlq.filters.canon import Canon
from nlq.phrases.dating import Dated, overlap
from nlq.phrases.gathered import Gathered
from nlq.phrases.notes import Note
from nlq.phrases.terms import DateTerm, Term
from nlq.query import SPREAD, Aggregate, Aggregation, Function, Window, group_field, refigured
from nlq.schema import Layer, Schema

MEANT: Final = "of each cost the part of these days is meant: that of rentals by day, that of purchases on their start"
_WHOLE: Final = "Only sums of costs are of the days of one time; everything else is of records: say which are meant."
_HINTS: Final = ("on site …", "starting …", "ending …")


def take_windows(
    terms: Sequence[DateTerm], asked: Aggregate | None, dated: Dated, gathered: Gathered, canon: Canon
) -> None:
    """Take the one date that says which days costs are of; report all others that say so.

    `terms` are the `unbound_dates` of a question, each settled as if it picked records; they lose their conditions.
    `asked` are the figures, None where the date cannot be of all of them.
    """
    windows = [term for term in terms if term.field is None and term.event is None and term.resolved is not None]
    dated.choices = [choice for choice in dated.choices if choice.term not in windows]
    for term in windows:
        known = asked is not None and gathered.window is None and len(windows) == 1 and not term.negative
        if asked is not None and known and _fits(asked, term, canon.schema):
            gathered.window = term
            gathered.use(term, f"costs of the days {days_of(Window(term.date.start, term.date.stop))}")
        else:
            gathered.refuse(term, *_HINTS)
            gathered.result.warnings.append(_WHOLE)
        term.resolved = None


def unbound_dates(terms: Sequence[Term]) -> list[DateTerm]:
    """Return the dates that nothing binds to records, those that go on with a list of such dates among them."""
    found: list[DateTerm] = []
    before: Term | None = None
    for term in terms:
        if isinstance(term, DateTerm) and (term.window or not term.is_bound):
            goes_on = term.linked and isinstance(before, DateTerm) and not term.window
            if not goes_on or (found and found[-1] is before):
                found.append(term)
        before = term
    return found


def with_window(asked: Aggregate, gathered: Gathered, canon: Canon, today: date) -> Aggregate:
    """Return the figures of the days that a date was taken for, and say what of which costs counts."""
    term, schema = gathered.window, canon.schema
    if term is None:
        to_come = any(token.key == "will" for token in gathered.tokens)
        return _expected(asked, Window(today), gathered, schema, today) if to_come else asked
    window = Window(term.date.start, term.date.stop)
    figures = _expected(asked, window, gathered, schema, today)
    layers = [layer for layer in schema.conventions.dates.layers if layer.cost in _costs(figures)]
    periods = (overlap(layer, window.start, window.stop, schema) for layer in layers)
    records = tuple(canon.text(canon.form(each)) for each in periods)
    gathered.note(MEANT, term, days_of(window), records)
    for text in term.date.conventions:
        gathered.note(text, term, days_of(window), ())
    return replace(figures, window=window)


def _expected(asked: Aggregate, window: Window, gathered: Gathered, schema: Schema, today: date) -> Aggregate:
    """Return figures as those of the forecast where days to come are meant in words that leave the period open.

    "spend next quarter" is no actual cost: nothing of it has happened.
    """
    layers = schema.conventions.dates.layers
    happened = next((layer for layer in layers if layer.start in schema.conventions.dates.happened.values()), None)
    to_come = window.start is not None and window.start >= today
    if happened is None or not to_come or {happened.cost, layers[0].cost} & _costs(asked) != {happened.cost}:
        return asked
    if any(token.key.startswith(happened.name) for token in gathered.tokens):
        return asked
    expected, label = layers[0].cost, schema.by_name[layers[0].cost].label
    text = f"the {label} is meant, because these days are still to come"
    gathered.result.ambiguities.append(Note(text, 0, 0, f"sum({expected})", (f"sum({happened.cost})",)))
    for use in gathered.result.uses:
        use.meaning = use.meaning.replace(schema.by_name[happened.cost].label, label)
    return refigured(asked, happened.cost, expected)


def can_have_window(asked: Aggregate, schema: Schema) -> bool:
    """Return whether all figures are sums of costs, and nothing else is asked that hangs on whole costs."""
    figures = [*asked.aggregations, *(having.figure for having in asked.having)]
    figures += [term.by for term in asked.order if isinstance(term.by, Aggregation)]
    spread = schema.conventions.dates.spread
    parts = [group_field(name)[1] for name in asked.group_by if name != SPREAD]
    return all(each.function is Function.SUM and each.field in spread for each in figures) and not any(parts)


def _fits(asked: Aggregate, term: DateTerm, schema: Schema) -> bool:
    """Return whether a date can be of the figures; one that is said to be by plan is of the plan's cost only."""
    layer: Layer | None = term.layer
    start, stop = term.date.start, term.date.stop
    is_time = term.date.manner is not Manner.AS_OF and (start is None or stop is None or start < stop)
    return is_time and can_have_window(asked, schema) and (layer is None or _costs(asked) == {layer.cost})


def _costs(asked: Aggregate) -> set[str | None]:
    return {figure.field for figure in asked.aggregations}


def days_of(window: Window) -> str:
    """Return the days of a window: "from 2026-03-01 and before 2026-04-01"."""
    start = f"from {window.start.isoformat()}" if window.start is not None else ""
    stop = f"before {window.stop.isoformat()}" if window.stop is not None else ""
    return " and ".join(filter(None, (start, stop)))
