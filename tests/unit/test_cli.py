"""The command line: help, start-up, what it sends to a server, what it prints, and how it fails."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
import typer
from google.protobuf import message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from grpc_status import rpc_status

from nlq.filters.filter_text import parse_filter
from pfa.v1 import cache_service_pb2 as cache_api
from pfa.v1 import organization_service_pb2 as organization_api
from pfa.v1 import query_service_pb2 as query_api
from pfa.v1 import record_service_pb2 as record_api
from pfa.v1.record_pb2 import DOR_BEO, SOURCE_RENTAL, SYNC_STATE_SYNC_ERROR, Period, Record, SyncStatus
from pfa_rpc.cli import exits, streaming
from pfa_rpc.cli.main import app, main
from pfa_rpc.cli.reading import marked_question
from pfa_rpc.cli.render import DEFAULT_COLUMNS, Output, column_widths, records_columns
from pfa_rpc.cli.text import caret, cell, excerpt, money, plain
from pfa_rpc.errors import PfaError
from pfa_rpc.schema import BY_NAME, FIELDS, SCHEMA
from pfa_rpc.server.registration import service_descriptors

HOSTILE = "[bold red]big[/] \x1b[31mred\x1b[0m \x07bell\r\n:smile: \u202ereversed \x9b31m"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
QUESTION = "rentals in Silo 4 over $5000"


def usd(units: int, nanos: int = 0) -> Money:
    return Money(currency_code="USD", units=units, nanos=nanos)


def a_record(pfa_id: str = "78497", **changes: Any) -> Record:
    """A complete rental."""
    values: dict[str, Any] = {
        "id": "1a672a33-8ac9-5fea-99d7-a1aa7af18528",
        "organization_id": "RIO",
        "pfa_id": pfa_id,
        "area_silo": "Silo 4",
        "category": "Cranes",
        "equipment_class": "60T Crawler",
        "source": SOURCE_RENTAL,
        "dor": DOR_BEO,
        "is_actualized": True,
        "monthly_rate": usd(5400, 125_000_000),
        "forecast": Period(start_date=Date(year=2026, month=3, day=1), end_date=Date(year=2026, month=6, day=1)),
        "forecast_cost": usd(1_016_320, 630_000_000),
        "sync": SyncStatus(state=SYNC_STATE_SYNC_ERROR, local_version=3, modified_fields=["forecast_end", "model"]),
    }
    return Record(**values | changes)


# --- a server that answers what a test tells it to -------------------------------------------------------------------

Answer = Callable[[Any, grpc.ServicerContext], Any]


class FakeServer:
    """Answers by a function for each method of every service, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[Any] = []
        self.metadata: dict[str, str] = {}
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def handlers(self) -> Iterator[grpc.GenericRpcHandler]:
        """Yield what serves each service."""
        for name, service in service_descriptors().items():
            methods = {method.name: self._handler(method) for method in service.methods}
            yield grpc.method_handlers_generic_handler(name, methods)

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler[Any, Any]:
        is_stream = method.server_streaming
        make = grpc.unary_stream_rpc_method_handler if is_stream else grpc.unary_unary_rpc_method_handler
        answer = self._stream if is_stream else self._answer
        return make(
            functools.partial(answer, method.name),
            request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )

    def _answer(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        self.metadata = {key: str(value) for key, value in context.invocation_metadata()}
        return self.answers[method](request, context)

    def _stream(self, method: str, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield from self._answer(method, request, context)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A server that the commands of the test talk to."""
    fake = FakeServer()
    running = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    running.add_generic_rpc_handlers(tuple(fake.handlers()))
    fake.port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    monkeypatch.setenv("PFA_SERVER", fake.address)
    monkeypatch.setenv("PFA_ORGANIZATION", "RIO")
    monkeypatch.delenv("PFA_TOKEN", raising=False)
    yield fake
    running.stop(0).wait()


def refuse(
    context: grpc.ServicerContext, code: grpc.StatusCode, message: str, reason: str = "", *details: Message, **info: str
) -> None:
    """End a call as the service does: with a google.rpc.Status."""
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in (error_details_pb2.ErrorInfo(reason=reason, domain="pfa", metadata=info), *details):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    context.abort_with_status(rpc_status.to_status(status))


def refusing(code: grpc.StatusCode, message: str, reason: str = "", *details: Message, **info: str) -> Answer:
    def answer(_: Any, context: grpc.ServicerContext) -> None:
        refuse(context, code, message, reason, *details, **info)

    return answer


# --- help and start-up -----------------------------------------------------------------------------------------------


def all_commands() -> list[tuple[str, ...]]:
    """Return the words of every command."""
    group = typer.main.get_group(app)
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found += [(name, one) for one in inner] if inner else [(name,)]
    return found


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_help_of_every_command_has_a_summary_a_paragraph_and_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--help"]) == exits.OK
    text = capsys.readouterr().out
    usage, summary, paragraph = text.split("\n\n")[:3]
    assert usage.startswith(f"Usage: pfa {' '.join(command)}")
    assert len(summary.strip().splitlines()) == 1
    assert len(paragraph.split()) >= 6, "the paragraph says more than the summary"
    assert re.search(rf"Examples?:\n +pfa {' '.join(command)}", text)
    assert "\x1b" not in text


def test_help_tells_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == exits.OK
    text = capsys.readouterr().out
    for status in exits.ALL:
        assert re.search(rf"^ +{status} +{re.escape(status.meaning)}$", text, re.MULTILINE)


def test_commands_import_what_they_need_only_when_they_run() -> None:
    heavy = ("grpc", "google.protobuf", "sqlalchemy", "alembic", "pydantic", "structlog", "rich", "lark", "rapidfuzz")
    script = (
        "import sys; from pfa_rpc.cli.main import main; status = main(['--help']);"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_help_takes_under_a_third_of_a_second_of_processor_time() -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", "from pfa_rpc.cli.main import main; main(['--help'])"],
            capture_output=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)

    assert min(seconds() for _ in range(5)) < 0.33


def test_every_error_of_the_service_has_an_exit_status() -> None:
    def tree(cls: type[PfaError]) -> Iterator[type[PfaError]]:
        yield cls
        for child in cls.__subclasses__():
            yield from tree(child)

    assert {exits.for_code(cls.status) for cls in tree(PfaError)} <= set(exits.ALL)
    assert exits.for_code("INVALID_ARGUMENT") == 3
    assert exits.for_code("NOT_FOUND") == 4
    assert exits.for_code("UNAVAILABLE") == exits.for_code("DEADLINE_EXCEEDED") == 5
    assert exits.for_code("UNAUTHENTICATED") == exits.for_code("PERMISSION_DENIED") == 6
    assert exits.for_code("ABORTED") == exits.for_code("ALREADY_EXISTS") == 7
    assert exits.for_code("INTERNAL") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["list", "-o", "RIO", "--columns", "pfa_id,categry"], "there is no field 'categry'; did you mean category"),
        (["list", "-o", "RIO", "--fields", "flags"], "--fields: there is no field 'flags'"),
        (["list", "-o", "RIO", "--server", "http://localhost:1"], "--server takes HOST:PORT"),
        (["list", "-o", "RIO", "--server", "localhost"], "--server takes HOST:PORT"),
        (["list", "-o", "RIO", "--server", ""], "--server takes HOST:PORT"),
        (["list", "-o", "RIO", "--token", "a\nb"], "--token takes printable ASCII"),
        (["ask", "x", "-o", "RIO", "--today", "yesterday"], "--today takes a day such as 2026-03-01, not 'yesterday'"),
        (["list", "-o", "RIO", "--filter", "a\udcff"], "an argument is not UTF-8 text"),
        (["list", "-o", "RIO", "--page-size", "0"], "--page-size"),
        (["list", "-o", "RIO", "--consistency", "stale"], "--consistency takes fresh, any or at-least:REVISION_TOKEN"),
        (["ask", "x", "-o", "RIO", "--consistency", "at-least:"], "not 'at-least:'"),
        (["aggregate", "-o", "RIO", "--consistency", ""], "--consistency takes"),
        (["cache", "warm", "-o", "RIO", "--chunks", "20001"], "--chunks"),
        (["list"], "Missing option '--organization'"),
        (["lst"], "Did you mean 'list'"),
    ],
)
def test_a_wrong_command_line_is_told_without_asking_a_server(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PFA_ORGANIZATION", raising=False)
    assert main(arguments) == exits.USAGE
    assert sentence in capsys.readouterr().err


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (0, 2, "0.00"),
        (123_456_789, 2, "1,234,567.89"),
        (54_000_000, 4, "5,400.00"),
        (54_001_250, 4, "5,400.1250"),
        (-5, 2, "-0.05"),
        (999_999_999_999_999_999, 4, "99,999,999,999,999.9999"),
    ],
)
def test_money_has_separators_and_two_decimals_or_all(amount: int, decimals: int, text: str) -> None:
    assert money(amount, decimals) == text


def test_plain_text_keeps_its_length_and_holds_nothing_that_a_terminal_acts_upon() -> None:
    shown = plain(HOSTILE)
    assert len(shown) == len(HOSTILE)
    assert not CONTROL.search(shown)
    assert "\n" not in shown
    assert plain("Straße 日本 ±1") == "Straße 日本 ±1"


def test_every_type_of_field_has_a_form_for_people() -> None:
    for field in FIELDS:
        assert cell(field, None) == ""
    assert cell(BY_NAME["is_actualized"], True) == "yes"
    assert cell(BY_NAME["source"], "rental") == "Rental"
    assert cell(BY_NAME["modified_fields"], ("model", "class")) == "model, class"
    assert cell(BY_NAME["local_version"], 3) == "3"


def test_caret_stands_under_the_position_even_behind_wide_characters() -> None:
    shown, mark = caret('area = "日本" ANDD x', 12)
    assert shown == 'area = "日本" ANDD x'
    assert mark == " " * 14 + "^"


def test_excerpt_of_a_long_text_shows_the_position() -> None:
    text = "a" * 500 + "!" + "b" * 500
    shown, offset = excerpt(text, 500, 60)
    assert len(shown) == 60
    assert shown[offset] == "!"
    assert shown[0] == shown[-1] == "…"
    assert excerpt("a" * 100, 100, 60)[1] <= 60


# --- tables ----------------------------------------------------------------------------------------------------------


def test_default_columns_without_values_are_not_shown() -> None:
    names = [column.name for column in records_columns([a_record()], None, 1000)]
    assert "purchase_price" not in names
    assert names[0] == "pfa_id"
    assert set(names) < set(DEFAULT_COLUMNS)


def test_a_narrow_terminal_gives_up_columns_and_never_cuts_an_amount_or_a_date() -> None:
    for width in (40, 60, 80, 100, 120):
        columns = records_columns([a_record()], None, width)
        widths = column_widths(columns, width)
        for column, cells in zip(columns, widths, strict=True):
            if column.rigid:
                assert cells >= max(map(len, column.cells))
    assert {"pfa_id", "monthly_rate"} <= {column.name for column in records_columns([a_record()], None, 40)}


class Terminal(io.StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


def test_no_color_switches_off_every_control_code_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, bare = Terminal(), Terminal()
    Output(file=coloured).line("x", "bold red")
    monkeypatch.setenv("NO_COLOR", "1")
    Output(file=bare).line("x", "bold red")
    assert "\x1b[" in coloured.getvalue()
    assert bare.getvalue() == "x\n"


# --- records ---------------------------------------------------------------------------------------------------------


def test_list_sends_what_the_options_say_and_prints_a_table(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ListRecords"] = lambda *_: record_api.ListRecordsResponse(
        records=[a_record()], total_size=42, next_page_token="next"
    )
    options = "--filter x=1 --order-by pfa_id --page-size 7 --page-token t --skip 3 --total --fields class,forecast_end"
    assert main(["list", "--token", "secret", *options.split()]) == exits.OK
    assert server.requests == [
        record_api.ListRecordsRequest(
            organization_id="RIO",
            filter="x=1",
            order_by="pfa_id",
            page_size=7,
            page_token="t",
            skip=3,
            include_total_size=True,
            read_mask={"paths": ["equipment_class", "forecast.end_date"]},  # type: ignore[arg-type]
        )
    ]
    assert server.metadata["authorization"] == "Bearer secret"
    lines = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", lines[0]) == ["class", "forecast end"]
    assert lines[1].split() == ["60T", "Crawler", "2026-06-01"]
    assert lines[2] == "1 record of 42"
    assert lines[-1].strip() == "--page-token next"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "No record matches."),
        (["--skip", "10000"], "No record is left after 10,000 passed over."),
        (["--page-token", "t"], "No record is left."),
    ],
)
def test_a_page_without_records_says_what_that_means(
    server: FakeServer, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    server.answers["ListRecords"] = lambda *_: record_api.ListRecordsResponse()
    assert main(["list", *options]) == exits.OK
    assert capsys.readouterr().out == f"{sentence}\n"


def test_more_records_than_a_number_can_say_are_not_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "-o", "RIO", "--skip", str(2**31)]) == exits.USAGE
    assert "--skip" in capsys.readouterr().err


def test_list_shows_money_with_separators_and_the_currency_in_the_heading(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ListRecords"] = lambda *_: record_api.ListRecordsResponse(records=[a_record()])
    assert main(["list"]) == exits.OK
    text = capsys.readouterr().out
    assert "forecast cost USD" in text
    assert "1,016,320.63" in text
    assert "5,400.1250" in text
    assert "actualized" in text


@pytest.mark.parametrize("as_json", [False, True])
def test_text_of_the_server_is_neither_markup_nor_control_codes(
    server: FakeServer, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    record = a_record(description=HOSTILE, category=HOSTILE, organization_id=HOSTILE, etag=HOSTILE)
    server.answers["ListRecords"] = lambda *_: record_api.ListRecordsResponse(records=[record])
    server.answers["GetRecord"] = lambda *_: record_api.GetRecordResponse(record=record)
    extra = ["--json"] if as_json else []
    assert main(["list", *([] if as_json else ["--columns", "pfa_id,description,category"]), *extra]) == exits.OK
    assert main(["get", "1", *extra]) == exits.OK
    text = capsys.readouterr().out
    assert not CONTROL.search(text)
    assert "[bold red]big[/]" in text
    assert ":smile:" in text


def test_get_names_a_record_by_the_form_of_its_id(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["GetRecord"] = lambda *_: record_api.GetRecordResponse(record=a_record())
    assert main(["get", "78497"]) == exits.OK
    assert main(["get", "1A672A33-8ac9-5fea-99d7-a1aa7af18528"]) == exits.OK
    assert [(one.pfa_id, one.id) for one in server.requests] == [
        ("78497", ""),
        ("", "1a672a33-8ac9-5fea-99d7-a1aa7af18528"),
    ]
    text = capsys.readouterr().out
    for field in FIELDS:
        assert re.search(rf"^{re.escape(field.label)}  ", text, re.MULTILINE), field.label
    assert re.search(r"^monthly rate +5,400\.1250 USD$", text, re.MULTILINE)
    assert re.search(r"^modified fields +forecast_end, model$", text, re.MULTILINE)
    assert re.search(r"^sync state +failed to sync$", text, re.MULTILINE)


def test_json_is_protobufs_own_mapping_with_the_names_of_the_protos(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GetRecord"] = lambda *_: record_api.GetRecordResponse(record=a_record())
    assert main(["get", "78497", "--json"]) == exits.OK
    record = json.loads(capsys.readouterr().out)["record"]
    assert record["equipment_class"] == "60T Crawler"
    assert record["source"] == "SOURCE_RENTAL"
    assert record["forecast"]["start_date"] == {"year": 2026, "month": 3, "day": 1}


# --- streams ---------------------------------------------------------------------------------------------------------


def batches(*sizes: int, first: int = 0) -> Iterator[record_api.StreamRecordsResponse]:
    """Yield batches of records, each with the number of the next record as its resume token."""
    for size in sizes:
        records = [Record(pfa_id=str(first + number)) for number in range(size)]
        first += size
        yield record_api.StreamRecordsResponse(records=records, resume_token=str(first))


def test_stream_writes_a_line_of_json_for_each_record(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["StreamRecords"] = lambda *_: batches(2, 0, 1)
    assert main(["stream", "--filter", "x", "--batch-size", "2"]) == exits.OK
    captured = capsys.readouterr()
    assert [json.loads(line)["pfa_id"] for line in captured.out.splitlines()] == ["0", "1", "2"]
    assert captured.err.startswith("3 records")
    assert server.requests[0].batch_size == 2


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED])
def test_a_stream_that_breaks_goes_on_with_the_last_token(
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    code: grpc.StatusCode,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(streaming, "FIRST_WAIT", 0.01)

    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        start = int(request.resume_token or 0)
        yield from batches(2, first=start)
        if start < 6:
            refuse(context, code, "the server is stopping", "SHUTTING_DOWN")

    server.answers["StreamRecords"] = answer
    target = tmp_path / "out.jsonl"
    assert main(["stream", "--output", str(target)]) == exits.OK
    assert [json.loads(line)["pfa_id"] for line in target.read_text().splitlines()] == [str(n) for n in range(8)]
    assert [request.resume_token for request in server.requests] == ["", "2", "4", "6"]
    assert capsys.readouterr().err.count("the server is stopping; resuming") == 3


def test_a_stream_is_resumed_a_bounded_number_of_times(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(streaming, "FIRST_WAIT", 0.001)

    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        if not request.resume_token:
            yield from batches(2)
        refuse(context, grpc.StatusCode.UNAVAILABLE, "the database is away", "DATABASE_UNAVAILABLE")

    server.answers["StreamRecords"] = answer
    target = tmp_path / "out.jsonl"
    target.write_text("what was there before\n")
    assert main(["stream", "--output", str(target)]) == exits.UNAVAILABLE
    assert len(server.requests) == 1 + streaming.ATTEMPTS
    assert target.read_text() == "what was there before\n", "a part of a stream never replaces a file"
    assert list(tmp_path.iterdir()) == [target]
    error = capsys.readouterr().err
    assert "stopped after 2 records" in error
    assert error.splitlines()[-1] == "pfa: the database is away"


def test_a_stream_that_never_began_is_not_tried_again(server: FakeServer) -> None:
    server.answers["StreamRecords"] = refusing(grpc.StatusCode.UNAVAILABLE, "away", "DATABASE_UNAVAILABLE")
    assert main(["stream"]) == exits.UNAVAILABLE
    assert len(server.requests) == 1


def test_a_stream_that_falls_silent_ends_after_the_time_limit(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(_: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield from batches(1)
        while context.is_active():
            time.sleep(0.01)

    server.answers["StreamRecords"] = answer
    assert main(["stream", "--timeout", "0.2"]) == exits.UNAVAILABLE
    captured = capsys.readouterr()
    assert "within 0.2 seconds; --timeout allows more" in captured.err
    assert len(captured.out.splitlines()) == 1


def test_a_stream_may_take_longer_than_the_time_limit_while_batches_come(server: FakeServer) -> None:
    def answer(*_: Any) -> Iterator[Any]:
        for batch in batches(*[1] * 8):
            time.sleep(0.1)
            yield batch

    server.answers["StreamRecords"] = answer
    assert main(["stream", "--timeout", "0.5"]) == exits.OK


def test_a_file_that_cannot_be_written_is_told(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["StreamRecords"] = lambda *_: batches(1)
    assert main(["stream", "--output", "/nonexistent/out.jsonl"]) == exits.FAILURE
    assert "cannot write" in capsys.readouterr().err


# --- figures ---------------------------------------------------------------------------------------------------------


def test_aggregate_asks_for_the_figures_and_shows_what_they_leave_out(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    group = record_api.AggregateGroup(
        keys=[record_api.GroupKey(text="RENTAL"), record_api.GroupKey()],
        values=[
            record_api.AggregateValue(count=1200),
            record_api.AggregateValue(
                money=usd(1_234_567, 890_000_000), missing=2, discontinued=3, transferable=4, projected=5
            ),
            record_api.AggregateValue(),
        ],
    )
    server.answers["AggregateRecords"] = lambda *_: record_api.AggregateRecordsResponse(groups=[group], matched=1200)
    command = "aggregate --count --sum actual_cost --max plan_end --by source --by forecast_start.month"
    assert main(command.split()) == exits.OK
    functions = [record_api.AggregateFunction.Name(one.function)[19:] for one in server.requests[0].aggregations]
    assert functions == ["COUNT", "SUM", "MAX"]
    lines = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", lines[1]) == ["Rental", "no date", "1,200", "1,234,567.89 USD", "–"]
    assert lines[2] == (
        "sum of actual cost: 2 without a value left out; 3 discontinued left out; 4 funds transferable left out; "
        "5 still on site, costed to a projected end"
    )
    assert lines[3] == "1,200 records match"


def test_aggregate_counts_where_nothing_else_is_asked_for(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    group = record_api.AggregateGroup(values=[record_api.AggregateValue(count=7)])
    server.answers["AggregateRecords"] = lambda *_: record_api.AggregateRecordsResponse(groups=[group], matched=7)
    assert main(["aggregate"]) == exits.OK
    assert [one.function for one in server.requests[0].aggregations] == [record_api.AGGREGATE_FUNCTION_COUNT]
    assert capsys.readouterr().out == "count  7\n7 records match\n"


def test_groups_that_nothing_falls_into_are_none(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["AggregateRecords"] = lambda *_: record_api.AggregateRecordsResponse(matched=7)
    assert main(["aggregate", "--by", "modified_by"]) == exits.OK
    assert capsys.readouterr().out == "None.\n7 records match\n"


# --- questions -------------------------------------------------------------------------------------------------------


def a_reading(**changes: Any) -> query_api.Interpretation:
    """The reading of "rentals in Silo 4 over $5000"."""

    def piece(start: int, end: int, role: query_api.PieceRole.ValueType, meaning: str = "") -> query_api.Piece:
        return query_api.Piece(start=start, end=end, text=QUESTION[start:end], role=role, meaning=meaning)

    values: dict[str, Any] = {
        "filter": 'source = RENTAL AND area_silo = "Silo 4" AND monthly_rate > 5000 AND NOT is_discontinued',
        "sentence": "rentals in area Silo 4 with a monthly rate over $5,000",
        "pieces": [
            piece(0, 7, query_api.PIECE_ROLE_USED, "source = RENTAL"),
            piece(8, 10, query_api.PIECE_ROLE_FILLER),
            piece(11, 17, query_api.PIECE_ROLE_USED, 'area_silo = "Silo 4"'),
            piece(18, 28, query_api.PIECE_ROLE_USED, "monthly_rate > 5000"),
        ],
        "defaults": [query_api.Assumption(text="discontinued records are left out", chosen="NOT is_discontinued")],
        "ambiguities": [query_api.Assumption(text="$5000 is the monthly rate", alternatives=["forecast_cost"])],
        "complete": True,
    }
    return query_api.Interpretation(**values | changes)


def asked(*parts: Any) -> Answer:
    return lambda *_: iter(query_api.AskResponse(**part) for part in parts)


def test_ask_shows_the_reading_then_the_records_and_how_many_there_are(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = query_api.RecordBatch(records=[a_record()], total_size=12, revision_token="r")
    server.answers["Ask"] = asked({"interpretation": a_reading()}, {"records": batch})
    assert main(["ask", QUESTION, "--limit", "1", "--today", "2026-03-01"]) == exits.OK
    request = server.requests[0]
    assert (request.question, request.max_records, request.today.day) == (QUESTION, 1, 1)
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == f"Question    {QUESTION}"
    assert lines[1] == "            -------    ------ ----------"
    assert lines[2] == "Read as     rentals in area Silo 4 with a monthly rate over $5,000"
    assert lines[3].startswith("Filter      source = RENTAL AND ")
    assert lines[4] == "Assumed     discontinued records are left out"
    assert lines[5] == "Unclear     $5000 is the monthly rate  [instead: forecast_cost]"
    assert text.index("Read as") < text.index("PFA id") < text.index("1 of 12 records shown")


def test_ask_takes_a_question_of_several_words(server: FakeServer) -> None:
    server.answers["Ask"] = asked({"interpretation": a_reading()}, {"records": query_api.RecordBatch(total_size=0)})
    assert main(["ask", "rentals", "in", "Silo", "4"]) == exits.OK
    assert server.requests[0].question == "rentals in Silo 4"


def test_ask_says_when_no_record_matches(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["Ask"] = asked({"interpretation": a_reading()}, {"records": query_api.RecordBatch(total_size=0)})
    assert main(["ask", QUESTION]) == exits.OK
    assert capsys.readouterr().out.endswith("No record matches.\n")


def test_ask_shows_figures(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    spec = query_api.AggregateSpec(
        aggregations=[record_api.Aggregation(function=record_api.AGGREGATE_FUNCTION_COUNT)], group_by=["category"]
    )
    group = record_api.AggregateGroup(
        keys=[record_api.GroupKey(text="Pumps")], values=[record_api.AggregateValue(count=3)]
    )
    figures = record_api.AggregateRecordsResponse(groups=[group], matched=3)
    server.answers["Ask"] = asked({"interpretation": a_reading(aggregate=spec)}, {"figures": figures})
    assert main(["ask", "how many pumps by category"]) == exits.OK
    text = capsys.readouterr().out
    assert "Figures     count by category" in text
    assert re.search(r"^Pumps +3$", text, re.MULTILINE)


def misread() -> query_api.Interpretation:
    """A reading in which one word was not understood."""
    pieces = [
        query_api.Piece(start=0, end=6, text="florbs", role=query_api.PIECE_ROLE_NOT_UNDERSTOOD, suggestions=["forms"]),
        query_api.Piece(start=7, end=9, text="in", role=query_api.PIECE_ROLE_FILLER),
    ]
    return a_reading(pieces=pieces, complete=False, filter="", sentence="", defaults=[], ambiguities=[])


@pytest.mark.parametrize("as_json", [False, True])
def test_words_not_understood_are_marked_and_end_with_their_own_status(
    server: FakeServer, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    server.answers["Ask"] = asked({"interpretation": misread()})
    assert main(["ask", "florbs in", *(["--json"] if as_json else [])]) == exits.INVALID_INPUT
    captured = capsys.readouterr()
    assert captured.err == (
        'pfa: not understood: "florbs" (perhaps: forms); '
        "say it another way, or answer with the rest by --allow-partial\n"
    )
    if as_json:
        assert "records" not in json.loads(captured.out)
    else:
        assert captured.out.splitlines()[:2] == ["Question    florbs in", "            ^^^^^^"]


def test_a_partial_answer_is_given_when_it_is_allowed(server: FakeServer) -> None:
    server.answers["Ask"] = asked({"interpretation": misread()}, {"records": query_api.RecordBatch(total_size=0)})
    assert main(["ask", "florbs in", "--allow-partial"]) == exits.OK
    assert server.requests[0].allow_partial


def test_ask_for_machines_is_one_document(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    first = query_api.RecordBatch(records=[a_record("1")], total_size=2, revision_token="r")
    second = query_api.RecordBatch(records=[a_record("2")], revision_token="r")
    server.answers["Ask"] = asked({"interpretation": a_reading()}, {"records": first}, {"records": second})
    assert main(["ask", QUESTION, "--json"]) == exits.OK
    answer = json.loads(capsys.readouterr().out)
    assert answer["interpretation"]["complete"] is True
    assert [record["pfa_id"] for record in answer["records"]] == ["1", "2"]
    assert (answer["total_size"], answer["revision_token"]) == ("2", "r")


def test_interpret_lists_what_became_of_each_word(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["Interpret"] = lambda *_: query_api.InterpretResponse(interpretation=a_reading())
    assert main(["interpret", QUESTION]) == exits.OK
    text = capsys.readouterr().out
    assert re.search(r"^rentals +used +source = RENTAL$", text, re.MULTILINE)
    assert re.search(r"^in +no condition$", text, re.MULTILINE)


def test_a_long_question_is_shown_in_parts_with_their_marks() -> None:
    question = "日本 " * 30 + "florbs"
    piece = query_api.Piece(start=90, end=96, text="florbs", role=query_api.PIECE_ROLE_NOT_UNDERSTOOD)
    lines = [line.plain for line in marked_question(question, [piece], 80)]
    assert "".join(line[12:] for line in lines if "^" not in line) == question
    assert "".join(lines).count("^") == len("florbs")
    assert all(line.cell_len <= 80 for line in marked_question(question, [piece], 80))


def test_control_characters_of_a_question_are_shown_not_sent_to_the_terminal() -> None:
    lines = [line.plain for line in marked_question("a\x1b[31mb\nc", [], 80)]
    assert lines == ["Question    a␛[31mb c"]


# --- organizations ---------------------------------------------------------------------------------------------------


def test_organizations_are_listed_to_the_last_page(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(request: Any, _: Any) -> Any:
        code = "CAPE" if not request.page_token else "RIO"
        return organization_api.ListOrganizationsResponse(
            organizations=[organization_api.Organization(organization_id=code, currency_code="USD", record_count=8778)],
            next_page_token="" if request.page_token else "more",
        )

    server.answers["ListOrganizations"] = answer
    assert main(["organizations", "list"]) == exits.OK
    text = capsys.readouterr().out
    assert re.search(r"^CAPE .*8,778", text, re.MULTILINE)
    assert text.endswith("2 organizations\n")


def test_an_organization_is_created(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["CreateOrganization"] = lambda request, _: organization_api.CreateOrganizationResponse(
        organization={"organization_id": request.organization_id, "display_name": request.organization.display_name}  # type: ignore[arg-type]
    )
    assert main(["organizations", "create", "RIO", "--name", "Rio", "--currency", "EUR"]) == exits.OK
    assert server.requests[0].organization.currency_code == "EUR"
    assert "Rio" in capsys.readouterr().out


# --- the cache -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "requirement", "value"),
    [
        ("fresh", None, None),
        ("any", "minimize_latency", True),
        ("at-least:a:b", "at_least_revision_token", "a:b"),
    ],
)
def test_how_new_an_answer_must_be_is_sent(
    server: FakeServer, text: str, requirement: str | None, value: object
) -> None:
    server.answers["ListRecords"] = lambda *_: record_api.ListRecordsResponse()
    server.answers["AggregateRecords"] = lambda *_: record_api.AggregateRecordsResponse()
    server.answers["Ask"] = asked({"interpretation": a_reading()}, {"records": query_api.RecordBatch(total_size=0)})
    for command in (["list"], ["aggregate"], ["ask", QUESTION]):
        assert main([*command, "--consistency", text]) == exits.OK
    for request in server.requests:
        assert request.consistency.WhichOneof("requirement") == requirement
        assert requirement is None or getattr(request.consistency, requirement) == value


def aged(milliseconds: int) -> Duration:
    age = Duration()
    age.FromMilliseconds(milliseconds)
    return age


def test_an_answer_from_the_cache_tells_its_age(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [
        {"records": query_api.RecordBatch(records=[a_record(str(n))], age=aged(age), revision_token="r")}
        for n, age in enumerate((900, 12_400, 3_000))
    ]
    server.answers["ListRecords"] = lambda *_: record_api.ListRecordsResponse(age=aged(12_400))
    server.answers["AggregateRecords"] = lambda *_: record_api.AggregateRecordsResponse(age=aged(12_400))
    server.answers["Ask"] = asked({"interpretation": a_reading()}, *parts)
    for command in (["list"], ["aggregate"], ["ask", QUESTION]):
        assert main(command) == exits.OK
        assert capsys.readouterr().out.endswith("\nfrom the cache, 12 s old\n")
    assert main(["ask", QUESTION, "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out)["age"] == "12.400s"
    server.answers["ListRecords"] = lambda *_: record_api.ListRecordsResponse(age=aged(0))
    assert main(["list"]) == exits.OK
    assert capsys.readouterr().out.endswith("\nfrom the cache, less than 1 s old\n")


def test_an_answer_that_was_made_for_the_call_tells_no_age(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ListRecords"] = lambda *_: record_api.ListRecordsResponse()
    assert main(["list"]) == exits.OK
    assert "cache" not in capsys.readouterr().out


def test_the_status_of_the_cache_is_a_line_for_each_layer(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    near = cache_api.CacheLayer(name="process", reachable=True, entries=120, bytes=61_000_000, hits=7, misses=1)
    near.families.add(name="records", entries=118, bytes=60_000_000)
    far = cache_api.CacheLayer(name="redis", stale=2, errors=3)
    server.answers["GetCacheStatus"] = lambda *_: cache_api.GetCacheStatusResponse(layers=[near, far])
    assert main(["cache", "status"]) == exits.OK
    assert server.requests == [cache_api.GetCacheStatusRequest(organization_id="RIO")]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["layer", "answers", "entries", "bytes", "hits", "misses", "stale", "errors"],
        ["process", "yes", "120", "61,000,000", "7", "1", "0", "0"],
        ["redis", "no", "0", "0", "0", "0", "2", "3"],
        ["layer", "kind", "entries", "bytes"],
        ["process", "records", "118", "60,000,000"],
    ]
    assert main(["cache", "status", "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out)["layers"][0]["entries"] == "120"


def test_warming_tells_what_was_there_filled_and_left_out(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["WarmCache"] = lambda *_: cache_api.WarmCacheResponse(
        chunks=118,
        chunks_cached=2,
        chunks_filled=98,
        filled_bytes=51_200_000,
        answers_filled=2,
        vocabulary_prepared=True,
        modified_records=7,
        elapsed=aged(1_234),
    )
    assert main(["cache", "warm", "--chunks", "100"]) == exits.OK
    assert server.requests == [cache_api.WarmCacheRequest(organization_id="RIO", max_chunks=100)]
    assert capsys.readouterr().out.splitlines() == [
        "118 chunks: 2 cached already, 98 filled (51,200,000 bytes)",
        "18 chunks left out; --chunks allows more",
        "2 answers made, vocabulary read anew",
        "7 modified records",
        "1,234 ms",
    ]
    assert main(["cache", "warm", "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out)["elapsed"] == "1.234s"


def test_clearing_tells_how_much_and_who_may_not(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["ClearCache"] = lambda *_: cache_api.ClearCacheResponse(entries=1_234)
    assert main(["cache", "clear"]) == exits.OK
    assert capsys.readouterr().out == "1,234 entries removed\n"
    server.answers["ClearCache"] = lambda *_: cache_api.ClearCacheResponse()
    assert main(["cache", "clear", "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out) == {"entries": "0"}
    server.answers["ClearCache"] = refusing(grpc.StatusCode.PERMISSION_DENIED, "not an admin", "PERMISSION_DENIED")
    assert main(["cache", "clear"]) == exits.DENIED


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_fault_in_a_filter_is_pointed_at(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    violation = error_details_pb2.BadRequest(
        field_violations=[error_details_pb2.BadRequest.FieldViolation(field="filter", description="write a field")]
    )
    server.answers["ListRecords"] = refusing(
        grpc.StatusCode.INVALID_ARGUMENT, "“sorce” is no field", "INVALID_FILTER", violation, position="6"
    )
    assert main(["list", "--filter", "a = 1 sorce = 2"]) == exits.INVALID_INPUT
    assert capsys.readouterr().err.splitlines() == [
        "pfa: “sorce” is no field",
        "  a = 1 sorce = 2",
        "        ^",
        "  filter: write a field",
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.NOT_FOUND, exits.NOT_FOUND),
        (grpc.StatusCode.PERMISSION_DENIED, exits.DENIED),
        (grpc.StatusCode.UNAUTHENTICATED, exits.DENIED),
        (grpc.StatusCode.ALREADY_EXISTS, exits.CONFLICT),
        (grpc.StatusCode.UNAVAILABLE, exits.UNAVAILABLE),
        (grpc.StatusCode.INTERNAL, exits.FAILURE),
    ],
)
def test_the_servers_sentence_and_a_status_of_its_own_end_a_failed_call(
    server: FakeServer, capsys: pytest.CaptureFixture[str], code: grpc.StatusCode, status: int
) -> None:
    server.answers["GetRecord"] = refusing(code, "the sentence \x1b[31m of the server", "SOME_REASON")
    assert main(["get", "1"]) == status
    assert capsys.readouterr().err == "pfa: the sentence ␛[31m of the server\n"


@pytest.mark.parametrize(
    ("token", "sentence"),
    [([], "the server wants a token"), (["--token", "another"], "the server does not take this token")],
)
def test_a_call_that_is_not_let_in_is_told_how(
    server: FakeServer, capsys: pytest.CaptureFixture[str], token: list[str], sentence: str
) -> None:
    server.answers["GetRecord"] = refusing(grpc.StatusCode.UNAUTHENTICATED, "no token", "UNAUTHENTICATED")
    assert main(["get", "1", *token]) == exits.DENIED
    assert capsys.readouterr().err == f"pfa: {sentence}; give one of its PFA_API_TOKENS by --token or PFA_TOKEN\n"


def test_a_server_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "-o", "RIO", "--server", "127.0.0.1:1"]) == exits.UNAVAILABLE
    error = capsys.readouterr().err
    assert error == ("pfa: no server answers at 127.0.0.1:1; `pfa serve` starts one, --server names another address\n")


def test_an_answer_that_comes_too_late_tells_the_limit(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        while context.is_active():
            time.sleep(0.01)

    server.answers["GetRecord"] = answer
    assert main(["get", "1", "--timeout", "0.1"]) == exits.UNAVAILABLE
    error = capsys.readouterr().err
    assert error == f"pfa: no answer from {server.address} within 0.1 seconds; --timeout allows more\n"


def test_ctrl_c_ends_with_its_own_status(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pfa_rpc.cli.connection.connect", interrupted)
    assert main(["get", "1"]) == exits.INTERRUPTED


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(server: FakeServer) -> None:
    server.answers["StreamRecords"] = lambda *_: batches(*[500] * 100)
    script = "from pfa_rpc.cli.main import run; import sys; sys.argv = ['pfa', 'stream']; run()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == exits.OK


# --- docs/cli.md -----------------------------------------------------------------------------------------------------

DOCS = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")
SHARED = {"--organization", "-o", "--server", "--token", "--timeout", "--json"}


def documented(command: tuple[str, ...]) -> str:
    """Return the section of docs/cli.md about a command."""
    heading = f"## pfa {' '.join(command)}\n"
    assert heading in DOCS, f"docs/cli.md says nothing of pfa {' '.join(command)}"
    return DOCS.partition(heading)[2].partition("\n## ")[0]


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_docs_tell_the_summary_and_every_option_of_a_command(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--help"]) == exits.OK
    text = capsys.readouterr().out
    section = documented(command)
    assert section.strip().splitlines()[0] == text.split("\n\n")[1].strip()
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text.partition("Options:")[2].partition("Example")[0]))
    options = {name for name in options if re.search(rf"^  (-\w, )?{name}\b|^  {name}, ", text, re.MULTILINE)}
    table = {name for row in section.splitlines() if row.startswith("| `-") for name in re.findall(r"`(-[\w-]+)`", row)}
    assert table - options == set(), "documented, but not there"
    assert options - table - SHARED - {"--help"} == set(), "there, but not documented"


def test_docs_tell_every_exit_status() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", DOCS, re.MULTILINE)
    assert rows == [(str(int(status)), status.meaning) for status in exits.ALL]


def test_every_example_of_the_docs_is_a_command_line_that_can_be_read(server: FakeServer) -> None:
    examples = re.findall(r"^pfa (.+)$", "\n".join(re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)), re.MULTILINE)
    assert len(examples) >= len(all_commands())
    group = typer.main.get_group(app)
    for example in examples:
        words = shlex.split(example.partition("|")[0])
        command = group.commands[words[0]]
        rest = words[1:]
        inner = getattr(command, "commands", None)
        if inner:
            command, rest = inner[rest[0]], rest[1:]
        parameters = command.make_context("pfa", rest).params
        if parameters.get("filter_text"):
            assert parse_filter(parameters["filter_text"], SCHEMA)
