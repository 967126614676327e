"""Bodies of requests to the grid service: `GridRequests` for one installation, `Filter` for one condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pfa_rpc.sync.pems.settings import PemsSettings


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a column of the grid."""

    alias: str
    operator: str
    """One of =, >, >=, <=."""
    value: str


class GridRequests:
    """Makes the bodies of requests."""

    def __init__(self, settings: PemsSettings) -> None:
        self._settings = settings
        self._id = settings.columns["pfa_id"]

    def head(self) -> dict[str, Any]:
        """Return the request for the columns."""
        return self._body("LIST.HEAD_ONLY.STORED", {})

    def count(self, filters: Sequence[Filter]) -> dict[str, Any]:
        """Return the request for the number of rows."""
        return self._body("LIST.COUNT.STORED", {}) | _filtered(filters)

    def page(self, filters: Sequence[Filter], *, cursor: int = 1, rows: int | None = None) -> dict[str, Any]:
        """Return the request for rows in the order of their ids, from a position that counts from 1."""
        window = {
            "NUMBER_OF_ROWS_FIRST_RETURNED": self._settings.page_rows if rows is None else rows,
            "CURSOR_POSITION": cursor,
            "RESULT_IN_SAXORDER": "TRUE",
        }
        body = self._body("LIST.DATA_ONLY.STORED", window)
        body["ADDON_SORT"] = {"ALIAS_NAME": self._id, "TYPE": "ASC"}
        return body | _filtered(filters)

    def of(self, organization: str) -> Filter:
        """Return the condition for the rows of one organization, and of no other whose code begins likewise."""
        return Filter(self._settings.columns["organization_id"], "=", organization)

    def since(self, moment: datetime) -> Filter:
        """Return the condition for rows changed at a time or later; PEMS reads it in its own zone."""
        local = moment.astimezone(self._settings.zone)
        return Filter(self._settings.columns["pems_stamp"], ">=", local.strftime("%Y-%m-%dT%H:%M:%S"))

    def from_id(self, pfa_id: str) -> Filter:
        """Return the condition for the row with an id and those behind it, in the order of PEMS."""
        return Filter(self._id, ">=", pfa_id)

    def behind_id(self, pfa_id: str) -> Filter:
        """Return the condition for the rows behind one with an id, in the order of PEMS."""
        return Filter(self._id, ">", pfa_id)

    def to_id(self, pfa_id: str) -> Filter:
        """Return the condition for the row with an id and those before it, in the order of PEMS."""
        return Filter(self._id, "<=", pfa_id)

    def _body(self, request_type: str, window: dict[str, Any]) -> dict[str, Any]:
        settings = self._settings
        grid = {
            "GRID_NAME": settings.grid_name,
            "GRID_ID": settings.grid_id,
            "USER_FUNCTION_NAME": settings.grid_function or settings.grid_name,
        }
        return {"GRID": grid | window, "GRID_TYPE": {"TYPE": "LIST"}, "REQUEST_TYPE": request_type}


def _filtered(filters: Sequence[Filter]) -> dict[str, Any]:
    """Return the conditions, of which all must hold; the last one is joined to nothing."""
    entries: list[dict[str, Any]] = [
        {"ALIAS_NAME": f.alias, "OPERATOR": f.operator, "VALUE": f.value, "JOINER": "AND", "SEQNUM": number}
        for number, f in enumerate(filters, start=1)
    ]
    if entries:
        del entries[-1]["JOINER"]
    return {"MULTIADDON_FILTERS": {"MADDON_FILTER": entries}}
