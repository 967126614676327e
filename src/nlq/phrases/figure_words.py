"""Figures in words: "total monthly rate", "number of different models".

Gives `figure_words` and `plural`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nlq.normalize import keys
from nlq.query import Aggregation, Function
from nlq.schema import Schema

FUNCTION_WORDS: Final = {
    Function.COUNT: "count",
    Function.COUNT_DISTINCT: "number of different",
    Function.SUM: "total",
    Function.AVG: "average",
    Function.MIN: "minimum",
    Function.MAX: "maximum",
    Function.MEDIAN: "median",
}


def figure_words(figure: Aggregation, schema: Schema, labels: Mapping[str, str] | None = None) -> str:
    """Return a figure in words: "total monthly rate"; `labels` calls fields by other names than their labels."""
    words = FUNCTION_WORDS[figure.function]
    if figure.field is None:
        return words
    label = labels[figure.field] if labels is not None else schema.by_name[figure.field].label
    many = plural(label)
    # "modified by" has no plural that reads back.
    return f"{words} {many if figure.function is Function.COUNT_DISTINCT and keys(many) == keys(label) else label}"


def plural(noun: str) -> str:
    """Return a noun's plural."""
    if noun.endswith("y") and noun[-2:-1] not in ("a", "e", "o", "u"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
