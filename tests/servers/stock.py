"""Databases that take long to make: made once, and copied for each test that asks for one of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.servers.partitioned import make_partitioned
from tests.servers.postgresql import Administrator


@dataclass(frozen=True, slots=True)
class Stock:
    """What was made so far, by the function that makes it and the kind of database."""

    folder: Path
    """For those of SQLite."""
    administrator: Callable[[], Administrator]
    """Gives PostgreSQL, which is not started before it is called."""
    made: dict[tuple[Callable[[str], Awaitable[Any]], str], tuple[str, Any]] = field(default_factory=dict)

    @contextmanager
    def copy(
        self, kind: str, folder: Path, make: Callable[[str], Awaitable[Any]] | None = None
    ) -> Iterator[tuple[str, Any]]:
        """Give the URL of a copy of what `make` makes of an empty database, and what it returned.

        The kind is sqlite, postgresql, or partitioned: PostgreSQL with tables split by organization. An SQLite file is
        put into the folder. Without `make` the copy is empty; a partitioned one has the newest schema then.
        """
        template, returned = self._template(kind, make) if make else (None, None)
        if kind != "sqlite":
            name = _name_of(template) if template else self._empty(kind)
            with self.administrator().new_database(name) as url:
                yield url, returned
        else:
            target = folder / "pfa.sqlite3"
            if template:
                shutil.copyfile(_file_of(template), target)
            yield f"sqlite:///{target}", returned

    def _template(self, kind: str, make: Callable[[str], Awaitable[Any]]) -> tuple[str, Any]:
        if (make, kind) not in self.made:
            if kind != "sqlite":
                url = self.administrator().keep_database(self._empty(kind))
            else:
                url = f"sqlite:///{self.folder}/{len(self.made)}.sqlite3"
            self.made[make, kind] = (url, run_apart(make, url))
        return self.made[make, kind]

    def _empty(self, kind: str) -> str:
        """Return the name of what a database of PostgreSQL begins as."""
        return "template0" if kind == "postgresql" else _name_of(self._template("postgresql", make_partitioned)[0])


def run_apart(make: Callable[[str], Awaitable[Any]], url: str) -> Any:
    """Run a coroutine on a loop of its own, whether or not this thread runs one."""

    async def made() -> Any:
        return await make(url)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, made()).result()


def _name_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _file_of(url: str) -> Path:
    file = Path(url.removeprefix("sqlite:///"))
    assert not file.with_name(file.name + "-wal").exists(), "it was not closed; a copy would lack its last writes"
    return file
