"""What PEMS said, for who may not see money."""

from __future__ import annotations

import pytest

from pfa_rpc.records.quoting import without_amounts


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("PEMS says: The amount 5,400.00 is not valid.", "PEMS says: The amount … is not valid."),
        ("PEMS says: 5'400,50 USD5400 -7 5.4E5", "PEMS says: … USD… -… …E…"),
        ("PEMS says: 5\u202f400", "PEMS says: …"),
        ("PEMS failed with status 500: rate 500", "PEMS failed with status 500: rate …"),
        ("PEMS is not available (status 503)", "PEMS is not available (status 503)"),
        ("PEMS says: status 540", "PEMS says: status …"),
        ("PEMS does not have this record any more", "PEMS does not have this record any more"),
    ],
)
def test_numbers_are_left_out_but_for_the_status_of_an_answer(said: str, told: str) -> None:
    assert without_amounts(said) == told
