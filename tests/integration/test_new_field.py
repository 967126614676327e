"""Adding a field is one entry in the table of fields, one line of the proto and one migration: nothing else."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "fixtures" / "use_supplier.py"

ENTRY = '    text_field("supplier", "supplier", "supplier", "pfs_supplier"),\n'
PROTO_LINE = "  // Who rents or sells the equipment.\n  optional string supplier = 99;\n"
MIGRATION = '''"""Add the supplier."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = {parent!r}


def upgrade() -> None:
    for table in ("records", "draft_records"):
        op.add_column(table, sa.Column("supplier_key", sa.Text()))
'''


def insert_after(path: Path, anchor: str, text: str) -> None:
    content = path.read_text()
    assert content.count(anchor) == 1
    path.write_text(content.replace(anchor, anchor + text))


def copy_with_supplier(folder: Path) -> None:
    """Copy the product and make the three changes."""
    for name in ("src", "protos", "migrations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    insert_after(folder / "src/pfa_rpc/schema.py", "FIELDS: Final[tuple[Field, ...]] = (\n", ENTRY)
    insert_after(folder / "protos/pfa/v1/record.proto", "message Record {\n", PROTO_LINE)
    newest = max(path.stem.split("_")[0] for path in (folder / "migrations/versions").glob("[0-9]*.py"))
    (folder / "migrations/versions/9999_supplier.py").write_text(MIGRATION.format(parent=newest))


def generate(folder: Path) -> None:
    site = sysconfig.get_path("purelib")
    protos = [str(path) for path in (folder / "protos/pfa/v1").glob("*.proto")]
    options = [f"-I{folder}/protos", f"-I{site}", f"--python_out={folder}/src"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, *protos], check=True, timeout=60)


def write_export(path: Path) -> None:
    row = {
        "pfs_a_org": "RIO",
        "pfs_f_source": "RENTAL",
        "pfs_f_dor": "BEO",
        "pfs_f_actualized": "N",
        "pfs_f_discontinued": "N",
        "pfs_f_fundstrans": "N",
        "pfs_f_rental": "5,400.00",
        "pfs_f_purchase": "",
    }
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["pfs_id", *row, "pfs_supplier"])
        writer.writeheader()
        for number, supplier in enumerate(["Acme  Hire", "Zeppelin", "ACME hire", "Acme  Hire", ""]):
            writer.writerow({"pfs_id": number, **row, "pfs_supplier": supplier})


async def make_database(url: str) -> str:
    """Make a database of the present schema; return the schema's name."""
    database = Database(url)
    _, newest = await migrate(database)
    await database.close()
    return newest


def test_a_new_field_takes_an_entry_a_proto_line_and_a_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/pfa.sqlite3"
    newest = asyncio.run(make_database(url))
    copy_with_supplier(tmp_path)
    generate(tmp_path)
    export = tmp_path / "export.csv"
    write_export(export)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), url, str(export)],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {
        "schema": [newest, "9999"],
        "unknown_columns": [],
        "filtered": ["Acme  Hire", "ACME hire", "Acme  Hire"],
        "ordered": ["Acme  Hire", "ACME hire", "Acme  Hire", "Zeppelin", ""],
        "groups": [["Acme  Hire", 3], ["Zeppelin", 1], [None, 1]],
        "reading": ['supplier = "Acme  Hire" AND source = RENTAL AND is_discontinued = false', True],
    }
