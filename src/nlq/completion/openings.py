"""Openings: what a text can begin with that is no question of its own, and what follows it.

Gives `FOLLOW_UPS`, words by which a question goes on from the one before it, `orders_of`, verbs of change,
`opening` and `is_said`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nlq.schema import FieldType, Schema

FOLLOW_UPS: Final = ("only", "what about", "the same for", "also", "without the")
"""Words behind which a piece of a question follows."""
WHOLE_FOLLOW_UPS: Final = (
    *("how many are there", "sort them by", "break them down by", "show all of them", "reverse the order"),
    *("drop the filters",),
)
"""Words that are follow-ups, or go on as questions do."""
_GOING_ON: Final = " by"
"""How those end that go on."""

_LENGTHS: Final = ("by 1 week", "by 2 weeks", "by 1 month")
_LATER: Final = ("2 weeks later", "1 week later", "1 month later", "2 weeks earlier", "1 week earlier")
_SHARES: Final = ("by 5 %", "by 10 %")


@dataclass(frozen=True, slots=True)
class Order:
    """A verb of change."""

    verb: str
    endings: tuple[str, ...] = ()
    """What is said behind the records."""
    fields: tuple[tuple[str, str], ...] = ()
    """What is said between the verb and the records, one of them, each with the field that it names."""


def orders_of(schema: Schema) -> dict[str, Order]:
    """Return verb → what a change by it needs, for the fields and verbs of a schema."""
    amounts = tuple(
        (f"the {field.label} of", field.name)
        for field in schema.fields
        if field.type is FieldType.MONEY and field.editable
    )
    commands = schema.conventions.commands
    orders = (
        *(Order("extend", _LENGTHS), Order("shorten", _LENGTHS), Order("push out", _LENGTHS)),
        *(Order("shift", _LATER), Order("move", _LATER)),
        *(Order("increase", _SHARES, amounts), Order("reduce", _SHARES, amounts)),
        *(Order("reset", (f"to {word}",)) for word in commands.reset_words[:1]),
        *(Order(verb) for verb in commands.verbs),
    )
    return {order.verb: order for order in orders}


NOT_IN_ORDERS: Final = frozenset(
    ("SORT", "THEN", "BY", "COUNT", "FUNCTION", "EXTREME", "RANK", "LIMIT", "DIFFERENT", "DIRECTION", "DATEPART")
)
"""Tags of what asks for an order or a figure, which no change has."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a text begins."""

    end: int
    """The first character of what follows."""
    order: Order | None = None
    """The change; None for a follow-up."""
    lacks_field: bool = False
    """Whether the order does not say yet what it changes."""


def opening(text: str, orders: Mapping[str, Order], *, goes_on: bool) -> Opening | None:
    """Return how a text begins, None where it is a question of its own; `goes_on`: whether one was asked before."""
    said = text.casefold()
    for verb, order in orders.items():
        if said.startswith(f"{verb} "):
            start = len(verb) + 1
            field = next((each for each, _ in order.fields if said.startswith(f"{each} ", start)), None)
            end = start if field is None else start + len(field) + 1
            return Opening(end, order, bool(order.fields) and field is None)
    for cue in FOLLOW_UPS if goes_on else ():
        if said.startswith(f"{cue} "):
            return Opening(len(cue) + 1)
    return None


def is_said(text: str) -> bool:
    """Return whether a text begins with a whole follow-up, behind which nothing can follow."""
    whole = (f"{cue} " for cue in WHOLE_FOLLOW_UPS if not cue.endswith(_GOING_ON))
    return f"{text.casefold()} ".startswith(tuple(whole))
