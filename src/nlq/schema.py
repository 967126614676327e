"""What the language is told about the fields it may speak of: it knows none by itself.

`FieldSpec` is what a field must offer, `Conventions` settle what questions leave open, and `Schema` holds both. The
product's own table of fields satisfies `FieldSpec` as it stands.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final, Protocol

from nlq.query import Condition


class FieldType(enum.Enum):
    """What values a field holds, and so which operators it takes."""

    ID = "id"  # text compared exactly
    TEXT = "text"  # text compared by its folded key
    ENUM = "enum"
    BOOL = "boolean"
    MONEY = "money"
    DATE = "date"
    TIME = "time"
    INTEGER = "integer"
    NAMES = "list of field names"

    __hash__ = object.__hash__  # types are looked up for every word; the hash of Enum is made in Python


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enum field."""

    name: str
    """Canonical name, upper case, as filter text writes it: RENTAL."""
    number: int
    """Number on the wire."""
    label: str
    """The value in a sentence: "Rental"."""
    words: tuple[str, ...] = ()
    """Other words that questions use for it, in the singular."""

    @property
    def stored(self) -> str:
        """The value as the database holds it: the name in lower case."""
        return self.name.lower()


class FieldSpec(Protocol):
    """What the language needs to know of one field."""

    @property
    def name(self) -> str:
        """Name in filter text, order_by and canonical text."""

    @property
    def type(self) -> FieldType:
        """Type of its values."""

    @property
    def label(self) -> str:
        """Name in a sentence: "monthly rate"."""

    @property
    def words(self) -> tuple[str, ...]:
        """What questions call the field, in the singular, the label among them."""

    @property
    def values(self) -> tuple[EnumValue, ...]:
        """Values of an enum field; empty for the others."""

    @property
    def true_words(self) -> tuple[str, ...]:
        """Words for a flag that is set, the first being used in sentences; empty for the others."""

    @property
    def false_words(self) -> tuple[str, ...]:
        """Words for a flag that is not set."""

    @property
    def decimals(self) -> int:
        """Decimals kept by a money field."""

    @property
    def filterable(self) -> bool:
        """Whether filter text may name it."""

    @property
    def sortable(self) -> bool:
        """Whether order_by may name it."""

    @property
    def groupable(self) -> bool:
        """Whether figures may be grouped by it."""

    @property
    def named(self) -> bool:
        """Whether its values belong to the vocabulary that questions may name."""

    @property
    def editable(self) -> bool:
        """Whether commands may propose to change it."""

    @property
    def required(self) -> bool:
        """Whether every record has a value, so that it cannot be cleared."""


@dataclass(frozen=True, slots=True)
class CommandConventions:
    """What commands change where they do not name it, and what they never change."""

    period: tuple[str, str] = ("", "")
    """Start and end of the period that "push" moves both ends of, and "extend" the end of."""
    periods: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Words for the dates of a period, in the singular, the clearest of each period first → its start and end."""
    reset: Mapping[str, str] = field(default_factory=dict)
    """Field → the field whose value a reset gives it."""
    reset_words: tuple[str, ...] = ()
    """What a reset is to: "plan"."""
    verbs: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """Verbs, in the form of an order → the flag that they set, and to what: "discontinue"."""
    assigned: str = ""
    """The field whose values name single records, so that "assign EQ-1 to Silo 4" changes EQ-1."""
    longest_shift_months: int = 120
    """Farthest that one command moves dates; beyond it, whether that is meant is asked."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Field that commands never change → why, in a sentence."""


TODAY: Final = date.min
"""Stands for the day of the question in the conditions of a `Saying`."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A period that records have, one of several: each has a start, an end, and what it costs."""

    name: str
    start: str
    """Name of a date field."""
    end: str
    """Name of a date field."""
    cost: str
    """Name of a money field, "" for none."""
    words: tuple[str, ...]
    """Words for the layer that are no names of its fields: "by plan"."""


@dataclass(frozen=True, slots=True)
class Saying:
    """Phrases that stand for a condition as a whole: "late"."""

    phrases: tuple[str, ...]
    condition: Condition
    others: tuple[Condition, ...] = ()
    """What else the phrases are used for; offered, and taken where the question states one of them as well."""


