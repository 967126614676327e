"""Redis for tests: `Redis`, a server of our own, and `cluster`, three of them as a Redis Cluster."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.finding import Binaries
from tests.servers.processes import Server, ServerFailedError, Workplace

SLOTS: Final = 16_384
NODES: Final = 3
ANSWER_SECONDS: Final = 5
CLUSTER_SECONDS: Final = 60


class Redis(Server):
    """A server that saves its data only when told to (SAVE), to `snapshot`, which it reads when it starts."""

    name = "redis"
    end_by = signal.SIGKILL  # it leaves nothing behind that others would have to remove

    def __init__(self, workplace: Workplace, binaries: Binaries, *options: str) -> None:
        """Take more of its options, such as `--maxmemory 2mb`, one word each."""
        super().__init__(workplace, binaries)
        self._more = options

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://{self.host}:{self.port}/0"

    @property
    def snapshot(self) -> Path:
        """Where SAVE writes to."""
        return self.folder / "dump.rdb"

    def command(self) -> list[str | Path]:
        """Return what starts it."""
        place = ("--bind", self.host, "--port", str(self.port), "--dir", str(self.folder))
        return [self.programs / "redis-server", *place, "--save", "", "--appendonly", "no", *self._more]

    def is_ready(self) -> bool:
        """Tell whether it answers, its snapshot read, and not another server at its port."""
        try:
            with self.client() as client:
                return bool(client.ping()) and client.info("server")["process_id"] == self.pid
        except redis.RedisError:
            return False

    def client(self, seconds: float = ANSWER_SECONDS) -> redis.Redis:
        """Return a client of it, to be closed, that waits so long for an answer."""
        return redis.Redis(host=self.host, port=self.port, socket_timeout=seconds, retry=Retry(NoBackoff(), 0))

    def crash(self) -> None:
        """End it without letting it save anything."""
        self.stop(signal.SIGKILL)

    def hang(self) -> None:
        """Let it take connections and answer nothing, until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again after `hang`."""
        os.kill(self.pid, signal.SIGCONT)


@contextmanager
def running_redis(workplace: Workplace, binaries: Binaries, *options: str) -> Iterator[Redis]:
    """Give a server of one's own. Raises ServerFailedError."""
    server = Redis(workplace, binaries, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def running_cluster(workplace: Workplace, binaries: Binaries) -> Iterator[list[Redis]]:
    """Give three nodes that share the slots and know each other. Raises ServerFailedError."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    with ExitStack() as stack:
        nodes = [stack.enter_context(running_redis(workplace, binaries, *options)) for _ in range(NODES)]
        clients = [stack.enter_context(node.client()) for node in nodes]
        for number, client in enumerate(clients):
            _order(client, "SET-CONFIG-EPOCH", number + 1)
            _order(client, "ADDSLOTS", *range(SLOTS * number // NODES, SLOTS * (number + 1) // NODES))
            _order(client, "MEET", nodes[0].host, nodes[0].port)
        deadline = time.monotonic() + CLUSTER_SECONDS
        while not all(_is_whole(client) for client in clients):
            if time.monotonic() > deadline:
                raise ServerFailedError(f"the nodes did not meet in {CLUSTER_SECONDS} s:\n{nodes[0].log_text()}")
            time.sleep(0.05)
        yield nodes


def _order(client: redis.Redis, *words: str | int) -> Any:
    return client.execute_command("CLUSTER", *words)  # type: ignore[no-untyped-call]


def _is_whole(client: redis.Redis) -> bool:
    info = _order(client, "INFO")
    text = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    return text["cluster_state"] == "ok" and int(text["cluster_known_nodes"]) == NODES
