"""Writes records that are stored already a second time, by the driver alone: what bounds every way of storing them."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import time
from pathlib import Path
from typing import Final

import asyncpg

from bench.timing import Timed
from pfa_rpc.store.engines import CACHE_KIB

AT_ONCE: Final = 2_048
"""Rows in a transaction: about as many as a pull writes in one."""


async def written_bare(url: str) -> Timed:
    """Return how long the rows of the records take into a table like theirs, indexes and all."""
    if url.startswith("sqlite"):
        return await asyncio.to_thread(_into_sqlite, Path(url.removeprefix("sqlite:///")))
    return await _into_postgresql(url)


def _into_sqlite(path: Path) -> Timed:
    """Insert into another file, by executemany."""
    with sqlite3.connect(path) as source:
        rows = source.execute("SELECT * FROM records").fetchall()
        tables = source.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'records' AND sql IS NOT NULL"
        ).fetchall()
    target = sqlite3.connect(path.with_name("bare.sqlite3"), isolation_level=None)
    for setting in ("journal_mode = WAL", "synchronous = NORMAL", f"cache_size = -{CACHE_KIB}"):
        target.execute(f"PRAGMA {setting}")
    for (statement,) in tables:
        target.execute(statement)
    insert = f"INSERT INTO records VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608 (places only)
    began, used = time.perf_counter(), time.process_time()
    for start in range(0, len(rows), AT_ONCE):
        target.execute("BEGIN IMMEDIATE")
        target.executemany(insert, rows[start : start + AT_ONCE])
        target.execute("COMMIT")
    took = time.perf_counter() - began, time.process_time() - used
    target.close()
    return took


async def _into_postgresql(url: str) -> Timed:
    """Copy into a table beside it, by one COPY."""
    connection = await asyncpg.connect(url)
    try:
        copied = io.BytesIO()
        await connection.copy_from_query("SELECT * FROM records", output=copied, format="binary")
        copied.seek(0)
        await connection.execute("CREATE TABLE bare (LIKE records INCLUDING ALL)")
        began, used = time.perf_counter(), time.process_time()
        await connection.copy_to_table("bare", source=copied, format="binary")
        took = time.perf_counter() - began, time.process_time() - used
        await connection.execute("DROP TABLE bare")
    finally:
        await connection.close()
    return took
