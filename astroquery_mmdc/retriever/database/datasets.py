"""The tables of light curves: raw ones, and those made from them."""

from __future__ import annotations

import os
from math import isfinite
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import Comparator, hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from astroquery_mmdc.retriever.database.base import Base, JSONDocument
from astroquery_mmdc.retriever.database.collections import UniqueList
from astroquery_mmdc.retriever.database.on_disk import DatasetMixin, common_columns
from astroquery_mmdc.retriever.database.source import Source, source_raw
from astroquery_mmdc.retriever.jsonable import plain
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.storage import Location

__all__ = ["STATISTICS", "Lightcurve", "RawPhotometry", "lightcurve_row", "raw_row"]

STATISTICS = (
    "num_good",
    "flux_mean",
    "flux_rms",
    "flux_mean_robust",
    "flux_rms_robust",
    "flux_max",
    "flux_min",
    "snr_max",
    "snr_min",
    "snr_median",
    "dsnr_max",
    "dsnr_min",
    "dmag_brightest",
    "dmag_faintest",
    "mag_mean",
    "mag_rms",
    "mag_mean_robust",
    "mag_rms_robust",
    "mag_brightest",
    "mag_faintest",
    "exp_time",
    "frame_rate",
    "is_uniformly_sampled",
    "zero_point_instrumental",
    "zero_point_measured",
)
"""Columns that ``meta["statistics"]`` fills, as far as it has them."""


class _BySource(Comparator[int]):
    """Compares raw data with the id of a source, through the table between them."""

    def __eq__(self, other: object) -> Any:
        return self.in_([other])

    def in_(self, other: Any) -> Any:
        """Return whether one of the sources has the raw data."""
        chosen = sa.select(source_raw.c.raw_id).where(source_raw.c.source_id.in_(other))
        column: Any = self.__clause_element__()
        return column.in_(chosen)


class RawPhotometry(DatasetMixin, Base):
    """What an observatory delivered for a source: once, for all projects."""

    __tablename__ = "raw_photometry"
    __table_args__ = (sa.UniqueConstraint("source_name", "observatory"),)

    level = "raw"

    is_empty: Mapped[bool] = mapped_column(default=False)
    """Whether the observatory was asked and has nothing."""
    run_identifier: Mapped[str | None]
    run_object: Mapped[str | None]

    sources: Mapped[list[Source]] = relationship(
        secondary=source_raw, back_populates="raw_photometry"
    )
    lightcurves: Mapped[UniqueList[Lightcurve]] = relationship(
        back_populates="raw_data", cascade="all, delete-orphan", collection_class=UniqueList
    )

    @hybrid_property
    def source_id(self) -> int | None:
        """Id of its source; in a query, of any of its sources."""
        return self.sources[0].id if self.sources else None

    @source_id.inplace.comparator
    @classmethod
    def _source_id(cls) -> Any:
        return _BySource(cls.id)

    @property
    def source(self) -> Source | None:
        """Its source; the first if several projects have it."""
        return self.sources[0] if self.sources else None

    @source.setter
    def source(self, source: Source) -> None:
        if source not in self.sources:
            self.sources.append(source)
        self.source_name = source.name

    def _describe(self, lightcurve: LightCurve) -> None:
        super()._describe(lightcurve)
        self.is_empty = lightcurve.is_empty


