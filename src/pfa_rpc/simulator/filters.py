"""The filters of a grid request: `Query.of` reads and checks them; its rows are those that every call finds anew."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pfa_rpc.simulator.calls import Refused, number_in
from pfa_rpc.simulator.collations import COLLATIONS, Collation
from pfa_rpc.simulator.columns import ORGANIZATION, Column, Kind
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.rows import MISSING_PLACE, Image, Row, place_of, text_place
from pfa_rpc.simulator.values import Locale, NotValid, Value

Test = Callable[[Any], bool]
"""Tells whether a value that is not missing passes."""


@lru_cache
def _like(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda place, wanted: place == wanted,
    "!=": lambda place, wanted: place != wanted,
    ">": lambda place, wanted: place > wanted,
    "<": lambda place, wanted: place < wanted,
    ">=": lambda place, wanted: place >= wanted,
    "<=": lambda place, wanted: place <= wanted,
}
_TEXTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "BEGINS": str.startswith,
    "ENDS": str.endswith,
    "CONTAINS": lambda text, part: part in text,
    "NOTCONTAINS": lambda text, part: part not in text,
    "LIKE": lambda text, pattern: _like(pattern).fullmatch(text) is not None,
}
_CUTTING: Final = frozenset((">", ">=", "<", "<="))
OPERATORS: Final = (*_COMPARISONS, *_TEXTS, "IN", "IS EMPTY", "NOT EMPTY")


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter: a column, and what its values must pass. A missing value passes none but IS EMPTY, as in SQL."""

    alias: str
    test: Test | None
    """None: the value must be missing."""
    bound: tuple[str, Any] | None = None
    """Operator and place in the order of text, for a comparison that cuts a range out of an ordered column."""

    def passes(self, value: Value) -> bool:
        """Tell whether a value of the column passes."""
        return value is None if self.test is None else value is not None and self.test(value)

    def holds(self, image: Image) -> bool:
        """Tell whether a row passes."""
        return self.passes(image.values.get(self.alias))

    def chosen(self, images: list[Image]) -> list[Image]:
        """Return the rows that pass."""
        alias, test = self.alias, self.test
        if test is None:
            return [image for image in images if image.values.get(alias) is None]
        return [image for image in images if (value := image.values.get(alias)) is not None and test(value)]


@dataclass(frozen=True, slots=True)
class Query:
    """What a grid request asks for."""

    groups: tuple[tuple[Condition, ...], ...]
    """A row must pass all conditions of one group; of none where there are none."""
    sort: str | None
    descending: bool

    @classmethod
    def of(cls, body: Mapping[str, Any], installation: Installation, columns: Mapping[str, Column]) -> Query:
        """Read the filters and the order of a request. Raises Refused."""
        settings = installation.settings
        collation = COLLATIONS[settings.filter_collation or settings.sort_collation]
        reader = _Reader(columns, installation.locale, collation)
        sort = _first(body.get("ADDON_SORT"))
        alias = reader.column(str(sort["ALIAS_NAME"])).alias if sort.get("ALIAS_NAME") else None
        return cls(tuple(reader.groups(body)), alias, str(sort.get("TYPE", "ASC")).upper() == "DESC")

    def images(self, installation: Installation, visible: frozenset[str] | None) -> list[Image]:
        """Return the rows of today that match, in order, of the organizations that a user may see (None: all)."""
        codes = [code for code in installation.rows.organizations if visible is None or code in visible]
        if len(self.groups) > 1:
            return [image for image in self._ordered(installation, codes) if self._matches(image)]
        conditions = self.groups[0] if self.groups else ()
        # Which organizations can match is known at once; walking over all others would take longest of all.
        of_organization = [condition for condition in conditions if condition.alias == ORGANIZATION]
        codes = [code for code in codes if all(condition.passes(code) for condition in of_organization)]
        others = [condition for condition in conditions if condition.alias != ORGANIZATION]
        cuts = [condition for condition in others if self._cuts(condition, installation)]
        images = self._ordered(installation, codes, cuts)
        for condition in others:
            if condition not in cuts:
                images = condition.chosen(images)
        return images

    def _matches(self, image: Image) -> bool:
        return any(all(condition.holds(image) for condition in group) for group in self.groups)

    def _cuts(self, condition: Condition, installation: Installation) -> bool:
        """Tell whether a condition cuts a range out of the rows as they are ordered."""
        settings = installation.settings
        agree = settings.filter_collation in (None, settings.sort_collation)
        return condition.alias == self.sort and condition.bound is not None and agree

    def _ordered(self, installation: Installation, codes: list[str], cuts: Sequence[Condition] = ()) -> list[Image]:
        """Return the rows of some organizations in order, within the ranges that conditions cut out."""
        if self.sort is None or not codes:
            return [row.image for code in codes for row in installation.rows.rows(code)]
        collation = COLLATIONS[installation.settings.sort_collation]
        # A single organization's order is kept by itself: pages of it are what is asked for, again and again.
        rows = installation.rows.ordered(codes[0] if len(codes) == 1 else None, self.sort, collation)
        first, last = 0, len(rows)
        for condition in cuts:
            first, last = _cut(condition, rows, self.sort, collation, (first, last))
        found = rows[first:last]
        images = [row.image for row in (reversed(found) if self.descending else found)]
        if len(codes) == 1:
            return images
        return [image for image in images if image.organization in codes]


