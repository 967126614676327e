"""Values as exact as PEMS keeps them: `check_precision` before they are sent, `same_values` to compare both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlq.schema import FieldType
from pfa_rpc.schema import BY_NAME
from pfa_rpc.sync.pems.errors import TooFine


def check_precision(values: Mapping[str, Any], decimals: int) -> None:
    """Raise TooFine where an amount, in the form of the table of fields, has more decimals than PEMS keeps."""
    faults = [fault for name, value in values.items() if (fault := _fault(name, value, decimals))]
    if faults:
        raise TooFine("; ".join(faults))


def differing(local: Mapping[str, Any], remote: Mapping[str, Any], decimals: int) -> tuple[str, ...]:
    """Return the fields of both sides whose values differ after rounding to the decimals that PEMS keeps."""
    return tuple(
        name
        for name, value in local.items()
        if name in remote and _rounded(name, value, decimals) != _rounded(name, remote[name], decimals)
    )


def same_values(local: Mapping[str, Any], remote: Mapping[str, Any], decimals: int) -> bool:
    """Tell whether both sides have the same values after rounding, of the fields that both have."""
    return not differing(local, remote, decimals)


def _rounded(name: str, value: Any, decimals: int) -> Any:
    """Return a value as PEMS would keep it: amounts rounded half up as databases do, text trimmed or missing."""
    if isinstance(value, str):
        return value.strip() or None
    step = _step(name, decimals)
    if step == 1 or value is None:
        return value
    rounded = (abs(value) + step // 2) // step * step
    return -rounded if value < 0 else rounded


def _step(name: str, decimals: int) -> int:
    """Return the least difference of two amounts that PEMS keeps, in the units of a field; 1 for what is no amount."""
    field = BY_NAME.get(name)
    return 10 ** max(0, field.decimals - decimals) if field is not None and field.type is FieldType.MONEY else 1


def _fault(name: str, value: Any, decimals: int) -> str | None:
    step = _step(name, decimals)
    if value is None or step == 1 or value % step == 0:
        return None
    field = BY_NAME[name]
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
