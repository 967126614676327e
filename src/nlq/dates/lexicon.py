"""Lexicon: the words that dates are written with, under the keys that tokens carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from nlq.amounts.number_words import BELOW_HUNDRED
from nlq.amounts.number_words import ORDINALS as ORDINAL_WORDS
from nlq.amounts.number_words import TENS as TEN_WORDS
from nlq.dates.periods import Unit
from nlq.normalize import stem

_Value = TypeVar("_Value")


def _table(words: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return a table under stems; each of its keys may hold several words."""
    return {stem(word): value for names, value in words.items() for word in names.split()}


MONTHS: Final = _table(
    {
        "january jan": 1,
        "february feb febr": 2,
        "march mar": 3,
        "april apr": 4,
        "may": 5,
        "june jun": 6,
        "july jul": 7,
        "august aug": 8,
        "september sept sep": 9,
        "october oct": 10,
        "november nov": 11,
        "december dec": 12,
    }
)
MONTH_NAMES: Final = (
    *("", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
WEEKDAYS: Final = _table(
    {
        "monday mon": 0,
        "tuesday tue tues": 1,
        "wednesday wed weds": 2,
        "thursday thu thur thurs": 3,
        "friday fri": 4,
        "saturday sat": 5,
        "sunday sun": 6,
    }
)
UNITS: Final = _table(
    {
        "day days": Unit.DAY,
        "week weeks wk wks": Unit.WEEK,
        "weekend weekends": Unit.WEEKEND,
        "fortnight fortnights": Unit.FORTNIGHT,
        "month months mth mths mos": Unit.MONTH,
        "quarter quarters qtr qtrs": Unit.QUARTER,
        "half": Unit.HALF,
        "year years yr yrs": Unit.YEAR,
        "decade decades": Unit.DECADE,
        "century centuries": Unit.CENTURY,
    }
)
DAY_WORDS: Final = _table({"today now tonight": 0, "tomorrow tmrw tmr tomorow": 1, "yesterday": -1})
DETERMINERS: Final = _table(
    {
        "this these current present": 0,
        "next coming upcoming following": 1,
        "last past previous prior preceding trailing": -1,
    }
)
ORDINALS: Final = {
    word: int(BELOW_HUNDRED[cardinal])
    for word, cardinal in ORDINAL_WORDS.items()
    if 0 < BELOW_HUNDRED.get(cardinal, 0) < 100
}
"""Ordinals in one word: "third", "twentieth"."""
TENS: Final = {word: int(value) for word, value in TEN_WORDS.items()}
COUNTS: Final = frozenset(BELOW_HUNDRED)
"""Words that a count or a year in words can begin with."""
SUFFIXES: Final = frozenset(("st", "nd", "rd", "th"))
PARTS: Final = _table(
    {
        "early beginning begin start": "early",
        "mid middle": "mid",
        "late end ending": "late",
    }
)
EDGES: Final = _table({"beginning begin start": "start", "end ending": "end"})
"""Parts that are also a first or a last day."""
PERIOD_ENDS: Final = {"eow": Unit.WEEK, "eom": Unit.MONTH, "eoq": Unit.QUARTER, "eoy": Unit.YEAR}
TO_DATE: Final = {"wtd": Unit.WEEK, "mtd": Unit.MONTH, "qtd": Unit.QUARTER, "ytd": Unit.YEAR}
ARTICLES: Final = frozenset(("the", "my", "our"))
VERBS_AFTER_MAY: Final = frozenset(
    (
        *("be", "have", "not", "need", "want", "take", "get", "go", "come", "end", "start", "also", "still", "only"),
        *("never", "cost", "move", "expire", "return", "i", "we", "you", "they", "it", "he", "she"),
    )
)
DOUBTFUL: Final = frozenset(("may", "march", "mar", "sat", "sun", "mon", "wed", "fall", "spring", "now"))
"""Words that alone are something else as often as a date."""
