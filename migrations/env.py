"""How Alembic meets the application: its engine, its tables."""

from __future__ import annotations

from alembic import context
from flask import current_app

_migrate = current_app.extensions["migrate"]
_metadata = _migrate.db.metadata
_arguments = {"compare_type": True, **_migrate.configure_args}


def run_offline() -> None:
    """Write the statements instead of running them."""
    url = _migrate.db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=_metadata, literal_binds=True, **_arguments)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the statements."""
    with _migrate.db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=_metadata, **_arguments)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
