"""Value ranges: "silos 3 through 6" as the values that there are between the two ends.

Gives `close_range` and `missing_ends`. The ends share all but their last token, a number or a letter; values from one
to the other that no record has are none of the range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from nlq.normalize import NUMBER, Token, keys
from nlq.tagging.tags import FILLER, Meaning, Reading, Tagged
from nlq.tagging.tries import Trie

_MOST: Final = 200
"""Most steps from one end of a range to the other."""
_NAMES: Final = frozenset(("FIELD", "UNKNOWN"))
"""Tags of what the name of a value can begin with that no record has."""
_BEFORE_END: Final = _NAMES | {"VALUE", "TO", "AND", FILLER}
"""Tags right before the upper end of a range."""
_DASH: Final = re.compile(r"\s*[-–—]\s*")


def close_range(tagged: list[Tagged], tokens: Sequence[Token], values: Trie) -> None:
    """Make the last stretches one, where they are two values with "to" between them, or "and" after "between".

    One of the two need not be the value of a record: "silos 3 through 8" where there is no Silo 8.
    """
    if len(tagged) < 2 or tagged[-2].readings[0].tag not in _BEFORE_END:
        return
    found = _ends(tagged, tokens)
    if found is None:
        return
    first, low_path, high_path = found
    if len(high_path) < len(low_path):
        high_path = (*low_path[: len(low_path) - len(high_path)], *high_path)
    if len(low_path) < 2 or low_path[:-1] != high_path[:-1]:
        return
    meanings = tuple(_between(low_path, high_path, values))
    if meanings:
        run = Tagged(tagged[first].first, tagged[-1].end, (Reading("VALUE", meanings),), high_path)
        del tagged[first:]
        tagged.append(run)


def missing_ends(tokens: Sequence[Token], meanings: Sequence[Meaning]) -> list[str]:
    """Return the ends of a range that are no value of a record: the "Silo 8" of "silos 3 through 8"."""
    numbers = [token for token in tokens if token.kind is NUMBER] or [t for t in tokens if len(t.raw) == 1]
    if len(numbers) < 2:
        return []
    known = {keys(meaning.value)[-1] for meaning in meanings}
    one = meanings[0].value
    begin = one[: max(0, one.casefold().rfind(keys(one)[-1]))]
    return [f"{begin}{end.raw}" for end in (numbers[0], numbers[-1]) if end.key not in known]


def _ends(tagged: list[Tagged], tokens: Sequence[Token]) -> tuple[int, tuple[str, ...], tuple[str, ...]] | None:
    """Return the position where a range begins that the last stretch ends, and the keys of both ends."""
    high = tagged[-1]
    if high.tag not in ("VALUE", "NUMBER", "UNKNOWN"):
        return None
    start = max(0, len(tagged) - 8)
    content = [place for place in range(start, len(tagged) - 1) if tagged[place].readings[0].tag != FILLER]
    last = tagged[content[-1]].tag if content else ""
    dashed = _DASH.fullmatch(tokens[high.first].gap) is not None
    if last not in _BEFORE_END or (last == "VALUE" and not dashed):
        return None  # as behind most values
    path = _path(high, tokens)
    if last in _NAMES and tagged[content[-1]].end == high.first:
        path = (*_path(tagged[content.pop()], tokens), *path)  # "Silo 8", where there is none
    elif high.tag != "VALUE":
        path = path[-1:]
    last = tagged[content[-1]].tag if content else ""
    if last == "VALUE" and dashed:
        return content[-1], _path(tagged[content[-1]], tokens), path
    if last not in ("TO", "AND") or len(content) < 2:
        return None
    low = _low(tagged, content[:-1], tokens)
    if low is None:
        return None
    first, before = low
    opened = before is not None and tagged[before].tag in ("FROM", "BETWEEN")
    if last == "AND" and not (before is not None and tagged[before].tag == "BETWEEN"):
        return None
    return before if opened and before is not None else first, _low_path(tagged, first, content[-2], tokens), path


def _low(tagged: list[Tagged], content: Sequence[int], tokens: Sequence[Token]) -> tuple[int, int | None] | None:
    """Return where the lower end begins that stands last, and the stretch with content before it."""
    low = tagged[content[-1]]
    behind = content[-2] if len(content) > 1 else None
    if low.tag == "VALUE":
        return content[-1], behind
    named = behind is not None and tagged[behind].tag == "FIELD" and tagged[behind].end == low.first
    if low.tag != "NUMBER" or not named or behind is None:
        return None
    return behind, content[-3] if len(content) > 2 else None


def _low_path(tagged: list[Tagged], first: int, last: int, tokens: Sequence[Token]) -> tuple[str, ...]:
    path = _path(tagged[last], tokens)
    return path if first == last else (*_path(tagged[first], tokens), *path)


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
