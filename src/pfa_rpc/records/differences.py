"""What figures are made of besides fields: `DIFFERENCES`, the variances, each one cost of a record less another."""

from __future__ import annotations

from typing import Final, NamedTuple

from pfa_rpc.conventions import CONVENTIONS
from pfa_rpc.schema import COMPUTED


class Difference(NamedTuple):
    """One cost of a record less another; a record that lacks one of them has none."""

    label: str
    """Name in sentences and table headings."""
    cost: str
    """Name of the cost."""
    less: str
    """Name of the cost that is taken away from it."""


DIFFERENCES: Final = {field.name: Difference(field.label, *CONVENTIONS.gaps[field.name]) for field in COMPUTED}
"""Name in figures → what it is; above zero is over the budget."""


def costs_in(name: str) -> tuple[str, ...]:
    """Return the names of the fields that a figure is made of: a difference's costs, or the field itself."""
    difference = DIFFERENCES.get(name)
    return (name,) if difference is None else (difference.cost, difference.less)
