"""The one table of fields: tables, encoder, filters, import and language derive from it.

`FIELDS` lists every field of a record once. Adding a field is one entry here, one line in `protos/pfa/v1/record.proto`
and one migration. `BY_NAME` and `BY_COLUMN` look entries up; `CONVENTIONS` and `SCHEMA` are what the language is given.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from nlq.schema import CommandConventions, Conventions, EnumValue, FieldType, Schema

ID_LENGTH: Final = 200
"""Longest pfa_id, in characters."""
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


SOURCES: Final = (
    EnumValue("RENTAL", 1, "Rental", ("rental", "rented", "rent", "renting", "hired", "hire")),
    EnumValue("PURCHASE", 2, "Purchase", ("purchase", "purchased", "bought", "buy", "owned", "own")),
)
DORS: Final = (
    EnumValue("BEO", 1, "BEO", ("beo", "overhead")),
    EnumValue("PROJECT", 2, "PROJECT", ("project",)),
)
SYNC_STATES: Final = (
    EnumValue("PRISTINE", 1, "synced", ("synced", "pristine", "in sync")),
    EnumValue("MODIFIED", 2, "modified", ("modified", "edited", "unsynced", "changed locally")),
    EnumValue("PENDING_SYNC", 3, "pending sync", ("pending", "pending sync", "being synced")),
    EnumValue("SYNC_ERROR", 4, "failed to sync", ("failed", "sync error", "failed to sync", "sync failed")),
)


def _text(name: str, label: str, proto: str, pems: str | None, *words: str, named: bool = True) -> Field:
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


def _date(layer: str, end: str, pems: str, *words: str, editable: bool) -> Field:
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


def _cost(layer: str, *words: str) -> Field:
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


def _money(name: str, label: str, pems: str, *words: str) -> Field:
    """A rate or price, in ten-thousandths."""
    return Field(
        name, FieldType.MONEY, label, name, pems=pems, other_words=words, decimals=RATE_DECIMALS, editable=True
    )


def _flag(
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


FIELDS: Final[tuple[Field, ...]] = (
    Field("id", FieldType.ID, "id", "id", Origin.KEY, required=True, other_words=("uuid", "record id")),
    Field(
        "pfa_id", FieldType.ID, "PFA id", "pfa_id", Origin.KEY, pems="pfs_id", required=True, other_words=("pems id",)
    ),
    _text("area_silo", "area", "area_silo", "pfs_f_area", "silo", "area silo", "location", "yard"),
    _text("category", "category", "category", "pfs_f_category", "kind", "type of equipment"),
    _text("forecast_category", "forecast category", "forecast_category", "pfs_f_catdesc"),
    _text("class", "class", "equipment_class", "pfs_f_class", "equipment class"),
    Field(
        "source",
        FieldType.ENUM,
        "source",
        "source",
        pems="pfs_f_source",
        values=SOURCES,
        required=True,
        groupable=True,
        editable=True,
    ),
    Field(
        "dor",
        FieldType.ENUM,
        "DOR",
        "dor",
        pems="pfs_f_dor",
        other_words=("division of responsibility", "responsibility"),
        values=DORS,
        required=True,
        groupable=True,
        editable=True,
    ),
    _flag(
        "is_actualized",
        "actualized",
        "pfs_f_actualized",
        ("actualized", "actualised", "on site", "onsite", "billing", "already here"),
        ("not yet here", "not here yet", "not yet on site"),
        editable=False,
    ),
    _flag(
        "is_discontinued",
        "discontinued",
        "pfs_f_discontinued",
        ("discontinued", "cancelled", "canceled"),
        ("active", "in service", "still needed"),
    ),
    _flag(
        "is_funds_transferable",
        "funds transferable",
        "pfs_f_fundstrans",
        ("funds transferable", "transferable", "transferable funds", "budget donor"),
        ("funds not transferable", "not funds transferable"),
    ),
    _money(
        "monthly_rate",
        "monthly rate",
        "pfs_f_rental",
        "rate",
        "monthly rental",
        "rental rate",
        "monthly cost",
        "to rent",
        "to hire",
    ),
    _money("purchase_price", "purchase price", "pfs_f_purchase", "price", "purchase cost", "to purchase", "to buy"),
    _text("manufacturer", "manufacturer", "manufacturer", "pfs_f_manufacturer", "make", "brand", "maker"),
    _text("model", "model", "model", "pfs_f_model"),
    _date("plan", "start", "pfs_p_startdate", "planned start", "original start", editable=False),
    _date("plan", "end", "pfs_p_enddate", "planned end", "original end", editable=False),
    _date("forecast", "start", "pfs_f_startdate", "start", "start date", editable=True),
    _date("forecast", "end", "pfs_f_enddate", "end", "end date", editable=True),
    _date("actual", "start", "pfs_a_startdate", editable=False),
    _date("actual", "end", "pfs_a_enddate", editable=True),
    _cost("plan", "planned cost", "budget"),
    _cost("forecast", "forecasted cost", "cost", "expected cost"),
    _cost("actual", "spend", "spending"),
    _text("contract", "contract", "contract", "pfs_p_projcode", "contract number", "project code"),
    _text("equipment", "equipment tag", "equipment", "pfs_equipment_tag", "equipment", "tag", "equipment number"),
    _text("description", "description", "description", "description", named=False),
    Field(
        "sync_state",
        FieldType.ENUM,
        "sync state",
        "sync.state",
        Origin.SYNC,
        other_words=("sync status",),
        values=SYNC_STATES,
        required=True,
        groupable=True,
    ),
    Field("last_synced_at", FieldType.TIME, "last synced", "sync.last_synced_at", Origin.SYNC),
    Field("pems_version", FieldType.ID, "PEMS version", "sync.pems_version", Origin.SYNC, sortable=False),
    Field("local_version", FieldType.INTEGER, "local version", "sync.local_version", Origin.SYNC, required=True),
    Field("modified_fields", FieldType.NAMES, "modified fields", "sync.modified_fields", Origin.SYNC, sortable=False),
    Field(
        "modified_by",
        FieldType.TEXT,
        "modified by",
        "sync.modified_by",
        Origin.SYNC,
        other_words=("changed by", "edited by"),
        groupable=True,
        named=True,
    ),
    Field(
        "modified_at",
        FieldType.TIME,
        "modified",
        "sync.modified_at",
        Origin.SYNC,
        other_words=("changed", "modified at"),
    ),
    Field(
        "sync_error_message",
        FieldType.TEXT,
        "sync error message",
        "sync.error_message",
        Origin.SYNC,
        sortable=False,
    ),
    Field("sync_retry_count", FieldType.INTEGER, "sync retries", "sync.retry_count", Origin.SYNC, required=True),
    Field(
        "pems_stamp",
        FieldType.TIME,
        "modified in PEMS",
        "sync.pems_stamp",
        pems="pfs_lastmodified",
        other_words=("pems stamp", "last modified in pems"),
    ),
    Field(
        "pems_modified_by",
        FieldType.TEXT,
        "modified in PEMS by",
        "sync.pems_modified_by",
        pems="pfs_lastmodifiedby",
    ),
)
"""Every field of a record but its tenant (`organization_id`), which no filter may name, and its etag and revision."""

BY_NAME: Final = {field.name: field for field in FIELDS}
BY_COLUMN: Final = {field.column: field for field in FIELDS}
PEMS_FIELDS: Final = tuple(field for field in FIELDS if field.pems is not None and field.name != "pfa_id")
"""What a row of PEMS carries besides the keys, the two stamps included."""
MERGED_FIELDS: Final = tuple(f for f in PEMS_FIELDS if f.name not in ("pems_stamp", "pems_modified_by"))
"""The fields whose value PEMS and this service can differ about; what `base` holds."""
ORGANIZATION_ALIAS: Final = "pfs_a_org"
"""Column of the PEMS grid that names the organization."""

_PLAN_IS_LOCKED: Final = "The plan is the locked budget: it never changes once it is set."
_SET_ON_ARRIVAL: Final = "The day that equipment came on site is a fact that PEMS keeps."
COMMANDS: Final = CommandConventions(
    period=("forecast_start", "forecast_end"),
    periods={
        **dict.fromkeys(
            (
                *("forecast date", "date", "forecast", "schedule", "period", "duration", "timeline", "time frame"),
                *("timing", "start and end date", "rental period", "forecast period", "forecast duration"),
                *("forecasted date", "window", "dates and duration"),
            ),
            ("forecast_start", "forecast_end"),
        ),
        **dict.fromkeys(
            ("plan date", "planned date", "original date", "plan period", "plan duration", "baseline date"),
            ("plan_start", "plan_end"),
        ),
        **dict.fromkeys(("actual date", "actual period", "actual duration"), ("actual_start", "actual_end")),
    },
    reset={"forecast_start": "plan_start", "forecast_end": "plan_end"},
    reset_words=("plan", "plan date", "planned date", "original plan", "budget", "baseline", "original date"),
    verbs={
        "discontinue": ("is_discontinued", True),
        "cancel": ("is_discontinued", True),
        "retire": ("is_discontinued", True),
        "deactivate": ("is_discontinued", True),
        "reactivate": ("is_discontinued", False),
        "reinstate": ("is_discontinued", False),
        "uncancel": ("is_discontinued", False),
    },
    assigned="equipment",
    fixed={
        "plan_start": _PLAN_IS_LOCKED,
        "plan_end": _PLAN_IS_LOCKED,
        "plan_cost": _PLAN_IS_LOCKED,
        "actual_start": _SET_ON_ARRIVAL,
        "is_actualized": _SET_ON_ARRIVAL,
        "id": "An id names a record for good.",
        "pfa_id": "An id names a record for good.",
        "forecast_cost": "A cost is computed from the dates and the rate or price.",
        "actual_cost": "A cost is computed from the dates and the rate or price.",
    },
)
CONVENTIONS: Final = Conventions(
    commands=COMMANDS,
    left_out=("is_discontinued",),
    left_out_of_totals=("is_funds_transferable",),
    amount_fields={("source", "RENTAL"): "monthly_rate", ("source", "PURCHASE"): "purchase_price"},
    amount_words=dict.fromkeys(
        ("per month", "a month", "each month", "every month", "monthly", "per mo"), "monthly_rate"
    ),
    ranking_field="forecast_cost",
    prepositions={
        "area_silo": "in",
        "category": "of",
        "class": "of",
        "manufacturer": "of",
        "model": "of",
        "modified_by": "",
    },
)
SCHEMA: Final = Schema(FIELDS, CONVENTIONS)
"""What the language is given."""
