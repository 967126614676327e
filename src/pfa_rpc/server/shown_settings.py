"""Settings as `pfa serve --show-config` shows them, secrets hidden: `shown_settings`, a `ShownSetting` each."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from pfa_rpc.store.limits import without_password


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A line of `pfa serve --show-config`."""

    name: str
    variable: str
    value: str
    """As text; secrets as a number of asterisks that says nothing."""
    source: str
    """Where the value comes from: default, environment, the path of the file, or command line."""
    description: str


def shown_settings(
    settings: BaseSettings, sources: Mapping[str, str], *, prefix: str, table: str = ""
) -> list[ShownSetting]:
    """Return a line for every setting.

    Args:
        settings: with their values.
        sources: name → where it comes from, of those that are set.
        prefix: of the variables.
        table: of the file, that the settings are in.
    """
    return [
        ShownSetting(
            f"{table}.{name}" if table else name,
            prefix + name.upper(),
            _shown_value(getattr(settings, name)) if name in sources or not _is_table(settings, name) else "",
            sources.get(name, "default"),
            field.description or "",
        )
        for name, field in type(settings).model_fields.items()
    ]


def _is_table(settings: BaseSettings, name: str) -> bool:
    """Tell whether a setting is a table, whose default the documentation has."""
    return isinstance(getattr(settings, name), dict)


def _shown_value(value: object) -> str:
    match value:
        case SecretStr():
            return "********"
        case dict():
            return json.dumps(value)
        case tuple() if all(isinstance(part, SecretStr) for part in value):
            return ",".join(map(_shown_value, value))
        case tuple():
            return json.dumps(value)
        case None:
            return ""
        case enum.Enum():
            return str(value.value)
        case _:
            return without_password(str(value))
