"""The order in which people expect texts: `natural` puts Silo 2 before Silo 10."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = re.compile(r"([0-9]+)")


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return what a text is sorted by: in any case, and numbers inside by their size."""
    parts = _DIGITS.split(text.casefold())
    # Text and digits take turns. Of numbers without leading zeros the longer one is larger, whatever its length.
    return tuple(
        (len(part.lstrip("0")), part.lstrip("0")) if place % 2 else (0, part) for place, part in enumerate(parts)
    )
