"""Pulls the file of a PEMS export into the database: `import_file`, which fills in an `ImportSummary`.

The file is read to its end first: rows that cannot be taken in go to a file of their own, the others are staged on
disk. Only then is anything written, a batch of one organization in each transaction. An import that was stopped is
finished by running it again: what is in the database already is unchanged.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

from pfa_rpc.errors import InvalidRequest, OrganizationExists
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import CODE_RULE, create_organization, is_code, list_organizations
from pfa_rpc.store.records import seen_rows
from pfa_rpc.store.tables import CODE_LENGTH
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.events import Pulled
from pfa_rpc.sync.export_file import ExportFile
from pfa_rpc.sync.mapping import UNKNOWN_ORGANIZATION, Rejection, RowMapper
from pfa_rpc.sync.merge import is_seen
from pfa_rpc.sync.rejected_file import RejectedFile, rejected_path
from pfa_rpc.sync.staging import Duplicate, StagedRow, Staging
from pfa_rpc.sync.taking import Outcome

BATCH_ROWS: Final = 1_000
"""Rows that one transaction writes, at most."""
LISTED: Final = 1_000
"""Duplicates and conflicts that a summary lists one by one; it counts all of them."""
_PROGRESS_ROWS: Final = 500
_AT_ONCE: Final = 100
"""Rows that are taken in before others get their turn."""
_CAUSE: Final = Cause(How.IMPORT, "pfa import")
_PAGE: Final = 1_000

Progress = Callable[[str, int, int], None]
"""Is told (phase, done, total): "reading" in bytes of the file, from a worker thread, then "writing" in rows. A total
of 0 is not known."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row that changes what was changed here too."""

    row: int
    organization_id: str
    pfa_id: str
    fields: tuple[str, ...]
    """Names of the fields that keep their local values."""


@dataclass(slots=True)
class OrganizationCounts:
    """What became of the rows of one organization."""

    inserted: int = 0
    updated: int = 0
    restamped: int = 0
    unchanged: int = 0
    conflicts: int = 0
    deferred: int = 0

    def add(self, outcomes: Counter[Outcome]) -> None:
        """Add what a batch came to."""
        self.inserted += outcomes[Outcome.INSERTED]
        self.updated += outcomes[Outcome.UPDATED]
        self.restamped += outcomes[Outcome.RESTAMPED]
        self.unchanged += outcomes[Outcome.UNCHANGED]
        self.conflicts += outcomes[Outcome.CONFLICT]
        self.deferred += outcomes[Outcome.DEFERRED]


@dataclass(slots=True)
class ImportSummary:
    """What an import did. Every row is counted once: in an organization, or as rejected, duplicate or skipped."""

    file: str = ""
    rows: int = 0
    """Rows of the file without its header."""
    organizations: dict[str, OrganizationCounts] = field(default_factory=dict)
    """By code, the organizations that rows were taken in for."""
    changed: int = 0
    """Records that were written; an open conflict that brings nothing new writes none."""
    created: list[str] = field(default_factory=list)
    """Codes of the organizations that the import created."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Number of rejected rows by reason; a row with several reasons counts under its first."""
    rejected_file: str | None = None
    """Where the rejected rows are; None: there are none."""
    unknown_organizations: dict[str, int] = field(default_factory=dict)
    """Rejected rows by the code that no organization has."""
    duplicates: int = 0
    """Rows that another row of the file, with the same id, was preferred to."""
    duplicate_rows: list[Duplicate] = field(default_factory=list)
    """The first LISTED of them."""
    conflict_rows: list[Conflict] = field(default_factory=list)
    """The first LISTED rows with a conflict."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Rows of organizations that exist and were not asked for, by code."""
    unknown_columns: list[str] = field(default_factory=list)
    """Columns of the file that no field takes its value from."""
    absent_columns: list[str] = field(default_factory=list)
    """Columns of PEMS that the file lacks; their fields stayed as they were."""
    seconds: float = 0.0

    def total(self, outcome: str) -> int:
        """Return how many rows of all organizations came to an outcome: "inserted", "updated", …."""
        return sum(getattr(counts, outcome) for counts in self.organizations.values())

    @property
    def rejected_rows(self) -> int:
        """How many rows were rejected."""
        return sum(self.rejected.values())

    @property
    def rows_per_second(self) -> float:
        """How fast it was; 0 where no time passed."""
        return self.rows / self.seconds if self.seconds else 0.0

    def document(self) -> dict[str, Any]:
        """Return the summary as JSON would have it, totals included."""
        totals: dict[str, Any] = {"file": self.file, "rows": self.rows}
        totals |= {outcome: self.total(outcome) for outcome in asdict(OrganizationCounts())}
        totals["rejected_rows"] = self.rejected_rows
        return (
            totals
            | {name: value for name, value in asdict(self).items() if name not in totals}
            | {"seconds": round(self.seconds, 3), "rows_per_second": round(self.rows_per_second, 1)}
        )