@dataclass(frozen=True, slots=True)
class DateConventions:
    """How questions name dates and periods."""

    layers: tuple[Layer, ...] = ()
    """The periods, that meant by default first."""
    start_words: tuple[str, ...] = ()
    """Words for the start of a period, in whatever layer: "starting", "arriving"."""
    end_words: tuple[str, ...] = ()
    """Words for its end: "ending", "returning"."""
    within_words: tuple[str, ...] = ()
    """Words that say that a period and a date overlap: "on site"."""
    recorded: Mapping[str, str] = field(default_factory=dict)
    """Field → the field that a date beside one of its values is of: who changed a record → when it was changed."""
    happened: Mapping[str, str] = field(default_factory=dict)
    """Flag → the field that a date right behind it is of: "actualized last month"."""
    awaited: Mapping[str, str] = field(default_factory=dict)
    """Flag → the field that a date right behind words for its not being set is of: "to be delivered next week"."""
    deeds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field of who did something → the verbs that say so behind a person: "maria changed"."""
    done: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field of when something was done → nouns for what was: "changes last week"."""
    undone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field of when something was done → words that say, before a date, that it was not: "unmodified since May"."""
    spread: tuple[str, ...] = ()
    """Money fields whose sums can be spread over months, by day."""


@dataclass(frozen=True, slots=True)
class ChangedFields:
    """How questions name the fields of a record that were changed."""

    field: str = ""
    """The field that lists the names of changed fields, "" for none."""
    fields: tuple[str, ...] = ()
    """The fields whose names it can hold, flags apart."""
    verbs: tuple[str, ...] = ()
    """Verbs that say of a field that it was changed, in the form for what is over, that of sentences first."""
    histories: tuple[str, ...] = ()
    """How a question begins that asks for the changes themselves, besides nouns for what was done."""
    note: str = ""
    """What it means in a question that asks for records: a sentence's beginning, without a full stop."""


@dataclass(frozen=True, slots=True)
class Conventions:
    """How questions are read where they leave something open. Every use is reported with its alternatives."""

    left_out: tuple[str, ...] = ()
    """Flags whose set records questions leave out unless the question mentions the flag, and totals always."""
    left_out_of_totals: tuple[str, ...] = ()
    """Flags whose set records totals leave out unless the question mentions the flag as wanted."""
    amount_fields: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(enum field, value name) → the money field that a bare amount means where the question asks for that value."""
    amount_words: Mapping[str, str] = field(default_factory=dict)
    """Words after an amount → the money field that they say it is of: "$5,000 per month"."""
    ranking_field: str = ""
    """The money field that "most expensive" and "cheapest" rank by."""
    newest_field: str = ""
    """The date field that "newest" and "oldest" order by."""
    prepositions: Mapping[str, str] = field(default_factory=dict)
    """Field → the preposition before its name in a sentence ("in area Silo 4"); "with" for the others,
    "" for none."""
    commands: CommandConventions = CommandConventions()
    """What commands change."""
    dates: DateConventions = DateConventions()
    """How dates and periods are named."""
    changed: ChangedFields = ChangedFields()
    """How fields are named that were changed."""
    compared: Mapping[str, str] = field(default_factory=dict)
    """Field → the field that is meant to be compared with it where none is named: "over budget"."""
    sayings: tuple[Saying, ...] = ()
    """Phrases that stand for conditions."""
    gaps: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Computed field → the two fields whose difference it is: "variance" is forecast less plan."""
    exclusive: tuple[tuple[str, str], ...] = ()
    """Pairs of flags of which no record has both."""
    key: str = ""
    """The field whose values name one record each, "" for none."""
    key_words: tuple[str, ...] = ()
    """Words, in the singular, that announce such a value besides the names of the field, the clearest first."""
    written: tuple[str, ...] = ()
    """Fields of text that no vocabulary has the values of; a word behind their name is one, as it is written."""
    equipment_words: tuple[str, ...] = ("record", "item", "equipment", "piece", "unit", "machine")
    """Words, in the singular, for the records themselves; they carry no condition."""


@dataclass(frozen=True)
class Schema:
    """The fields and conventions of one language."""

    fields: Sequence[FieldSpec]
    conventions: Conventions = Conventions()
    computed: Sequence[FieldSpec] = ()
    """What figures and orders can be of besides the fields; no condition names it."""

    @cached_property
    def by_name(self) -> Mapping[str, FieldSpec]:
        """The fields by name, the computed ones among them."""
        return {field.name: field for field in (*self.fields, *self.computed)}

    @cached_property
    def money_names(self) -> tuple[str, ...]:
        """Names of the fields that hold money."""
        return tuple(field.name for field in self.fields if field.type is FieldType.MONEY)

    @cached_property
    def presence(self) -> FieldSpec | None:
        """The flag that words for an overlap with a date say as well: "on site"; None where none does."""
        within = frozenset(self.conventions.dates.within_words)
        return next((field for field in self.fields if within.intersection(field.true_words)), None)

    @cached_property
    def places(self) -> Mapping[str, tuple[int, FieldType]]:
        """Place and type of each field, by name."""
        return {field.name: (place, field.type) for place, field in enumerate(self.by_name.values())}
