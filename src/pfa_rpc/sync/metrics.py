"""What runs of the synchronization count, on Prometheus' default registry."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

RUNS: Final = Counter("pfa_sync_runs_total", "Runs that ended, by state; skipped: due and not begun.", ("state",))
RUN_SECONDS: Final = Histogram(
    "pfa_sync_run_seconds",
    "How long a run took.",
    buckets=(0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 180.0, 600.0, 1_800.0, 7_200.0),
)
PAGES: Final = Counter("pfa_sync_pages_total", "Pages of rows that were taken in.")
OLDEST_UNSYNCED: Final = Gauge(
    "pfa_sync_oldest_unsynced_edit_seconds", "Age of the oldest local edit that PEMS does not have; 0: there is none."
)
