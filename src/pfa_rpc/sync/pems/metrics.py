"""What the client of PEMS counts, on Prometheus' default registry."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from pfa_rpc.cache.breaker import Watched

REQUESTS: Final = Counter(
    "pfa_pems_requests_total",
    "Requests to PEMS, by service (griddata, userdefinedscreenservices) and status of the answer; none: no answer.",
    ("service", "status"),
)
REQUEST_SECONDS: Final = Histogram(
    "pfa_pems_request_seconds",
    "How long PEMS took to answer, to the last byte, by service.",
    ("service",),
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0),
)
BREAKER_OPEN: Final = Gauge("pfa_pems_breaker_open", "1 while PEMS is given a rest, 0 else.", ("breaker",))
BREAKER_OPENED: Final = Counter("pfa_pems_breaker_opened_total", "How often PEMS was given up.", ("breaker",))
PEMS: Final = Watched("pems", "syncs wait", BREAKER_OPEN, BREAKER_OPENED)
"""What a breaker tells of PEMS."""
