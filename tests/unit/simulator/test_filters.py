"""The ways in which a query is made quick change nothing of what it finds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pfa_rpc.simulator.collations import COLLATIONS
from pfa_rpc.simulator.columns import BY_ALIAS
from pfa_rpc.simulator.filters import OPERATORS, Query
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.rows import Image
from pfa_rpc.simulator.settings import Settings

WORDS = st.sampled_from(["", "1", "10", "2", "a", "A", "a-1", "A1", "b", "B 2"])
CONDITIONS = st.tuples(
    st.sampled_from(["pfs_id", "pfs_f_class", "pfs_a_org", "pfs_f_rental"]), st.sampled_from(OPERATORS), WORDS
)
ROWS = st.dictionaries(
    st.tuples(st.sampled_from(["RIO", "rio", "RIO2"]), WORDS.filter(bool)),
    st.tuples(WORDS, st.sampled_from([None, 1, 2])),
    max_size=12,
)


def installation_of(rows: dict[tuple[str, str], tuple[str, int | None]], **settings: Any) -> Installation:
    installation = Installation(Settings(**settings))
    for (organization, pfa_id), (name, rate) in rows.items():
        installation.load(
            installation.typed({"pfs_a_org": organization, "pfs_id": pfa_id, "pfs_f_class": name, "pfs_f_rental": rate})
        )
    return installation


def request(conditions: list[tuple[str, str, str]], joiners: list[str], sort: str, direction: str) -> dict[str, Any]:
    filters = [
        {"ALIAS_NAME": alias, "OPERATOR": operator, "VALUE": value or "1", "JOINER": joiner, "SEQNUM": number}
        for number, ((alias, operator, value), joiner) in enumerate(zip(conditions, joiners, strict=False))
    ]
    sorting = {"ALIAS_NAME": sort, "TYPE": direction}
    return {"MULTIADDON_FILTERS": {"MADDON_FILTER": filters}, "ADDON_SORT": sorting}


@settings(deadline=None)
@given(
    rows=ROWS,
    conditions=st.lists(CONDITIONS.filter(lambda one: one[0] != "pfs_f_rental" or one[2] in {"", "1", "2", "10"})),
    joiners=st.lists(st.sampled_from(["AND", "AND", "OR"]), min_size=12, max_size=12),
    sort=st.sampled_from(["pfs_id", "pfs_f_class", "pfs_f_rental"]),
    direction=st.sampled_from(["ASC", "DESC"]),
    order=st.sampled_from(list(COLLATIONS)),
    comparison=st.sampled_from([None, *COLLATIONS]),
    visible=st.sampled_from([None, frozenset({"RIO", "RIO2"}), frozenset[str]()]),
)
def test_a_query_finds_what_a_walk_over_all_rows_finds(
    *,
    rows: dict[tuple[str, str], tuple[str, int | None]],
    conditions: list[tuple[str, str, str]],
    joiners: list[str],
    sort: str,
    direction: str,
    order: str,
    comparison: str | None,
    visible: frozenset[str] | None,
) -> None:
    installation = installation_of(rows, sort_collation=order, filter_collation=comparison)
    query = Query.of(request(conditions[:5], joiners, sort, direction), installation, BY_ALIAS)

    def matches(image: Image) -> bool:
        seen = visible is None or image.organization in visible
        groups = query.groups or ((),)
        return seen and any(all(condition.holds(image) for condition in group) for group in groups)

    def place(image: Image) -> tuple[bool, Any]:
        value = image.values[sort]
        return value is None, COLLATIONS[order](value) if isinstance(value, str) else value or 0

    found = query.images(installation, visible)

    expected = [image for image in installation.rows if matches(image)]
    assert {id(image) for image in found} == {id(image) for image in expected}
    places = [place(image) for image in found]
    assert places == sorted(places, reverse=direction == "DESC")
