"""Alembic runs this file; the connection comes from `upgrade`."""

from alembic import context

from mailmine.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
