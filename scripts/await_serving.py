"""Waits until a server says that it is serving: `await_serving.py HOST:PORT SECONDS [PID]`.

Exit status: 0 it serves, 1 it did not within the seconds, 2 the process PID ended first.
"""

from __future__ import annotations

import os
import sys
import time

import grpc
from grpc_health.v1 import health_pb2


def is_serving(channel: grpc.Channel, seconds: float) -> bool:
    """Ask the standard health service about the server as a whole."""
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = check(health_pb2.HealthCheckRequest(), timeout=seconds)
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def has_ended(pid: int) -> bool:
    """Tell whether a process of this user is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait(address: str, seconds: float, pid: int | None) -> int:
    """Ask every 50 ms until the server serves, its process ends or the time is over; return the exit status."""
    deadline = time.monotonic() + seconds
    options = [("grpc.max_reconnect_backoff_ms", 100), ("grpc.initial_reconnect_backoff_ms", 50)]
    with grpc.insecure_channel(address, options=options) as channel:
        while time.monotonic() < deadline:
            if is_serving(channel, seconds=1):
                return 0
            if pid is not None and has_ended(pid):
                return 2
            time.sleep(0.05)
    return 1


if __name__ == "__main__":
    sys.exit(wait(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
