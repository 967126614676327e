"""Fields: what is known of one field of a record, and the kinds of fields that several are of.

Gives `Field`, `Origin`, and a function for each kind: `text_field`, `date_field`, `cost_field`, `difference_field`,
`money_field` and `flag_field`. Which fields there are, `schema.py` says.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from itertools import product
from typing import Final

from nlq.schema import EnumValue, FieldType

RATE_DECIMALS: Final = 4
COST_DECIMALS: Final = 2


class Origin(enum.Enum):
    """Who sets a field, and so which write may change it."""

    KEY = "key"  # names the record; set once
    PEMS = "pems"  # owned by PEMS, merged on every pull
    COST = "cost"  # computed from the others at every write
    SYNC = "sync"  # kept by this service: what it knows of the record's synchronization


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record. It satisfies `nlq.schema.FieldSpec`."""

    name: str
    """Name in filters, order_by, read masks of the command line and import reports."""
    type: FieldType
    """Type of its values. In memory: str (ID, TEXT; an ENUM's stored form), bool, int (MONEY, scaled by `decimals`),
    date, aware UTC datetime, int, tuple of str (NAMES)."""
    label: str
    """Name in sentences and table headings."""
    proto: str
    """Path in pfa.v1.Record."""
    origin: Origin = Origin.PEMS
    pems: str | None = None
    """Column of the PEMS grid and of an export."""
    other_words: tuple[str, ...] = ()
    """What questions call it besides the label, in the singular."""
    values: tuple[EnumValue, ...] = ()
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()
    decimals: int = 0
    """Decimals kept by a MONEY field: 4 for rates and prices, 2 for costs."""
    required: bool = False
    """Whether every record has a value."""
    filterable: bool = True
    sortable: bool = True
    groupable: bool = False
    editable: bool = False
    """Whether a person may change it (rules of editing apply on top)."""
    named: bool = False
    """Whether questions can name its values, which are then kept in the vocabulary."""
    quotes_pems: bool = False
    """Whether its text may repeat what PEMS said, amounts included."""

    @property
    def column(self) -> str:
        """Column of the records table; text that is compared by its folded key has the key only."""
        base = "equipment_class" if self.name == "class" else self.name
        return f"{base}_key" if self.type is FieldType.TEXT else base

    @property
    def words(self) -> tuple[str, ...]:
        """What questions call it, the label first."""
        return (self.label, *self.other_words)

    @property
    def is_money(self) -> bool:
        """Whether it shows money, and so needs the permission to see it."""
        return self.type is FieldType.MONEY

    def enum_value(self, stored: str) -> EnumValue:
        """Return the enum value that the database holds as `stored`. KeyError where there is none."""
        for value in self.values:
            if value.stored == stored:
                return value
        raise KeyError(stored)


def text_field(name: str, label: str, proto: str, pems: str | None, *words: str, named: bool = True) -> Field:
    """A text field that a person may edit, group by, and (where `named`) call by its values."""
    return Field(
        name,
        FieldType.TEXT,
        label,
        proto,
        pems=pems,
        other_words=words,
        groupable=named,
        sortable=named,
        editable=named,
        named=named,
    )


def date_field(layer: str, end: str, pems: str, *words: str, editable: bool) -> Field:
    """One end of a layer's period."""
    return Field(
        f"{layer}_{end}",
        FieldType.DATE,
        f"{layer} {end}",
        f"{layer}.{end}_date",
        pems=pems,
        other_words=(f"{layer} {end} date", *words),
        editable=editable,
    )


def cost_field(layer: str, *words: str) -> Field:
    """The cost of a layer, in cents."""
    return Field(
        f"{layer}_cost",
        FieldType.MONEY,
        f"{layer} cost",
        f"{layer}_cost",
        origin=Origin.COST,
        other_words=words,
        decimals=COST_DECIMALS,
    )


def difference_field(name: str, label: str, *words: str, of: str) -> Field:
    """What the cost `of` a layer is above that of the plan, in cents.

    No record has it, figures and orders compute it, and no filter names it.
    """
    sides = product((of, f"{of} cost"), ("plan", "plan cost", "planned cost", "budget"))
    words += tuple(
        f"{noun} between {one} and {other}"
        for side in sides
        for one, other in (side, side[::-1])
        for noun in ("difference", "gap", "delta")
    )
    return Field(
        name,
        FieldType.MONEY,
        label,
        "",
        origin=Origin.COST,
        other_words=words,
        decimals=COST_DECIMALS,
        filterable=False,
    )


def money_field(name: str, label: str, pems: str, *words: str) -> Field:
    """A rate or price, in ten-thousandths."""
    return Field(
        name, FieldType.MONEY, label, name, pems=pems, other_words=words, decimals=RATE_DECIMALS, editable=True
    )


def flag_field(
    name: str, label: str, pems: str, true: tuple[str, ...], false: tuple[str, ...] = (), *, editable: bool = True
) -> Field:
    """A yes or no of PEMS."""
    return Field(
        name,
        FieldType.BOOL,
        label,
        name,
        pems=pems,
        true_words=true,
        false_words=false,
        required=True,
        groupable=True,
        editable=editable,
    )
