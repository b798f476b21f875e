"""The tables of what came out: detections, properties, histograms, failures, and who did it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from astroquery_mmdc.retriever.database.base import Base, JSONDocument
from astroquery_mmdc.retriever.database.datasets import Lightcurve
from astroquery_mmdc.retriever.database.source import Source

__all__ = ["Batch", "Claim", "Detection", "Failure", "HistogramPart", "Properties", "Run"]


class Detection(Base):
    """An event found in a light curve, real or injected."""

    __tablename__ = "detections"
    __table_args__ = (
        sa.UniqueConstraint(
            "source_id",
            "observatory",
            "method",
            "series_number",
            "simulation_number",
            "peak_number",
            name="uq_detections_event",
        ),
        sa.Index(None, "project", "cfg_hash", "simulated"),
    )

    source_id: Mapped[int] = mapped_column(sa.ForeignKey("sources.id", ondelete="CASCADE"))
    lightcurve_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("lightcurves.id", ondelete="SET NULL"), index=True
    )
    source_name: Mapped[str]
    observatory: Mapped[str] = mapped_column(default="")
    project: Mapped[str] = mapped_column(default="TEST_PROJECT")
    cfg_hash: Mapped[str] = mapped_column(default="")
    method: Mapped[str] = mapped_column(default="peak finding")
    data_types: Mapped[list[Any]] = mapped_column(JSONDocument, default=lambda: ["photometry"])
    time_start: Mapped[datetime | None]
    time_end: Mapped[datetime | None]
    peak_time: Mapped[datetime | None]
    peak_start: Mapped[datetime | None]
    peak_end: Mapped[datetime | None]
    peak_mjd: Mapped[float | None]
    peak_mag: Mapped[float | None]
    peak_mag_diff: Mapped[float | None]
    snr: Mapped[float | None]
    score: Mapped[float | None]
    extra_scores: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    quality_flag: Mapped[int | None]
    quality_values: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    simulated: Mapped[bool] = mapped_column(default=False)
    sim_pars: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    series_number: Mapped[int] = mapped_column(default=1)
    simulation_number: Mapped[int] = mapped_column(default=0)
    peak_number: Mapped[int] = mapped_column(default=0)
    data_ranges: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    matched_filter_kernel_index: Mapped[int | None]
    match_filter_bank_name: Mapped[str | None]
    matched_filter_kernel_props: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)

    source: Mapped[Source] = relationship(back_populates="detections")
    lightcurve: Mapped[Lightcurve | None] = relationship()


class Properties(Base):
    """Summary of an analysed source; where there is none, it was not analysed yet."""

    __tablename__ = "properties"
    __table_args__ = (sa.UniqueConstraint("source_id"), sa.Index(None, "project", "cfg_hash"))

    source_id: Mapped[int] = mapped_column(sa.ForeignKey("sources.id", ondelete="CASCADE"))
    source_name: Mapped[str]
    project: Mapped[str] = mapped_column(default="TEST_PROJECT")
    cfg_hash: Mapped[str] = mapped_column(default="")
    props: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    has_data: Mapped[bool] = mapped_column(default=True)

    source: Mapped[Source] = relationship(back_populates="properties")


class HistogramPart(Base):
    """What a batch adds to a histogram; the histogram is the sum of its parts."""

    __tablename__ = "histogram_parts"
    __table_args__ = (
        sa.UniqueConstraint("batch_id", "name"),
        sa.Index(None, "project", "cfg_hash", "name"),
    )

    batch_id: Mapped[str]
    project: Mapped[str]
    cfg_hash: Mapped[str] = mapped_column(default="")
    name: Mapped[str]
    content: Mapped[bytes]


class Batch(Base):
    """The ledger: a batch that is in here was committed, whole."""

    __tablename__ = "batches"
    __table_args__ = (sa.UniqueConstraint("batch_id"),)

    batch_id: Mapped[str]
    project: Mapped[str]
    cfg_hash: Mapped[str] = mapped_column(default="")
    num_sources: Mapped[int] = mapped_column(default=0)


class Failure(Base):
    """Why a step failed for a source; it goes when the step succeeds."""

    __tablename__ = "failures"
    __table_args__ = (
        sa.UniqueConstraint("project", "cfg_hash", "source_name", "observatory", "step"),
    )

    project: Mapped[str]
    cfg_hash: Mapped[str] = mapped_column(default="")
    source_name: Mapped[str]
    observatory: Mapped[str] = mapped_column(default="")
    step: Mapped[str]
    error: Mapped[str]
    traceback: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=1)


class Claim(Base):
    """A source that a session works on, so that others leave it alone until ``expires``."""

    __tablename__ = "claims"
    __table_args__ = (sa.UniqueConstraint("project", "cfg_hash", "source_name"),)

    project: Mapped[str]
    cfg_hash: Mapped[str] = mapped_column(default="")
    source_name: Mapped[str]
    owner: Mapped[str]
    expires: Mapped[datetime]


class Run(Base):
    """Provenance: one run of a project."""

    __tablename__ = "runs"
    __table_args__ = (sa.Index(None, "project", "cfg_hash"),)

    project: Mapped[str]
    cfg_hash: Mapped[str] = mapped_column(default="")
    config: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    versions: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(default="running")
