"""The retriever's database: SQLite by default, PostgreSQL by another URL, or none at all.

Nothing is opened by importing this; the engine is made and the tables are created on first use.

Attributes
----------
NO_DB_SESSION : bool
    Set it to True and no database is used: sessions are `NullSession`.
DATA_ROOT : str
    Set it to move the data; see `astroquery_mmdc.retriever.paths.data_root`.
"""

from __future__ import annotations

from astroquery_mmdc.retriever.database.base import Base
from astroquery_mmdc.retriever.database.batch import commit_batch
from astroquery_mmdc.retriever.database.collections import UniqueList
from astroquery_mmdc.retriever.database.datasets import Lightcurve, RawPhotometry
from astroquery_mmdc.retriever.database.engine import database_url, dispose, get_engine
from astroquery_mmdc.retriever.database.errors import BatchConflictError
from astroquery_mmdc.retriever.database.null import NullSession
from astroquery_mmdc.retriever.database.progress import (
    claim,
    failures_of,
    finished,
    histogram_parts,
    merge_parts,
    raw_status,
    release,
)
from astroquery_mmdc.retriever.database.results import (
    Batch,
    Claim,
    Detection,
    Failure,
    HistogramPart,
    Properties,
    Run,
)
from astroquery_mmdc.retriever.database.session import Session, SmartSession, transaction
from astroquery_mmdc.retriever.database.sky import cone_search, duplicates_of
from astroquery_mmdc.retriever.database.source import Source

__all__ = [
    "Base",
    "Batch",
    "BatchConflictError",
    "Claim",
    "Detection",
    "Failure",
    "HistogramPart",
    "Lightcurve",
    "NullSession",
    "Properties",
    "RawPhotometry",
    "Run",
    "Session",
    "SmartSession",
    "Source",
    "UniqueList",
    "claim",
    "commit_batch",
    "cone_search",
    "database_url",
    "dispose",
    "duplicates_of",
    "failures_of",
    "finished",
    "get_engine",
    "histogram_parts",
    "merge_parts",
    "raw_status",
    "release",
    "transaction",
]

NO_DB_SESSION = False
DATA_ROOT: str | None = None
