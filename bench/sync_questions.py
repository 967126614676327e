"""How long questions take while the same server reads everything from PEMS: `python -m bench.sync_questions`.

A real `pfa serve` on PostgreSQL holds the example export of one organization, and pulls 60,000 records of another one
from a simulator in a process of its own, without latency. The same question is asked one time after another, with a
fresh answer each time, before that and meanwhile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from bench.serving import Ours
from bench.sync_pull import CODE, PASSWORD, simulator
from bench.timing import HEADING, Times, row
from pfa.v1.organization_service_pb2 import CreateOrganizationRequest
from pfa.v1.sync_service_pb2 import (
    GetSyncRequest,
    GetSyncResponse,
    StartSyncRequest,
    StartSyncResponse,
    SyncDirection,
    SyncMode,
    SyncRun,
    SyncRunState,
)
from tests.acceptance.service import ROOT, run_pfa, serving
from tests.servers.finding import postgresql_binaries
from tests.servers.postgresql import running_postgresql
from tests.servers.processes import Workplace

ASKED: Final = "RIO"
QUESTION: Final = "{} rentals in Silo 4 over ${}"
IDLE_SECONDS: Final = 5.0
_RUNNING: Final = SyncRunState.SYNC_RUN_STATE_RUNNING


def asked_while(ours: Ours, numbers: Any, goes_on: Callable[[], bool]) -> Times:
    """Return how long questions took, none of which is asked twice, as long as something goes on."""
    times = Times()
    while goes_on():
        for _ in range(5):
            began = time.perf_counter()
            ours.ask(ASKED, QUESTION.format("show me", 2_000 + next(numbers)))
            times.seconds.append(time.perf_counter() - began)
    return times


class Pull:
    """A pull of everything by a server."""

    def __init__(self, ours: Ours) -> None:
        self._ours = ours
        request = StartSyncRequest(
            organization_id=CODE, direction=SyncDirection.SYNC_DIRECTION_PULL, mode=SyncMode.SYNC_MODE_FULL
        )
        self.run: SyncRun = ours.unary("SyncService/StartSync", request, StartSyncResponse.FromString).sync

    def goes_on(self) -> bool:
        """Return whether it still runs."""
        request = GetSyncRequest(organization_id=CODE, sync_id=self.run.sync_id)
        self.run = self._ours.unary("SyncService/GetSync", request, GetSyncResponse.FromString).sync
        return self.run.state == _RUNNING


def measure(ours: Ours) -> None:
    """Print the table."""
    numbers = count()
    asked_while(ours, numbers, lambda: next(numbers) < 100)
    until = time.monotonic() + IDLE_SECONDS
    alone = asked_while(ours, numbers, lambda: time.monotonic() < until)
    ours.unary("OrganizationService/CreateOrganization", CreateOrganizationRequest(organization_id=CODE))
    began = time.monotonic()
    pull = Pull(ours)
    meanwhile = asked_while(ours, numbers, pull.goes_on)
    seconds = time.monotonic() - began
    if pull.run.state != SyncRunState.SYNC_RUN_STATE_SUCCEEDED:
        raise SystemExit(f"the pull failed: {pull.run}")
    print(f"the pull took {seconds:.1f} s; {len(alone.seconds)} and {len(meanwhile.seconds)} questions\n{HEADING}")
    print(row("a question, nothing else going on", alone, alone.p50))
    print(row("while everything is pulled", meanwhile, alone.p50, 2))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=60_000)
    options = parser.parse_args()
    with Workplace() as place, running_postgresql(place, postgresql_binaries()) as server:
        folder, url = place.new_folder("serve"), server.url()
        export = str(ROOT / "examples" / "pems_export.csv.gz")
        done = run_pfa(folder, "import", export, "--organizations", ASKED, database_url=url)
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr)
        with simulator(options.records) as (pems, _):
            settings = {"pems_base_url": pems, "pems_tenant": "DEMO", "pems_user": "pfa", "pems_password": PASSWORD}
            own = {"pems_requests_per_second": "1000", "pems_sync_seconds": "0"}
            with serving(folder, database_url=url, **settings, **own) as service:
                measure(Ours(service.address))


if __name__ == "__main__":
    main()
