"""What a driver says of a server that is away is told as that, in whatever words and language it says it."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.store.driver_errors import connecting, translated


class DriverError(Exception):
    """What a driver raises, with the state that the server gave."""

    def __init__(self, text: str, sqlstate: str | None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


@pytest.mark.parametrize("state", ["08006", "53300", "57P01", "57P02", "57P03"])
def test_a_server_that_is_away_is_known_by_its_state(state: str) -> None:
    error = DBAPIError(None, None, DriverError("das Datenbanksystem nimmt noch keine Verbindungen an", state))
    with pytest.raises(DatabaseUnavailable, match="the database cannot be used"), connecting(1.0):
        raise error
    with pytest.raises(DatabaseUnavailable, match="the database cannot be used"), translated():
        raise error


@pytest.mark.parametrize("state", ["XX000", "42P01", "", None])
def test_what_nobody_knows_stays_a_defect(state: str | None) -> None:
    error = DBAPIError(None, None, DriverError("something else", state))
    with pytest.raises(DBAPIError), translated():
        raise error


def test_a_defect_of_ours_stays_one_whatever_its_words() -> None:
    error = IntegrityError(None, None, DriverError('null value in column "shutting down"', "23502"))
    with pytest.raises(IntegrityError), translated():
        raise error


def test_a_statement_that_the_user_may_not_run_is_no_defect() -> None:
    error = ProgrammingError(None, None, DriverError("permission denied for schema public", "42501"))
    with pytest.raises(DatabaseUnavailable, match="its user may not do this"), translated():
        raise error
