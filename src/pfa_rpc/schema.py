"""The one table of fields: tables, encoder, filters, import and language derive from it.

`FIELDS` lists every field of a record once. Adding a field is one entry here, one line in `protos/pfa/v1/record.proto`
and one migration. `BY_NAME` and `BY_COLUMN` look entries up; `SCHEMA` is what the language is given, with the
conventions of `conventions.py`. What a field is, `fields.py` says.
"""

from __future__ import annotations

from typing import Final

from nlq.schema import FieldType, Schema
from pfa_rpc.conventions import CONVENTIONS
from pfa_rpc.enum_values import DORS, SOURCES, SYNC_STATES
from pfa_rpc.fields import (
    COST_DECIMALS,
    RATE_DECIMALS,
    Field,
    Origin,
    cost_field,
    date_field,
    difference_field,
    flag_field,
    money_field,
    text_field,
)

__all__ = [
    "BY_COLUMN",
    "BY_NAME",
    "COMPUTED",
    "COST_DECIMALS",
    "FIELDS",
    "ID_LENGTH",
    "MERGED_FIELDS",
    "ORGANIZATION_ALIAS",
    "PEMS_FIELDS",
    "RATE_DECIMALS",
    "SCHEMA",
    "SORTED_BY",
    "Field",
    "Origin",
]

ID_LENGTH: Final = 200
"""Longest pfa_id, in characters."""


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
    text_field("area_silo", "area", "area_silo", "pfs_f_area", "silo", "area silo", "location", "yard", "site area"),
    text_field(
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
    text_field("forecast_category", "forecast category", "forecast_category", "pfs_f_catdesc"),
    text_field("class", "class", "equipment_class", "pfs_f_class", "equipment class"),
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
    flag_field(
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
            *(
                "arrived",
                "started",
                "mobilized",
                "on rent",
                "on hire",
                "currently on rent",
                "been delivered",
                "delivered",
            ),
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
            *("still to come", "yet to come", "not arrived", "has not arrived", "not shown up"),
            *("haven't shown up", "hasn't shown up", "haven't shown up yet", "hasn't shown up yet", "yet to show up"),
            *("has not arrived yet", "have not arrived yet", "not delivered", "not been delivered", "not yet started"),
            *("awaiting delivery", "awaiting arrival", "pending delivery", "pending arrival", "to be delivered"),
            *("still to be actualized", "to be actualized", "not been actualized", "not started", "yet to start"),
            *("not on rent", "not yet on rent", "not on hire", "waiting to arrive", "still to start"),
        ),
        editable=False,
    ),
    flag_field(
        "is_discontinued",
        "discontinued",
        "pfs_f_discontinued",
        ("discontinued", "cancelled", "canceled", "no longer needed", "called off", "scrapped", "dropped"),
        ("active", "in service", "still needed", "not cancelled", "still active", "live", "current"),
    ),
    flag_field(
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
            *("donate funds", "donating funds", "able to donate funds", "give up funds", "release funds"),
        ),
        (
            *("funds not transferable", "not funds transferable", "non transferable", "nontransferable"),
            *("funds are not transferable", "funds aren't transferable", "funds cannot be transferred"),
            *("funds can't be transferred", "non transferable funds", "untransferable", "funds non transferable"),
        ),
    ),
    money_field(
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
        *("monthly fee", "rental price", "hire rate", "in rent", "monthly rent", "monthly spend", "monthly spending"),
    ),
    money_field(
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
    text_field(
        "manufacturer",
        "manufacturer",
        "manufacturer",
        "pfs_f_manufacturer",
        "make",
        "brand",
        "maker",
        "mfr",
        "producer",
        "vendor",
    ),
    text_field("model", "model", "model", "pfs_f_model", "model number", "model no"),
    date_field(
        "plan",
        "start",
        "pfs_p_startdate",
        "planned start",
        "planned start date",
        "original start",
        "original start date",
        editable=False,
    ),
    date_field(
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
    date_field("forecast", "start", "pfs_f_startdate", "start", "start date", "forecasted start", editable=True),
    date_field("forecast", "end", "pfs_f_enddate", "end", "end date", "forecasted end", editable=True),
    date_field("actual", "start", "pfs_a_startdate", editable=False),
    date_field("actual", "end", "pfs_a_enddate", editable=True),
    cost_field("plan", "planned cost", "budget", "original cost", "budgeted cost", "plan budget", "planned spend"),
    cost_field(
        "forecast", "forecasted cost", "cost", "expected cost", "forecast spend", "projected cost", "estimated cost"
    ),
    cost_field(
        "actual", "spend", "spending", "actual spend", "actual spending", "cost to date", "actuals", "real cost"
    ),
    text_field(
        "contract",
        "contract",
        "contract",
        "pfs_p_projcode",
        "contract number",
        "project code",
        "contract code",
        "contract no",
        "contract assigned",
    ),
    text_field(
        "equipment",
        "equipment tag",
        "equipment",
        "pfs_equipment_tag",
        *("equipment", "tag", "equipment number", "tag number", "tag no", "asset tag", "asset number", "equipment no"),
    ),
    text_field("description", "description", "description", "description", named=False),
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

COMPUTED: Final = (
    difference_field("variance", "variance", "cost variance", "forecast variance", "budget variance", of="forecast"),
    difference_field("actual_variance", "actual variance", "actual cost variance", of="actual"),
)
"""What figures and orders can be of besides the fields: one cost of a record less another."""
SORTED_BY: Final = BY_NAME | {field.name: field for field in COMPUTED}
"""What orders can name, by name, where the field is sortable."""

SCHEMA: Final = Schema(FIELDS, CONVENTIONS, COMPUTED)
"""What the language is given."""
