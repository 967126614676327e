"""What settings say of the database, without its driver: `Limits`, and `without_password` for URLs that are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PASSWORD: Final = re.compile(r"(?<=://)([^/@:]*):[^@]*(?=@)")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the database one process may take, and for how long."""

    pool_size: int = 5
    """Most connections."""
    pool_seconds: float = 10.0
    """How long a call waits for a connection to come free, or to be made."""
    statement_seconds: float = 30.0
    """How long a statement may run (PostgreSQL)."""
    lock_seconds: float = 10.0
    """How long a statement may wait for the lock of another writer (PostgreSQL)."""
    direct_connections: int = 0
    """Connections besides, for the smallest reads (PostgreSQL); 0: they go through the pool."""
    primary_only: bool = False
    """Whether connections must be to a database that can be written, not to a replica (PostgreSQL)."""


DEFAULT_LIMITS: Final = Limits()


def without_password(url: str) -> str:
    """Return a URL that may be shown: its password, if it has one, as asterisks."""
    return _PASSWORD.sub(r"\1:********", url)
