"""`pfa draft` against a server that answers what a test says."""

from __future__ import annotations

from typing import Any

import pytest
from google.type.date_pb2 import Date

from pfa.v1 import draft_pb2, record_service_pb2
from pfa.v1.record_pb2 import Period, Record
from pfa_rpc.cli import exits
from pfa_rpc.cli.main import main
from tests.unit.test_cli import FakeServer, server

__all__ = ["server"]

DRAFT = "6f1c4d52-7a0e-4b8e-9d43-0b7f4a9f2c11"


def ending(day: int) -> Record:
    return Record(forecast=Period(end_date=Date(year=2026, month=5, day=day)))


def test_show_tells_the_three_values_of_a_conflict(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    conflict = draft_pb2.DraftConflict(
        id="x", pfa_id="78497", fields=["forecast_end"], base=ending(1), mine=ending(8), theirs=ending(9)
    )
    server.answers["GetDraft"] = lambda *_: draft_pb2.GetDraftResponse(
        draft=draft_pb2.Draft(draft_id=DRAFT, display_name="Later", changed=3),
        fields={"forecast_end": 3},
        conflicts=[conflict],
        conflict_count=1,
    )
    assert main(["draft", "show", DRAFT, "-o", "RIO"]) == exits.OK
    out = capsys.readouterr().out
    assert "3 changed, 0 made" in out
    assert "78497: forecast end: was 2026-05-01, is 2026-05-08 in the draft, 2026-05-09 now" in " ".join(out.split())


def test_edit_sends_one_kind_of_edit(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Any] = []

    def answer(request: Any, _: object) -> draft_pb2.EditDraftResponse:
        asked.append(request)
        return draft_pb2.EditDraftResponse(edited=1, draft=draft_pb2.Draft(draft_id=DRAFT, changed=1))

    server.answers["EditDraft"] = answer
    assert main(["draft", "edit", DRAFT, "78497", "forecast_end=2026-05-08", "-o", "RIO"]) == exits.OK
    assert main(["draft", "edit", DRAFT, "--set", "forecast_end += 7 days", "-o", "RIO"]) == exits.OK
    assert main(["draft", "edit", DRAFT, "-o", "RIO"]) == exits.USAGE
    assert asked[0].mutations[0].record.forecast.end_date.day == 8
    assert asked[1].changes[0].shift.days == 7
    assert "1 record edited" in capsys.readouterr().out


def test_commit_says_what_becomes_of_conflicts(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Any] = []

    def answer(request: Any, _: object) -> draft_pb2.CommitDraftResponse:
        asked.append(request)
        return draft_pb2.CommitDraftResponse(changed=2, change_id="c")

    server.answers["CommitDraft"] = answer
    assert main(["draft", "commit", DRAFT, "-o", "RIO", "--yes", "--keep-mine"]) == exits.OK
    assert main(["draft", "commit", DRAFT, "-o", "RIO", "--yes", "--keep-mine", "--leave-out"]) == exits.USAGE
    assert asked[0].default_resolution == draft_pb2.DraftResolution.DRAFT_RESOLUTION_KEEP_MINE
    assert asked[0].request_id
    assert "pfa undo c" in capsys.readouterr().out


def test_reads_name_the_draft(server: FakeServer) -> None:
    asked: list[Any] = []

    def answer(request: Any, _: object) -> record_service_pb2.ListRecordsResponse:
        asked.append(request)
        return record_service_pb2.ListRecordsResponse()

    server.answers["ListRecords"] = answer
    assert main(["list", "-o", "RIO", "--draft", DRAFT]) == exits.OK
    assert asked[0].draft_id == DRAFT
