"""Goes through every world that a model allows: `explore`, which raises `Broken` with the way to a broken promise."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.unit.sync.model import Model
from tests.unit.sync.promises import check, check_rest
from tests.unit.sync.world import Violation, World


class Broken(Exception):
    """A promise is broken; the message tells the shortest way there."""


@dataclass(frozen=True)
class Explored:
    """What was gone through."""

    worlds: int
    moves: int
    at_rest: int
    """Worlds in which nothing is left to be done."""
    records: int
    """States of the record."""


def explore(model: Model, *, most: int = 3_000_000) -> Explored:
    """Go through every world, the nearest first. Raises Broken."""
    with _without_collecting():
        return _Search(model, most).run()


class _Search:
    """A breadth-first search. A world that was reached with no more faults before is not gone through again."""

    def __init__(self, model: Model, most: int) -> None:
        self._model = model
        self._most = most
        self._numbers: dict[World, int] = {}
        self._worlds: list[World] = []
        self._faults: list[int] = []
        self._from: list[tuple[int, str]] = []
        self._settling: list[tuple[int, ...]] = []
        self._moves = self._at_rest = 0

    def run(self) -> Explored:
        self._number(self._model.first, 0, (-1, ""))
        done = 0
        while done < len(self._worlds):
            try:
                self._expand(done)
            except Violation as violation:
                raise Broken(f"{violation}\n{self._way(done)}") from violation
            assert len(self._worlds) <= self._most, f"more than {self._most:,} worlds"
            done += 1
        self._check_ends()
        return Explored(len(self._numbers), self._moves, self._at_rest, len(self._model.records))

    def _expand(self, number: int) -> None:
        world, faults, model = self._worlds[number], self._faults[number], self._model
        check(model, world)
        settling = tuple(self._number(after, faults, (number, name)) for name, after in model.settling(world))
        self._settling.append(settling)
        if not settling:
            self._at_rest += 1
            check_rest(model, world)
        self._moves += len(settling)
        for name, after in model.moves(world):
            self._moves += 1
            self._number(after, faults, (number, name))
        if faults < model.bounds.faults:
            for name, after in model.faults(world):
                self._moves += 1
                self._number(after, faults + 1, (number, name))

    def _number(self, world: World, faults: int, way: tuple[int, str]) -> int:
        world = self._model.plain(world)
        new = len(self._worlds)
        number = self._numbers.setdefault(world, new)
        if number != new and self._faults[number] <= faults:
            return number
        self._numbers[world] = new
        self._worlds.append(world)
        self._faults.append(faults)
        self._from.append(way)
        return new

    def _check_ends(self) -> None:
        """Raise Broken where worlds can follow one another for ever without anybody doing anything."""
        left = [len(following) for following in self._settling]
        before: dict[int, list[int]] = {}
        for number, following in enumerate(self._settling):
            for after in following:
                before.setdefault(after, []).append(number)
        ended = [number for number, count in enumerate(left) if not count]
        for number in ended:
            for earlier in before.get(number, ()):
                left[earlier] -= 1
                if not left[earlier]:
                    ended.append(earlier)
        if len(ended) != len(left):
            restless = next(number for number, count in enumerate(left) if count)
            raise Broken(f"it never comes to rest\n{self._way(restless)}")

    def _way(self, number: int) -> str:
        """Return the moves that lead to a world, a line each, and the world."""
        world, names = self._worlds[number], []
        while number:
            number, name = self._from[number]
            names.append(f"  {name}")
        return "\n".join([*reversed(names), f"  {self._model.records[world.record]}", f"  {world}"])


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Let nobody look for cycles among a million tuples that have none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
