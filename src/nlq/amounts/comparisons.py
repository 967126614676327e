"""The words of comparisons, as data: what stands before an amount, what behind it, and what makes it approximate.

Gives `COMPARISONS`, `SUFFIXES`, `ABOUT`, and for numbers on their own besides `COMPARISONS_OF_NUMBERS`,
`SUFFIXES_OF_NUMBERS` and `ABOUT_BEHIND`. The forms of a comparative ("higher than", "no higher than", "higher than or
equal to") are made from the word itself, so that a new one is one word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nlq.query import Operator

_MORE: Final = ("more", "greater", "higher", "larger", "bigger", "costlier", "more expensive", "dearer", "pricier")
_LESS: Final = ("less", "lesser", "fewer", "lower", "smaller", "cheaper", "less expensive", "less costly")
_FARTHER: Final = (
    *("later", "older", "longer", "taller", "heavier", "deeper", "wider", "faster", "stronger", "hotter", "farther"),
    *("further", "better", "newer", "louder", "thicker"),
)
_NEARER: Final = (
    *("earlier", "younger", "shorter", "lighter", "shallower", "narrower", "slower", "weaker", "colder", "nearer"),
    *("closer", "worse", "cooler", "thinner"),
)
_THAN: Final = ("than", "then")
_HAVING_NO: Final = ("with no", "having no", "have no", "has no", "had no")
_NEGATIONS: Final = ("no", "not", "never", "isn't", "aren't", "wasn't", "weren't", "not any", *_HAVING_NO)


def _strict(words: Iterable[str]) -> Iterator[str]:
    """Yield "more than" and its common misspelling."""
    yield from (f"{word} {than}" for word in words for than in _THAN)


def _negated(words: Iterable[str]) -> Iterator[str]:
    """Yield "no more than", "isn't more than"."""
    yield from (f"{negation} {word} {than}" for word in words for negation in _NEGATIONS for than in _THAN)


def _or_equal(words: Iterable[str]) -> Iterator[str]:
    """Yield "more than or equal to", "more or equal", "equal to or more than"."""
    for word in words:
        yield from (f"{word} {than} or {equal}" for than in _THAN for equal in ("equal", "equal to", "equals"))
        yield from (f"{word} or {equal}" for equal in ("equal", "equal to", "equal than"))
        yield from (f"{equal} or {word} {than}" for equal in ("equal", "equal to") for than in _THAN)


def _at_or(words: Iterable[str]) -> Iterator[str]:
    """Yield "at or above", "above or equal to", "equal to or above"."""
    for word in words:
        yield from (f"at or {word}", f"{word} or at", f"on or {word}", f"{word} or equal", f"{word} or equal to")
        yield from (f"equal or {word}", f"equal to or {word}")


def _not(words: Iterable[str]) -> Iterator[str]:
    """Yield "not over", "aren't over"."""
    yield from (f"{negation} {word}" for word in words for negation in ("not", "isn't", "aren't", "never"))


_EXCEEDS: Final = ("does not exceed", "doesn't exceed", "do not exceed", "don't exceed", "not to exceed")

COMPARISONS: Final[dict[Operator, tuple[str, ...]]] = {
    Operator.GT: (
        *(">", "over", "above", "beyond", "north of", "in excess of", "upwards of", "upward of"),
        *("exceeding", "exceeds", "exceed", "exceeded", "surpassing", "surpasses", "surpass", "topping"),
        *_strict(_MORE),
        "not less than or equal to",
    ),
    Operator.GE: (
        *(
            ">=",
            "at least",
            "at the least",
            "at least or equal to",
            "at least equal to",
            "minimum of",
            "a minimum of",
            "the minimum of",
        ),
        *("min of", "starting at", "starting from", "no fewer", "not fewer"),
        *_negated(_LESS),
        *_not(("under", "below")),
        *_at_or(("over", "above")),
        *("as little as", "as few as", "as low as"),
        *_or_equal(_MORE),
    ),
    Operator.LT: ("<", "under", "below", "beneath", "south of", "short of", *_strict(_LESS)),
    Operator.LE: (
        *(
            "<=",
            "at most",
            "at the most",
            "at most or equal to",
            "at most equal to",
            "up to",
            "up to and including",
            "maximum of",
            "a maximum of",
        ),
        *("the maximum of", "max of", "not exceeding", *_EXCEEDS, "capped at", "limited at"),
        *_negated(_MORE),
        *_not(("over", "above", "beyond")),
        *_at_or(("under", "below")),
        *("as much as", "as many as", "as high as"),
        *_or_equal(_LESS),
    ),
    Operator.EQ: (
        *("=", "exactly", "equal to", "equals", "equal", "precisely", "of exactly", "is exactly"),
        *("equaling", "equalling", "equaling to", "equalling to", "equals to"),
    ),
    Operator.NE: ("!=", "not equal to", "not exactly"),
}
"""Phrases before an amount: "over $5,000"."""

COMPARISONS_OF_NUMBERS: Final[dict[Operator, tuple[str, ...]]] = {
    Operator.GT: ("after", "past", *_strict(_FARTHER), *(f"{word} that" for word in _MORE)),
    Operator.GE: ("since", "from", "min", "minimum", "as of", *_negated(_NEARER), *_or_equal(_FARTHER), "on or after"),
    Operator.LT: ("before", "prior to", *_strict(_NEARER), *(f"{word} that" for word in _LESS)),
    Operator.LE: ("max", "maximum", "until", "till", *_negated(_FARTHER), *_or_equal(_NEARER), "on or before"),
}
"""More phrases before a number, misspelt ones too; a question has other readings for them."""

_UPWARDS: Final = ("more", "higher", "above", "greater", "over", "larger", "bigger", "upwards", "up", "longer")
_DOWNWARDS: Final = ("less", "lower", "below", "under", "fewer", "smaller", "cheaper", "shorter")


def _beyond(words: Iterable[str]) -> tuple[str, ...]:
    """Return "or more", "and more"."""
    return tuple(f"{joint} {word}" for word in words for joint in ("or", "and"))


SUFFIXES: Final[dict[Operator, tuple[str, ...]]] = {
    Operator.GE: (*_beyond(_UPWARDS), "+"),
    Operator.LE: _beyond(_DOWNWARDS),
}
"""Phrases after an amount: "$5,000 or more"."""

SUFFIXES_OF_NUMBERS: Final[dict[Operator, tuple[str, ...]]] = {
    Operator.GE: ("plus", "min", "minimum", "at least", "at the least", "and more than that", "upwards", "or later"),
    Operator.LE: ("max", "maximum", "tops", "at most", "at the most", "or earlier"),
}
"""More phrases after a number, which are figures or bounds of what follows in a question."""

ABOUT: Final = (
    *("about", "around", "approximately", "approx", "roughly", "nearly", "almost", "circa", "close to", "near", "~"),
    *("in the region of", "in the neighborhood of", "in the neighbourhood of", "in the ballpark of"),
    *("somewhere around", "somewhere near"),
)
"""Phrases before an amount that is meant within a tenth."""

ABOUT_BEHIND: Final = ("or so", "or thereabouts", "or thereabout", "give or take", "approximately", "approx", "roughly")
"""Phrases behind such an amount."""
