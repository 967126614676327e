"""A plain client of PEMS, for tests of the simulator: it sends what it is told to and reads what comes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from pfa_rpc.simulator.running import Simulator
from pfa_rpc.simulator.settings import GRID_PATH, SCREEN_PATH

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP: reading those that the machine trusts takes a tenth of a second a client."""
HEADERS = {"tenant": "DEMO", "organization": "RIO", "X-API-Key": "demo-key"}
Filter = tuple[str, str, str]


class PlainClient:
    """Calls the services of a simulator."""

    def __init__(self, pems: Simulator, headers: Mapping[str, str] | None = None) -> None:
        self.pems = pems
        self.http = httpx.AsyncClient(base_url=pems.url, headers=headers or HEADERS, timeout=10, verify=NO_AUTHORITIES)
        self.columns: dict[int, str] = {}

    async def grid(self, kind: str, *filters: Filter, **options: Any) -> httpx.Response:
        """Send a grid request: kind is HEAD_ONLY.STORED, DATA_ONLY.STORED and so on."""
        return await self.http.post(GRID_PATH, json=grid_body(kind, filters, **options))

    async def head(self) -> list[dict[str, Any]]:
        """Return the fields of the grid, and remember their numbers."""
        answer = await self.grid("HEAD_ONLY.STORED")
        fields: list[dict[str, Any]] = grid_of(answer)["FIELDS"]["FIELD"]
        self.columns = {field["aliasnum"]: field["name"] for field in fields}
        return fields

    async def rows(self, *filters: Filter, **options: Any) -> list[dict[str, Any]]:
        """Return the rows of one answer, by column."""
        if not self.columns:
            await self.head()
        return self.named(await self.grid("DATA_ONLY.STORED", *filters, **options))

    def named(self, answer: httpx.Response) -> list[dict[str, Any]]:
        """Return the rows of an answer, by column."""
        rows = grid_of(answer)["DATA"]["ROW"]
        rows = rows if isinstance(rows, list) else [rows]
        return [{self.columns[cell["n"]]: cell["value"] for cell in row["D"]} for row in rows]

    async def ids(self, *filters: Filter, **options: Any) -> list[str]:
        """Return the ids of the rows of one answer."""
        return [row["pfs_id"] for row in await self.rows(*filters, **options)]

    async def count(self, *filters: Filter) -> int:
        """Return how many rows there are."""
        count: int = grid_of(await self.grid("COUNT.STORED", *filters))["TOTAL-COUNT"]
        return count

    async def screen(self, action: str, pfa_id: str, **more: Any) -> httpx.Response:
        """Send a screen request; `pairs` are values by field, `recordid` the lock."""
        return await self.http.post(SCREEN_PATH, json=screen_body(action, pfa_id, **more))

    async def get(self, pfa_id: str) -> tuple[dict[str, Any], int]:
        """Return the values of an object by field, and its lock."""
        found = object_of(await self.screen("GET", pfa_id))
        pairs = found["USERDEFINEDSCREENFIELDVALUELIST"]["USERDEFINEDSCREENFIELDVALUEPAIR"]
        values = {pair["USERDEFINEDSCREENFIELDNAME"]: pair["USERDEFINEDSCREENFIELDVALUE"] for pair in pairs}
        return values, found["recordid"]

    async def update(self, pfa_id: str, **changes: Any) -> httpx.Response:
        """Read an object, lay changes over it, and write it back as one should."""
        values, recordid = await self.get(pfa_id)
        return await self.screen("UPDATE", pfa_id, pairs=values | changes, recordid=recordid)


def grid_body(kind: str, filters: Sequence[Filter] = (), **options: Any) -> dict[str, Any]:
    """Return a grid request for the rows of RIO."""
    grid = {
        "GRID_NAME": "CUPFAG",
        "GRID_ID": 100541,
        "USER_FUNCTION_NAME": "CUPFAG",
        "NUMBER_OF_ROWS_FIRST_RETURNED": options.get("rows", 10_000),
        "CURSOR_POSITION": options.get("cursor", 1),
    }
    wanted = [("pfs_a_org", "=", options.get("organization", "RIO")), *filters]
    return {
        "GRID": grid,
        "ADDON_SORT": {"ALIAS_NAME": options.get("sort", "pfs_id"), "TYPE": options.get("direction", "ASC")},
        "MULTIADDON_FILTERS": {
            "MADDON_FILTER": [
                {"ALIAS_NAME": alias, "OPERATOR": operator, "VALUE": value, "JOINER": "AND", "SEQNUM": number}
                for number, (alias, operator, value) in enumerate(wanted, start=1)
            ]
        },
        "GRID_TYPE": {"TYPE": "LIST"},
        "REQUEST_TYPE": f"LIST.{kind}",
    }


def screen_body(
    action: str, pfa_id: str, pairs: Mapping[str, Any] | None = None, recordid: int | None = None
) -> dict[str, Any]:
    """Return a screen request."""
    values = {"PFS_ID": text(pfa_id), "PFS_A_ORG": text("RIO"), **(pairs or {})}
    body: dict[str, Any] = {
        "USERDEFINEDSCREENNAME": "CUPFA2",
        "USERDEFINEDSERVICEACTION": action,
        "USERDEFINEDSCREENFIELDVALUELIST": {
            "USERDEFINEDSCREENFIELDVALUEPAIR": [
                {"USERDEFINEDSCREENFIELDNAME": name, "USERDEFINEDSCREENFIELDVALUE": value}
                for name, value in values.items()
            ]
        },
    }
    return body | ({} if recordid is None else {"recordid": recordid})


def grid_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the grid of an answer that went well."""
    assert answer.status_code == 200, answer.text
    grid: dict[str, Any] = answer.json()["Result"]["ResultData"]["GRID"]
    return grid


def object_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the object of an answer that went well."""
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["Result"]["ResultData"]["UserDefinedScreenService"]
    return found


def alert(answer: httpx.Response) -> str:
    """Return the sentence of a refusal, which comes in the envelope."""
    body = answer.json()
    assert body["Result"] is None
    message: str = body["ErrorAlert"][0]["Message"]
    return message


def text(value: str | None) -> dict[str, Any]:
    """Return text as the screen sends it."""
    return {"TEXTDATA": value}


def amount(value: int | float, decimals: int = 2) -> dict[str, Any]:
    """Return an amount as the screen sends it: digits without a point, and how many of them are decimals."""
    return {"NUMERICDATA": {"VALUE": value, "NUMOFDEC": decimals, "SIGN": "+", "CURRENCY": "XXX", "DRCR": "D"}}


def day(year: int, month: int, of_month: int) -> dict[str, Any]:
    """Return a date as the screen sends it."""
    return {"DATETIMEDATA": {"YEAR": year, "MONTH": month, "DAY": of_month, "HOUR": 0, "MINUTE": 0, "SECOND": 0}}
