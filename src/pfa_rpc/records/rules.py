"""The rules that a record obeys, whichever way its values came in: `broken_rules`, and the `TIED_FIELDS` they speak of.

A rule looks at fields of one tied group only. So a record whose groups each come from a valid record is valid itself,
and a merge that takes a group as a whole cannot break one. An edit can break those about its own fields only, which
`rules_about` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, count, repeat
from typing import Any, Final

from pfa_rpc.records.cost import LAYERS
from pfa_rpc.records.remembered import Remembered

MAX_MONEY: Final = 10**15
"""Largest rate or price, in ten-thousandths; at it, 9,998 years of rent still are less than 2**63 cents."""

TEXT_LIMIT: Final = 10_000
"""Longest text of a field, in characters."""
NAME_LIMIT: Final = 400
"""Longest text that can be named, in characters: folded it takes six bytes for each, and an index holds 2,700."""

TIED_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    *((f"{layer}_start", f"{layer}_end") for layer in LAYERS),
    ("source", "monthly_rate", "purchase_price"),
    ("is_discontinued", "is_funds_transferable"),
)
"""Fields that one rule speaks of together: they change together, or not at all."""

_MONEY_WORDS: Final = {"monthly_rate": "monthly rate", "purchase_price": "price"}


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that some values break."""

    field: str
    """Name of the field that is wrong, or missing; where several are, the first."""
    reason: str
    """The rule as a sentence about the values: "forecast start after end"."""


def money_word(field: str) -> str:
    """Return what reasons call a field of money."""
    return _MONEY_WORDS[field]


def broken_rules(values: Mapping[str, Any]) -> list[BrokenRule]:
    """Return every rule that a record with these values would break; a field that is absent counts as missing."""
    return [broken for rule in _RULES.values() for broken in rule(values)]


def rules_about(names: Iterable[str]) -> Callable[[Mapping[str, Any]], list[BrokenRule]]:
    """Return the function that does the same for the rules about some fields."""
    touched = set(names)
    rules = [rule for group, rule in _RULES.items() if touched.intersection(group)]
    return lambda values: [broken for rule in rules for broken in rule(values)]


def may_be_broken(columns: Mapping[str, Sequence[Any]]) -> set[int]:
    """Return the places of records that may break a rule, from columns of their values; all others break none.

    A field that is absent counts as missing.
    """
    found: set[int] = set()
    for group in TIED_FIELDS:
        if not columns.keys() & group:
            continue
        given = [columns[name] if name in columns else repeat(None) for name in group]
        broken: Iterable[bool]
        if group in _break_something:
            broken = map(_break_something[group].__getitem__, zip(*given, strict=False))
        else:
            broken = (start is not None and end is not None and start > end for start, end in zip(*given, strict=False))
        found.update(compress(count(), broken))
    return found


def _period(layer: str) -> _Rule:
    first, last = f"{layer}_start", f"{layer}_end"
    broken = (BrokenRule(first, f"{layer} start after end"),)

    def rule(values: Mapping[str, Any]) -> Sequence[BrokenRule]:
        start, end = values.get(first), values.get(last)
        return broken if start is not None and end is not None and start > end else ()

    return rule


def _money(values: Mapping[str, Any]) -> Iterator[BrokenRule]:
    for field, word in _MONEY_WORDS.items():
        amount = values.get(field)
        if amount is None:
            continue
        if amount < 0:
            yield BrokenRule(field, f"{word} is negative")
        elif amount > MAX_MONEY:
            yield BrokenRule(field, f"{word} is too large")
    if values.get("source") == "rental" and values.get("monthly_rate") is None:
        yield BrokenRule("monthly_rate", "rental without a monthly rate")
    if values.get("source") == "purchase" and values.get("purchase_price") is None:
        yield BrokenRule("purchase_price", "purchase without a purchase price")


def _exclusion(values: Mapping[str, Any]) -> Iterator[BrokenRule]:
    if values.get("is_discontinued") and values.get("is_funds_transferable"):
        yield BrokenRule("is_discontinued", "discontinued and funds transferable exclude each other")


_Rule = Callable[[Mapping[str, Any]], Iterable[BrokenRule]]
_RULES: Final[Mapping[tuple[str, ...], _Rule]] = dict(
    zip(TIED_FIELDS, (*map(_period, LAYERS), _money, _exclusion), strict=True)
)
"""Tied fields → the rules about them."""


def _breaks(group: tuple[str, ...]) -> Callable[[tuple[Any, ...]], bool]:
    """Return the function that tells whether values of tied fields break a rule."""
    return lambda values: any(_RULES[group](dict(zip(group, values, strict=True))))


_break_something: Final = {group: Remembered(_breaks(group)) for group in TIED_FIELDS[len(LAYERS) :]}
"""Tied fields → whether values of theirs break a rule, for those that come again and again; periods seldom do."""
