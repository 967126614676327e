"""Measures reads through drafts on PostgreSQL: pages and figures, with drafts of several sizes beside none.

python -m bench.drafts [--records 100000] [--organizations 3] [--keep DIR]
"""

from __future__ import annotations

import argparse
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench.databases import Sizes, generated
from bench.serving import Floor, Ours, floor
from bench.timing import HEADING, Side, interleaved, row
from pfa.v1.change_pb2 import Change, ChangeOperation, DateShift
from pfa.v1.draft_pb2 import CreateDraftRequest, EditDraftRequest, EditDraftResponse
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    Aggregation,
    ListRecordsRequest,
    ListRecordsResponse,
)
from tests.acceptance.service import serving
from tests.servers.processes import Workplace

DRAFTED: Final = (0, 100, 10_000)
ROUNDS: Final = 9
COSTS: Final = [
    Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_SUM, field=f"{layer}_cost")
    for layer in ("plan", "forecast", "actual")
]
PAGES: Final[dict[str, dict[str, Any]]] = {
    "a page": {},
    "a page by forecast_start": {"order_by": "forecast_start"},
    "a page by forecast_start, of rentals": {"order_by": "forecast_start", "filter": "source = RENTAL"},
    "a page of an area": {"filter": 'area_silo = "Silo 4"'},
}
FIGURES: Final[dict[str, list[str]]] = {
    "sums by category": ["category"],
    "the matrix by category and month": ["category", "month"],
}


class Reader:
    """A client that reads one organization, without a draft or through one."""

    def __init__(self, ours: Ours, code: str) -> None:
        self._ours = ours
        self._code = code

    def draft(self, records: int) -> str:
        """Return a new draft that moves the forecasts of about so many records, the dearest, which lie all over."""
        draft_id = str(uuid.uuid4())
        self._ours.unary("RecordService/CreateDraft", CreateDraftRequest(organization_id=self._code, draft_id=draft_id))
        if not records:
            return draft_id
        change = Change(field="forecast_end", operation=ChangeOperation.CHANGE_OPERATION_SHIFT, shift=DateShift(days=7))
        request = EditDraftRequest(
            organization_id=self._code,
            draft_id=draft_id,
            filter=f"monthly_rate >= {self._rate_at(records)}",
            changes=[change],
            allow_refused=True,
        )
        edited: EditDraftResponse = self._ours.unary("RecordService/EditDraft", request, EditDraftResponse.FromString)
        print(f"a draft of {edited.edited:,} records")
        return draft_id

    def _rate_at(self, place: int) -> int:
        """Return the monthly rate, in whole units, at a place among the highest."""
        options = {"page_size": 1, "skip": place, "order_by": "monthly_rate desc"}
        [record] = self._ours.list_records(self._code, ListRecordsResponse.FromString, **options).records
        rate: int = record.monthly_rate.units
        return rate

    def page(self, draft_id: str, **options: Any) -> None:
        """Read a page of 100."""
        request = ListRecordsRequest(organization_id=self._code, draft_id=draft_id, page_size=100, **options)
        self._ours.unary("RecordService/ListRecords", request)

    def figures(self, draft_id: str, group_by: list[str]) -> None:
        """Sum up the three costs."""
        request = AggregateRecordsRequest(
            organization_id=self._code, draft_id=draft_id, aggregations=COSTS, group_by=group_by
        )
        self._ours.unary("RecordService/AggregateRecords", request)

    def forget(self, _: int) -> None:
        """Let the caches forget what was read: no read through a draft comes from one."""
        self._ours.clear(self._code)


def measure(address: str, unit: Floor) -> None:
    """Print what reads take."""
    ours = Ours(address)
    reader = Reader(ours, next(iter(ours.organizations())))
    drafts = {f"a draft of {records:,}": reader.draft(records) for records in DRAFTED}
    print(HEADING)
    call = interleaved([Side("call", lambda _: unit.call())], 50)["call"].p50
    for name, options in PAGES.items():
        _compare(name, reader, drafts, lambda draft_id, options=options: reader.page(draft_id, **options), call)
    for name, group_by in FIGURES.items():
        _compare(name, reader, drafts, lambda draft_id, by=group_by: reader.figures(draft_id, by), call)


def _compare(name: str, reader: Reader, drafts: dict[str, str], read: Callable[..., None], call: float) -> None:
    """Print what a read takes without a draft, and with each."""
    sides = [Side("no draft", lambda _: read(""), reader.forget)]
    sides += [Side(size, lambda _, draft_id=draft_id: read(draft_id)) for size, draft_id in drafts.items()]  # type: ignore[misc] # mypy knows no such lambda
    for side, times in interleaved(sides, ROUNDS).items():
        print(row(f"{name}, {side} (u: call)", times, call))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    Sizes.add_to(parser)
    parser.set_defaults(records=100_000, organizations=3)
    sizes = Sizes.of(parser.parse_args())
    with (
        Workplace() as place,
        generated(place, sizes) as url,
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), database_url=url) as service,
        floor(url) as unit,
    ):
        measure(service.address, unit)


if __name__ == "__main__":
    main()
