"""The order in which people expect texts."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nlq.natural_order import natural


def test_numbers_inside_count_by_their_size() -> None:
    names = ["Silo 10", "silo 2", "SILO 1", "Laydown", "Silo 2B", "Silo 10A", "4IN", "45kW", "100kW"]
    expected = ["4IN", "45kW", "100kW", "Laydown", "SILO 1", "silo 2", "Silo 2B", "Silo 10", "Silo 10A"]
    assert sorted(names, key=natural) == expected


def test_a_number_of_any_length_and_script_has_a_place() -> None:
    assert natural("9" * 10_000) < natural("1" + "0" * 10_000)
    assert natural("EQ-007") == natural("eq-7")
    assert sorted(["٣", "2", ""], key=natural) == ["", "2", "٣"]


@given(st.lists(st.text(max_size=8)))
def test_any_texts_can_be_compared(texts: list[str]) -> None:
    ordered = sorted(texts, key=natural)
    assert all(natural(one) <= natural(other) for one, other in pairwise(ordered))
