"""Brings a database to the schema of this version: `migrate`, and `require_current` for those that only read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pfa_rpc.errors import SchemaTooNew, SchemaTooOld

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.config import Config

    from pfa_rpc.store.database import Database


def migrations_path() -> Path:
    """Return the folder of the migrations: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "migrations"


def _config(connection: sa.Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415 (0.4 s that most commands do not need)

    config = Config()
    config.set_main_option("script_location", str(migrations_path()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revisions(connection: sa.Connection) -> tuple[str | None, str]:
    """Return the revision that the database has, and the newest one there is. SchemaTooNew for one not known here."""
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(_config(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    head = scripts.get_current_head() or ""
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaTooNew(
            f"the database has schema {current}, which this version does not know (its newest is {head}); "
            "upgrade the service, or use another database",
            metadata={"database": current, "newest": head},
        )
    return current, head


def _upgrade(connection: sa.Connection) -> tuple[str | None, str]:
    from alembic import command  # noqa: PLC0415

    is_outside = not connection.in_transaction()
    before, head = _revisions(connection)
    if is_outside:
        connection.rollback()  # where nobody else has begun a transaction, each step begins its own
    if before != head:
        command.upgrade(_config(connection), "head")
    return before, head


def _check(connection: sa.Connection) -> str:
    before, head = _revisions(connection)
    if before != head:
        raise SchemaTooOld(f"the database has schema {before or 'none'}, this version needs {head}; run `pfa migrate`")
    return head


async def migrate(database: Database) -> tuple[str | None, str]:
    """Upgrade the database; return the revision before (None: it was empty) and after.

    Raises SchemaTooNew where a newer version of the service made it, DatabaseUnavailable where it cannot be written.
    """
    async with database.migrating() as connection:
        return await connection.run_sync(_upgrade)


async def require_current(database: Database) -> str:
    """Return the revision of the schema. Raises SchemaTooNew or SchemaTooOld where it is not this version's."""
    async with database.reading() as connection:
        return await connection.run_sync(_check)
