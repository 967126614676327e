"""Measures editing on PostgreSQL: one record beside a bare transaction of the same rows, many records, proposals.

python -m bench.edits [--records 20000] [--keep DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
from google.protobuf.field_mask_pb2 import FieldMask

from bench.bare_edits import BareEdits
from bench.databases import Sizes, generated, process_seconds
from bench.serving import Floor, Ours, floor
from bench.timing import HEADING, Side, interleaved, row
from pfa.v1.change_pb2 import Change, ChangeOperation, DateShift
from pfa.v1.mutation_pb2 import MutateRecordsRequest, MutateRecordsResponse, Mutation, MutationOperation
from pfa.v1.proposal_pb2 import (
    ApplyChangeRequest,
    ApplyChangeResponse,
    ProposeChangeRequest,
    ProposeChangeResponse,
)
from pfa.v1.record_pb2 import Period, Record
from pfa.v1.record_service_pb2 import ListRecordsResponse
from pfa_rpc.records.encode import date_message
from pfa_rpc.records.sheets import ON_SHEETS
from tests.acceptance.service import Service, serving
from tests.servers.processes import Workplace

MANY: Final = 1_000
PROPOSED: Final = 10_000
FAR: Final = date(2030, 1, 1)
_TABLES: Final = ("records", "record_changes", "organization_commits", "request_results", "record_chunks")


class Editor:
    """A client that edits one organization."""

    def __init__(self, ours: Ours, code: str) -> None:
        self._ours = ours
        self._code = code
        page = ours.list_records(code, ListRecordsResponse.FromString, page_size=MANY)
        self._ids = [record.id for record in page.records]
        self._next = itertools.cycle(self._ids)
        self._names = itertools.count()
        self._ready = MutateRecordsRequest()

    def _request(self, ids: Sequence[str], **options: Any) -> MutateRecordsRequest:
        """Return what sets the forecast end of some records to a day that they do not have."""
        end = FAR + timedelta(days=next(self._names))
        forecast = Period(end_date=date_message(end))
        mutations = [
            Mutation(
                operation=MutationOperation.MUTATION_OPERATION_UPDATE,
                record=Record(id=one, forecast=forecast),
                update_mask=FieldMask(paths=["forecast.end_date"]),
            )
            for one in ids
        ]
        return MutateRecordsRequest(organization_id=self._code, mutations=mutations, **options)

    def _mutate(self, request: MutateRecordsRequest) -> MutateRecordsResponse:
        answer: MutateRecordsResponse = self._ours.unary(
            "RecordService/MutateRecords", request, MutateRecordsResponse.FromString
        )
        return answer

    def one(self, _: int) -> None:
        """Edit one record, by a request that can be repeated."""
        self._mutate(self._request([next(self._next)], request_id=str(uuid.uuid4())))

    def prepare_many(self, _: int) -> None:
        """Put together a request for as many as there may be: the rows beside it are given, too."""
        self._ready = self._request(self._ids)

    def many(self, _: int) -> None:
        """Send that request."""
        self._mutate(self._ready)

    def propose(self, number: int = 0) -> ProposeChangeResponse:
        """Propose to move forecasts; no two proposals are the same, so that none comes from a cache."""
        changes = [
            Change(field=name, operation=ChangeOperation.CHANGE_OPERATION_SHIFT, shift=DateShift(days=number % 500 + 1))
            for name in ("forecast_start", "forecast_end")
        ]
        request = ProposeChangeRequest(organization_id=self._code, changes=changes)
        answer: ProposeChangeResponse = self._ours.unary(
            "RecordService/ProposeChange", request, ProposeChangeResponse.FromString
        )
        return answer

    def apply(self, token: str) -> ApplyChangeResponse:
        """Carry a proposal out, without what is refused."""
        request = ApplyChangeRequest(organization_id=self._code, proposal_token=token, allow_refused=True)
        answer: ApplyChangeResponse = self._ours.unary(
            "RecordService/ApplyChange", request, ApplyChangeResponse.FromString
        )
        return answer


class Bare:
    """The rows that an edit writes, written by statements that are prepared, and nothing else."""

    def __init__(self, url: str, code: str) -> None:
        self._runner = asyncio.Runner()
        self._code = code
        self._connection: Any = self._runner.run(asyncpg.connect(url))
        self._copies = self._runner.run(self._read())
        self._number = 10**12

    async def _read(self) -> dict[str, Any]:
        """Return a row of each table that the last edit wrote."""
        rows = {}
        for table in _TABLES:
            order = "committed_at" if table == "request_results" else "revision"
            rows[table] = await self._connection.fetchrow(
                f"SELECT * FROM {table} WHERE organization_id = $1 ORDER BY {order} DESC LIMIT 1",  # noqa: S608 (ours)
                self._code,
            )
        return rows

    def one(self, _: int) -> None:
        """Write the rows of an edit of one record."""
        self._runner.run(self._write())

    async def _write(self) -> None:
        self._number += 1
        async with self._connection.transaction():
            await self._connection.fetchrow(
                "UPDATE organization_revisions SET nonce = $2 WHERE organization_id = $1 RETURNING *",
                self._code,
                self._number,
            )
            record = dict(self._copies["records"])
            await self._connection.fetchrow(
                "SELECT payload, base FROM records WHERE organization_id = $1 AND id = $2", self._code, record["id"]
            )
            names = [name for name in record if name not in ("organization_id", "id")]
            changes = ", ".join(f"{name} = ${place}" for place, name in enumerate(names, start=3))
            await self._connection.execute(
                f"UPDATE records SET {changes} WHERE organization_id = $1 AND id = $2",  # noqa: S608 (our own names)
                self._code,
                record["id"],
                *(record[name] for name in names),
            )
            chunk = self._copies["record_chunks"]["chunk"]
            await self._connection.execute(
                "UPDATE record_chunks SET nonce = $3 WHERE organization_id = $1 AND chunk = $2",
                self._code,
                chunk,
                self._number,
            )
            for table in ("record_changes", "organization_commits", "request_results"):
                await self._insert(table)

    async def _insert(self, table: str) -> None:
        row = dict(self._copies[table])
        key = "request_id" if table == "request_results" else "revision"
        row[key] = str(self._number) if key == "request_id" else self._number
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        await self._connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})",  # noqa: S608 (our own names)
            *row.values(),
        )

    def close(self) -> None:
        """Close the connection."""
        self._runner.run(self._connection.close())
        self._runner.close()


class Columns:
    """The columns that decide what a change does, read by the driver alone, as rows."""

    def __init__(self, url: str, code: str) -> None:
        self._runner = asyncio.Runner()
        self._connection: Any = self._runner.run(asyncpg.connect(url))
        names = ", ".join(ON_SHEETS)
        self._reading = self._runner.run(
            self._connection.prepare(f"SELECT position, {names} FROM records WHERE organization_id = $1")  # noqa: S608 (our own names)
        )
        self._code = code

    def read(self, _: int) -> None:
        """Read them, of all records of the organization."""
        self._runner.run(self._reading.fetch(self._code))

    def close(self) -> None:
        """Close the connection."""
        self._runner.run(self._connection.close())
        self._runner.close()


def _measure_proposals(url: str, code: str, editor: Editor, pid: int, call: float) -> None:
    """Print what proposals take: the first, for which nothing is kept, and others beside what they would read."""
    columns = Columns(url, code)
    first = interleaved([Side("f", lambda _: editor.propose())], 1, warm_up=0)["f"]
    matched = editor.propose().proposal.matched
    seconds = process_seconds(pid)
    rounds = 9
    sides = [Side("p", lambda number: editor.propose(number + 10)), Side("c", columns.read)]
    times = interleaved(sides, rounds)
    seconds = (process_seconds(pid) - seconds) / (rounds + 1)
    print(row(f"the deciding columns of {matched:,} records, by asyncpg", times["c"], call))
    print(row("ProposeChange of them, the first (u: call)", first, call))
    print(row("ProposeChange of them (u: call)", times["p"], call, 40 * matched / PROPOSED))
    print(f"{'    of which processor time of the service':<58}{seconds * 1e3:>9.2f}")
    columns.close()


def measure(url: str, service: Service, unit: Floor) -> None:
    """Print what editing takes."""
    ours = Ours(service.address)
    code, spare = list(ours.organizations())[:2]
    editor, other = Editor(ours, code), Editor(ours, spare)
    other.one(0)
    bare = Bare(url, spare)
    print(HEADING)
    sides = [
        Side("a unary call that does nothing", lambda _: unit.call()),
        Side("a bare transaction of the same rows", bare.one),
        Side("MutateRecords, 1 record", editor.one),
    ]
    times = interleaved(sides, 200, warm_up=20)
    call = times[sides[0].name].p50
    print(row(sides[0].name, times[sides[0].name], call))
    bare_time = times[sides[1].name].p50
    print(row(sides[1].name, times[sides[1].name], call))
    print(row(sides[2].name + " (u: bare transaction)", times[sides[2].name], bare_time, 4))
    bare.close()
    _measure_many(url, spare, editor, other, service.process.pid)
    _measure_proposals(url, code, editor, service.process.pid, call)
    tokens: Iterator[str] = iter([])
    applied: list[int] = []

    def prepare(number: int) -> None:
        nonlocal tokens
        tokens = iter([editor.propose(100 + number).proposal.proposal_token])

    def apply(_: int) -> None:
        applied.append(editor.apply(next(tokens)).changed)

    seconds = process_seconds(service.process.pid)
    done = interleaved([Side("a", apply, prepare)], 3)["a"]
    seconds = process_seconds(service.process.pid) - seconds
    _say(f"ApplyChange, {applied[-1]:,} records", applied[-1] / done.p50 * 1e3, 10_000)
    _tell("of the service's processor, us a record, proposed and applied", seconds / sum(applied))


def _measure_many(url: str, spare: str, editor: Editor, other: Editor, pid: int) -> None:
    """Print what many records take in one request, beside the same rows by asyncpg alone, in turns."""
    other.prepare_many(0)
    other.many(0)
    bare = BareEdits(url, spare)
    rounds = 7
    seconds = process_seconds(pid)
    times = interleaved([Side("bare", bare.write), Side("ours", editor.many, editor.prepare_many)], rounds)
    seconds = (process_seconds(pid) - seconds) / (rounds + 1) / MANY
    rate = MANY / times["ours"].p50 * 1e3
    bare_rate = bare.records / times["bare"].p50 * 1e3
    print(f"{f'the rows of {bare.records:,} records, by asyncpg alone':<58}{bare_rate:>9,.0f} records/s")
    _say(f"MutateRecords, {MANY:,} records", rate, 8_000)
    _tell(f"bare / ours {bare_rate / rate:.1f}; of the service's processor, us a record", seconds)
    bare.close()


def _tell(name: str, seconds: float) -> None:
    print(f"{'    ' + name:<58}{seconds * 1e6:>9.0f}")


def _say(name: str, rate: float, wanted: int) -> None:
    said = "yes" if rate >= wanted else "NO"
    print(f"{name:<58}{rate:>9,.0f} records/s   at least {wanted:,}: {said}")


def places() -> Iterator[Path]:
    """Yield a folder for the service."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    Sizes.add_to(parser)
    parser.set_defaults(records=20_000, organizations=3)
    sizes = Sizes.of(parser.parse_args())
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with Workplace() as place, generated(place, sizes) as url:
        for folder in places():
            with serving(folder, database_url=url) as service, floor(url) as unit:
                measure(url, service, unit)


if __name__ == "__main__":
    main()
