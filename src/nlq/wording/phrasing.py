"""Phrasing: conditions in plain words, which read as the same conditions.

Gives `Phrasing`. It speaks in the words that the tagger knows: labels, the spelling most used of a value (quoted where
bare words could be read otherwise), and one way of saying for each condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from nlq.filters.literals import plain
from nlq.query import (
    And,
    Comparison,
    Condition,
    Contains,
    FieldComparison,
    Not,
    Operator,
    Or,
    Present,
    Value,
    Window,
)
from nlq.schema import FieldSpec, FieldType, Layer, Schema
from nlq.wording.together import are_in_order, bounded, listed_field

_SIGNS: Final = {"EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"} | dict.fromkeys(
    ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"), "$"
)
_DECIMALS: Final[dict[object, Decimal]] = {-1: Decimal("0.01"), -3: Decimal("0.0001")}
OPERATORS: Final = {
    Operator.GT: "over",
    Operator.GE: "at least",
    Operator.LT: "under",
    Operator.LE: "at most",
    Operator.EQ: "exactly",
    Operator.NE: "not exactly",
}
_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|[ .\-/](?=[A-Za-z0-9]))*")
SPACED: Final = ("in ", "of ", "with ", "without ", "under ", "on ", "at ", "that are ", "whose ")
"""How phrases begin that follow a noun without a comma."""
SPREAD_AMOUNT: Final = "with an amount"
"""How the limits of an amount begin that is another field for each kind of record."""
_REMEMBERED: Final = 4096
"""Conditions whose words are kept; the least recently used give way."""
_ENDS: Final = 2
"""Ends of a range."""
_TIMES: Final = (FieldType.DATE, FieldType.TIME)
_WHEN: Final = {
    Operator.GT: "after",
    Operator.GE: "on or after",
    Operator.LT: "before",
    Operator.LE: "on or before",
    Operator.EQ: "same as",
    Operator.NE: "different from",
}
_AGAINST: Final = {
    Operator.GT: "over",
    Operator.GE: "at least",
    Operator.LT: "under",
    Operator.LE: "at most",
    Operator.EQ: "equal to",
    Operator.NE: "not equal to",
}


class Phrasing:
    """Says the conditions of one language in words; they are canonical (`Canon.form`), as what it remembers goes by."""

    def __init__(self, schema: Schema, currency: str, names: Mapping[str, str], is_safe: Callable[[str], bool]) -> None:
        """Prepare; `names` says what fields are called, `is_safe` whether bare words can be read in one way only."""
        self._schema = schema
        self._currency = currency
        self.names = names
        """What each field is called."""
        self._is_safe = is_safe
        self._listed = tuple(f"{self._named(field)} " for field in schema.fields)
        """How values of a field are named, in which lists go on."""
        self._phrase: Callable[[Condition], str] = lru_cache(_REMEMBERED)(self._say)
        """Return a condition in words."""

    def would_go_on(self, before: str, phrase: str) -> bool:
        """Return whether a phrase would be read as going on with a list that the one before it ends with, negated."""
        last = before.rpartition(" or not ")[2]
        return last != before and any(last.startswith(word) and phrase.startswith(word) for word in self._listed)

    def label(self, name: str) -> str:
        """Return what a field is called."""
        return self.names[name]

    def phrases(self, conditions: list[Condition], named: str = "") -> tuple[list[str], list[str]]:
        """Return the phrases of conditions that hold together, and of the flags that are left out.

        `named` is the field that a noun before them speaks of, "" where none does.
        """
        spans, rest = self._spans(conditions, lasting=False)
        paired, rest = bounded(self._paired_spreads(rest))
        wanted = {each.field for each in rest if isinstance(each, Comparison) and each.value is True}
        left_out: list[Condition] = []
        stated: list[Condition] = []
        for condition in rest:
            (left_out if self._is_left_out(condition, wanted) else stated).append(condition)
        said = self._stated(stated, wanted, named)
        said += [self._range(low, high) for low, high in paired]
        said += spans
        last = [f"{self._flag_word(condition)} left out" for condition in left_out]
        # Negations last: a positive value of the same field would be taken into the negated list before it.
        # "that are" says a field again, and so stands behind what says it first.
        return sorted(said, key=_place), last

    def _stated(self, conditions: list[Condition], wanted: Container[str], named: str) -> list[str]:
        """Return conditions in words; what is said of a field again is no list with what was said before.

        `wanted` are the flags that are asked for.
        """
        said: list[str] = []
        fields = {named} - {""}
        for condition in conditions:
            name = listed_field(condition)
            if isinstance(condition, Comparison) and condition.value is False and condition.field in wanted:
                said.append(f"but not {self._flag_word(condition)}")
            else:
                phrase = self._phrase(condition)
                said.append(f"that are {phrase}" if name in fields else phrase)
            if name:
                fields.add(name)
        return said

    def _is_left_out(self, condition: Condition, wanted: Container[str]) -> bool:
        if not isinstance(condition, Comparison) or condition.value is not False:
            return False
        return condition.field not in wanted and condition.field in self._schema.conventions.left_out

    def _flag_word(self, condition: Condition) -> str:
        return self._schema.by_name[condition.field].true_words[0] if isinstance(condition, Comparison) else ""

    def _say(self, condition: Condition) -> str:
        spread = self._spread(condition)
        if spread is not None:
            return f"{SPREAD_AMOUNT} {spread}"
        span = self._span(condition)
        if span is not None:
            return span
        match condition:
            case FieldComparison():
                return self._against(condition)
            case Contains(_, name):
                return self._changed((name,))
            case Not(operand):
                return self._not(operand)
            case Or(operands):
                return self._either(operands)
            case And((Comparison() as low, Comparison() as high)) if low.field == high.field:
                return self._range(low, high)
            case And(operands):
                return self._group(operands)
            case Present(name):
                return f"with {with_article(self.label(name))}"
            case Comparison(name, operator, value):
                return self._comparison(self._schema.by_name[name], operator, value)
        raise ValueError(f"questions do not give {condition!r}")

    def _either(self, operands: tuple[Condition, ...]) -> str:
        """Return alternatives in words: lists of one field together, negations last so that they reach no further."""
        lists: dict[str, list[str]] = {}
        phrases: list[str] = []
        changed = [operand.text for operand in operands if isinstance(operand, Contains)]
        phrases += [self._changed(changed)] if changed else []
        limits = self._limits_of_all(operands)
        phrases += [f"{SPREAD_AMOUNT} {OPERATORS[operator]} {self.money(value)}" for operator, value in limits]
        for operand in operands:
            if self._option_limit(operand) in limits:
                continue
            match operand:
                case Comparison(name, Operator.EQ, str(value)):
                    lists.setdefault(name, []).append(self.value(self._schema.by_name[name], value))
                case Contains():
                    continue
                case _:
                    phrases.append(self._phrase(operand))
        listed = [f"{self._named(self._schema.by_name[name])} {' or '.join(values)}" for name, values in lists.items()]
        return " or ".join(sorted([*listed, *phrases], key=lambda phrase: phrase.startswith("not ")))

    def _not(self, operand: Condition) -> str:
        """Return in words that a condition does not hold."""
        match operand:
            case Present(name):
                return f"without {with_article(self.label(name))}"
            case Contains(_, name):
                return self._changed((name,), "not ")
        return f"not {self._phrase(operand)}"

    def _changed(self, names: Iterable[str], negation: str = "") -> str:
        """Return in words that one of some fields was changed, or that a field was not."""
        verb = self._schema.conventions.changed.verbs[0]
        return f"whose {' or '.join(map(self.label, names))} was {negation}{verb}"

    def _limits_of_all(self, operands: tuple[Condition, ...]) -> list[tuple[Operator, Value]]:
        """Return the limits that are set for every kind of record that has an amount of its own."""
        kinds: dict[tuple[Operator, Value], int] = {}
        for limit in filter(None, map(self._option_limit, operands)):
            kinds[limit] = kinds.get(limit, 0) + 1
        return [limit for limit, count in kinds.items() if count == len(self._schema.conventions.amount_fields)]

    def _group(self, conditions: tuple[Condition, ...]) -> str:
        """Return in words what holds together in one of several alternatives."""
        spans, rest = self._spans(list(conditions), lasting=True)
        paired, rest = bounded(self._paired_spreads(rest))
        flags = [c for c in rest if isinstance(c, Comparison) and isinstance(c.value, bool)]
        said = [self._state(flag) for flag in flags]
        said += [self._phrase(condition) for condition in rest if not any(condition is flag for flag in flags)]
        said += [self._range(low, high) for low, high in paired]
        return " ".join((*said, *spans))

    def _state(self, flag: Comparison) -> str:
        """Return the state of a flag in a word that negates nothing behind it."""
        words = self._schema.by_name[flag.field].false_words
        return words[0] if words and flag.value is False else self._phrase(flag)

    def _comparison(self, field: FieldSpec, operator: Operator, value: Value) -> str:
        if field.type is FieldType.BOOL:
            return field.true_words[0] if value is True else f"not {field.true_words[0]}"
        if field.type in (FieldType.MONEY, FieldType.INTEGER):
            limit = f"{OPERATORS[operator]} {self.amount(field, value)}"
            if operator is Operator.NE:
                return f"not with {with_article(self.label(field.name))} of exactly {self.amount(field, value)}"
            return f"with {with_article(self.label(field.name))} {'of ' if operator is Operator.EQ else ''}{limit}"
        if field.type in _TIMES and isinstance(value, date):
            return f"{self._dated(field)} {'since' if operator is Operator.GE else 'before'} {_day(value)}"
        negation = "not " if operator is Operator.NE else ""
        return f"{negation}{self._named(field)} {self.value(field, value)}"

    def _dated(self, field: FieldSpec) -> str:
        """Return a field of dates as what a date follows: "with a forecast end"."""
        label = self.label(field.name)
        return label if self._schema.conventions.prepositions.get(field.name) == "" else f"with {with_article(label)}"

    def _period(self, start: date, stop: date) -> str:
        """Return the days from one to before another."""
        last = _last_day(stop)
        return f"on {_day(start)}" if _day(start) == _day(last) else f"from {_day(start)} to {_day(last)}"

    def days(self, window: Window) -> str:
        """Return the days of a window as a question says them behind a word such as "counting"."""
        if window.start is not None and window.stop is not None:
            return self._period(window.start, window.stop)
        return f"since {_day(window.start)}" if window.start is not None else f"before {_day(window.stop or date.max)}"

    def _spans(self, conditions: list[Condition], *, lasting: bool) -> tuple[list[str], list[Condition]]:
        """Return what overlaps with a date in words, and the other conditions; `lasting` is as in `_span`."""
        bounds = [c for c in conditions if isinstance(c, Comparison) and isinstance(c.value, date)]
        said: list[str] = []
        for layer in self._schema.conventions.dates.layers if len(bounds) > 1 else ():
            begins = [c for c in bounds if c.field == layer.start]
            ends = [c for c in bounds if c.field == layer.end]
            if len(begins) == len(ends) == 1:
                span = self._span(And((begins[0], ends[0])), lasting=lasting)
                if span is not None:
                    said.append(span)
                    conditions = [c for c in conditions if c is not begins[0] and c is not ends[0]]
        return said, conditions

    def _span(self, condition: Condition, *, lasting: bool = True) -> str | None:
        """Return an overlap with a date, or where `lasting` with all its days, in words; None where it is none."""
        match condition:
            case And((Comparison(begin, Operator.LT, date() as stop), Comparison(end, Operator.GE, date() as start))):
                layer = self._layer(begin, end)
                if layer is None or (start >= stop and not lasting):
                    return None
                by = next((word for word in layer.words if word.startswith("by ")), layer.words[0])
                within = self._schema.conventions.dates.within_words[0]
                if start >= stop:
                    return f"{within} throughout {_day(_last_day(stop))} to {_day(start)} {by}"
                return f"{within} {self._period(start, stop)} {by}"
        return None

    def _layer(self, begin: str, end: str) -> Layer | None:
        """Return the layer that has these two ends and words for it, None where none has."""
        dates = self._schema.conventions.dates
        if not dates.within_words:
            return None
        return next((each for each in dates.layers if (each.start, each.end) == (begin, end) and each.words), None)

    def _against(self, condition: FieldComparison) -> str:
        """Return the comparison of two fields in words."""
        field = self._schema.by_name[condition.field]
        other = f"the {self.label(condition.other)}"
        if condition.factor != 1:
            other = f"{plain(condition.factor * 100):f} % of {other}"
        if condition.plus:
            sign = "minus" if condition.plus < 0 else "plus"
            other += f" {sign} {self._step(field, -condition.plus if condition.plus < 0 else condition.plus)}"
        words = _WHEN if field.type in _TIMES else _AGAINST
        return f"with {with_article(self.label(field.name))} {words[condition.operator]} {other}"

    def _step(self, field: FieldSpec, plus: Decimal | int) -> str:
        return self.money(plus) if field.type is FieldType.MONEY else f"{plus} day{'' if plus == 1 else 's'}"

    def _range(self, low: Comparison, high: Comparison) -> str:
        field = self._schema.by_name[low.field]
        if field.type in _TIMES and isinstance(low.value, date) and isinstance(high.value, date):
            return f"{self._dated(field)} {self._period(low.value, high.value)}"
        if field.type is not FieldType.MONEY or (low.operator, high.operator) != (Operator.GE, Operator.LE):
            return f"{self._phrase(low)} and {self._phrase(high)}"
        return f"with {with_article(self.label(field.name))} {self._between(low.value, high.value)}"

    def _between(self, low: Value, high: Value) -> str:
        return f"between {self.money(low)} and {self.money(high)}"

    def _named(self, field: FieldSpec) -> str:
        preposition = self._schema.conventions.prepositions.get(field.name, "with")
        return f"{preposition} {self.label(field.name)}".strip()

    def value(self, field: FieldSpec, value: Value) -> str:
        """Return a value as a question can say it."""
        if field.type is FieldType.ENUM:
            return next(each.label for each in field.values if each.name == value)
        text = str(value)
        as_written = field.name not in self._schema.conventions.written or text.isalpha()
        if as_written and _PLAIN.fullmatch(text) and self._is_safe(text):
            return text
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    def amount(self, field: FieldSpec, value: Value) -> str:
        """Return an amount or a whole number, as its field holds it."""
        return self.money(value) if field.type is FieldType.MONEY else str(value)

    def money(self, value: Value) -> str:
        """Return an amount of money with the mark of the currency."""
        amount = value if isinstance(value, Decimal) else Decimal(str(value))
        if "." in str(amount):  # three decimals would read as thousands
            amount = amount.quantize(_DECIMALS.get(amount.as_tuple().exponent, amount))
        sign = _SIGNS.get(self._currency)
        if sign is None:
            return f"{amount:,f} {self._currency}"
        return f"{'-' if amount < 0 else ''}{sign}{abs(amount):,f}"

    def _spread(self, condition: Condition) -> str | None:
        """Return the limits of an amount that is a different field for each kind of record, None where it is none."""
        match condition:
            case And((first, second)):
                limits = dict(filter(None, (self._spread_limit(first), self._spread_limit(second))))
                if limits.keys() != {Operator.GE, Operator.LE} or not are_in_order(limits):
                    return None
                return self._between(limits[Operator.GE], limits[Operator.LE])
            case Or():
                limit = self._spread_limit(condition)
                return None if limit is None else f"{OPERATORS[limit[0]]} {self.money(limit[1])}"
        return None

    def _paired_spreads(self, conditions: list[Condition]) -> list[Condition]:
        """Return the conditions, the two ends of one range that each kind of record has an amount in as one of them."""
        ends = [condition for condition in conditions if self._spread_limit(condition) is not None]
        pair = And((ends[0], ends[1])) if len(ends) == _ENDS else None
        if pair is None or self._spread(pair) is None:
            return conditions
        return [pair, *(condition for condition in conditions if not any(condition is end for end in ends))]

    def _spread_limit(self, condition: Condition) -> tuple[Operator, Value] | None:
        """Return the limit that a condition sets to another field for each kind of record, None where it sets none."""
        if not isinstance(condition, Or):
            return None
        found = {self._option_limit(operand) for operand in condition.operands}
        return found.pop() if len(found) == 1 else None

    def _option_limit(self, condition: Condition) -> tuple[Operator, Value] | None:
        """Return the limit that is set for one kind of record on the field that the conventions give it."""
        match condition:
            case And((Comparison(enum, Operator.EQ, str(name)), Comparison(money, operator, value))):
                if self._schema.conventions.amount_fields.get((enum, name)) == money:
                    return operator, value
        return None


def _place(phrase: str) -> tuple[bool, bool, bool]:
    """Return what phrases are ordered by."""
    again = phrase.startswith("that are ")
    return " not " in f" {phrase}", again or not phrase.startswith(SPACED), again


def _day(value: date) -> str:
    return (value.date() if isinstance(value, datetime) else value).isoformat()


def _last_day(stop: date) -> date:
    return stop - timedelta(days=1)


def with_article(label: str) -> str:
    """Return a noun with its article; a plural has none."""
    if label.endswith("s") and not label.endswith(("ss", "S")):
        return label
    return f"{'an' if label[0].lower() in 'aeiou' else 'a'} {label}"
