"""The order of groups."""

from __future__ import annotations

from nlq.query import Aggregate, Aggregation, FigureSort, Function
from pfa_rpc.store.figures.groups import Figure, Group, arranged

COUNT = Aggregation(Function.COUNT)
AREAS = ("Silo 10", None, "Silo 2", "Laydown", "Silo 1")


def areas(spec: Aggregate) -> list[object]:
    groups = [Group((area,), [Figure(1)]) for area in AREAS]
    return [group.keys[0] for group in arranged(groups, spec, spec, None)]


def test_areas_come_as_people_count_them_the_missing_one_last() -> None:
    assert areas(Aggregate((COUNT,), ("area_silo",))) == ["Laydown", "Silo 1", "Silo 2", "Silo 10", None]


def test_so_they_do_backwards() -> None:
    spec = Aggregate((COUNT,), ("area_silo",), order=(FigureSort("area_silo", descending=True),))
    assert areas(spec) == ["Silo 10", "Silo 2", "Silo 1", "Laydown", None]
