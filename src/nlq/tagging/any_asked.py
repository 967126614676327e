"""Any asked: questions whether something has any of something: "does Silo 7 have any generators".

Gives `ask_any` and `DOES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from nlq.normalize import Token
from nlq.tagging.changed_openings import keyed
from nlq.tagging.tags import FILLER, RECORD, UNKNOWN, Reading, Tagged

DOES: Final = keyed("do", "does")
"""The words, as keys, one of which every such question begins with."""
_HAVING: Final = keyed("have", "has", "got")
_NAMING: Final = frozenset(("VALUE", RECORD, "FLAG"))
_ANY: Final = (Reading("YES_NO"),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_PLURAL: Final = "do"


def ask_any(tagged: list[Tagged], tokens: Sequence[Token], _today: date) -> list[Tagged]:
    """Return stretches with "does" as what asks whether there are any, where "have" stands behind what it asks of.

    Of several, "do the rentals have contracts" asks for those that do: only what names records can be had of them.
    """
    content = [number for number, each in enumerate(tagged) if each.tag != FILLER]
    place = next((number for number, each in enumerate(tagged) if _key(each, tokens) in DOES), len(tagged))
    having = next((at for at in range(1, len(content)) if _has(tagged[content[at]], tokens)), len(content))
    if having + 1 >= len(content) or content[having] < place or tagged[place].tag != FILLER:
        return tagged
    had = tagged[content[having + 1]]
    if tagged[content[having]].tag == "WITHOUT":
        if had.tag == "VALUE" and content[0] > place:
            tagged[content[having]].readings = _UNKNOWN  # "does Silo 7 have no cranes" asks of no record whether ...
    elif _key(tagged[place], tokens) != _PLURAL or had.tag in _NAMING:
        tagged[place].readings = _ANY
    return tagged


def _key(stretch: Tagged, tokens: Sequence[Token]) -> str:
    """Return the key of a stretch of one word, "" of any other."""
    return tokens[stretch.first].key if stretch.end == stretch.first + 1 else ""


def _has(stretch: Tagged, tokens: Sequence[Token]) -> bool:
    return stretch.tag in ("WITH", "WITHOUT") and tokens[stretch.first].key in _HAVING
