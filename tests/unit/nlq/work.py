"""Work: how much a reading takes, counted in lines of the language that are run, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from nlq.query import Query
from tests.unit.nlq.cases import TODAY, language

SHORT: Final = 300
"""Characters of the shorter of two texts."""
TIMES: Final = 4
"""How often the longer one holds the shorter."""
MOST_GROWTH: Final = 5.0
"""How much more work the longer one may take: as many times, and a fourth for what is looked at around a word."""
_HOME: Final = "nlq."


def lines_run(question: str, context: Query | None = None) -> int:
    """Return how many lines of the language the reading of a question runs."""
    count = 0

    def step(_frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return step

    def enter(frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        # By their module, not their file: comparing and hashing dataclasses is written when they are made.
        return step if str(frame.f_globals.get("__name__")).startswith(_HOME) else None

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
    texts = [" ".join((head, *[piece] * count)) for count in (often, often * TIMES)]
    for text in texts:  # what is remembered from the first reading would count for the shorter text alone
        language().interpret(text, TODAY, context)
    short, full = (lines_run(text, context) for text in texts)
    return full / short
