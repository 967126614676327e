"""Sentence: a query in plain words, which asked as a question give the same query.

Gives `SentenceWriter`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from nlq.phrases.figure_words import figure_words, plural
from nlq.query import (
    SPREAD,
    Aggregate,
    Aggregation,
    And,
    Comparison,
    Condition,
    FigureSort,
    Function,
    Having,
    Operator,
    Query,
    Sort,
    fields_of,
    group_field,
)
from nlq.schema import FieldType, Schema
from nlq.wording.phrasing import OPERATORS, SPACED, SPREAD_AMOUNT, Phrasing, with_article

_REMEMBERED: Final = 2048
"""Conditions whose words are kept; the least recently used give way."""


class _Records(NamedTuple):
    """The records of a condition."""

    text: str
    """What they are called, with what is said of them."""
    left_out: tuple[str, ...]
    """The flags that are left out, in words."""
    mentioned: frozenset[str]
    """Names of the fields that the condition speaks of."""
    alone: str
    """The sentence of a question that says nothing but which records it is about, as most do."""


class SentenceWriter:
    """Writes the sentences of queries; their conditions are canonical (`Canon.form`), as what it remembers goes by."""

    def __init__(self, schema: Schema, phrasing: Phrasing) -> None:
        self._schema = schema
        self._phrasing = phrasing
        self._names = phrasing.names
        keys = iter(schema.conventions.amount_fields)
        self._noun_field = next(keys, ("", ""))[0]
        self._records: Callable[[Condition | None], _Records] = lru_cache(_REMEMBERED)(self._say_records)
        """Return the records of a condition in words."""

    def write(self, query: Query) -> str:
        """Return the sentence, its first letter a capital."""
        asked = query.aggregate
        records = self._records(query.where)
        if asked is None and not query.sort and query.limit is None and not query.history:
            return records.alone
        text = records.text
        if asked is not None:
            days = f", counting the days {self._phrasing.days(asked.window)}" if asked.window is not None else ""
            text = f"{self._figures(asked)}{text}{days}{self._groups(asked)}{self._group_order(asked.order)}"
        elif query.history:
            text = f"{self._schema.conventions.changed.histories[0]} {text}"
        elif query.sort:
            text += self._order(query.sort)
        if query.limit is not None:
            text += f", the first {query.limit}"
        text = ", ".join((text, *records.left_out, *self._included(asked, records.mentioned)))
        if asked is not None and asked.part is not None:
            text += f", that are {self._part(asked.part)}"
        return f"{text[0].upper()}{text[1:]}{'?' if asked is not None and asked.yes_no else '.'}"

    def _say_records(self, where: Condition | None) -> _Records:
        conditions = list(where.operands) if isinstance(where, And) else [where]
        text, rest = self._noun([condition for condition in conditions if condition is not None])
        apart = False
        phrases, last = self._phrasing.phrases(rest, "" if text == "records" else self._noun_field)
        before = ""
        for phrase in phrases:
            begun = phrase.startswith(SPREAD_AMOUNT) and SPREAD_AMOUNT in text
            is_near = phrase.startswith(SPACED) and " or " not in phrase and not (apart or begun)
            joint = " " if is_near else ", but " if self._phrasing.would_go_on(before, phrase) else ", "
            text += f"{joint}{phrase}"
            apart = " or " in phrase or not phrase.startswith(SPACED)
            before = phrase
        mentioned = fields_of(where)
        alone = ", ".join((text, *last, *self._included(None, mentioned)))
        return _Records(text, tuple(last), mentioned, f"{alone[0].upper()}{alone[1:]}.")

    def _noun(self, conditions: list[Condition]) -> tuple[str, list[Condition]]:
        """Return what the records are called, and the conditions that this does not say."""
        of = [c for c in conditions if isinstance(c, Comparison) and c.field == self._noun_field]
        for condition in of if len(of) == 1 else ():
            if condition.operator is Operator.EQ:
                field = self._schema.by_name[condition.field]
                if field.name == self._noun_field:
                    label = self._phrasing.value(field, condition.value)
                    return plural(label.lower()), [other for other in conditions if other is not condition]
        return "records", conditions

    def _part(self, part: Condition) -> str:
        """Return the part that a share is of the whole."""
        records = self._records(part)
        words = ", ".join((records.text, *records.left_out))
        return words.removeprefix("records").lstrip(" ,")

    # Figures

    def _figures(self, asked: Aggregate) -> str:
        """Return what stands before the records: the figures, or how they are asked for."""
        if asked.yes_no:
            return "are there any "
        if asked.distinct and not asked.lacking and (deed := self._deed(asked.group_by[0])):
            return f"who {deed} "
        if asked.distinct:
            words = self._figure(Aggregation(Function.COUNT_DISTINCT, asked.group_by[0]))
            return f"{words.removeprefix('number of ')} {'without' if asked.lacking else 'of'} "
        share = "percentage of " if asked.percent else ""
        return f"{share}{', '.join(map(self._figure, asked.aggregations))} of "

    def _deed(self, name: str) -> str:
        """Return the verb by which a question asks for the people of a field, "" where there is none."""
        dates = self._schema.conventions.dates
        time = self._schema.by_name.get(dates.recorded.get(name, ""))
        words = time.words if time is not None else ()
        return next((verb for verb in dates.deeds.get(name, ()) if verb in words), "")

    def _groups(self, asked: Aggregate) -> str:
        """Return what stands behind the records: how they are grouped, and what must hold of the groups."""
        text = f", by {' and '.join(map(self._group, asked.group_by))}" if asked.group_by and not asked.distinct else ""
        for having in asked.having:
            text += f", with {with_article(self._figure(having.figure))} {self._limit(having)}"
        return text

    def _figure(self, figure: Aggregation) -> str:
        return figure_words(figure, self._schema, self._names)

    def _group(self, name: str) -> str:
        """Return a group in words."""
        field, part = group_field(name)
        if name == SPREAD:
            return name
        return f"{part.name.lower()} of {self._names[field]}" if part is not None else self._names[field]

    def _limit(self, having: Having) -> str:
        """Return a condition on a figure, behind its name."""
        field = self._schema.by_name[having.figure.field] if having.figure.field is not None else None
        counted = having.figure.function in (Function.COUNT, Function.COUNT_DISTINCT)
        plain = counted or field is None or field.type is not FieldType.MONEY
        value = f"{having.value:f}" if plain else self._phrasing.money(having.value)
        return f"{OPERATORS[having.operator]} {value}"

    def _order(self, sort: Iterable[Sort]) -> str:
        terms = [f"{self._names[s.field]} {_direction(s.descending)}" for s in sort]
        return f", sorted by {' then by '.join(terms)}" if terms else ""

    def _group_order(self, order: Iterable[FigureSort]) -> str:
        terms = [f"{self._sorted_by(term.by)} {_direction(term.descending)}" for term in order]
        return f", sorted by {' then by '.join(terms)}" if terms else ""

    def _sorted_by(self, by: Aggregation | str) -> str:
        return self._group(by) if isinstance(by, str) else self._figure(by)

    def _included(self, asked: Aggregate | None, said: frozenset[str]) -> list[str]:
        """Return the words that keep a convention from adding a condition that the query lacks.

        `said` are the fields of its condition.
        """
        names = [name for name in self._schema.conventions.left_out if name not in said]
        if asked is not None:
            wanted = [*names, *(name for name in asked.including if name not in said)]
            of_figures = {*asked.group_by, *fields_of(asked.part)}
            names = [name for name in wanted if name not in of_figures]
        return [f"including {self._schema.by_name[name].true_words[0]}" for name in names]


def _direction(descending: bool) -> str:
    return "descending" if descending else "ascending"
