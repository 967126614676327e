"""How exactly PEMS keeps amounts: `money_steps` of an installation, `too_fine` for what it would round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlq.schema import FieldType
from pfa_rpc.schema import BY_NAME, MERGED_FIELDS, Field


def money_steps(decimals: int) -> dict[str, int]:
    """Return field of money → the smallest difference, in ten-thousandths, of an installation with so many decimals."""
    return {field.name: 10 ** (field.decimals - decimals) for field in MERGED_FIELDS if field.type is FieldType.MONEY}


def too_fine(values: Mapping[str, Any], steps: Mapping[str, int]) -> str | None:
    """Return what is to be said of amounts that PEMS would round; None where it keeps all of them as they are."""
    faults = [
        _fault(BY_NAME[name], value, steps[name])
        for name, value in values.items()
        if value is not None and name in steps and value % steps[name]
    ]
    return "; ".join(faults) or None


def _fault(field: Field, value: int, step: int) -> str:
    decimals = field.decimals - (len(str(step)) - 1)
    below = value // step * step
    shown = _shown(value, field.decimals, field.decimals).rstrip("0")
    nearest = " or ".join(_shown(amount, field.decimals, decimals) for amount in (below, below + step))
    kept = "no decimals" if decimals == 0 else f"only {decimals} decimal{'s' if decimals > 1 else ''}"
    return f"{field.label} {shown} is finer than PEMS keeps, which is {kept}; write {nearest}"


def _shown(amount: int, scale: int, decimals: int) -> str:
    """Return a scaled amount as text with a number of decimals; what is finer must be zero."""
    whole, rest = divmod(abs(amount), 10**scale)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}" + (f".{rest:0{scale}d}"[: decimals + 1] if decimals else "")
