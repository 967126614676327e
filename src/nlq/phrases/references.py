"""References: what goes on from another question, orders that change nothing, and the verbs of an order of records.

Gives `settle_references`, `settle_orders` and `settle_sorts`, parts of `context.settle`.
"""

from __future__ import annotations

from typing import Final

from nlq.normalize import Token
from nlq.phrases.line import skip_silent
from nlq.phrases.neighbours import POLITE
from nlq.tagging.fillers import EVERYTHING, PRONOUNS
from nlq.tagging.tags import FILLER, PRONOUN, RECORD, SILENT, UNKNOWN, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_BY: Final = (Reading("BY"),)
_ORDERING: Final = frozenset(("hold", "contain", "use", "supply", "come", "go", "type", "charge", "run"))
_ASKS: Final = frozenset(("is", "are", "was", "were", "do", "does", "have", "has", "did"))
_ALL: Final = frozenset(("all", "every", "each"))
_FIGURES: Final = frozenset(("FUNCTION", "COUNT"))
_CONNECTING: Final = frozenset(("AND", "OR", "BUT"))
_REFERRING: Final = _CONNECTING | {PRONOUN, "SORT"}
"""Tags, one of which a question has that goes on from another, if it says anything."""
_DETERMINERS: Final = frozenset(("these", "those"))
_NOUNS: Final = frozenset(("VALUE", "FLAG", "FIELD", "MEASURE", RECORD))


def settle_references(tagged: list[Tagged], tokens: list[Token], *, goes_on: bool) -> None:
    """Report what goes on from another question where there is none: "and Silo 5?", "those over 5k"."""
    tags = {stretch.readings[0].tag for stretch in tagged}
    if tags.isdisjoint(_REFERRING) and not tags <= SILENT:
        return
    content = [stretch for stretch in tagged if stretch.readings[0].tag not in SILENT]
    fillers = not content and not goes_on and all(stretch.tag == FILLER for stretch in tagged)
    if fillers and not any(token.key in EVERYTHING for token in tokens):
        for stretch in tagged:
            stretch.readings = _UNKNOWN
    ends = [stretch for stretch in content[:1] + content[-1:] if stretch.readings[0].tag in _CONNECTING]
    plus = len(ends) > 0 and len(content) > 1 and content[-2].is_amount and tokens[content[-1].first].key == "plus"
    for stretch in ends if not plus else ():  # "$12k plus"
        stretch.readings = _UNKNOWN
    said = goes_on
    for position, stretch in enumerate(tagged):
        tag = stretch.readings[0].tag
        if tag == PRONOUN:
            determines = tokens[stretch.first].key in _DETERMINERS and position + 1 < len(tagged)
            stretch.readings = _FILLER if said or (determines and tagged[position + 1].tag in _NOUNS) else _UNKNOWN
        elif tag == "SORT" and not said and tokens[stretch.end - 2].key in PRONOUNS:
            stretch.readings = _UNKNOWN
        said = said or stretch.tag in _NOUNS


def settle_orders(tagged: list[Tagged], tokens: list[Token]) -> None:
    """Report verbs that say something of the records, where they open a question: "hold the cranes" is an order.

    "are all cranes rented" asks for no records, either.
    """
    if len(tokens) > 2 and tokens[0].key in _ASKS and tokens[1].key in _ALL:
        for stretch in tagged:
            if stretch.first < 2 and stretch.end <= 2:
                stretch.readings = _UNKNOWN
    for stretch in tagged:
        key = tokens[stretch.first].key if stretch.first < stretch.end else ""
        if stretch.tag == FILLER and key in _ORDERING and len(tagged) > 1 and stretch.end == stretch.first + 1:
            stretch.readings = _UNKNOWN
        if key not in POLITE:
            return


def settle_sorts(tagged: list[Tagged], tokens: list[Token]) -> None:
    """Read "sort rentals by rate" as "rentals sorted by rate"."""
    apart: Tagged | None = None
    for position, stretch in enumerate(tagged):
        if apart is not None and stretch.tag == FILLER and tokens[stretch.first].key == "on":
            named = next((each for each in tagged[position + 1 : position + 3] if each.tag not in SILENT), None)
            if named is not None and named.field is not None:
                stretch.readings = _BY  # "sort cranes on forecast end"
        if stretch.readings[0].tag not in ("SORT", "BY") or (after := skip_silent(tagged, position, 1)) < 0:
            continue
        if stretch.tag == "SORT":
            grouped = tagged[after].field is not None and _is_by(tagged, after)
            apart = stretch if tagged[after].tag in _NOUNS and (tagged[after].field is None or grouped) else None
        elif apart is not None and (tagged[after].field is not None or tagged[after].tag in _FIGURES):
            stretch.readings, apart.readings, apart = apart.readings, _FILLER, None


def _is_by(tagged: list[Tagged], position: int) -> bool:
    """Return whether "by" follows: "rank the categories by cost"."""
    after = skip_silent(tagged, position, 1)
    return after >= 0 and tagged[after].tag == "BY"
