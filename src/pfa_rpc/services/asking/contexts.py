"""Context tokens: what a question asked for, in the hands of the client, so that the next one can go on from it.

`seal_context` makes one, `open_context` gives the query back. Nothing is kept in the server.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from nlq.errors import LanguageError
from nlq.filters.canonical import canonical_filter
from nlq.filters.filter_text import parse_filter
from nlq.filters.order_text import canonical_order, parse_order
from nlq.query import Aggregate, Aggregation, FigureSort, Function, Having, Operator, Query, Window
from pfa_rpc.errors import InvalidToken, LimitExceeded
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.tokens import Tokens, digest

_DIGEST: Final = digest("context of a question", 1)
"""Names the form of the content; another form gets another number."""


def seal_context(tokens: Tokens, organization_id: str, query: Query) -> str:
    """Return the token of a query; "" for one that is too large for a token."""
    content = [
        canonical_filter(query.where, SCHEMA),
        canonical_order(query.sort),
        query.limit,
        None if query.aggregate is None else aggregate_content(query.aggregate),
        *([True] if query.history else ()),
    ]
    try:
        return tokens.seal("context", organization_id, _DIGEST, content)
    except LimitExceeded:
        return ""


def open_context(tokens: Tokens, organization_id: str, token: str) -> Query | None:
    """Return the query of a token; None where there is no token. Raises InvalidToken."""
    if not token:
        return None
    content = tokens.open("context", token, organization_id, _DIGEST)
    try:
        where, order, limit, aggregate, *history = content
        return Query(
            parse_filter(where, SCHEMA),
            parse_order(order, SCHEMA),
            limit,
            None if aggregate is None else aggregate_of(aggregate),
            bool(history),
        )
    except (LanguageError, ValueError, KeyError) as error:  # another version of the service knew other fields
        raise InvalidToken(
            "the context token is of another version of the service; ask the whole question",
            metadata={"token": "context"},
        ) from error


def aggregate_content(spec: Aggregate) -> dict[str, Any]:
    """Return an aggregate as JSON has it; what it does not use is left out, since a token must be short."""
    content = {
        "figures": [_figure_content(item) for item in spec.aggregations],
        "by": list(spec.group_by),
        "including": list(spec.including),
        "having": [[_figure_content(each.figure), each.operator.value, str(each.value)] for each in spec.having],
        "order": [
            [_figure_content(term.by) if isinstance(term.by, Aggregation) else term.by, term.descending]
            for term in spec.order
        ],
        "percent": spec.percent,
        "part": canonical_filter(spec.part, SCHEMA),
        "distinct": spec.distinct,
        "yes_no": spec.yes_no,
        "window": _window_content(spec.window),
        "lacking": spec.lacking,
    }
    return {name: value for name, value in content.items() if value}


def aggregate_of(content: dict[str, Any]) -> Aggregate:
    """Return the aggregate that `aggregate_content` wrote. ValueError and KeyError for one of another version."""
    return Aggregate(
        _figures(content.get("figures", ())),
        tuple(content.get("by", ())),
        tuple(content.get("including", ())),
        tuple(
            Having(_figure(figure), Operator(operator), Decimal(value))
            for figure, operator, value in content.get("having", ())
        ),
        tuple(
            FigureSort(by if isinstance(by, str) else _figure(by), descending)
            for by, descending in content.get("order", ())
        ),
        content.get("percent", False),
        parse_filter(content.get("part", ""), SCHEMA),
        content.get("distinct", False),
        content.get("yes_no", False),
        _window(content.get("window", ())),
        content.get("lacking", False),
    )


def _window_content(window: Window | None) -> list[str | None]:
    return (
        [] if window is None else [day.isoformat() if day is not None else None for day in (window.start, window.stop)]
    )


def _window(content: Iterable[str | None]) -> Window | None:
    days = [date.fromisoformat(day) if day is not None else None for day in content]
    return Window(*days) if days else None


def _figure_content(figure: Aggregation) -> list[str | None]:
    return [figure.function.value, figure.field]


def _figure(content: Iterable[Any]) -> Aggregation:
    function, field = content
    if field is not None and field not in SCHEMA.by_name:
        raise KeyError(field)
    return Aggregation(Function(function), field)


def _figures(content: Iterable[Any]) -> tuple[Aggregation, ...]:
    return tuple(map(_figure, content))
