"""Migrations of the retriever's tables, run by alembic when an older database is opened."""
