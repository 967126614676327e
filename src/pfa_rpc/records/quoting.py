"""Sentences that repeat what PEMS said, for who may not see money: `without_amounts`."""

from __future__ import annotations

import re
from typing import Final

_STATUS: Final = r"(?:with status |\(status )\d{3}\b"
"""How our own sentences name the status of an answer."""
_NUMBER: Final = r"\d+(?:[.,'’\u00a0\u202f]\d+)*"
_STATUS_OR_NUMBER: Final = re.compile(f"({_STATUS})|{_NUMBER}")


def without_amounts(text: str) -> str:
    """Return a sentence with each number replaced by “…”.

    PEMS words its refusals as it likes, and no other sign tells an amount from another number.
    """
    return _STATUS_OR_NUMBER.sub(lambda found: found[1] or "…", text)
