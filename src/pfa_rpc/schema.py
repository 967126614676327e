"""The one table of fields: tables, encoder, filters, import and language derive from it.

`FIELDS` lists every field of a record once. Adding a field is one entry here, one line in `protos/pfa/v1/record.proto`
and one migration. `BY_NAME` and `BY_COLUMN` look entries up; `SCHEMA` is what the language is given, with the
conventions of `conventions.py`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from nlq.schema import EnumValue, FieldType, Schema
from pfa_rpc.conventions import CONVENTIONS
from pfa_rpc.enum_values import DORS, SOURCES, SYNC_STATES

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
        "pfa_id",
        FieldType.ID,
        "PFA id",
        "pfa_id",
        Origin.KEY,
        pems="pfs_id",
        required=True,
        other_words=("pems id", "pfa number", "record number"),
    ),
    _text("area_silo", "area", "area_silo", "pfs_f_area", "silo", "area silo", "location", "yard", "site area"),
    _text(
        "category",
        "category",
        "category",
        "pfs_f_category",
        "kind",
        "type of equipment",
        "equipment category",
        "equipment type",
        "kind of equipment",
    ),
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
        other_words=("division of responsibility", "responsibility", "charge"),
        values=DORS,
        required=True,
        groupable=True,
        editable=True,
    ),
    _flag(
        "is_actualized",
        "actualized",
        "pfs_f_actualized",
        (
            *(
                "actualized",
                "actualised",
                "on site",
                "onsite",
                "billing",
                "already here",
                "being billed",
                "here already",
            ),
            *("has arrived", "have arrived", "has started", "have started", "already started", "that have arrived"),
            *("that has arrived", "which have arrived", "that have started", "that have already arrived"),
            *("already on site", "already arrived", "is on site", "currently on site", "on-site", "already billing"),
        ),
        (
            *(
                "not yet here",
                "not here yet",
                "not yet on site",
                "not on site yet",
                "not yet actualized",
                "forecasted only",
            ),
            *(
                "still forecast",
                "only forecast",
                "forecast only",
                "not arrived yet",
                "not yet arrived",
                "yet to arrive",
            ),
            *("unactualized", "not yet billing", "upcoming", "still to arrive", "hasn't arrived", "haven't arrived"),
            *(
                "hasn't arrived yet",
                "haven't arrived yet",
                "have not arrived",
                "not yet delivered",
                "yet to be actualized",
            ),
            *("awaiting delivery", "awaiting arrival", "pending delivery", "pending arrival", "to be delivered"),
        ),
        editable=False,
    ),
    _flag(
        "is_discontinued",
        "discontinued",
        "pfs_f_discontinued",
        ("discontinued", "cancelled", "canceled", "no longer needed", "called off", "scrapped", "dropped"),
        ("active", "in service", "still needed", "not cancelled", "still active", "live", "current"),
    ),
    _flag(
        "is_funds_transferable",
        "funds transferable",
        "pfs_f_fundstrans",
        (
            *(
                "funds transferable",
                "transferable",
                "transferable funds",
                "budget donor",
                "fund donor",
                "donor",
                "fund transferable",
            ),
            *("transferrable", "funds transferrable", "funds are transferable", "funds can be transferred"),
            *("whose funds are transferable", "marked transferable", "marked funds transferable", "transfer of funds"),
        ),
        (
            *("funds not transferable", "not funds transferable", "non transferable", "nontransferable"),
            *("funds are not transferable", "funds aren't transferable", "funds cannot be transferred"),
            *("funds can't be transferred", "non transferable funds", "untransferable", "funds non transferable"),
        ),
    ),
    _money(
        "monthly_rate",
        "monthly rate",
        "pfs_f_rental",
        "rate",
        "monthly rental",
        "rental rate",
        "monthly cost",
        *(
            "to rent",
            "to hire",
            "monthly rental rate",
            "monthly price",
            "rate per month",
            "monthly rental cost",
            "rental cost",
        ),
        *("monthly fee", "rental price", "hire rate", "in rent", "monthly rent"),
    ),
    _money(
        "purchase_price",
        "purchase price",
        "pfs_f_purchase",
        "price",
        "purchase cost",
        "to purchase",
        "to buy",
        "purchasing cost",
        "purchase value",
        "buying price",
        "purchasing price",
    ),
    _text(
        "manufacturer",
        "manufacturer",
        "manufacturer",
        "pfs_f_manufacturer",
        "make",
        "brand",
        "maker",
        "producer",
        "vendor",
    ),
    _text("model", "model", "model", "pfs_f_model"),
    _date(
        "plan",
        "start",
        "pfs_p_startdate",
        "planned start",
        "planned start date",
        "original start",
        "original start date",
        editable=False,
    ),
    _date(
        "plan",
        "end",
        "pfs_p_enddate",
        "planned end",
        "planned end date",
        "original end",
        "original end date",
        "plan finish",
        "planned finish",
        editable=False,
    ),
    _date("forecast", "start", "pfs_f_startdate", "start", "start date", "forecasted start", editable=True),
    _date("forecast", "end", "pfs_f_enddate", "end", "end date", "forecasted end", editable=True),
    _date("actual", "start", "pfs_a_startdate", editable=False),
    _date("actual", "end", "pfs_a_enddate", editable=True),
    _cost("plan", "planned cost", "budget", "original cost", "budgeted cost", "plan budget", "planned spend"),
    _cost("forecast", "forecasted cost", "cost", "expected cost", "forecast spend", "projected cost", "estimated cost"),
    _cost("actual", "spend", "spending", "actual spend", "actual spending", "cost to date", "actuals", "real cost"),
    _text(
        "contract",
        "contract",
        "contract",
        "pfs_p_projcode",
        "contract number",
        "project code",
        "contract code",
        "contract assigned",
    ),
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
    Field(
        "last_synced_at",
        FieldType.TIME,
        "last synced",
        "sync.last_synced_at",
        Origin.SYNC,
        other_words=("synced", "last sync", "synced at", "last synchronized", "synchronized"),
    ),
    Field("pems_version", FieldType.ID, "PEMS version", "sync.pems_version", Origin.SYNC, sortable=False),
    Field("local_version", FieldType.INTEGER, "local version", "sync.local_version", Origin.SYNC, required=True),
    Field("modified_fields", FieldType.NAMES, "modified fields", "sync.modified_fields", Origin.SYNC, sortable=False),
    Field(
        "modified_by",
        FieldType.TEXT,
        "modified by",
        "sync.modified_by",
        Origin.SYNC,
        other_words=(
            *("changed by", "edited by", "last modified by", "last changed by", "updated by", "last edited by"),
            *("touched by", "last updated by", "last touched by", "altered by", "modifier", "editor", "user"),
            *("changes by", "changes made by", "edits by", "edits made by", "modifications by", "updates by"),
        ),
        groupable=True,
        named=True,
    ),
    Field(
        "modified_at",
        FieldType.TIME,
        "modified",
        "sync.modified_at",
        Origin.SYNC,
        other_words=(
            *(
                "changed",
                "last modified",
                "modified at",
                "edited",
                "last changed",
                "updated",
                "last updated",
                "touched",
            ),
            *("last edited", "modification date", "last change", "altered", "last touched", "got changed"),
        ),
    ),
    Field(
        "sync_error_message",
        FieldType.TEXT,
        "sync error message",
        "sync.error_message",
        Origin.SYNC,
        sortable=False,
        quotes_pems=True,
    ),
    Field("sync_retry_count", FieldType.INTEGER, "sync retries", "sync.retry_count", Origin.SYNC, required=True),
    Field(
        "conflicting_fields",
        FieldType.NAMES,
        "conflicting fields",
        "sync.conflicting_fields",
        Origin.SYNC,
        sortable=False,
    ),
    Field(
        "deleted_in_pems",
        FieldType.BOOL,
        "deleted in PEMS",
        "sync.deleted_in_pems",
        Origin.SYNC,
        true_words=("deleted in PEMS", "gone from PEMS"),
        false_words=("not deleted in PEMS",),
        required=True,
    ),
    Field(
        "rejected_reason", FieldType.TEXT, "reason of rejection", "sync.rejected_reason", Origin.SYNC, sortable=False
    ),
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
        other_words=("changed in PEMS by", "last modified in PEMS by", "edited in PEMS by", "updated in PEMS by"),
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

SCHEMA: Final = Schema(FIELDS, CONVENTIONS)
"""What the language is given."""
