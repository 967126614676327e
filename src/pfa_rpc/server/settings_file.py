"""The TOML file that PFA_CONFIG_FILE names: `file_settings` of the server, and `pems_table`."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

from pfa_rpc.errors import SetupError

CONFIG_FILE: Final = "PFA_CONFIG_FILE"
"""Variable that names the TOML file."""
PEMS_TABLE: Final = "pems"
"""Table of the file with the settings of PEMS."""


def _read_file(known: Collection[str]) -> dict[str, Any]:
    path = os.environ.get(CONFIG_FILE)
    if not path:
        return {}
    try:
        content = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SetupError(
            f"{CONFIG_FILE}={path} cannot be read: {error.strerror}; correct the path or unset it"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{CONFIG_FILE}={path} is not TOML: {error}") from error
    for name in content:
        if name not in known and name != PEMS_TABLE:
            nearest = nearest_name(name, known)
            hint = f"; did you mean {nearest}?" if nearest else f"; known are {', '.join(known)}"
            raise SetupError(f"{path} sets {name!r}, which is no setting{hint}")
    return content


def file_settings(known: Collection[str]) -> dict[str, Any]:
    """Return what the file says besides the table about PEMS; `known` are the names it may set. Raises SetupError."""
    return {name: value for name, value in _read_file(known).items() if name != PEMS_TABLE}


def pems_table(known: Collection[str]) -> dict[str, Any]:
    """Return the table of the file that says where PEMS is. Raises SetupError where it is none."""
    table = _read_file(known).get(PEMS_TABLE, {})
    if not isinstance(table, dict):
        raise SetupError(f"{os.environ[CONFIG_FILE]} sets {PEMS_TABLE!r} to {table!r}; write a table: [{PEMS_TABLE}]")
    return table


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like another one; None where none is."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), None)
