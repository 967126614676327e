"""Real PostgreSQL and Redis, started when the first test asks for them and gone when the tests end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest
import redis

from tests.servers.finding import (
    Binaries,
    Running,
    ServerNotFoundError,
    find_postgresql,
    find_redis,
    postgresql_binaries,
    redis_binaries,
)
from tests.servers.postgresql import Administrator, PostgreSQL, Session, running_postgresql
from tests.servers.processes import ServerFailedError, Workplace
from tests.servers.redis import Redis, running_cluster, running_redis
from tests.servers.stock import Stock

ANSWER_SECONDS: Final = 10


def pytest_configure() -> None:
    """Let what tests start be interrupted: a shell that runs tests in the background makes them ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Say which servers tests run against, and their versions; none is started for it."""
    return [f"server: {_found(find_postgresql, _postgresql_version)}", f"server: {_found(find_redis, _redis_version)}"]


def _found(find: Callable[[], Running | Binaries], version: Callable[[str], str]) -> str:
    try:
        found = find()
        return f"{found}, version {version(found.url)}" if isinstance(found, Running) else str(found)
    except ServerNotFoundError as error:
        return str(error)
    except (OSError, asyncpg.PostgresError, redis.RedisError) as error:
        return f"{found}, which does not answer: {error}"


def _postgresql_version(url: str) -> str:
    return Administrator(url).version()


def _redis_version(url: str) -> str:
    with redis.Redis.from_url(url, socket_timeout=ANSWER_SECONDS) as client:
        return str(client.info("server")["redis_version"])


@contextmanager
def _sentences() -> Iterator[None]:
    """Fail with what can be done about it, instead of with a trace."""
    try:
        yield
    except (ServerNotFoundError, ServerFailedError) as error:
        # Without the error as its context, which would be shown again.
        failure = pytest.fail.Exception(str(error), pytrace=False)
        raise failure from None


@pytest.fixture(scope="session")
def workplace() -> Iterator[Workplace]:
    """Where servers of tests live."""
    with _sentences(), Workplace() as place:
        yield place


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> Iterator[Administrator]:
    """The PostgreSQL of all tests, by a superuser; its `url_of` gives URLs, `new_database` databases."""
    with _sentences(), ExitStack() as stack:
        found = find_postgresql()
        if isinstance(found, Binaries):
            url = stack.enter_context(running_postgresql(request.getfixturevalue("workplace"), found)).url()
        else:
            url = found.url
        yield Administrator(url, stack, stack.enter_context(closing(Session(url))))


@pytest.fixture
def postgresql_url(postgresql_server: Administrator) -> Iterator[str]:
    """The URL of an empty database of this test."""
    with postgresql_server.new_database() as url:
        yield url


@pytest.fixture(scope="session")
def stock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """Databases that are copied for tests."""

    def administrator() -> Administrator:
        found: Administrator = request.getfixturevalue("postgresql_server")
        return found

    return Stock(tmp_path_factory.mktemp("stock"), administrator)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database; a test that asks for it, or for anything that does, runs once on each."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, stock: Stock, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of this test, of each kind."""
    with stock.copy(database_kind, tmp_path) as (url, _):
        yield url


@pytest.fixture
def own_postgresql(workplace: Workplace) -> Iterator[PostgreSQL]:
    """A PostgreSQL of this test, which may stop, crash and restart it."""
    with _sentences(), running_postgresql(workplace, postgresql_binaries()) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of the Redis of all tests."""
    with _sentences(), ExitStack() as stack:
        found = find_redis()
        if isinstance(found, Binaries):
            yield stack.enter_context(running_redis(request.getfixturevalue("workplace"), found)).url
        else:
            yield found.url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of an empty database of Redis."""
    with redis.Redis.from_url(redis_server, socket_timeout=ANSWER_SECONDS) as client:
        client.flushdb()
    return redis_server


@pytest.fixture
def own_redis(workplace: Workplace) -> Iterator[Redis]:
    """A Redis of this test, which may stop, crash, hang and restart it, and change its configuration."""
    with _sentences(), running_redis(workplace, redis_binaries()) as server:
        yield server


@pytest.fixture(scope="session")
def _redis_nodes(workplace: Workplace) -> Iterator[list[Redis]]:
    with _sentences(), running_cluster(workplace, redis_binaries()) as nodes:
        yield nodes


@pytest.fixture
def redis_cluster(_redis_nodes: list[Redis]) -> list[Redis]:
    """Three empty nodes of a Redis Cluster."""
    for node in _redis_nodes:
        with node.client() as client:
            client.flushall()
    return _redis_nodes
