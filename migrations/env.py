"""Runs the migrations on the connection that is handed over in `config.attributes["connection"]`."""

from alembic import context

from pfa_rpc.store.drafts import tables  # noqa: F401 (its tables are part of the metadata)
from pfa_rpc.store.syncing.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run the migrations with `pfa migrate`; it opens the database that the settings name")
context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