class Lightcurve(DatasetMixin, Base):
    """A light curve in one filter: reduced, processed, or with an injected event."""

    __tablename__ = "lightcurves"
    __table_args__ = (
        sa.UniqueConstraint(
            "source_id",
            "observatory",
            "level",
            "series_number",
            "simulation_number",
            name="uq_lightcurves_series",
        ),
        sa.Index(None, "project", "cfg_hash", "level"),
    )

    level: Mapped[str] = mapped_column(default="reduced")
    source_id: Mapped[int | None] = mapped_column(sa.ForeignKey("sources.id", ondelete="CASCADE"))
    raw_data_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("raw_photometry.id", ondelete="CASCADE"), index=True
    )
    raw_data_filename: Mapped[str | None]
    project: Mapped[str] = mapped_column(default="TEST_PROJECT")
    cfg_hash: Mapped[str] = mapped_column(default="")
    series_number: Mapped[int] = mapped_column(default=1)
    series_total: Mapped[int] = mapped_column(default=1)
    simulation_number: Mapped[int] = mapped_column(default=0)
    simulation_total: Mapped[int] = mapped_column(default=0)
    sim_pars: Mapped[dict[str, Any] | None] = mapped_column(JSONDocument)
    filter: Mapped[str | None]
    num_good: Mapped[int | None]
    flux_mean: Mapped[float | None]
    flux_rms: Mapped[float | None]
    flux_mean_robust: Mapped[float | None]
    flux_rms_robust: Mapped[float | None]
    flux_max: Mapped[float | None]
    flux_min: Mapped[float | None]
    snr_max: Mapped[float | None]
    snr_min: Mapped[float | None]
    snr_median: Mapped[float | None]
    dsnr_max: Mapped[float | None]
    dsnr_min: Mapped[float | None]
    dmag_brightest: Mapped[float | None]
    dmag_faintest: Mapped[float | None]
    mag_mean: Mapped[float | None]
    mag_rms: Mapped[float | None]
    mag_mean_robust: Mapped[float | None]
    mag_rms_robust: Mapped[float | None]
    mag_brightest: Mapped[float | None]
    mag_faintest: Mapped[float | None]
    exp_time: Mapped[float | None]
    frame_rate: Mapped[float | None]
    is_uniformly_sampled: Mapped[bool | None]
    zero_point_instrumental: Mapped[float | None]
    zero_point_measured: Mapped[float | None]

    source: Mapped[Source | None] = relationship(back_populates="lightcurves")
    raw_data: Mapped[RawPhotometry | None] = relationship(back_populates="lightcurves")

    @property
    def was_processed(self) -> bool:
        """Whether it has quality flags and scores."""
        return self.level in ("processed", "simulated")

    @property
    def is_simulated(self) -> bool:
        """Whether an event was injected."""
        return self.level == "simulated"

    def export_to_skyportal(
        self, filename: str | os.PathLike[str], overwrite: bool = False, **options: Any
    ) -> Path:
        """Write it for SkyPortal: `astroquery_mmdc.retriever.export.export_to_skyportal`."""
        from astroquery_mmdc.retriever.export import export_to_skyportal

        return export_to_skyportal(self.lightcurve, filename, overwrite=overwrite, **options)

    def _describe(self, lightcurve: LightCurve) -> None:
        super()._describe(lightcurve)
        self.level = lightcurve.level
        for name, value in _of_series(lightcurve).items():
            setattr(self, name, value)


def _number(value: Any) -> Any:
    if value is None or type(value) in (int, bool):
        return value
    return value if type(value) is float and isfinite(value) else plain(value)


def _of_series(lightcurve: LightCurve) -> dict[str, Any]:
    meta = lightcurve.meta
    statistics = meta.get("statistics") or {}
    filters = meta.get("filter") or next(iter(lightcurve.filters), None)
    return {
        "series_number": lightcurve.series,
        "series_total": lightcurve.total,
        "simulation_number": lightcurve.simulation,
        "simulation_total": lightcurve.simulations,
        "sim_pars": meta.get("sim_pars"),
        "filter": filters,
        # A database has no not-a-number, and knows its own kinds of number only.
        **{name: _number(statistics.get(name, meta.get(name))) for name in STATISTICS},
    }


def _place(location: Location) -> dict[str, Any]:
    return {
        "folder": location.folder,
        "filename": location.filename,
        "filekey": location.filekey,
        "format": location.format,
    }


def raw_row(lightcurve: LightCurve, location: Location) -> dict[str, Any]:
    """Return the row of raw data."""
    return {
        "source_name": lightcurve.source,
        "observatory": lightcurve.observatory,
        "is_empty": lightcurve.is_empty,
        "altdata": {},
        **common_columns(lightcurve),
        **_place(location),
    }


def lightcurve_row(lightcurve: LightCurve, location: Location) -> dict[str, Any]:
    """Return the row of a reduced, processed or simulated light curve."""
    return {
        "source_name": lightcurve.source,
        "observatory": lightcurve.observatory,
        "level": lightcurve.level,
        "altdata": {},
        **common_columns(lightcurve),
        **_of_series(lightcurve),
        **_place(location),
    }
