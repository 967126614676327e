"""Requests that are nearly right are answered or refused in the envelope; none is a defect."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pfa_rpc.simulator.exchange import Exchange
from pfa_rpc.simulator.http_server import Request
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.settings import GRID_PATH, SCREEN_PATH, Settings
from tests.unit.simulator.client import HEADERS, amount, day, grid_body, screen_body, text

PAIRS = {"PFS_F_RATE": amount(540_000), "PFS_F_STARTDATE": day(2026, 3, 1), "PFA_DIS": text("false")}
BODIES = {
    "rows": (GRID_PATH, grid_body("DATA_ONLY.STORED", [("pfs_lastmodified", ">=", "2026-01-01")])),
    "count": (GRID_PATH, grid_body("COUNT.STORED") | {"ADDON_FILTER": {"ALIAS_NAME": "pfs_id", "OPERATOR": "LIKE"}}),
    "get": (SCREEN_PATH, screen_body("GET", "7")),
    "update": (SCREEN_PATH, screen_body("UPDATE", "7", PAIRS, recordid=1)),
}
GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def places(found: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (holder, key) of everything in a body."""
    keys = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in list(keys):
        yield found, key
        yield from places(value)


@pytest.mark.parametrize("kind", BODIES)
@settings(deadline=None)
@given(data=st.data())
def test_a_request_with_something_else_in_a_place_is_answered_or_refused(kind: str, data: st.DataObject) -> None:
    installation = Installation(Settings())
    installation.add({"pfs_a_org": "RIO", "pfs_id": "7"}, by="okafor")
    path, body = copy.deepcopy(BODIES[kind])
    holder, key = data.draw(st.sampled_from(list(places(body))))
    holder[key] = data.draw(GARBAGE)

    request = Request("POST", path, dict(HEADERS) | {"x-api-key": "demo-key"}, json.dumps(body).encode())
    answer = asyncio.run(Exchange(installation).answer(request))

    assert answer.status in (200, 400)
    envelope = json.loads(answer.body)
    assert (envelope["Result"] is None) == bool(envelope["ErrorAlert"]) == (answer.status == 400)
