"""Value ranges: "silos 3 through 6" as the values that there are between the two ends.

Gives `close_range`. The ends share all but their last token, a number or a letter; values between them that no record
has are none of the range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from nlq.normalize import Token
from nlq.tagging.tags import FILLER, Meaning, Reading, Tagged
from nlq.tagging.tries import Trie

_MOST: Final = 200
"""Most steps from one end of a range to the other."""
_JOINING: Final = frozenset(("VALUE", "TO", "AND"))
"""Tags right before the upper end of a range, fillers aside."""
_BEFORE_END: Final = _JOINING | {FILLER}
_DASH: Final = re.compile(r"\s*[-–—]\s*")


def close_range(tagged: list[Tagged], tokens: Sequence[Token], values: Trie) -> None:
    """Make the last stretches one, where they are two values with "to" between them, or "and" after "between"."""
    if len(tagged) < 2 or tagged[-2].readings[0].tag not in _BEFORE_END:
        return
    found = _ends(tagged, tokens)
    if found is None:
        return
    first, low, high = found
    low_path, high_path = _path(low, tokens), _path(high, tokens)
    if len(high_path) == 1 or (high.tag != "VALUE" and len(high_path) < len(low_path)):
        high_path = (*low_path[:-1], high_path[-1])
    if len(low_path) < 2 or low_path[:-1] != high_path[:-1]:
        return
    meanings = tuple(_between(low_path, high_path, values))
    if len(meanings) > 1:
        run = Tagged(tagged[first].first, high.end, (Reading("VALUE", meanings),), high_path)
        del tagged[first:]
        tagged.append(run)


def _ends(tagged: list[Tagged], tokens: Sequence[Token]) -> tuple[int, Tagged, Tagged] | None:
    """Return the position where a range begins that the last stretch ends, and both ends; None where none does."""
    high = tagged[-1]
    if high.tag not in ("VALUE", "NUMBER", "UNKNOWN"):
        return None
    start = max(0, len(tagged) - 8)
    content = [place for place in range(start, len(tagged) - 1) if tagged[place].readings[0].tag != FILLER]
    last = tagged[content[-1]].tag if content else ""
    if last not in _JOINING:
        return None
    if last == "VALUE" and _DASH.fullmatch(tokens[high.first].gap):
        return content[-1], tagged[content[-1]], high
    if len(content) < 2 or tagged[content[-2]].tag != "VALUE":
        return None
    if tagged[content[-1]].tag == "TO":
        opened = content[-3] if len(content) > 2 and tagged[content[-3]].tag in ("FROM", "BETWEEN") else content[-2]
        return opened, tagged[content[-2]], high
    if tagged[content[-1]].tag == "AND" and len(content) > 2 and tagged[content[-3]].tag == "BETWEEN":
        return content[-3], tagged[content[-2]], high
    return None


def _path(stretch: Tagged, tokens: Sequence[Token]) -> tuple[str, ...]:
    return stretch.path or tuple(token.key for token in tokens[stretch.first : stretch.end])


def _between(low: tuple[str, ...], high: tuple[str, ...], values: Trie) -> Iterable[Meaning]:
    """Yield the values of one field from one path to the other."""
    steps = _steps(low[-1], high[-1])
    field = None
    for step in steps:
        for reading in values.exactly((*low[:-1], step)):
            for meaning in reading.payload if isinstance(reading.payload, tuple) else ():
                field = meaning.field if field is None else field
                if meaning.field is field:
                    yield meaning


def _steps(low: str, high: str) -> Iterable[str]:
    """Return what stands last in the paths from one end to the other, both included; nothing where that is no range."""
    if low.isdecimal() and high.isdecimal() and low.isascii() and len(low) <= 9 and len(high) <= 9:
        first, last = int(low), int(high)
        if 0 < last - first <= _MOST:
            return (str(number).zfill(len(low)) for number in range(first, last + 1))
    elif len(low) == len(high) == 1 and low.isalpha() and high.isalpha() and low < high:
        return map(chr, range(ord(low), ord(high) + 1))
    return ()
