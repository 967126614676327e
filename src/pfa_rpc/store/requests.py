"""Responses of requests that changed something, for a day, so that a repeated request gets the first one.

Gives `RequestKey`, and `find_response`, `keep_response` and `drop_expired` within a transaction. A response is kept by
the transaction that it tells of: after a crash both are there, or neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import RequestIdReused
from pfa_rpc.store.bulk import insert_for, insert_text, parameters_of, places
from pfa_rpc.store.database import Write
from pfa_rpc.store.tables import request_results

KEPT: Final = timedelta(hours=24)
"""How long a response is kept."""
DROPPED_AT_ONCE: Final = 200
"""Most expired responses that one transaction drops."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Names a request that may be repeated."""

    organization_id: str
    requester: str
    request_id: str
    digest: bytes
    """Of all that is asked for."""


async def find_response(connection: AsyncConnection, key: RequestKey, now: datetime) -> bytes | None:
    """Return the response of a request, None where there is none of the last 24 hours.

    Raises RequestIdReused where the name belongs to another request.
    """
    parameters = {**_names(key), "since": now - KEPT}
    row = (await connection.execute(_FIND, parameters)).one_or_none()
    if row is None:
        return None
    if row.digest != key.digest:
        raise RequestIdReused(
            f"request_id {key.request_id!r} was used for another request within 24 hours; take a new one",
            metadata={"organization_id": key.organization_id, "request_id": key.request_id},
        )
    response: bytes = row.response
    return response


async def keep_response(connection: AsyncConnection, key: RequestKey, response: bytes, at: datetime) -> None:
    """Keep the response of a request; one that has expired makes room, one that is newer stays."""
    parameters = {**_names(key), "digest": key.digest, "response": response, "committed_at": at, "expired": at - KEPT}
    await connection.execute(_upsert(connection.dialect.name), parameters)


def leave_response(write: Write, key: RequestKey, response: bytes) -> None:
    """Leave it to the end of a write to keep the response of the request that it carries out, as `keep_response`."""
    row = {**_key_columns(key), "digest": key.digest, "response": response, "committed_at": write.at}
    dialect = write.ending.dialect
    [expired] = parameters_of(request_results, dialect, {"committed_at": write.at - KEPT})
    parameters = (*parameters_of(request_results, dialect, row), expired)
    write.ending.run(_upsert_text(tuple(row), dialect.paramstyle), parameters)


@cache
def _upsert_text(names: tuple[str, ...], paramstyle: str) -> str:
    kept = ", ".join(f"{name} = excluded.{name}" for name in ("digest", "response", "committed_at"))
    return (
        f"{insert_text(request_results, names, paramstyle)} ON CONFLICT (organization_id, requester, request_id) "
        f"DO UPDATE SET {kept} WHERE request_results.committed_at <= {places(len(names) + 1, paramstyle)[-1]}"
    )


async def drop_expired(connection: AsyncConnection, organization_id: str, now: datetime) -> None:
    """Drop some of an organization's responses that are older than a day, if there are any."""
    table = request_results
    expired = (
        sa.select(table.c.requester, table.c.request_id)
        .where(table.c.organization_id == organization_id, table.c.committed_at <= now - KEPT)
        .limit(DROPPED_AT_ONCE)
    )
    names = sa.tuple_(table.c.requester, table.c.request_id)
    await connection.execute(
        sa.delete(table).where(
            table.c.organization_id == organization_id, table.c.committed_at <= now - KEPT, names.in_(expired)
        )
    )


def _names(key: RequestKey) -> dict[str, str]:
    return {"of": key.organization_id, "requester": key.requester, "request_id": key.request_id}


def _key_columns(key: RequestKey) -> dict[str, str]:
    return {"organization_id": key.organization_id, "requester": key.requester, "request_id": key.request_id}


def _bound(name: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type)


_T: Final = request_results.c
# Made once: to put them together takes as long as to run them.
_FIND: Final = sa.select(_T.digest, _T.response).where(
    _T.organization_id == _bound("of", _T.organization_id),
    _T.requester == _bound("requester", _T.requester),
    _T.request_id == _bound("request_id", _T.request_id),
    _T.committed_at > _bound("since", _T.committed_at),
)


@cache
def _upsert(dialect: str) -> sa.Insert:
    insert = insert_for(dialect, request_results).values(
        organization_id=_bound("of", _T.organization_id),
        **{column.name: _bound(column.name, column) for column in _T if column.name != "organization_id"},
    )
    return insert.on_conflict_do_update(
        index_elements=["organization_id", "requester", "request_id"],
        set_={name: insert.excluded[name] for name in ("digest", "response", "committed_at")},
        where=_T.committed_at <= _bound("expired", _T.committed_at),
    )
