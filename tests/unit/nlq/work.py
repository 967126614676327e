"""Work: how much a reading takes, counted in lines of the language that are run, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import nlq
from nlq.query import Query
from tests.unit.nlq.cases import TODAY, language

SHORT: Final = 300
"""Characters of the shorter of two texts."""
TIMES: Final = 4
"""How often the longer one holds the shorter."""
MOST_GROWTH: Final = 5.0
"""How much more work the longer one may take: as many times, and a fourth for what is looked at around a word."""
_HOME: Final = str(Path(str(nlq.__file__)).parent)


def lines_run(question: str, context: Query | None = None) -> int:
    """Return how many lines of the language the reading of a question runs."""
    count = 0

    def step(_frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return step

    def enter(frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        return step if frame.f_code.co_filename.startswith(_HOME) else None

    spoken, before = language(), sys.gettrace()
    sys.settrace(enter)
    try:
        spoken.interpret(question, TODAY, context)
    finally:
        sys.settrace(before)
    return count


def growth(piece: str, head: str = "", context: Query | None = None) -> float:
    """Return how much more work it takes to read a piece four times as often, behind a text that stays the same."""
    often = max(SHORT // (len(piece) + 1), 2)
    short, full = (lines_run(" ".join((head, *[piece] * count)), context) for count in (often, often * TIMES))
    return full / short
