"""The columns of the PFA grid and the fields of the PFA screen: `COLUMNS`, and the ways to look them up.

What the product knows comes from its own table of fields; added here are the names that the screen uses, and fields
of the screen that the product does not map and therefore must hand back untouched.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from nlq.schema import FieldType
from pfa_rpc.schema import BY_NAME, ORGANIZATION_ALIAS, PEMS_FIELDS, Field


class Kind(enum.Enum):
    """What a column holds: str, Decimal, date, aware UTC datetime, or bool; None where the value is missing."""

    TEXT = "text"
    MONEY = "money"
    DATE = "date"
    STAMP = "stamp"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Column:
    """One value of a row."""

    alias: str
    """Name in the grid, and in this program."""
    kind: Kind
    type: str
    """Type that the grid's head names."""
    label: str
    screen: str | None = None
    """Name on the screen; None: the screen does not have it, and so cannot change it."""
    in_grid: bool = True
    allowed: tuple[str, ...] = ()
    """The only values that the screen takes."""


ID: Final = BY_NAME["pfa_id"].pems or "pfs_id"
ORGANIZATION: Final = ORGANIZATION_ALIAS
STAMP: Final = BY_NAME["pems_stamp"].pems or "pfs_lastmodified"
MODIFIED_BY: Final = BY_NAME["pems_modified_by"].pems or "pfs_lastmodifiedby"

_KINDS: Final = {
    FieldType.MONEY: (Kind.MONEY, "CURRENCY"),
    FieldType.DATE: (Kind.DATE, "DATE"),
    FieldType.TIME: (Kind.STAMP, "DATETIME"),
    FieldType.BOOL: (Kind.FLAG, "CHKBOOLEAN"),
    FieldType.ENUM: (Kind.TEXT, "VARCHAR"),
}
_SCREEN: Final = {
    "class": "PFS_F_CLASS",
    "category": "PFS_F_CATEGORY",
    "forecast_category": "PFS_F_CATDESC",
    "manufacturer": "PFS_F_MANUFACT",
    "model": "PFS_F_MODEL",
    "source": "PFS_F_SOURCE",
    "dor": "PFS_F_DOR",
    "forecast_start": "PFS_F_STARTDATE",
    "forecast_end": "PFS_F_ENDDATE",
    "monthly_rate": "PFS_F_RATE",
    "purchase_price": "PFS_F_PRICE",
    "is_actualized": "PFA_ACT",
    "is_discontinued": "PFA_DIS",
    "is_funds_transferable": "PFS_FT",
    "contract": "PFA_CA_CONTRACT",
    "equipment": "PFS_EQUIPMENT",
    "area_silo": "PFS_A_CORPORATE",
    "actual_end": "PFS_A_ENDDATE",
    "description": "DESCRIPTION",
}
SCREEN_ID: Final = "PFS_ID"
SCREEN_ORGANIZATION: Final = "PFS_A_ORG"


def _column(field: Field) -> Column:
    kind, grid_type = _KINDS.get(field.type, (Kind.TEXT, "CLOB" if field.name == "description" else "MIXVARCHAR"))
    allowed = tuple(value.stored.upper() for value in field.values)
    return Column(field.pems or "", kind, grid_type, field.label, _SCREEN.get(field.name), allowed=allowed)


def _unmapped(screen: str, kind: Kind) -> Column:
    return Column(screen.lower(), kind, "", "", screen, in_grid=False)


COLUMNS: Final = (
    Column(ID, Kind.TEXT, "VARCHAR", "id", SCREEN_ID),
    Column(ORGANIZATION, Kind.TEXT, "VARCHAR", "organization", SCREEN_ORGANIZATION),
    *(_column(field) for field in PEMS_FIELDS),
    _unmapped("PFS_F_RATE_UOM", Kind.TEXT),
    _unmapped("PFS_F_FREIGHT", Kind.MONEY),
    _unmapped("PFS_A_LEADTIMERENTAL", Kind.MONEY),
    _unmapped("PFA_CA_CONTRACTRE", Kind.TEXT),
    _unmapped("PFS_F_INTLASTUPDATED", Kind.DATE),
)
BY_ALIAS: Final = {column.alias: column for column in COLUMNS}
BY_SCREEN: Final = {column.screen: column for column in COLUMNS if column.screen is not None}
PERIODS: Final = tuple(
    (BY_ALIAS[BY_NAME[f"{layer}_start"].pems or ""], BY_ALIAS[BY_NAME[f"{layer}_end"].pems or ""])
    for layer in ("forecast", "actual")
)
"""Pairs of dates of which the first must not be after the second."""
