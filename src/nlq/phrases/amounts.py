"""Amounts: which field an amount is of, and the condition that it gives.

Gives `settle_amounts` and `is_whole`. An amount takes the field named beside it, or that of the amount joined to it;
where none is named the conventions choose by what the question asks for, and the choice is reported with its
alternatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import zip_longest
from typing import Final

from nlq.amounts.money import could_be_thousands
from nlq.amounts.numbers import shared_scale
from nlq.phrases.terms import BoundTerm, Term, ValueTerm, holds_together, without
from nlq.query import And, Comparison, Condition, Operator, Or
from nlq.schema import FieldSpec, FieldType, Schema
from nlq.tagging.tags import Amount

_LOWER: Final = frozenset((Operator.GT, Operator.GE))
REVERSED_RANGE: Final = "reversed_range"
MAX_DIGITS: Final = 14
"""Most digits before the point; more than any rate or cost, and within what is kept."""
_TOO_LARGE: Final = Decimal(10) ** MAX_DIGITS


@dataclass(slots=True)
class Choice:
    """A bound whose field was chosen by convention: the whole of the sources that the question leaves open."""

    term: BoundTerm
    options: tuple[tuple[str, str, str], ...]
    """(enum field, value, money field) for each value that the question asks for."""


@dataclass(slots=True)
class Refusal:
    """A bound that gives no condition, and why."""

    term: BoundTerm
    reason: str


def is_whole(value: Decimal) -> bool:
    """Return whether a number has no fraction; it may have more digits than sums are kept with."""
    return value == value.to_integral_value()


def settle_amounts(
    terms: Sequence[Term], schema: Schema, currency: str, *, counted: Callable[[BoundTerm], bool], part: int
) -> tuple[list[Choice], list[Refusal], list[str]]:
    """Give every bound its condition; return the choices made, the bounds refused, and remarks.

    `counted` tells whether a bound's plain number counts something named after it ("more than 10 rentals"); `part` is
    the token from which on terms say what a share is of the whole: the kinds that they name are not the whole's.
    """
    bounds = [term for term in terms if isinstance(term, BoundTerm)]
    _share_fields(terms)
    choices: list[Choice] = []
    refusals: list[Refusal] = []
    remarks: list[str] = []
    for term in bounds:
        term.limits, remark = _ordered(scaled(term.limits))
        reason = _refused(term, currency, counted=counted(term)) or _of_left_out(term, schema)
        if reason is not None:
            refusals.append(Refusal(term, reason))
        else:
            remarks += remark
    refused = {id(refusal.term) for refusal in refusals}
    kept = without(terms, lambda term: id(term) in refused)
    whole = [term for term in kept if term.first < part]
    of_whole = _options(whole, schema)
    of_part = of_whole if len(whole) == len(kept) else _options(kept, schema)
    for term in (term for term in kept if isinstance(term, BoundTerm)):
        options = of_whole if term.first < part else of_part
        if term.field is not None:
            term.resolved = _within(term.field, term.limits)
        elif (unfit := _unfit_choice(options, term, schema)) is not None:
            refusals.append(Refusal(term, unfit))
        elif options:
            choices.append(Choice(term, options))
            term.resolved = spread(options, term.limits, schema)
        else:
            refusals.append(Refusal(term, "No field of money was named, and none fits what is asked for."))
    return choices, refusals, remarks


def spread(
    options: tuple[tuple[str, str, str], ...], limits: Sequence[tuple[Operator, Amount]], schema: Schema
) -> Condition:
    """Return limits on the field of each option: of the one, or of each for the records that it is for."""
    if len(options) == 1:
        return _within(schema.by_name[options[0][2]], limits)
    return holds_together(
        tuple(
            Or(
                tuple(
                    And((Comparison(enum, Operator.EQ, value), _within(schema.by_name[money], (limit,))))
                    for enum, value, money in options
                )
            )
            for limit in limits
        )
    )


def _within(field: FieldSpec, limits: Sequence[tuple[Operator, Amount]]) -> Condition:
    """Return the comparisons of a field with its limits."""
    return holds_together(
        tuple(
            Comparison(field.name, operator, int(amount.value) if field.type is FieldType.INTEGER else amount.value)
            for operator, amount in limits
        )
    )


def _share_fields(terms: Sequence[Term]) -> None:
    """Let bounds that are joined share the field that one of them names: "over 2k but under 3k monthly rate"."""
    for step in (1, -1):
        before: Term | None = None
        for term in terms[::step]:
            joint = term if step == 1 else before
            if (
                isinstance(term, BoundTerm)
                and isinstance(before, BoundTerm)
                and joint is not None
                and joint.linked
                and term.field is None
                and (term.exact == before.exact or term.equals == before.equals)
                and not term.unnamed
            ):
                term.field = before.field
            before = term


def scaled(limits: tuple[tuple[Operator, Amount], ...]) -> tuple[tuple[Operator, Amount], ...]:
    """Let the unit of an upper limit hold for the lower one too: "between 5 and 10k" is from 5,000."""
    if len(limits) != 2:
        return limits
    (low_operator, low), high = limits
    value = shared_scale(low, high[1])
    if value == low.value:
        return limits
    return (low_operator, replace(low, value=value, scale=high[1].scale, marked=high[1].marked)), high


def _ordered(limits: tuple[tuple[Operator, Amount], ...]) -> tuple[tuple[tuple[Operator, Amount], ...], list[str]]:
    """Put two limits in order, with a remark where they were not."""
    if len(limits) != 2 or limits[0][1].value <= limits[1][1].value:
        return limits, []
    low, high = limits[1][1], limits[0][1]
    text = f"The range was given in reverse, from {high.value:,f} to {low.value:,f}; it was turned around."
    return ((limits[0][0], low), (limits[1][0], high)), [text]


def _refused(term: BoundTerm, currency: str, *, counted: bool) -> str | None:
    """Return why a bound gives no condition, None where it does."""
    amounts = [amount for _, amount in term.limits]
    if True in [amount.foreign for amount in amounts]:
        return f"Amounts are in {currency}; another currency is not converted."
    if True in [could_be_thousands(amount.value, amount.scale) for amount in amounts]:
        return "A point before three digits could stand for thousands; write 5,000 or 5.00."
    if True in [amount.value >= _TOO_LARGE for amount in amounts]:
        return f"An amount has more than {MAX_DIGITS} digits."
    unmarked = True not in [amount.marked for amount in amounts]
    if counted and unmarked:
        return "A number of things is no amount of money."
    if term.field is None:
        return "A number alone says nothing about a record." if term.exact and unmarked else None
    return _unfit(term.field, amounts)


def _of_left_out(term: BoundTerm, schema: Schema) -> str | None:
    """Return why an amount beside what is left out ("no rentals over $5,000") says nothing of the rest, if it does."""
    before = term.beside
    if not isinstance(before, ValueTerm):
        return None
    fields = schema.conventions.amount_fields
    left_out = {
        money for (enum, value), money in fields.items() if enum == before.field.name and value in before.values
    }
    if not left_out or (term.field is not None and term.field.name not in left_out):
        return None
    return f"The amount stands beside {' and '.join(before.values)}, which is left out; ask for the records to keep."


def _unfit(field: FieldSpec, amounts: Sequence[Amount]) -> str | None:
    """Return why amounts are none of a field's, None where they are."""
    decimals = field.decimals if field.type is FieldType.MONEY else 0
    # Most amounts are whole; to round one takes several times as long as to see that.
    if True in [not is_whole(amount.value) and amount.value != round(amount.value, decimals) for amount in amounts]:
        return f"The {field.label} is kept to {decimals} decimals."
    if field.type is FieldType.INTEGER and any(amount.marked for amount in amounts):
        return f"The {field.label} is no amount of money."
    return None


def _unfit_choice(options: tuple[tuple[str, str, str], ...], term: BoundTerm, schema: Schema) -> str | None:
    """Return why an amount is none of a field that the conventions choose, None where it is of each."""
    amounts = [amount for _, amount in term.limits]
    reasons = (_unfit(schema.by_name[money], amounts) for _, _, money in options)
    return next((reason for reason in reasons if reason is not None), None)


def _options(terms: Sequence[Term], schema: Schema) -> tuple[tuple[str, str, str], ...]:
    """Return what an amount without a field can be of, given the values that the question asks for."""
    options = tuple((enum, value, money) for (enum, value), money in schema.conventions.amount_fields.items())
    for term, after in zip_longest(terms, terms[1:]):
        apart = not term.alternative and (after is None or not after.alternative)
        if isinstance(term, ValueTerm) and apart:
            options = tuple(
                option
                for option in options
                if option[0] != term.field.name or (option[1] in term.values) is not term.negative
            )
    return options
