"""What alembic runs: migrations on the connection that it is given."""

from __future__ import annotations

from typing import Any

from alembic import context

from astroquery_mmdc.retriever.database import Base


def run(connection: Any) -> None:
    """Run the migrations that alembic has chosen."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a table by making it anew
    )
    with context.begin_transaction():
        context.run_migrations()


# Only while alembic runs it is there; whoever imports this file looks at it and no more.
if (config := getattr(context, "config", None)) is not None:
    run(config.attributes["connection"])
