"""How a database orders and compares text: `COLLATIONS`, by name. Ids are text, so their order is the database's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

Collation = Callable[[str], Any]
"""Text → its place in the order; texts with equal places are equal to filters."""

_REMEMBERED: Final = 1 << 18
_DIGITS: Final = re.compile(r"([0-9]+)")
_PUNCTUATION: Final = re.compile(r"[\W_]+")


def _binary(text: str) -> str:
    return text


@lru_cache(_REMEMBERED)
def _linguistic(text: str) -> tuple[str, str]:
    """Order letters and digits first, then what stands between them, as dictionaries do."""
    return _PUNCTUATION.sub("", text).casefold(), text


@lru_cache(_REMEMBERED)
def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Order runs of digits by their value: 99 before 100."""
    parts = _DIGITS.split(text.casefold())
    return tuple((0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts if part)


COLLATIONS: Final[Mapping[str, Collation]] = {
    "binary": _binary,
    "ignore-case": str.casefold,
    "linguistic": _linguistic,
    "natural": _natural,
}
