"""The core, gone through in every order in which things can happen and go wrong."""

from __future__ import annotations

import os
import time

import pytest

from pfa_rpc.sync.merge import Terms
from tests.unit.sync.exploring import Broken, explore
from tests.unit.sync.mistakes import MISTAKES, Mistake
from tests.unit.sync.model import Model
from tests.unit.sync.records_model import APART, RULED, TIED
from tests.unit.sync.world import Bounds

WORLDS = [
    pytest.param(APART, Bounds(with_deletion=True, with_resolution=True), id="two of everything, deletion among it"),
    pytest.param(TIED, Bounds(faults=1, with_resolution=True), id="tied fields"),
    pytest.param(RULED, Bounds(edits=1, with_resolution=True), id="a rule across fields"),
    pytest.param(RULED, Bounds(changes=1, faults=1, a_minute=2), id="a rule across fields under edits"),
    pytest.param(TIED, Bounds(changes=1, with_deletion=True), id="deleted under edits"),
    pytest.param(APART, Bounds(edits=1, with_coincidence=True), id="changed back, or to the same"),
    pytest.param(APART, Bounds(changes=1, with_coincidence=True, a_minute=2), id="changed back under edits"),
    pytest.param(TIED, Bounds(changes=1, faults=1, edits_outside=True, with_resolution=True), id="edits unasked"),
]
ALL = {"with_deletion": True, "with_coincidence": True, "with_resolution": True}
MORE_WORLDS = [
    pytest.param(terms, Bounds(a_minute=minute, **more), id=f"{name}, {', '.join(more) or 'plain'}, {minute} a minute")
    for name, terms in (("apart", APART), ("tied", TIED), ("ruled", RULED))
    for minute in (2, 4)
    for more in (ALL, {"faults": 1, "edits_outside": True, **ALL})
]
"""Too many to be gone through every time: after a change of the core, set PFA_MODEL to anything."""
if os.environ.get("PFA_MODEL"):
    WORLDS += MORE_WORLDS


@pytest.mark.parametrize(("terms", "bounds"), WORLDS)
def test_no_order_of_events_breaks_a_promise(terms: Terms, bounds: Bounds, capsys: pytest.CaptureFixture[str]) -> None:
    """No edit is lost on either side, none is written twice, versions only go on, and everything comes to rest."""
    began = time.process_time()
    explored = explore(Model(terms, bounds))
    with capsys.disabled():
        print(  # noqa: T201 - how much was checked is what the test has to say
            f"\n{explored.worlds:,} worlds by {explored.moves:,} moves, {explored.at_rest:,} at rest, "
            f"{explored.records:,} states of the record, {time.process_time() - began:.1f} s"
        )
    assert explored.at_rest > 0


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_each_known_mistake_is_caught(mistake: Mistake) -> None:
    """By the promise that it breaks; so the model would find it in the core too."""
    with pytest.raises(Broken, match=mistake.found):
        mistake.explore()
