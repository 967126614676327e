"""Rows a second and memory of an import: the sample, a file ten times as large, and each a second time.

Every import runs in a process of its own, so that the peak of its memory is its own:

    python -m bench.import_rows [TIMES]
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

EXPORT = Path(__file__).resolve().parents[1] / "examples" / "pems_export.csv.gz"
CODES = "RIO,RIO2,CAPE,DELTA,BAY-7"
ROWS_A_SECOND = 4_000
PEAK_MB = 200


def enlarge(path: Path, times: int) -> None:
    """Write the sample many times over, with ids of their own."""
    with gzip.open(EXPORT, "rt", encoding="utf-8-sig", newline="") as sample, gzip.open(path, "wb") as packed:
        header, *rows = csv.reader(sample)
        with io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
            writer = csv.writer(text)
            writer.writerow(header)
            for copy in range(times):
                writer.writerows([f"{row[0]}-{copy}" if row[0] else "", *row[1:]] for row in rows)


def import_here(file: str, database: str) -> None:
    """Import a file and print figures; the work of the child process."""
    from pfa_rpc.cli.main import main  # noqa: PLC0415 (in the child only)

    url = f"sqlite:///{database}"
    assert (
        main(["import", file, "--organizations", CODES, "--database", url, "--rejected", f"{database}.csv", "--json"])
        == 0
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"peak_mb": peak}))


def measure(name: str, file: Path, database: Path) -> bool:
    """Import a file in another process, print what it took, and tell whether that is within bounds."""
    command = [sys.executable, __file__, "--child", str(file), str(database)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    summary, _, last = output.rstrip().rpartition("\n")
    figures = json.loads(summary)
    rate, peak = figures["rows_per_second"], json.loads(last)["peak_mb"]
    print(
        f"{name:<28}{figures['rows']:>9,} rows  {figures['changed']:>9,} written"
        f"{figures['seconds']:>9.1f} s{rate:>9,.0f} rows/s{peak:>7,} MB at most"
    )
    return bool(rate >= ROWS_A_SECOND and peak < PEAK_MB)


def run(times: int) -> bool:
    """Measure all and tell whether every figure is within bounds."""
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder, "large.csv.gz")
        enlarge(large, times)
        results = [
            measure(name, file, Path(folder, database))
            for name, file, database in (
                ("the sample", EXPORT, "small.sqlite3"),
                ("the sample again", EXPORT, "small.sqlite3"),
                (f"{times} times as large", large, "large.sqlite3"),
                (f"{times} times as large again", large, "large.sqlite3"),
            )
        ]
    print(f"wanted: at least {ROWS_A_SECOND:,} rows/s and less than {PEAK_MB} MB: {'yes' if all(results) else 'NO'}")
    return all(results)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        import_here(*sys.argv[2:4])
    else:
        sys.exit(0 if run(int(sys.argv[1]) if len(sys.argv) > 1 else 10) else 1)
