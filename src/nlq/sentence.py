"""Sentence: a query in plain words, which asked as a question give the same query.

Gives `sentence_of`. It speaks in the words that the tagger knows: labels, the spelling most used of a value (quoted
where bare words could be read otherwise), and one way of saying for each condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from nlq.figures import figure_words, plural
from nlq.query import And, Comparison, Condition, Not, Operator, Or, Present, Query, Sort, Value, fields_of
from nlq.schema import FieldSpec, FieldType, Schema

_SIGNS: Final = {"EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"} | dict.fromkeys(
    ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"), "$"
)
_DECIMALS: Final[dict[object, Decimal]] = {-1: Decimal("0.01"), -3: Decimal("0.0001")}
_OPERATORS: Final = {
    Operator.GT: "over",
    Operator.GE: "at least",
    Operator.LT: "under",
    Operator.LE: "at most",
    Operator.EQ: "exactly",
    Operator.NE: "not exactly",
}
_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|[ .\-/](?=[A-Za-z0-9]))*")
_SPACED: Final = ("in ", "of ", "with ", "without ", "under ", "on ", "at ")


def sentence_of(
    query: Query, schema: Schema, currency: str, *, names: Mapping[str, str], is_safe: Callable[[str], bool]
) -> str:
    """Return the sentence.

    `names` says what fields are called, `is_safe` whether a value's bare words can be read in one way only.
    """
    return _Writer(schema, currency, names, is_safe).write(query)


class _Writer:
    """Writes the sentence of one query."""

    def __init__(self, schema: Schema, currency: str, names: Mapping[str, str], is_safe: Callable[[str], bool]) -> None:
        self._schema = schema
        self._currency = currency
        self._names = names
        self._is_safe = is_safe
        keys = iter(schema.conventions.amount_fields)
        self._noun_field = next(keys, ("", ""))[0]

    def write(self, query: Query) -> str:
        """Return the sentence, its first letter a capital."""
        conditions = list(query.where.operands) if isinstance(query.where, And) else [query.where]
        noun, rest = self._noun([condition for condition in conditions if condition is not None])
        text = noun
        if query.aggregate is not None:
            figures = ", ".join(
                figure_words(figure, self._schema, self._names) for figure in query.aggregate.aggregations
            )
            text = f"{figures} of {noun}"
        apart = False
        phrases, last = self._phrases(rest)
        for phrase in phrases:
            text += f" {phrase}" if phrase.startswith(_SPACED) and " or " not in phrase and not apart else f", {phrase}"
            apart = " or " in phrase or not phrase.startswith(_SPACED)
        if query.aggregate is not None and query.aggregate.group_by:
            text += f", by {' and '.join(self._label(name) for name in query.aggregate.group_by)}"
        text += self._order(query.sort)
        text += f", the first {query.limit}" if query.limit is not None else ""
        text += "".join(f", {phrase}" for phrase in (*last, *self._included(query)))
        return f"{text[0].upper()}{text[1:]}."

    def _label(self, name: str) -> str:
        return self._names[name]

    def _noun(self, conditions: list[Condition]) -> tuple[str, list[Condition]]:
        """Return what the records are called, and the conditions that this does not say."""
        for condition in conditions:
            if isinstance(condition, Comparison) and condition.operator is Operator.EQ:
                field = self._schema.by_name[condition.field]
                if field.name == self._noun_field:
                    label = self._value(field, condition.value)
                    return plural(label.lower()), [other for other in conditions if other is not condition]
        return "records", conditions

    def _order(self, sort: Iterable[Sort]) -> str:
        terms = [f"{self._label(s.field)} {'descending' if s.descending else 'ascending'}" for s in sort]
        return f", sorted by {' then by '.join(terms)}" if terms else ""

    def _included(self, query: Query) -> list[str]:
        """Return the words that keep a convention from adding a condition that the query lacks."""
        said = fields_of(query.where) | set(query.aggregate.group_by if query.aggregate is not None else ())
        wanted = query.aggregate.including if query.aggregate is not None else ()
        names = (name for name in (*self._schema.conventions.left_out, *wanted) if name not in said)
        return [f"including {self._schema.by_name[name].true_words[0]}" for name in names]

    def _phrases(self, conditions: list[Condition]) -> tuple[list[str], list[str]]:
        """Return the phrases of conditions that hold together, and of the flags that are left out."""
        paired, rest = _ranges(conditions)
        said = [self._phrase(condition) for condition in rest if not self._is_left_out(condition)]
        said += [self._range(low, high) for low, high in paired]
        last = [f"{self._flag_word(condition)} left out" for condition in rest if self._is_left_out(condition)]
        # Negations last: a positive value of the same field would be taken into the negated list before it.
        return sorted(said, key=lambda phrase: (phrase.startswith("not "), not phrase.startswith(_SPACED))), last

    def _is_left_out(self, condition: Condition) -> bool:
        if not isinstance(condition, Comparison) or condition.value is not False:
            return False
        return condition.field in self._schema.conventions.left_out

    def _flag_word(self, condition: Condition) -> str:
        return self._schema.by_name[condition.field].true_words[0] if isinstance(condition, Comparison) else ""

    def _phrase(self, condition: Condition) -> str:
        """Return a condition in words."""
        spread = self._spread(condition)
        if spread is not None:
            return f"with an amount {spread}"
        match condition:
            case Not(Present(name)):
                return f"without {_with_article(self._label(name))}"
            case Not(operand):
                return f"not {self._phrase(operand)}"
            case Or(operands):
                return self._either(operands)
            case And((Comparison() as low, Comparison() as high)):
                return self._range(low, high)
            case Present(name):
                return f"with {_with_article(self._label(name))}"
            case Comparison(name, operator, value):
                return self._comparison(self._schema.by_name[name], operator, value)
        raise ValueError(f"questions do not give {condition!r}")

    def _either(self, operands: tuple[Condition, ...]) -> str:
        """Return alternatives in words: lists of one field together, negations last so that they reach no further."""
        lists: dict[str, list[str]] = {}
        phrases: list[str] = []
        limits = dict.fromkeys(limit for limit in map(self._option_limit, operands) if limit is not None)
        phrases += [f"with an amount {_OPERATORS[operator]} {self._money(value)}" for operator, value in limits]
        for operand in operands:
            if self._option_limit(operand) is not None:
                continue
            match operand:
                case Comparison(name, Operator.EQ, str(value)):
                    lists.setdefault(name, []).append(self._value(self._schema.by_name[name], value))
                case _:
                    phrases.append(self._phrase(operand))
        listed = [f"{self._named(self._schema.by_name[name])} {' or '.join(values)}" for name, values in lists.items()]
        return " or ".join(sorted([*listed, *phrases], key=lambda phrase: phrase.startswith("not ")))

    def _comparison(self, field: FieldSpec, operator: Operator, value: Value) -> str:
        if field.type is FieldType.BOOL:
            return field.true_words[0] if value is True else f"not {field.true_words[0]}"
        if field.type in (FieldType.MONEY, FieldType.INTEGER):
            limit = f"{_OPERATORS[operator]} {self._amount(field, value)}"
            if operator is Operator.NE:
                return f"not with {_with_article(self._label(field.name))} of exactly {self._amount(field, value)}"
            return f"with {_with_article(self._label(field.name))} {'of ' if operator is Operator.EQ else ''}{limit}"
        negation = "not " if operator is Operator.NE else ""
        return f"{negation}{self._named(field)} {self._value(field, value)}"

    def _range(self, low: Comparison, high: Comparison) -> str:
        field = self._schema.by_name[low.field]
        if field.type is not FieldType.MONEY or (low.operator, high.operator) != (Operator.GE, Operator.LE):
            return f"{self._phrase(low)} and {self._phrase(high)}"
        return f"with {_with_article(self._label(field.name))} {self._between(low.value, high.value)}"

    def _between(self, low: Value, high: Value) -> str:
        return f"between {self._money(low)} and {self._money(high)}"

    def _named(self, field: FieldSpec) -> str:
        preposition = self._schema.conventions.prepositions.get(field.name, "with")
        return f"{preposition} {self._label(field.name)}".strip()

    def _value(self, field: FieldSpec, value: Value) -> str:
        """Return a value as a question can say it."""
        if field.type is FieldType.ENUM:
            return next(each.label for each in field.values if each.name == value)
        text = str(value)
        if _PLAIN.fullmatch(text) and self._is_safe(text):
            return text
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    def _amount(self, field: FieldSpec, value: Value) -> str:
        return self._money(value) if field.type is FieldType.MONEY else str(value)

    def _money(self, value: Value) -> str:
        """Return an amount of money with the mark of the currency."""
        amount = Decimal(str(value))
        # Three decimals would read as thousands.
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
                if limits.keys() != {Operator.GE, Operator.LE}:
                    return None
                return self._between(limits[Operator.GE], limits[Operator.LE])
            case Or():
                limit = self._spread_limit(condition)
                return None if limit is None else f"{_OPERATORS[limit[0]]} {self._money(limit[1])}"
        return None

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


def _ranges(conditions: list[Condition]) -> tuple[list[tuple[Comparison, Comparison]], list[Condition]]:
    """Return pairs that bound a field from both sides, both ends included, and the other conditions."""
    bounds: dict[str, list[Comparison]] = {}
    for condition in conditions:
        if isinstance(condition, Comparison) and isinstance(condition.value, Decimal):
            bounds.setdefault(condition.field, []).append(condition)
    pairs = [
        (low, high)
        for low, high in (pair for pair in bounds.values() if len(pair) == 2)
        if (low.operator, high.operator) == (Operator.GE, Operator.LE) and low.value <= high.value  # type: ignore[operator] # Decimals, see above
    ]
    paired = [bound for pair in pairs for bound in pair]
    return pairs, [condition for condition in conditions if not any(condition is bound for bound in paired)]


def _with_article(label: str) -> str:
    return f"{'an' if label[0].lower() in 'aeiou' else 'a'} {label}"
