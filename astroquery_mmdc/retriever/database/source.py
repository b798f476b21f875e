"""The table of sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from astroquery_mmdc.retriever.database.base import Base, JSONDocument
from astroquery_mmdc.retriever.database.collections import UniqueList

if TYPE_CHECKING:
    from astropy import units as u

    from astroquery_mmdc.retriever.database.datasets import Lightcurve, RawPhotometry
    from astroquery_mmdc.retriever.database.results import Detection, Properties

__all__ = ["Source", "place_columns", "source_raw"]

source_raw = sa.Table(
    "source_raw",
    Base.metadata,
    sa.Column("source_id", sa.ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "raw_id",
        sa.ForeignKey("raw_photometry.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
)
"""Which raw data a source has: raw data are shared by the sources of all projects."""


def place_columns(ra: Sequence[float], dec: Sequence[float]) -> list[dict[str, Any]]:
    """Return the columns that make positions searchable.

    Parameters
    ----------
    ra, dec : sequence of float
        In degrees, ICRS.

    Returns
    -------
    list of dict
        For each position its cell, HEALPix NESTED of order 29, and its unit vector: comparing
        chords is exact, and needs no more than what every database can compute.
    """
    # Imported here: the cache is large, and reading rows does not need it.
    from astroquery_mmdc.cache.healpix import ORDER, ang2pix_nest, unit_vectors

    cells = ang2pix_nest(ORDER, ra, dec).tolist()
    vectors = unit_vectors(ra, dec).tolist()
    return [
        {"healpix": cell, "x": x, "y": y, "z": z}
        for cell, (x, y, z) in zip(cells, vectors, strict=True)
    ]


class Source(Base):
    """An astronomical object in a project, as a row of its catalogue has it."""

    __tablename__ = "sources"
    __table_args__ = (sa.UniqueConstraint("project", "cfg_hash", "name"),)

    name: Mapped[str]
    project: Mapped[str] = mapped_column(default="TEST_PROJECT")
    cfg_hash: Mapped[str] = mapped_column(default="")
    ra: Mapped[float]
    dec: Mapped[float]
    healpix: Mapped[int] = mapped_column(sa.BigInteger, index=True)
    x: Mapped[float]
    y: Mapped[float]
    z: Mapped[float]
    mag: Mapped[float | None]
    mag_err: Mapped[float | None]
    mag_filter: Mapped[str | None]
    origin: Mapped[str | None]
    classification: Mapped[str | None]
    aliases: Mapped[list[Any]] = mapped_column(JSONDocument, default=list)
    local_names: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    cat_index: Mapped[int | None]
    cat_id: Mapped[str | None]
    cat_name: Mapped[str | None]
    cat_row: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)

    raw_photometry: Mapped[UniqueList[RawPhotometry]] = relationship(
        secondary=source_raw, back_populates="sources", collection_class=UniqueList
    )
    lightcurves: Mapped[UniqueList[Lightcurve]] = relationship(
        back_populates="source",
        cascade="all, delete-orphan",
        collection_class=UniqueList,
        order_by="(Lightcurve.observatory, Lightcurve.series_number, Lightcurve.simulation_number)",
    )
    detections: Mapped[list[Detection]] = relationship(
        back_populates="source", cascade="all, delete-orphan", passive_deletes=True
    )
    properties: Mapped[Properties | None] = relationship(
        back_populates="source", cascade="all, delete-orphan", passive_deletes=True
    )

    @validates("ra", "dec")
    def _place(self, key: str, value: float) -> float:
        value = float(value)
        ra, dec = (value, self.dec) if key == "ra" else (self.ra, value)
        if ra is not None and dec is not None:
            for name, number in place_columns([ra], [dec])[0].items():
                setattr(self, name, number)
        return value

    def _of_level(self, level: str) -> UniqueList[Lightcurve]:
        return UniqueList(item for item in self.lightcurves if item.level == level)

    @property
    def reduced_lightcurves(self) -> UniqueList[Lightcurve]:
        """The reduced light curves; append to ``lightcurves``."""
        return self._of_level("reduced")

    @property
    def processed_lightcurves(self) -> UniqueList[Lightcurve]:
        """The light curves with quality flags and scores."""
        return self._of_level("processed")

    @property
    def simulated_lightcurves(self) -> UniqueList[Lightcurve]:
        """The light curves with injected events."""
        return self._of_level("simulated")

    def get_data(
        self,
        obs: str,
        data_type: str = "photometry",
        level: str = "raw",
        session: Any = None,
        *,
        check_data: bool = True,
        delete_missing: bool = False,
        append: bool = True,
    ) -> UniqueList[Any]:
        """Return the data that an observatory has of the source.

        Parameters
        ----------
        obs : str
            Name of the observatory.
        data_type : str, optional
            Photometry is the only type.
        level : {"raw", "reduced", "processed", "simulated"}, optional
            How far they have come.
        session : Session, None or False
            As `SmartSession` takes it.
        check_data : bool, optional
            Whether to leave out rows whose values cannot be read.
        delete_missing : bool, optional
            Whether to delete these rows.
        append : bool, optional
            Whether to add raw data that are found to ``raw_photometry``.
        """
        from astroquery_mmdc.retriever.database.lookup import data_of

        return data_of(
            self,
            obs,
            data_type,
            level,
            session,
            check_data=check_data,
            delete_missing=delete_missing,
            append=append,
        )

    def check_duplicates(self, session: Any = None, radius: u.Quantity | None = None) -> list[Any]:
        """Return the other sources of its project that lie within a radius, 5 arcsec by default."""
        from astroquery_mmdc.retriever.database.session import SmartSession
        from astroquery_mmdc.retriever.database.sky import duplicates_of

        with SmartSession(session) as opened:
            return list(duplicates_of(opened, self, radius))

    def plot_photometry(self, **options: Any) -> Any:
        """Draw its light curves: see `astroquery_mmdc.retriever.plots.plot_photometry`."""
        from astroquery_mmdc.retriever.plots import plot_photometry

        return plot_photometry(self, **options)

    def reset_analysis(self, session: Any = None) -> None:
        """Remove what the analysis has made of the source: rows and files; then commit.

        What it added to the histograms stays in them: they are sums, which know no sources.
        """
        from astroquery_mmdc.retriever.database.lookup import forget_analysis

        forget_analysis(self, session)

    @property
    def rp(self) -> UniqueList[RawPhotometry]:
        """Short for ``raw_photometry``."""
        return self.raw_photometry

    @property
    def rl(self) -> UniqueList[Lightcurve]:
        """Short for ``reduced_lightcurves``."""
        return self.reduced_lightcurves

    @property
    def pl(self) -> UniqueList[Lightcurve]:
        """Short for ``processed_lightcurves``."""
        return self.processed_lightcurves

    @property
    def sl(self) -> UniqueList[Lightcurve]:
        """Short for ``simulated_lightcurves``."""
        return self.simulated_lightcurves
