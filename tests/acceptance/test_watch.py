"""`pfa watch` and `pfa history` as their users have them: what another process changes, then and later."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pfa_rpc.cli import exits
from pfa_rpc.store.database import Database
from pfa_rpc.store.history.audit import prune_history
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization, get_organization
from pfa_rpc.store.records import new_record, read_for_write, save_records
from tests.acceptance.test_cli import PFA, environment, pfa, serving
from tests.causes import CAUSE
from tests.fixtures.records import make_values


async def make(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    await migrate(database)
    organization = await create_organization(database, "RIO")
    async with database.write("RIO", CAUSE) as write:
        new = [(None, new_record("RIO", str(number), make_values(area_silo="Silo 4"))) for number in (1, 2)]
        await save_records(write, organization, new)
    await database.close()


async def move(path: Path, pfa_id: str, area: str) -> None:
    database = Database(f"sqlite:///{path}")
    async with database.write("RIO", CAUSE) as write:
        organization = await get_organization(write.connection, "RIO")
        before = (await read_for_write(write, [pfa_id]))[pfa_id]
        after = before.copy()
        after.values["area_silo"] = area
        await save_records(write, organization, [(before, after)])
    await database.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    path = tmp_path / "pfa.sqlite3"
    asyncio.run(make(path))
    with serving(path) as address:
        yield address, path


@contextmanager
def watching(address: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PFA, "watch", *arguments],
        env=environment(PFA_SERVER=address, PFA_ORGANIZATION="RIO"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()  # one that has not ended would be waited for without end


def until_waiting(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert "waiting for changes" in process.stderr.readline()


def test_changes_are_printed_with_what_was_before(served: tuple[str, Path]) -> None:
    address, path = served
    with watching(address, "--filter", 'area_silo = "Silo 4"', "--changes", "1") as process:
        until_waiting(process)
        asyncio.run(move(path, "2", "Silo 5"))
        out, error = process.communicate(timeout=30)
    assert out.startswith("- 2  Silo 4")
    assert process.returncode == exits.OK
    token = error.split("--from ")[1].split()[0]
    asyncio.run(move(path, "1", "Silo 6"))
    with watching(address, "--from", token, "--changes", "1", "--json") as process:
        out, _ = process.communicate(timeout=30)
    change = json.loads(out)
    assert (change["record"]["pfa_id"], change["record"]["area_silo"]) == ("1", "Silo 6")


def test_from_a_token_a_record_that_left_is_told_although_it_never_came(served: tuple[str, Path]) -> None:
    address, path = served
    matching = ("--filter", 'area_silo = "Silo 4"')
    with watching(address, *matching) as process:
        until_waiting(process)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    token = error.split("--from ")[1].split()[0]
    asyncio.run(move(path, "2", "Silo 5"))
    with watching(address, *matching, "--from", token, "--changes", "1") as process:
        out, _ = process.communicate(timeout=30)
    assert out.split() == ["-", "2"]


async def forget(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    assert await prune_history(database, "RIO", datetime.now(UTC))
    await database.close()


def test_a_token_that_cannot_be_gone_on_from_is_not_told_again_but_how_to_begin(served: tuple[str, Path]) -> None:
    address, path = served
    there = {"PFA_SERVER": address, "PFA_ORGANIZATION": "RIO"}
    old = json.loads(pfa("list", "--json", **there).stdout)["revision_token"]
    for area in ("Silo 5", "Silo 6"):
        asyncio.run(move(path, "2", area))
    asyncio.run(forget(path))
    for token, why in ((old, "older than the history that is kept"), ("made-up", "the revision token is damaged")):
        refused = pfa("watch", "--from", token, **there)
        assert refused.returncode == exits.INVALID_INPUT
        assert why in refused.stderr
        assert "  without --from: what changes from now on" in refused.stderr
        assert "goes on from here" not in refused.stderr


def test_one_record_that_matches_is_told_as_one(served: tuple[str, Path]) -> None:
    address, _ = served
    with watching(address, "--filter", 'pfa_id = "1"') as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "pfa: 1 record matches; waiting for changes\n"


def test_fields_are_told_before_and_after(served: tuple[str, Path]) -> None:
    address, path = served
    with watching(address, "--changes", "1") as process:
        until_waiting(process)
        asyncio.run(move(path, "2", "Silo 5"))
        out, _ = process.communicate(timeout=30)
    assert "~ 2" in out
    assert "area Silo 4 → Silo 5" in out


def test_ctrl_c_ends_a_watch_with_the_place_to_go_on_from(served: tuple[str, Path]) -> None:
    address, _ = served
    with watching(address) as process:
        until_waiting(process)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == exits.INTERRUPTED
    assert "--from " in error


def test_the_history_tells_who_changed_what(served: tuple[str, Path]) -> None:
    address, path = served
    there = {"PFA_SERVER": address, "PFA_ORGANIZATION": "RIO"}
    before = datetime.now(UTC)
    asyncio.run(move(path, "2", "Silo 5"))
    done = pfa("history", "2", **there)
    assert done.returncode == exits.OK, done.stderr
    assert re.search(r"anna +edit +2 +area: Silo 4 → Silo 5", done.stdout)
    assert "created" in done.stdout
    by_nobody = pfa("history", "--by", "nobody", **there)
    assert "Nothing was changed." in by_nobody.stdout
    document = json.loads(pfa("history", "--field", "area_silo", "--json", **there).stdout)
    assert [change["new"]["area_silo"] for change in document["changes"]] == ["Silo 5"]
    then = pfa("get", "2", "--as-of", before.isoformat(), **there)
    assert "Silo 4" in then.stdout
    wrong = pfa("history", "--since", "yesterday", **there)
    assert (wrong.returncode, "takes a time such as" in wrong.stderr) == (exits.USAGE, True)
