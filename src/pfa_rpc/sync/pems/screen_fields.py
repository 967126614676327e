"""What the screen of PEMS calls the fields of a record: `SCREEN_FIELDS`. No other can be written."""

from __future__ import annotations

from typing import Final

SCREEN_FIELDS: Final = {
    "pfa_id": "PFS_ID",
    "organization_id": "PFS_A_ORG",
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
}
"""Field → name on the screen, where an installation does not call it otherwise."""
KEYS: Final = ("pfa_id", "organization_id")
"""The fields that name a record; they are sent, and never changed."""
