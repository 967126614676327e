"""Saying: the condition that a phrase of the conventions stands for, on the day of a question.

Gives `on_day`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from nlq.query import And, Comparison, Condition, Not, Or
from nlq.schema import TODAY


def on_day(condition: Condition, today: date) -> Condition:
    """Return a condition with the day of the question in the place of `TODAY`."""
    match condition:
        case And(operands):
            return And(tuple(on_day(operand, today) for operand in operands))
        case Or(operands):
            return Or(tuple(on_day(operand, today) for operand in operands))
        case Not(operand):
            return Not(on_day(operand, today))
        case Comparison(value=value) if value is TODAY:
            return replace(condition, value=today)
    return condition
