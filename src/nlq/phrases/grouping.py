"""Grouping: what groups are made by: fields, and parts of dates.

Gives `group_keys` and `DISTINCT_LEADS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.phrases.gathered import Gathered
from nlq.phrases.parts import FieldPart, GroupKey, GroupPart
from nlq.query import SPREAD, Aggregation, DatePart, Function
from nlq.schema import FieldType
from nlq.tagging.tags import Event

MAX_GROUPS: Final = 2
DISTINCT_LEADS: Final = frozenset(("which", "what", "who", "list", "different", "every", "all"))
"""Words before a field whose values are asked for."""


def group_keys(
    gathered: Gathered, named: Sequence[FieldPart], figures: Sequence[Aggregation], *, ranked: bool
) -> tuple[str, ...]:
    """Return the names of the groups: of the fields that are `named`, and behind "by"; at most `MAX_GROUPS`.

    A ranking of records (`ranked`) has none. What cannot be grouped by is reported.
    """
    names: dict[str, None] = {part.field.name: None for part in named}
    for part in list(gathered.groups):
        found = [_name(key, part, gathered, figures) for key in part.keys]
        asked = [name for name in found if name]
        if _only_orders(part):
            continue  # it ranks groups, or orders records
        if len(asked) < len(found) or len({*names, *asked}) > MAX_GROUPS or ranked:
            gathered.refuse(part)
            gathered.groups.remove(part)
            continue
        names.update(dict.fromkeys(asked))
        gathered.use(part, f"by {' and '.join(asked)}")
    return tuple(names)


def _only_orders(part: GroupPart) -> bool:
    """Return whether a part names a field that makes no groups: "by actual cost"."""
    key = part.keys[0]
    return len(part.keys) == 1 and key.part is None and key.field is not None and not key.field.groupable


def _name(key: GroupKey, part: GroupPart, gathered: Gathered, figures: Sequence[Aggregation]) -> str:
    """Return the name of a group, "" where there is none."""
    if key.field is not None:
        if key.part is not None:
            return f"{key.field.name}{key.part.value}" if key.field.type is FieldType.DATE else ""
        return key.field.name if key.field.groupable else ""
    dates = gathered.schema.conventions.dates
    if key.part is None or not dates.layers:
        return ""
    sums = [figure.field for figure in figures if figure.function is Function.SUM]
    bare = [each.field.name for each in gathered.bare if each.field.type is FieldType.MONEY] if not figures else []
    if (
        key.part is DatePart.MONTH
        and (sums or bare)
        and {*sums, *bare} <= set(dates.spread)
        and len(sums) == len(figures)
    ):
        text = "costs are spread over the months that they fall in, by day"
        gathered.note(text, part, SPREAD, (f"{dates.layers[0].start}{key.part.value}",))
        return SPREAD
    event = gathered.event
    if event is not None and isinstance(event.payload, Event):
        gathered.event = None
        gathered.use(event, f"by {event.payload.field.label}")
        return f"{event.payload.field.name}{key.part.value}"
    costs = {layer.cost: layer for layer in dates.layers}
    layer = costs.get(next(iter((*sums, *bare)), "") or "", dates.layers[0])
    name = f"{layer.start}{key.part.value}"
    others = tuple(f"{end}{key.part.value}" for each in dates.layers for end in (each.start, each.end))
    text = f"groups are by the {gathered.schema.by_name[layer.start].label}, because no date is named"
    if {*sums, *bare} & set(dates.spread):
        text += "; each record counts there with its whole cost"
    gathered.note(text, part, name, tuple(other for other in others if other != name))
    return name