async def import_file(
    database: Database,
    export: ExportFile,
    *,
    organizations: Collection[str] = (),
    rejected: Path | None = None,
    zone: tzinfo = UTC,
    summary: ImportSummary | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Take the rows of an export into a database whose schema is this version's.

    Args:
        database: where to.
        export: the file, open and not yet read.
        organizations: codes whose rows are taken in; those that do not exist are created once the file was read.
            None: every organization there is.
        rejected: where the rejected rows go; None: FILE.rejected.csv beside the file.
        zone: time zone of the stamps in the file.
        summary: filled in as the import goes on, so that one that is stopped can be told of.
        progress: is told how far it is.

    Raises:
        InvalidRequest: a code is malformed.
        UnreadableExport: the file is no export, or damaged; nothing was written.
        SetupError: the rejected or the staged rows cannot be kept; nothing was written.
        DatabaseUnavailable: what was committed until then stays.
    """
    summary = summary if summary is not None else ImportSummary()
    progress = progress or _no_progress
    summary.file = str(export.path)
    began = time.monotonic()
    try:
        _check_codes(organizations)
        existing = await _existing(database)
        wanted = set(organizations) or existing
        with Staging() as staging:
            mapper = RowMapper(export.header.columns, wanted, zone)
            reading = _Reading(export, staging, mapper, others=existing - wanted, summary=summary, progress=progress)
            with RejectedFile(rejected or rejected_path(export.path), export.header.cells) as rejected_file:
                await reading.run(rejected_file)
            await _create(database, sorted(wanted - existing), summary)
            await _write(database, staging, summary, progress)
    finally:
        summary.seconds = time.monotonic() - began
    return summary


def _no_progress(_phase: str, _done: int, _total: int) -> None:
    return None


def _check_codes(codes: Collection[str]) -> None:
    for code in codes:
        if not is_code(code):
            raise InvalidRequest.of("organizations", f"{code[:100]!r} is not the code of an organization; {CODE_RULE}")


async def _existing(database: Database) -> set[str]:
    codes: list[str] = []
    async with database.reading() as connection:
        while True:
            page = await list_organizations(connection, limit=_PAGE, after=codes[-1] if codes else "")
            codes += [organization.organization_id for organization in page]
            if len(page) < _PAGE:
                return set(codes)


async def _create(database: Database, codes: Sequence[str], summary: ImportSummary) -> None:
    for code in codes:
        try:
            await create_organization(database, code)
        except OrganizationExists:  # created by someone else meanwhile, which is just as well
            continue
        summary.created.append(code)


class _Reading:
    """The first pass: every row is rejected, skipped or staged."""

    def __init__(
        self,
        export: ExportFile,
        staging: Staging,
        mapper: RowMapper,
        *,
        others: Collection[str],
        summary: ImportSummary,
        progress: Progress,
    ) -> None:
        self._export = export
        self._staging = staging
        self._mapper = mapper
        self._others = others
        self._summary = summary
        self._progress = progress
        self._stop = threading.Event()
        summary.unknown_columns = list(export.header.unknown)
        summary.absent_columns = list(export.header.absent)

    async def run(self, rejected: RejectedFile) -> None:
        """Read the whole file in a thread, which a cancelled import does not leave behind; then place the rejected."""
        reading = asyncio.ensure_future(asyncio.to_thread(self._read, rejected))
        try:
            await asyncio.shield(reading)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.wait([reading])
            raise
        path = rejected.commit()
        self._summary.rejected_file = None if path is None else str(path)

    def _read(self, rejected: RejectedFile) -> None:
        export, summary, add = self._export, self._summary, self._staging.add
        self._progress("reading", 0, export.size)
        for number, cells in export.rows():
            summary.rows = number
            row = self._mapper.map(cells)
            if isinstance(row, Rejection):
                self._reject(number, cells, row, rejected)
            elif (duplicate := add(number, row)) is not None:
                self._note(duplicate)
            if number % _PROGRESS_ROWS == 0:
                self._progress("reading", export.bytes_read, export.size)
                if self._stop.is_set():
                    return
        self._progress("reading", export.size, export.size)

    def _reject(self, number: int, cells: Sequence[str], rejection: Rejection, rejected: RejectedFile) -> None:
        first = rejection.faults[0]
        if first.reason == UNKNOWN_ORGANIZATION and first.value in self._others:
            _count(self._summary.skipped, first.value)
            return
        rejected.add(number, cells, rejection)
        _count(self._summary.rejected, first.reason)
        if first.reason == UNKNOWN_ORGANIZATION and len(self._summary.unknown_organizations) < LISTED:
            _count(self._summary.unknown_organizations, first.value[:CODE_LENGTH])

    def _note(self, duplicate: Duplicate) -> None:
        self._summary.duplicates += 1
        if len(self._summary.duplicate_rows) < LISTED:
            self._summary.duplicate_rows.append(duplicate)


def _count(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


async def _write(database: Database, staging: Staging, summary: ImportSummary, progress: Progress) -> None:
    """The second pass: take the staged rows in, batch by batch."""
    sizes = await asyncio.to_thread(staging.finish)
    done, total = 0, sum(sizes.values())
    progress("writing", 0, total)
    for organization_id in sizes:
        counts = summary.organizations.setdefault(organization_id, OrganizationCounts())
        for batch in staging.batches(organization_id, BATCH_ROWS):
            result = await _take_batch(database, organization_id, batch)
            counts.add(result.outcomes)
            summary.changed += result.changed
            summary.conflict_rows += result.conflicts[: LISTED - len(summary.conflict_rows)]
            done += len(batch)
            progress("writing", done, total)


@dataclass(slots=True)
class _Batch:
    """What became of the rows of a batch."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    conflicts: list[Conflict] = field(default_factory=list)
    changed: int = 0


async def _take_batch(database: Database, organization_id: str, batch: Sequence[StagedRow]) -> _Batch:
    """Take rows of one organization in; return what became of them, once that is committed."""
    async with database.reading() as connection:
        seen = await seen_rows(connection, organization_id, [staged.pfa_id for staged in batch])
    fresh = [staged for staged in batch if staged.pfa_id not in seen or not is_seen(staged, *seen[staged.pfa_id])]
    result = _Batch(Counter({Outcome.UNCHANGED: len(batch) - len(fresh)}))
    if not fresh:
        return result
    async with database.write(organization_id, _CAUSE) as write:
        taking = await SyncBatch.begin(write)
        await taking.read("pfa_id", [staged.pfa_id for staged in fresh])
        await _take_rows(fresh, taking, write.at, result)
        result.changed = await taking.save()
    return result


async def _take_rows(rows: Sequence[StagedRow], taking: SyncBatch, at: datetime, result: _Batch) -> None:
    """Take rows in, and add what became of them to the result."""
    for number, staged in enumerate(rows, start=1):
        outcome = taking.take(Pulled(staged.row(), at))
        result.outcomes[outcome] += 1
        record = taking.find(staged.pfa_id)
        if outcome is Outcome.CONFLICT and record is not None:
            names = tuple(conflict.field for conflict in record.conflicts)
            result.conflicts.append(Conflict(staged.number, staged.organization_id, staged.pfa_id, names))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
