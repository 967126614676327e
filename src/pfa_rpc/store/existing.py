"""Databases that must be there already: `require_existing`."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from pfa_rpc.errors import SetupError
from pfa_rpc.store.database import Database
from pfa_rpc.store.limits import without_password
from pfa_rpc.store.migrating.migrate import require_current


async def require_existing(database: Database, url: str) -> None:
    """Raise SetupError where a URL names a file that is not there, or a database of another schema than this version's.

    A file is looked for first: to open it would make an empty one.
    """
    path = _file(url)
    if path is not None and not path.is_file():
        raise SetupError(f"there is no database {without_password(url)}: the file {path} does not exist")
    await require_current(database)


def _file(url: str) -> Path | None:
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        return None  # the database said so when it was made
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))
