"""The one table of fields: tables, encoder, filters, import and language derive from it.

`FIELDS` lists every field of a record once. Adding a field is one entry here, one line in `protos/pfa/v1/record.proto`
and one migration. `BY_NAME` and `BY_COLUMN` look entries up; `CONVENTIONS` and `SCHEMA` are what the language is given.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from nlq.query import And, Comparison, FieldComparison, Not, Operator, Present
from nlq.schema import (
    TODAY,
    CommandConventions,
    Conventions,
    DateConventions,
    EnumValue,
    FieldType,
    Layer,
    Saying,
    Schema,
)

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
    EnumValue(
        "RENTAL",
        1,
        "Rental",
        ("rental", "rented", "rent", "renting", "hired", "hire", "rentable"),
    ),
    EnumValue(
        "PURCHASE",
        2,
        "Purchase",
        (
            "purchase",
            "purchased",
            "bought",
            "buy",
            "owned",
            "own",
            "purchasing",
            "purchase equipment",
            "to be purchased",
            "buying",
        ),
    ),
)
DORS: Final = (
    EnumValue("BEO", 1, "BEO", ("beo", "overhead")),
    EnumValue("PROJECT", 2, "PROJECT", ("project",)),
)
SYNC_STATES: Final = (
    EnumValue(
        "PRISTINE",
        1,
        "synced",
        ("synced", "pristine", "in sync", "clean", "up to date", "unmodified", "unchanged", "unedited", "synchronized"),
    ),
    EnumValue(
        "MODIFIED",
        2,
        "modified",
        (
            *("modified", "edited", "unsynced", "changed locally", "changed", "dirty", "not synced", "not yet synced"),
            *("with local changes", "local changes", "with unsynced changes", "unsynced changes", "locally modified"),
            *("with local edits", "local edits", "locally edited", "locally changed", "out of sync", "not in sync"),
            *("unsaved changes", "with unsaved changes", "not synced yet", "pending changes", "with pending changes"),
        ),
    ),
    EnumValue(
        "PENDING_SYNC",
        3,
        "pending sync",
        (
            *("pending", "pending sync", "being synced", "waiting to sync", "waiting for sync", "sync pending"),
            *("syncing", "currently syncing", "queued", "queued for sync", "waiting to be synced", "awaiting sync"),
            *("to be synced", "in the sync queue", "queued to sync", "still syncing"),
        ),
    ),
    EnumValue(
        "SYNC_ERROR",
        4,
        "failed to sync",
        (
            *(
                "failed",
                "sync error",
                "failed to sync",
                "sync failed",
                "sync failure",
                "failing to sync",
                "with errors",
            ),
            *(
                "sync errors",
                "with sync errors",
                "with a sync error",
                "with sync failures",
                "did not sync",
                "didn't sync",
            ),
            *("couldn't sync", "could not sync", "could not be synced", "couldn't be synced", "in error", "errored"),
            *("failed sync", "in conflict", "conflicted", "with conflicts", "conflicting", "with sync problems"),
            *(
                "have sync errors",
                "has a sync error",
                "fail to sync",
                "having sync errors",
                "sync problems",
                "broken sync",
            ),
            *("failed syncing", "have failed to sync", "has failed to sync", "failed synchronization"),
        ),
    ),
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
            *("funds transferable", "transferable", "transferable funds", "budget donor", "fund transferable"),
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
                "modified at",
                "last modified",
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
        "un discontinue": ("is_discontinued", False),
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
DATES: Final = DateConventions(
    layers=(
        Layer(
            "forecast",
            "forecast_start",
            "forecast_end",
            "forecast_cost",
            (
                *(
                    "forecast",
                    "forecasted",
                    "in the forecast",
                    "by forecast",
                    "according to the forecast",
                    "per forecast",
                ),
                *("by the forecast", "forecast date", "forecast period"),
            ),
        ),
        Layer(
            "plan",
            "plan_start",
            "plan_end",
            "plan_cost",
            (
                *(
                    "plan",
                    "planned",
                    "by plan",
                    "in the plan",
                    "according to plan",
                    "according to the plan",
                    "per plan",
                ),
                *("as planned", "original", "originally", "by the plan", "plan date", "plan period", "per the plan"),
                *("original plan", "baseline"),
            ),
        ),
        Layer(
            "actual",
            "actual_start",
            "actual_end",
            "actual_cost",
            (
                *("actual", "actually", "in reality", "by actual date", "actual date", "actual period", "by actual"),
                *("really", "by actuals", "based on actuals"),
            ),
        ),
    ),
    start_words=(
        *("start", "starts", "starting", "started", "start date", "to start", "begin", "begins", "beginning", "began"),
        *("arrive", "arrives", "arriving", "arrived", "arrival", "arrival date", "to arrive", "coming on site"),
        *("coming in", "mobilize", "mobilizing", "mobilized", "mobilization", "delivered", "delivery", "delivery date"),
        *("be delivered", "kick off", "kicking off", "showing up", "coming to site", "coming", "begin date"),
        *("starting date", "getting here", "due to arrive", "due to start", "due in", "on rent from"),
    ),
    end_words=(
        *("end", "ends", "ending", "ended", "end date", "to end", "finish", "finishes", "finishing", "finished"),
        *("return", "returns", "returning", "returned", "return date", "to return", "be returned", "leave", "leaves"),
        *("leaving", "left site", "departing", "departs", "expire", "expires", "expiring", "expired", "demobilize"),
        *("demobilizing", "demobilized", "off rent", "going off rent", "coming off rent", "due back", "going back"),
        *("wrap up", "wrapping up", "finish date", "leaving site", "off site", "going off site", "due to end"),
        *("due to return", "due to leave", "completing", "completed", "rolling off", "run out", "running out"),
        *("ending date", "needed until", "off hire", "completion", "completion date"),
    ),
    within_words=(
        *("on site", "onsite", "on rent", "needed", "in use", "required", "on location", "on the job", "working"),
        *("active", "in place", "here", "on hire", "rented out", "in the field", "on the ground", "running"),
        *("be on site", "will be on site", "on site at any time", "at work", "deployed", "overlapping", "overlap"),
    ),
    recorded={
        "modified_by": "modified_at",
        "pems_modified_by": "pems_stamp",
        "sync_state": "modified_at",
    },
    spread=("plan_cost", "forecast_cost", "actual_cost"),
)


def _above(field: str, other: str) -> FieldComparison:
    return FieldComparison(field, Operator.GT, other)


def _below(field: str, other: str) -> FieldComparison:
    return FieldComparison(field, Operator.LT, other)


def _within(field: str, other: str) -> FieldComparison:
    return FieldComparison(field, Operator.LE, other)


SAYINGS: Final = (
    Saying(
        (
            *("late", "behind schedule", "delayed", "running late", "running behind", "slipped", "slipping"),
            *("behind plan", "ending late", "finishing late", "returning late", "ends late", "overrun", "overrunning"),
            *("behind", "past schedule", "over schedule", "past plan"),
        ),
        _above("forecast_end", "plan_end"),
        (_above("actual_end", "plan_end"), _above("forecast_start", "plan_start")),
    ),
    Saying(
        (
            *("starting late", "late to start", "late start", "starts late", "arriving late", "late arriving"),
            *("started late", "arrived late"),
        ),
        _above("forecast_start", "plan_start"),
        (_above("actual_start", "plan_start"),),
    ),
    Saying(
        (
            "ahead of schedule",
            "early",
            "running early",
            "ending early",
            "finishing early",
            "returning early",
            "ahead of plan",
        ),
        _below("forecast_end", "plan_end"),
        (_below("actual_end", "plan_end"),),
    ),
    Saying(
        ("on schedule", "on time", "not late", "in time"),
        _within("forecast_end", "plan_end"),
        (_within("actual_end", "plan_end"),),
    ),
    Saying(
        ("overspent", "overspending", "cost overrun", "overbudget", "blowing the budget", "in the red"),
        _above("forecast_cost", "plan_cost"),
        (_above("actual_cost", "plan_cost"),),
    ),
    Saying(
        ("underspent", "underspending", "in the black", "underbudget"),
        _below("forecast_cost", "plan_cost"),
        (_below("actual_cost", "plan_cost"),),
    ),
    Saying(
        ("within budget", "on budget", "within plan", "in budget", "within the budget"),
        _within("forecast_cost", "plan_cost"),
        (_within("actual_cost", "plan_cost"),),
    ),
    Saying(
        (
            "overdue",
            "past due",
            "should have left",
            "past their end date",
            "past its end date",
            "past their end",
            "should be gone",
            "past due date",
            "overstaying",
            "past their return date",
            "past their forecast end",
        ),
        And((Comparison("forecast_end", Operator.LT, TODAY), Not(Present("actual_end")))),
    ),
)
"""Phrases that stand for conditions."""
CONVENTIONS: Final = Conventions(
    commands=COMMANDS,
    dates=DATES,
    sayings=SAYINGS,
    compared={
        "plan_cost": "forecast_cost",
        "forecast_cost": "actual_cost",
        "plan_end": "forecast_end",
        "plan_start": "forecast_start",
        "forecast_end": "actual_end",
        "forecast_start": "actual_start",
    },
    gaps={
        "variance": ("forecast_cost", "plan_cost"),
        "cost variance": ("forecast_cost", "plan_cost"),
        "forecast variance": ("forecast_cost", "plan_cost"),
        "budget variance": ("forecast_cost", "plan_cost"),
        "actual variance": ("actual_cost", "plan_cost"),
    },
    exclusive=(("is_discontinued", "is_funds_transferable"),),
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
        "modified_at": "",
        "last_synced_at": "",
    },
)
SCHEMA: Final = Schema(FIELDS, CONVENTIONS)
"""What the language is given."""
