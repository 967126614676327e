"""Indexes of migrations: `make_index` and `remove_index` let others write meanwhile, and may be run again.

PostgreSQL does that CONCURRENTLY, outside a transaction; one that was stopped half way leaves an index that is not
valid, which takes writes and serves nobody. On tables that are split, and on SQLite, the plain form is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import PendingRollbackError

_VALID = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_KIND = sa.text("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(:name)")


def make_index(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Make an index unless it is there; one that an earlier attempt left half made is made anew.

    `options` are those of Alembic's create_index, such as postgresql_using.
    """
    if not _can_be_concurrent(table):
        op.create_index(name, table, columns, if_not_exists=True, **options)
        return
    with _outside_a_transaction():
        is_valid = op.get_bind().scalar(_VALID, {"name": name})
        if is_valid is False:
            op.drop_index(name, table, postgresql_concurrently=True)
        if not is_valid:
            op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def remove_index(name: str, table: str) -> None:
    """Remove an index if it is there."""
    if not _can_be_concurrent(table):
        op.drop_index(name, table, if_exists=True)
        return
    with _outside_a_transaction():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)


def _can_be_concurrent(table: str) -> bool:
    is_postgresql = op.get_context().dialect.name == "postgresql"
    return is_postgresql and not op.get_bind().scalar(_KIND, {"name": table})


@contextmanager
def _outside_a_transaction() -> Iterator[None]:
    """Commit what the step has done so far, and let statements of the body wait for every older transaction."""
    try:
        with op.get_context().autocommit_block():
            # These waits hold nobody up: while they last, others read and write.
            op.execute("SET lock_timeout = 0")
            yield
            op.execute("RESET lock_timeout")
    except PendingRollbackError as error:
        # Where the connection is lost, the block fails a second time at its end, and hides why: a loss or a cancelling.
        raise error.__context__ or error from None