def _cut(
    condition: Condition, rows: Sequence[Row], alias: str, collation: Collation, window: tuple[int, int]
) -> tuple[int, int]:
    """Return the part of a window of ordered rows that passes a comparison of text."""
    operator, wanted = condition.bound or ("", None)
    first, last = window
    find = bisect_right if operator in {">", "<="} else bisect_left
    place = find(rows, text_place(wanted), first, last, key=lambda row: place_of(row, alias, collation))
    if operator.startswith("<"):
        return first, place
    # Missing values stand last, and pass no comparison.
    return place, bisect_left(rows, MISSING_PLACE, first, last, key=lambda row: place_of(row, alias, collation))


class _Reader:
    """Reads filters for the columns of a grid."""

    def __init__(self, columns: Mapping[str, Column], locale: Locale, collation: Collation) -> None:
        self._columns = columns
        self._locale = locale
        self._collation = collation

    def column(self, alias: str) -> Column:
        """Return a column that the grid has. Raises Refused."""
        try:
            return self._columns[alias.lower()]
        except KeyError:
            raise Refused(f"The field {alias} is not a field of the grid.", alias) from None

    def groups(self, body: Mapping[str, Any]) -> Iterator[tuple[Condition, ...]]:
        """Yield the alternatives: AND binds tighter than OR; a filter's JOINER joins it to the next one."""
        several = _listed(_first(body.get("MULTIADDON_FILTERS")).get("MADDON_FILTER"))
        filters = [one for one in (_first(body.get("ADDON_FILTER")), *several) if one]
        filters.sort(key=lambda one: number_in(one, "SEQNUM", 0))
        group: list[Condition] = []
        for one in filters:
            group.append(self._condition(one))
            if str(one.get("JOINER") or "AND").upper() == "OR" and one is not filters[-1]:
                yield tuple(group)
                group = []
        if group:
            yield tuple(group)

    def _condition(self, one: Mapping[str, Any]) -> Condition:
        column = self.column(str(one.get("ALIAS_NAME") or ""))
        operator, text = str(one.get("OPERATOR") or "").upper(), str(one.get("VALUE") or "")
        if operator not in OPERATORS:
            raise Refused(f"The operator {operator} is not valid.", column.alias)
        if operator == "IS EMPTY":
            return Condition(column.alias, None)
        if operator == "NOT EMPTY":
            return Condition(column.alias, lambda value: True)
        cutting = column.kind is Kind.TEXT and operator in _CUTTING
        bound = (operator, self._collation(text)) if cutting else None
        return Condition(column.alias, self._test(column, operator, text), bound)

    def _test(self, column: Column, operator: str, text: str) -> Test:
        if operator == "IN":
            tests = [self._comparison(column, "=", part) for part in text.split(",")]
            return lambda value: any(test(value) for test in tests)
        if operator in _COMPARISONS:
            return self._comparison(column, operator, text)
        compare, wanted = _TEXTS[operator], text.casefold()
        return lambda value: compare((self._locale.text_of(value, column.kind) or "").casefold(), wanted)

    def _comparison(self, column: Column, operator: str, text: str) -> Test:
        compare = _COMPARISONS[operator]
        if column.kind is Kind.TEXT:
            place, wanted = self._collation, self._collation(text)
            return lambda value: compare(place(value), wanted)
        try:
            value = self._locale.read(text, column.kind)
        except NotValid:
            raise Refused(
                f"The value {text} is not a valid value for the field {column.alias}.", column.alias
            ) from None
        return _typed(compare, value)


def _typed(compare: Callable[[Any, Any], bool], wanted: Value) -> Test:
    """Return a comparison that text which was forced into a column never passes."""
    return lambda value: not isinstance(value, str) and wanted is not None and compare(value, wanted)


def _listed(found: Any) -> Sequence[Mapping[str, Any]]:
    """Return what may come as a list or as a single object."""
    if found is None:
        return ()
    filters: list[Mapping[str, Any]] = found if isinstance(found, list) else [found]
    if not all(isinstance(one, Mapping) for one in filters):
        raise Refused("The request could not be read.", "REQUEST")
    return filters


def _first(found: Any) -> Mapping[str, Any]:
    return next(iter(_listed(found)), {})
