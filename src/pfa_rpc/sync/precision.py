"""How exactly PEMS keeps amounts: `money_steps` of an installation, `too_fine` for what it would round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlq.schema import FieldType
from pfa_rpc.schema import BY_NAME, MERGED_FIELDS


def money_steps(decimals: int) -> dict[str, int]:
    """Return field of money → the smallest difference, in ten-thousandths, of an installation with so many decimals."""
    return {field.name: 10 ** (field.decimals - decimals) for field in MERGED_FIELDS if field.type is FieldType.MONEY}


def too_fine(values: Mapping[str, Any], steps: Mapping[str, int]) -> str | None:
    """Return what is to be said of amounts that PEMS would round; None where it keeps all of them as they are.

    The sentence stays with the record, whose readers may not all see money: it names no amount.
    """
    faults = [
        f"{BY_NAME[name].label} is finer than PEMS keeps: enter it with {_decimals(name, steps[name])}"
        for name, value in values.items()
        if value is not None and name in steps and value % steps[name]
    ]
    return "; ".join(faults) or None


def _decimals(name: str, step: int) -> str:
    """Return how many decimals PEMS keeps, in words; a step is a power of ten."""
    kept = BY_NAME[name].decimals - (len(str(step)) - 1)
    return f"at most {kept} decimal{'s' if kept > 1 else ''}" if kept else "no decimals"
