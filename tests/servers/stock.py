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

        The kind is sqlite or postgresql; an SQLite file is put into the folder. Without `make` the copy is empty.
        """
        template, returned = self._template(kind, make) if make else (None, None)
        if kind == "postgresql":
            name = urlsplit(template).path.lstrip("/") if template else "template0"
            with self.administrator().new_database(name) as url:
                yield url, returned
        else:
            target = folder / "pfa.sqlite3"
            if template:
                shutil.copyfile(_file_of(template), target)
            yield f"sqlite:///{target}", returned

    def _template(self, kind: str, make: Callable[[str], Awaitable[Any]]) -> tuple[str, Any]:
        if (make, kind) not in self.made:
            if kind == "postgresql":
                url = self.administrator().keep_database()
            else:
                url = f"sqlite:///{self.folder}/{len(self.made)}.sqlite3"
            self.made[make, kind] = (url, run_apart(make, url))
        return self.made[make, kind]


def run_apart(make: Callable[[str], Awaitable[Any]], url: str) -> Any:
    """Run a coroutine on a loop of its own, whether or not this thread runs one."""

    async def made() -> Any:
        return await make(url)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, made()).result()


def _file_of(url: str) -> Path:
    file = Path(url.removeprefix("sqlite:///"))
    assert not file.with_name(file.name + "-wal").exists(), "it was not closed; a copy would lack its last writes"
    return file
