"""What a function gave, by the value that it was given: `Remembered`, for values that come again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

MOST_REMEMBERED: Final = 16_384
"""Most values that are remembered where nothing else is said."""

_T = TypeVar("_T")


class Remembered(dict[Any, _T]):
    """Value → what a function makes of it, made when it is first asked for. Once it is full, nothing more is kept."""

    __slots__ = ("_make", "_most")

    def __init__(self, make: Callable[[Any], _T], most: int = MOST_REMEMBERED) -> None:
        super().__init__()
        self._make = make
        self._most = most

    def __missing__(self, value: Any) -> _T:
        made = self._make(value)
        if len(self) < self._most:
            self[value] = made
        return made
