"""Words for figures and times, as data: what is computed, how two dates compare, and how long something lasts.

Gives `FUNCTIONS`, `WHEN` and `LONGER`. See `words.py` for how phrases are read.
"""

from __future__ import annotations

from typing import Final

from nlq.query import Function, Operator

WHEN: Final[dict[Operator, tuple[str, ...]]] = {
    Operator.GT: ("after", "later than", "past", "is after", "are after", "comes after", "falls after", "behind"),
    Operator.GE: ("on or after", "no earlier than", "not before", "not earlier than"),
    Operator.LT: ("before", "earlier than", "prior to", "is before", "are before", "comes before", "falls before"),
    Operator.LE: ("on or before", "no later than", "not after", "not later than", "by the time of"),
    Operator.EQ: ("same as", "the same as", "same day as", "identical to"),
    Operator.NE: ("different from", "differs from", "differ from", "not the same as", "other than the"),
}
"""Phrases between two dates of a record, or two figures: "forecast end after plan end"."""

LONGER: Final[dict[Operator, tuple[str, ...]]] = {
    Operator.GT: (
        "longer than",
        "lasting longer than",
        "lasting more than",
        "lasting over",
        "for more than",
        "for over",
        "for longer than",
        "lasts more than",
        "last more than",
        "running more than",
        "running longer than",
        "that last more than",
        "lasts longer than",
    ),
    Operator.GE: ("for at least", "lasting at least", "no shorter than", "for no less than", "lasting no less than"),
    Operator.LT: (
        "shorter than",
        "lasting less than",
        "for less than",
        "for under",
        "lasting under",
        "briefer than",
        "lasts less than",
    ),
    Operator.LE: (
        "no longer than",
        "for at most",
        "for up to",
        "lasting at most",
        "lasting up to",
        "for no more than",
        "lasting no more than",
        "not longer than",
    ),
}
"""Phrases before the time that a record lasts: "longer than 3 months"."""

FUNCTIONS: Final[dict[Function, tuple[str, ...]]] = {
    Function.SUM: (
        "total",
        "sum of",
        "sum",
        "total of",
        "combined",
        "summed",
        "overall",
        "sum up",
        "add up",
        "totals of",
        "sum total of",
        "aggregate",
        "cumulative",
        "how much",
        "how much is",
        "how much do",
        "how much does",
    ),
    Function.AVG: ("average", "avg", "mean", "average of", "mean of", "typical", "averaged", "avg of", "on average"),
    Function.MEDIAN: ("median", "median of"),
    Function.MIN: ("minimum", "min", "minimum of"),
    Function.MAX: ("maximum", "max", "maximum of"),
}
"""Words for a figure of a field: "total monthly rate"."""
