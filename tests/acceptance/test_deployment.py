"""The command lines and variables of the containers, run as processes against a real PostgreSQL and Redis.

Taken from docker-compose.yml and the Dockerfile; only hosts, ports and passwords are replaced.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from pfa_rpc.cli import exits
from tests.acceptance.service import BIN
from tests.deployment import compose, interpolated, last_stage, seconds
from tests.servers.finding import Binaries, find_postgresql, redis_binaries
from tests.servers.processes import Workplace, free_port
from tests.servers.redis import running_redis

TOKEN: Final = "correct-horse-battery-staple"  # noqa: S105 (of a server that lives for one test)
SECRETS: Final = {"POSTGRES_PASSWORD": "correcthorsebattery", "PFA_API_TOKENS": TOKEN}


def service_of(name: str) -> dict[str, Any]:
    """Return a service of the compose file."""
    found: dict[str, Any] = compose()["services"][name]
    return found


def argv(words: list[str]) -> list[str]:
    """Return what a container runs for its command: the image's entry point, and the words after it."""
    (entry,) = last_stage("ENTRYPOINT")
    return [*entry.words, *words]


class Containers:
    """Runs what the containers would, here."""

    def __init__(self, folder: Path, database: str, redis: str) -> None:
        self._folder = folder
        self.port = free_port()
        self._replaced = {"PFA_DATABASE_URL": database, "PFA_REDIS_URL": redis, "PFA_LISTEN": f"127.0.0.1:{self.port}"}

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables of a container, hosts replaced, and no other PFA_ variable."""
        theirs = {key: interpolated(value, SECRETS) for key, value in service_of(name)["environment"].items()}
        theirs |= {key: value for key, value in self._replaced.items() if key in theirs}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PFA_")}
        return kept | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"} | theirs

    def run(self, name: str, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in a container, to its end."""
        return subprocess.run(
            words,
            env=self.environment(name),
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def check_health(self) -> subprocess.CompletedProcess[str]:
        """Run the probe; beside its address it is the compose file's own."""
        first, *words = service_of("service")["healthcheck"]["test"]
        assert first == "CMD"
        return self.run("service", [*words, "--server", f"127.0.0.1:{self.port}"])

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """Give the service, once its probe succeeds."""
        log = self._folder / "service.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv(service_of("service")["command"]),
                env=self.environment("service"),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            deadline = time.monotonic() + seconds(service_of("service")["healthcheck"]["start_period"])
            while self.check_health().returncode != exits.OK:
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < deadline, log.read_text("utf-8")
                time.sleep(0.3)  # for what starts: a probe takes as much of the processor as a good part of it
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(30)

    def log_text(self) -> str:
        """Return what the service logged."""
        return (self._folder / "service.log").read_text("utf-8")


@pytest.fixture
def containers(tmp_path: Path, postgresql_url: str, redis_url: str) -> Containers:
    """The containers of a deployment whose database is empty."""
    return Containers(tmp_path, postgresql_url, redis_url)


def test_they_migrate_serve_answer_with_a_token_and_stop(containers: Containers) -> None:
    migrate = argv(service_of("migrate")["command"])
    first = containers.run("migrate", migrate)
    assert (first.returncode, "from no schema to schema" in first.stdout) == (exits.OK, True), first.stderr
    again = containers.run("migrate", migrate)
    assert (again.returncode, "already" in again.stdout) == (exits.OK, True), again.stderr

    assert containers.check_health().returncode == exits.UNAVAILABLE
    with containers.serving() as process:
        ask = ["pfa", "organizations", "list", "--server", f"127.0.0.1:{containers.port}"]
        assert containers.run("service", ask).returncode == exits.DENIED
        with_token = containers.run("service", [*ask, "--token", TOKEN])
        assert with_token.returncode == exits.OK, with_token.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(seconds(service_of("service")["stop_grace_period"])) == exits.OK
    assert "is not a setting" not in containers.log_text()
    assert "made the tables" not in containers.log_text()


def test_the_image_serves_where_no_command_is_given(containers: Containers) -> None:
    (default,) = last_stage("CMD")
    assert default.words == service_of("service")["command"]


def test_the_address_of_the_container_is_refused_without_tokens(containers: Containers) -> None:
    theirs = service_of("service")["environment"]["PFA_LISTEN"]
    variables = {**containers.environment("service"), "PFA_LISTEN": theirs, "PFA_API_TOKENS": ""}
    show = [*argv(service_of("service")["command"]), "--show-config"]
    done = subprocess.run(show, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != exits.OK
    assert "PFA_API_TOKENS" in done.stderr
    variables["PFA_API_TOKENS"] = TOKEN
    assert subprocess.run(show, env=variables, capture_output=True, timeout=60, check=False).returncode == exits.OK


def test_health_tells_of_one_service_and_of_one_that_is_not_there(containers: Containers) -> None:
    assert containers.run("migrate", argv(["migrate"])).returncode == exits.OK
    with containers.serving():
        server = ["--server", f"127.0.0.1:{containers.port}"]
        known = containers.run("service", ["pfa", "health", "--service", "pfa.v1.RecordService", *server])
        assert (known.returncode, known.stdout) == (exits.OK, "SERVING\n")
        unknown = containers.run("service", ["pfa", "health", "--service", "pfa.v1.NoService", *server])
        assert unknown.returncode == exits.NOT_FOUND
        assert "NoService" in unknown.stderr
        as_json = containers.run("service", ["pfa", "health", "--json", *server])
        assert re.sub(r"\s", "", as_json.stdout) == '{"status":"SERVING"}'


def test_postgresql_takes_its_options(workplace: Workplace) -> None:
    found = find_postgresql()
    if not isinstance(found, Binaries):
        pytest.skip("the tests run against a server that is up already")
    programs, data = workplace.programs(found), workplace.new_folder("options") / "data"
    postgres = service_of("postgres")
    words = postgres["environment"]["POSTGRES_INITDB_ARGS"].split()
    workplace.run(programs / "initdb", "-D", data, "-U", "postgres", "--no-sync", *words)
    program, *options = postgres["command"]
    workplace.run(programs / program, "-D", data, *options, "-C", "max_connections")


def test_redis_takes_its_options(workplace: Workplace) -> None:
    program, *options = service_of("redis")["command"]
    assert program == "redis-server"
    with running_redis(workplace, redis_binaries(), *options) as redis, redis.client() as client:
        # One by one: older servers take no more.
        names = ("maxmemory", "maxmemory-policy", "save", "appendonly")
        config = {name: client.config_get(name)[name] for name in names}
    assert config == {
        "maxmemory": str(512 << 20),
        "maxmemory-policy": "allkeys-lru",
        "save": "",
        "appendonly": "no",
    }
