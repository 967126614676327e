"""What drivers raise → DatabaseUnavailable, with a sentence that says what to do: `translated`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from pfa_rpc.errors import DatabaseUnavailable, InvalidRequest

_ADVICE: Final = {
    # SQLite
    "database is locked": "another process is writing to it; try again",
    "readonly": "it can only be read; check the permissions of the file and its folder",
    "is full": "the disk is full; free some space",
    "unable to open": "it cannot be opened; check that the folder exists and may be written to",
    "not a database": "the file is not an SQLite database; name another file",
    "malformed": "the file is damaged; restore it from a backup",
    "disk I/O": "the disk fails to read or write, or is full",
    # PostgreSQL
    "statement timeout": "the statement took too long; narrow the filter, or raise PFA_DATABASE_STATEMENT_SECONDS",
    "lock timeout": "another writer holds the organization for too long; try again",
    "starting up": "it is starting; try again",
    "shutting down": "it is shutting down; try again when it is up",
    "terminating connection": "it ended the connection; try again",
    "too many clients": "it has no connection left; lower PFA_DATABASE_POOL_SIZE, or raise its max_connections",
    "read-only transaction": "it can only be read; name the primary, not a replica",
    "target attribute requirement": "it can only be read; name the primary, not a replica",
    "No space left": "its disk is full; free some space",
    "password authentication": "it does not accept the user or password of its URL",
    "connection slots": "it has no connection left; lower PFA_DATABASE_POOL_SIZE, or raise its max_connections",
    "prepared statement": "a pooler in between loses prepared statements; add ?statement_cache_size=0 to the URL",
    "does not exist": "the database or user of its URL does not exist; create it",
    "connection was closed": "the connection to it was lost; try again",
    "connection is closed": "the connection to it was lost; try again",
}
_NOT_PERMITTED: Final = "42501"
_NO_SUCH_CHARACTER: Final = "22021"
_STATES: Final = {
    # PostgreSQL says these in several sentences, and in the language of its lc_messages.
    _NOT_PERMITTED: "its user may not do this; let it own the database and its tables, or GRANT what is missing",
    "08": "the connection to it was lost; try again",
    "53": "it has run out of memory, connections or disk; see its log",
    "57P01": "it ended the connection; try again",
    "57P02": "it ended the connection; try again",
    "57P03": "it is starting or shutting down; try again",
}
"""What can be done about an SQLSTATE, or about a class of them."""
_DEFECTS: Final = (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError)
"""What speaks of our statements, not of the state that the database is in."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what a driver raises in the body into DatabaseUnavailable; InvalidRequest for text that it cannot hold."""
    try:
        yield
    except DBAPIError as error:
        if _state(error) == _NO_SUCH_CHARACTER:
            raise InvalidRequest("a text of the request holds the character U+0000, which no value can have") from error
        advice = _advice(error)
        if advice is None or (_is_defect(error) and not error.connection_invalidated):
            raise  # it belongs into the log with its trace
        raise DatabaseUnavailable(f"the database cannot be used: {advice}") from error


@contextmanager
def connecting(seconds: float) -> Iterator[None]:
    """Turn what goes wrong while a connection is taken or made into DatabaseUnavailable."""
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise DatabaseUnavailable(f"no database connection came free within {seconds:.0f} s; try again") from error
    except TimeoutError as error:
        raise DatabaseUnavailable(f"the database does not answer within {seconds:.0f} s; check that it runs") from error
    except DBAPIError as error:
        advice = _advice(error)
        if advice is None:
            raise
        raise DatabaseUnavailable(f"the database cannot be used: {advice}") from error
    except OSError as error:
        why = error.strerror or error
        raise DatabaseUnavailable(
            f"the database cannot be reached ({why}); check that it runs where its URL says"
        ) from error


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _is_defect(error: DBAPIError) -> bool:
    """Tell whether it is a fault of our statements. One that the user may not run is none."""
    return isinstance(error, _DEFECTS) and _state(error) != _NOT_PERMITTED


def _advice(error: DBAPIError) -> str | None:
    """Return what can be done about an error; None for one that is not known."""
    text = str(error.orig)
    known = next((advice for words, advice in _ADVICE.items() if words in text), None)
    state = _state(error)
    known = known or _STATES.get(state) or _STATES.get(state[:2])
    return known or ("the connection to it was lost; try again" if error.connection_invalidated else None)
