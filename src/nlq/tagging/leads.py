"""Leads: words around a question at its beginning: "run a report of", "any idea how many", "hey team,".

Gives `skip_leads` and `LEADS`. Anywhere else such words are not understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from nlq.normalize import Token
from nlq.tagging.changed_openings import keyed
from nlq.tagging.tags import FILLER, UNKNOWN, Reading, Tagged

LEADS: Final = keyed(
    *("pull", "report", "export", "grab", "check", "generate", "produce", "prepare", "view", "send"),
    *("confirm", "verify", "know", "idea", "wonder", "wondering", "curious", "help", "understand", "remind", "trying"),
    *("team", "folks", "everyone", "guys", "assistant", "question", "quick", "quickly", "regarding", "regard"),
    *("concerning", "filter", "narrow", "down", "figure", "out", "possible", "perhaps", "someone", "somebody"),
    *("anyone", "anybody", "spreadsheet", "summarize", "calculate", "compute", "determine"),
)
"""The words, as keys."""
_PASSED: Final = frozenset((FILLER, "COMMA", "PRONOUN", "TO"))
_FILLER: Final = (Reading(FILLER),)
_OURSELVES: Final = keyed("me", "us")
_NARROWING: Final = keyed("filter", "narrow")


def skip_leads(tagged: list[Tagged], tokens: Sequence[Token], _today: date) -> list[Tagged]:
    """Return stretches with words of no reader that only lead up to the question, at its beginning, as fillers."""
    narrowing = False
    leading = True
    for stretch in tagged:
        keys = [token.key for token in tokens[stretch.first : stretch.end]]
        if narrowing and keys == ["by"]:
            stretch.readings = _FILLER  # "filter by category pumps" groups nothing
        leading = leading and (stretch.tag in _PASSED or _leads(stretch, keys, tokens))
        if leading and stretch.tag == UNKNOWN:
            stretch.readings = _FILLER
            narrowing = narrowing or not _NARROWING.isdisjoint(keys)
        elif not leading and not narrowing:
            break
    return tagged


def _leads(stretch: Tagged, keys: Sequence[str], tokens: Sequence[Token]) -> bool:
    """Return whether a stretch leads up to a question; "send EQ-2087 to Silo 4" is none."""
    behind = tokens[stretch.end].key if stretch.end < len(tokens) else ""
    return stretch.tag == UNKNOWN and LEADS.issuperset(keys) and (keys != ["send"] or behind in _OURSELVES)
