"""Text of others, made fit to be sent back or logged: `harmless` cuts it and takes its control characters away."""

from __future__ import annotations

import re
from typing import Final

RUN_LENGTH: Final = 100
"""Longest run of characters without a space: what a caller sent is echoed no further than this."""

_MORE: Final = "…".encode()
_RUNS: Final = re.compile(rf"\S{{{RUN_LENGTH + 1},}}")


def harmless(text: str, size: int) -> str:
    """Return the text, at most `size` UTF-8 bytes of it, on one line, everything invisible written as an escape."""
    cut = text[: size + 1]  # first, so that a megabyte is never walked through
    if not cut.isprintable():
        cut = "".join(map(_visible, cut))
    cut = _RUNS.sub(_cut_run, cut)
    raw = cut.encode("utf-8")
    return cut if len(raw) <= size else raw[: size - len(_MORE)].decode("utf-8", "ignore") + "…"


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _cut_run(match: re.Match[str]) -> str:
    return match[0][: RUN_LENGTH - 1] + "…"
