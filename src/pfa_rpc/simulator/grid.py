"""The Grid Data service: `GridService.answer` runs the query of a request anew and gives a window of its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pfa_rpc.simulator.calls import Answer, Call, Refused, enveloped, number_in
from pfa_rpc.simulator.filters import Query
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.layout import Layout
from pfa_rpc.simulator.rows import Image
from pfa_rpc.simulator.sessions import COOKIE, Sessions

ACTIONS: Final = {
    "LIST.HEAD_ONLY.STORED": "HEAD",
    "LIST.DATA_ONLY.STORED": "DATA",
    "LIST.DATA_ONLY.CACHE": "CACHE",
    "LIST.COUNT.STORED": "COUNT",
}
"""What a REQUEST_TYPE asks for."""
DEFAULT_ROWS: Final = 500
EXPIRED: Final = "The session has expired. Run the query again."


class GridService:
    """Answers grid requests."""

    def __init__(self, installation: Installation, sessions: Sessions) -> None:
        self._installation = installation
        self._sessions = sessions
        self.layout = Layout(installation.settings, installation.locale, seed=installation.settings.seed)
        """The columns that it shows, which a test can change."""

    def answer(self, call: Call) -> Answer:
        """Answer a call. Raises Refused."""
        self._check_grid(_mapping(call.body, "GRID"))
        match call.action:
            case "HEAD":
                return self._head()
            case "COUNT":
                return self._count(call)
            case "DATA":
                return self._data(call)
            case "CACHE":
                return self._cached(call)
        raise Refused(f"The request type {call.body.get('REQUEST_TYPE')} is not valid.", "REQUEST_TYPE")

    def _check_grid(self, grid: Mapping[str, Any]) -> None:
        settings = self._installation.settings
        name, number = grid.get("GRID_NAME"), grid.get("GRID_ID")
        if name is None and number is None:
            raise Refused("GRID_NAME or GRID_ID is required.", "GRID")
        if name not in (None, settings.grid_name) or str(number or settings.grid_id) != str(settings.grid_id):
            raise Refused(f"The grid {name or number} was not found.", "GRID")

    def _head(self) -> Answer:
        metadata = {"REQUEST_TYPE_META": "LIST.HEAD_ONLY.STORED", "RECORDS": "0", "CLIENTROWS": 0}
        return enveloped(_grid({"METADATA": metadata, "FIELDS": {"FIELD": self.layout.fields()}}))

    def _count(self, call: Call) -> Answer:
        count = len(self._images(call))
        metadata = {"REQUEST_TYPE_META": "LIST.COUNT.STORED", "RECORDS": str(count), "CLIENTROWS": 0}
        return enveloped(_grid({"METADATA": metadata, "TOTAL-COUNT": count}))

    def _data(self, call: Call) -> Answer:
        first, rows = self._window(call)
        session = self._sessions.find(call.headers, call.user)
        opened = session is None
        session = session or self._sessions.open(call.user)
        images = self._images(call)
        session.result = images if self._installation.settings.keep_results else None
        answer = self._page(call, images[first - 1 : first + rows], first, rows)
        if opened:
            answer.headers["set-cookie"] = f"{COOKIE}={session.id}; Path=/; HttpOnly"
        return answer

    def _cached(self, call: Call) -> Answer:
        first, rows = self._window(call)
        session = self._sessions.find(call.headers, call.user)
        if session is None or session.result is None:
            raise Refused(EXPIRED, "SESSION")
        return self._page(call, session.result[first - 1 : first + rows], first, rows)

    def _images(self, call: Call) -> list[Image]:
        installation = self._installation
        query = Query.of(call.body, installation, self.layout.columns)
        return query.images(installation, installation.settings.organizations_of.get(call.user))

    def _window(self, call: Call) -> tuple[int, int]:
        """Return the first row that is asked for, from 1, and how many."""
        grid = _mapping(call.body, "GRID")
        first = number_in(grid, "CURSOR_POSITION", 1)
        rows = number_in(grid, "NUMBER_OF_ROWS_FIRST_RETURNED", DEFAULT_ROWS)
        if first < 1 or rows < 1:
            raise Refused("CURSOR_POSITION and NUMBER_OF_ROWS_FIRST_RETURNED must be 1 or more.", "GRID")
        return first, min(rows, self._installation.settings.page_limit)

    def _page(self, call: Call, found: Sequence[Image], first: int, rows: int) -> Answer:
        """Return a window of rows; `found` may hold one row more, which tells that more are present."""
        images = list(found[:rows])
        images += images[: call.repeat_rows]
        metadata = {
            "REQUEST_TYPE_META": call.body.get("REQUEST_TYPE"),
            "RECORDS": str(len(images)),
            "CLIENTROWS": len(images),
            "MORERECORDPRESENT": "+" if len(found) > rows else "-",
            "CURRENTCURSORPOSITION": first + min(len(found), rows) - 1,
        }
        head = json.dumps(_grid({"METADATA": metadata}))
        # The rows go where the object of the grid ends, as the bytes that they were rendered to once.
        opening = head.removesuffix("}}}")
        body = b"".join(
            [b'{"Result":', opening.encode(), b',"DATA":', *self._rows(images, first), b'}}},"ErrorAlert":[]}']
        )
        return Answer(body=body, rows=len(images))

    def _rows(self, images: Sequence[Image], first: int) -> list[bytes]:
        """Return the value of DATA in pieces: a list of rows, or the row itself where there is one."""
        if not images:
            return [{"list": b'{"ROW":[]}', "missing": b"{}", "null": b"null"}[self._installation.settings.empty_page]]
        rows = self.layout.rows(images, first)
        if len(rows) == 1:
            return [b'{"ROW":', *rows, b"}"]
        return [b'{"ROW":[', self.layout.comma.join(rows), b"]}"]


def _grid(grid: Mapping[str, Any]) -> dict[str, Any]:
    return {"ResultData": {"GRID": grid}}


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    if not isinstance(found, Mapping):
        raise Refused(f"{name} is required.", name)
    return found
