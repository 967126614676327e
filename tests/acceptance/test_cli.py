"""The command line as its users have it: `pfa` processes, a real server, records of the example export."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from pfa_rpc.cli import exits

REPOSITORY = Path(__file__).parents[2]
EXPORT = REPOSITORY / "examples" / "pems_export.csv.gz"
ROWS = 1_500
PFA = (sys.executable, "-c", "from pfa_rpc.cli.main import run; run()")
QUESTION = "rentals in Silo 4 over $5000"
TOKEN = "correct-horse-battery-staple"  # noqa: S105 (of a server that lives for one test)

Row = dict[str, str]


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process, without settings of whoever runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PFA_")}
    return own | {"PYTHONWARNINGS": "error"} | variables


def pfa(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*PFA, *arguments],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def serving(database: Path, **variables: str) -> Iterator[str]:
    """Run a server on a free port of loopback; give its address. It must end well when it is told to stop."""
    command = [*PFA, "serve", "--listen", "127.0.0.1:0", "--database", f"sqlite:///{database}"]
    with subprocess.Popen(
        command, env=environment(PFA_LOG_FORMAT="json", **variables), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield address_of(process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == exits.OK
        finally:
            process.kill()


def address_of(process: subprocess.Popen[str]) -> str:
    """Return the address that a server tells in its log."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("{") and (event := json.loads(line))["event"] == "serving":
            return str(event["address"])
    pytest.fail(f"the server did not start: {''.join(lines)}")


@dataclass(frozen=True)
class Site:
    """A server with records, and the rows that these came from."""

    address: str
    database: Path
    rows: list[Row]

    def ask(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command against the server, for organization RIO."""
        return pfa(*arguments, **{"PFA_SERVER": self.address, "PFA_ORGANIZATION": "RIO"} | variables)

    def json(self, *arguments: str) -> dict[str, object] | list[object]:
        """Run a command against the server and return the JSON that it prints."""
        done = self.ask(*arguments, "--json")
        assert (done.returncode, done.stderr) == (exits.OK, "")
        value: dict[str, object] | list[object] = json.loads(done.stdout)
        return value


def good_rows() -> list[Row]:
    """Return the first rows of organization RIO that an import takes, one for each id."""
    rows: dict[str, Row] = {}
    with gzip.open(EXPORT, "rt", encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            complete = row["pfs_f_source"] in {"RENTAL", "PURCHASE"} and row["pfs_f_dor"] in {"BEO", "PROJECT"}
            if row["pfs_a_org"] == "RIO" and row["pfs_id"] and complete and row["pfs_id"] not in rows:
                rows[row["pfs_id"]] = row
            if len(rows) == ROWS:
                break
    return list(rows.values())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server over a database into which some rows of the example export were imported."""
    folder = tmp_path_factory.mktemp("site")
    database, export, rejected = folder / "pfa.sqlite3", folder / "export.csv", folder / "rejected.csv"
    rows = good_rows()
    with export.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    done = pfa(
        "import",
        str(export),
        "--organizations",
        "RIO",
        "--rejected",
        str(rejected),
        "--database",
        f"sqlite:///{database}",
    )
    assert done.returncode == exits.OK, done.stderr
    if rejected.exists():
        with rejected.open(encoding="utf-8-sig", newline="") as file:
            wrong = {row["pfs_id"] for row in csv.DictReader(file)}
        rows = [row for row in rows if row["pfs_id"] not in wrong]
    with serving(database) as address:
        yield Site(address, database, rows)


def is_yes(text: str) -> bool:
    return text.strip().lower() in {"y", "+", "true", "yes", "1"}


def wanted(row: Row) -> bool:
    """Tell whether a row of the export answers the question."""
    return (
        row["pfs_f_source"] == "RENTAL"
        and " ".join(row["pfs_f_area"].split()).casefold() == "silo 4"
        and not is_yes(row["pfs_f_discontinued"])
        and Decimal(row["pfs_f_rental"].replace(",", "").replace("$", "").strip() or 0) > 5000
    )


def test_a_question_is_answered_with_its_reading_and_every_record_of_the_export_that_it_means(site: Site) -> None:
    expected = {row["pfs_id"] for row in site.rows if wanted(row)}
    assert expected
    answer = site.json("ask", QUESTION, "--limit", "1000")
    assert isinstance(answer, dict)
    records = answer["records"]
    assert isinstance(records, list)
    assert {record["pfa_id"] for record in records} == expected
    done = site.ask("ask", QUESTION, "--limit", "3")
    assert (done.returncode, done.stderr) == (exits.OK, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"Question    {QUESTION}", "            -------    ------ ----------"]
    assert lines[2].startswith("Read as     ")
    assert any(line.startswith("Assumed ") and "discontinued" in line for line in lines)
    assert any(line.startswith("Unclear ") and "monthly rate" in line for line in lines)
    assert lines[-1] == f"3 of {len(expected):,} records shown"
    assert "\x1b" not in done.stdout


def test_the_filter_of_a_reading_lists_the_same_records(site: Site) -> None:
    answer = site.json("interpret", QUESTION)
    assert isinstance(answer, dict)
    reading = answer["interpretation"]
    assert isinstance(reading, dict)
    page = site.json("list", "--filter", reading["filter"], "--page-size", "1000", "--fields", "pfa_id", "--total")
    assert isinstance(page, dict)
    expected = {row["pfs_id"] for row in site.rows if wanted(row)}
    assert page["total_size"] == str(len(expected))
    records = page["records"]
    assert isinstance(records, list)
    assert {record["pfa_id"] for record in records} == expected


def test_a_question_that_is_not_understood_is_not_answered(site: Site) -> None:
    done = site.ask("ask", "florbs in Silo 4")
    assert done.returncode == exits.INVALID_INPUT
    assert done.stderr.startswith('pfa: not understood: "florbs"')
    assert "PFA id" not in done.stdout
    assert "^^^^^^" in done.stdout
    partial = site.ask("ask", "florbs in Silo 4", "--allow-partial")
    assert partial.returncode == exits.OK
    assert "PFA id" in partial.stdout


def test_pages_cover_every_record_once(site: Site) -> None:
    seen: list[str] = []
    token = ""
    while True:
        options = ["--page-token", token] if token else []
        page = site.json("list", "--order-by", "pfa_id desc", "--page-size", "700", "--fields", "pfa_id", *options)
        assert isinstance(page, dict)
        records = page["records"]
        assert isinstance(records, list)
        seen += [record["pfa_id"] for record in records]
        token = str(page.get("next_page_token", ""))
        if not token:
            break
    assert seen == sorted((row["pfs_id"] for row in site.rows), reverse=True)


def test_a_record_is_found_by_either_of_its_names(site: Site) -> None:
    pfa_id = site.rows[0]["pfs_id"]
    by_pems = site.json("get", pfa_id)
    assert isinstance(by_pems, dict)
    record = by_pems["record"]
    assert isinstance(record, dict)
    by_key = site.json("get", record["id"])
    assert isinstance(by_key, dict)
    assert by_key["record"] == record
    shown = site.ask("get", pfa_id).stdout
    assert re.search(rf"^PFA id +{pfa_id}$", shown, re.MULTILINE)
    assert re.search(r"^sync state +synced$", shown, re.MULTILINE)


def test_a_stream_writes_every_record_to_a_file(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "records.jsonl"
    done = site.ask("stream", "--output", str(target), "--batch-size", "100")
    assert (done.returncode, done.stdout) == (exits.OK, "")
    assert f"{len(site.rows):,} records written to {target}" in done.stderr
    ids = [json.loads(line)["pfa_id"] for line in target.read_text("utf-8").splitlines()]
    assert sorted(ids) == sorted(row["pfs_id"] for row in site.rows)


def test_figures_agree_with_the_export(site: Site) -> None:
    expected = Counter(row["pfs_f_source"] for row in site.rows)
    done = site.ask("aggregate", "--count", "--by", "source")
    assert done.returncode == exits.OK
    for label, name in (("Rental", "RENTAL"), ("Purchase", "PURCHASE")):
        assert re.search(rf"^{label} +{expected[name]:,}$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith(f"{len(site.rows):,} records match\n")


def test_organizations_are_listed_and_created_once(site: Site) -> None:
    made = site.ask("organizations", "create", "CLI-1", "--name", "Made here", "--time-zone", "Europe/Berlin")
    assert made.returncode == exits.OK
    assert "Europe/Berlin" in made.stdout
    assert site.ask("organizations", "create", "CLI-1").returncode == exits.CONFLICT
    listed = site.ask("organizations", "list").stdout
    assert re.search(rf"^RIO .* {len(site.rows):,} ", listed, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["list", "--filter", "sorce = RENTAL"], exits.INVALID_INPUT, "source"),
        (["list", "--order-by", "monthly_rat"], exits.INVALID_INPUT, "monthly_rate"),
        (["list", "--page-token", "nonsense"], exits.INVALID_INPUT, "token"),
        (["stream", "--filter", "(((source = RENTAL"], exits.INVALID_INPUT, ""),
        (["aggregate", "--sum", "category"], exits.INVALID_INPUT, "category"),
        (["list", "-o", "NOWHERE"], exits.NOT_FOUND, "NOWHERE"),
        (["get", "no-such-record"], exits.NOT_FOUND, "no-such-record"),
        (["ask", ""], exits.INVALID_INPUT, ""),
        (["ask", "x" * 10_000], exits.INVALID_INPUT, ""),
        (["interpret", "rentals", "--server", "127.0.0.1:1"], exits.UNAVAILABLE, "`pfa serve` starts one"),
        (["organizations", "create", "not a code"], exits.INVALID_INPUT, "not a code"),
    ],
)
def test_a_failure_is_one_sentence_and_a_status_of_its_kind(
    site: Site, arguments: list[str], status: int, sentence: str
) -> None:
    done = site.ask(*arguments)
    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.startswith("pfa: ")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_in_a_filter_is_pointed_at(site: Site) -> None:
    lines = site.ask("list", "--filter", "dor = BEO AND sorce = RENTAL").stderr.splitlines()
    assert lines[1] == "  dor = BEO AND sorce = RENTAL"
    assert lines[2] == "  " + " " * lines[1].lstrip().index("sorce") + "^"


def test_a_server_with_tokens_wants_one(site: Site) -> None:
    with serving(site.database, PFA_API_TOKENS=TOKEN) as address:
        assert site.ask("list", PFA_SERVER=address).returncode == exits.DENIED
        assert site.ask("list", PFA_SERVER=address, PFA_TOKEN="x" * 20).returncode == exits.DENIED
        assert site.ask("list", PFA_SERVER=address, PFA_TOKEN=TOKEN).returncode == exits.OK


def test_a_reader_that_has_seen_enough_is_no_failure(site: Site) -> None:
    command = " ".join(map(shlex.quote, PFA))
    for line in (f"{command} stream | head -n 1", f"{command} list --page-size 1000 | head -n 1"):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            env=environment(PFA_SERVER=site.address, PFA_ORGANIZATION="RIO"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr, done.stdout.count("\n")) == (exits.OK, "", 1)


def test_ctrl_c_ends_a_stream_with_its_own_status(site: Site) -> None:
    with subprocess.Popen(
        [*PFA, "stream"],
        env=environment(PFA_SERVER=site.address, PFA_ORGANIZATION="RIO"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # then the pipe fills, and the command waits for its reader
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
    assert process.returncode == exits.INTERRUPTED
    assert b"Traceback" not in error


def test_a_terminal_gets_lines_no_wider_than_it_is(site: Site) -> None:
    table, _, rest = terminal(site, 80, "list", "--page-size", "20").partition("Not shown for want of width: ")
    assert max(map(len, table.splitlines())) <= 80
    assert "flags" in rest.splitlines()[0]


def terminal(site: Site, columns: int, *arguments: str) -> str:
    """Return what a command shows on a terminal of some width, without colours. Skips where there are no terminals."""
    pty = pytest.importorskip("pty")
    termios = pytest.importorskip("termios")
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (40, columns))
    variables = environment(PFA_SERVER=site.address, PFA_ORGANIZATION="RIO", TERM="xterm", NO_COLOR="1")
    variables.pop("COLUMNS", None)
    with subprocess.Popen([*PFA, *arguments], env=variables, stdout=writer, stdin=subprocess.DEVNULL) as process:
        os.close(writer)
        shown = b""
        for _ in itertools.count():
            try:
                part = os.read(reader, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        os.close(reader)
        assert process.wait(20) == exits.OK
    text = shown.decode("utf-8")
    assert "\x1b" not in text
    return text.replace("\r\n", "\n")


def test_migrate_says_from_which_schema_to_which(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    first, second = pfa("migrate", "--database", url), pfa("migrate", PFA_DATABASE_URL=url)
    assert (first.returncode, second.returncode) == (exits.OK, exits.OK)
    assert re.fullmatch(r"The database went from no schema to schema \w+\.\n", first.stdout)
    assert re.fullmatch(r"The database has schema \w+ already\.\n", second.stdout)


def test_two_servers_cannot_share_a_port(site: Site) -> None:
    done = pfa("serve", "--listen", site.address, "--database", f"sqlite:///{site.database}")
    assert done.returncode == exits.FAILURE
    assert f"pfa: {site.address} is in use" in done.stderr


def test_serve_shows_its_settings_and_where_they_come_from() -> None:
    done = pfa("serve", "--show-config", "--listen", "127.0.0.1:7", PFA_API_TOKENS=TOKEN)
    assert done.returncode == exits.OK
    assert re.search(r"^PFA_LISTEN +127\.0\.0\.1:7 +command line ", done.stdout, re.MULTILINE)
    assert TOKEN not in done.stdout
    shown = json.loads(pfa("serve", "--show-config", "--json").stdout)
    assert {"variable": "PFA_LISTEN", "source": "default"}.items() <= next(
        one for one in shown if one["name"] == "listen"
    ).items()


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize("kind", ["missing folder", "no database"])
def test_a_database_that_cannot_be_used_stops_the_start_with_a_sentence(
    tmp_path: Path, command: str, kind: str
) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"this is no database" * 100)
    url = "sqlite:////nonexistent/pfa.sqlite3" if kind == "missing folder" else f"sqlite:///{broken}"
    done = pfa(command, "--database", url, PFA_LISTEN="127.0.0.1:0")
    assert done.returncode in {exits.FAILURE, exits.UNAVAILABLE}
    assert "pfa: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_told(site: Site) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    told = "pfa: the output cannot be written: No space left on device"
    done = site.ask("stream", "--output", "/dev/full")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (exits.FAILURE, told)
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [*PFA, "list"],
            env=environment(PFA_SERVER=site.address, PFA_ORGANIZATION="RIO"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (process.returncode, process.stderr) == (exits.FAILURE, told + "\n")
