"""`VirtualMMDC`: light curves of every catalogue of the MMDC service, and of its cache here."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from astropy import units as u

from astroquery_mmdc.exceptions import NoResultsWarning
from astroquery_mmdc.mmdc import observations
from astroquery_mmdc.mmdc.core import MMDCClass
from astroquery_mmdc.net import Job, portal
from astroquery_mmdc.retriever.arrays import structured, units_of
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.base import VirtualObservatory
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.observatories.rows import position_of
from astroquery_mmdc.retriever.quiet import filtered_warnings
from astroquery_mmdc.retriever.reduction.reduce import Target, reduce_table
from astroquery_mmdc.retriever.time_info import TimeInfo
from astroquery_mmdc.schema.columns import FLUX_UNIT, PHOTON_FLUX

__all__ = ["ParsObsMMDC", "VirtualMMDC"]

# What stays the same in all rows of a source, and is looked up by the catalogue's code.
_LEFT_OUT = ("reference", "bibcode", "separation")


class ParsObsMMDC(ParsObservatory):
    """Parameters of `VirtualMMDC`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        add("url", None, (str, None), "Address of the service; None as configured", critical=False)
        add(
            "cache_dir",
            None,
            (str, None),
            "Folder of the cache; None as configured",
            critical=False,
        )
        add("cone_search_radius", 5.0, float, "Radius of the search in arcsec")
        add("catalog", None, (str, None), "Code of a catalogue; all of them if None")


class VirtualMMDC(VirtualObservatory):
    """The MMDC service: one light curve for each of its catalogues and bands.

    What the cache on this machine holds is not asked for again.

    Notes
    -----
    Fluxes are nu F_nu in erg/(s cm2), and photon fluxes for the Fermi-LAT light curves; there
    are no magnitudes. Upper limits are flagged.
    """

    default_name = "MMDC"
    pars_class: ClassVar[type[ParsObservatory]] = ParsObsMMDC
    time_info: ClassVar[TimeInfo | None] = TimeInfo("time")

    def download_from_observatory(
        self, cat_row: Mapping[str, Any], **filters: Any
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the light curves near a source; ``filters`` as in `MMDC.query_lightcurve`."""
        from astropy.coordinates import SkyCoord

        mmdc = MMDCClass(self.pars.url, cache_dir=self.pars.cache_dir)
        place = SkyCoord(*position_of(cat_row), unit="deg")
        if self.pars.catalog is not None:
            filters.setdefault("catalog", self.pars.catalog)
        radius = self.pars.cone_search_radius * u.arcsec
        table, said = _asked(mmdc, place, radius, filters)
        table = table[[name for name in table.colnames if name not in _LEFT_OUT]]
        return structured(table), {"units": units_of(table), "warnings": said}

    def reduce_photometry(
        self, dataset: LightCurve, source: Any, init_kwargs: Mapping[str, Any], **pars: Any
    ) -> list[LightCurve]:
        """Return one light curve for each catalogue and band."""
        made: list[LightCurve] = []
        data = dataset.data
        groups = _groups(data)
        for name in dict.fromkeys(groups.tolist()):
            part = dataset.replace(data=_named(data[groups == name], name))
            made += self._reduced(part, Target.of(source), **pars)
        return made

    def _reduced(self, part: LightCurve, target: Target, **pars: Any) -> list[LightCurve]:
        is_photons = bool(np.isfinite(part.data["photon_flux"]).any())
        flux = "photon_flux" if is_photons else "flux"
        unit = PHOTON_FLUX[0].unit if is_photons else FLUX_UNIT
        return reduce_table(
            part,
            target,
            time_info=self.time_info,
            colmap={"flux": flux, "flux_err": f"{flux}_err", "flag": "is_upper_limit"},
            zero_point=np.nan,
            flux_unit=str(unit),
            **{"filtmap": self.pars.filtmap, **pars},
        )


def _asked(mmdc: MMDCClass, place: Any, radius: u.Quantity, filters: dict[str, Any]) -> Any:
    """Return the table, and what there was to warn of."""
    job = Job()
    outcome = observations.query_lightcurve(mmdc, job, place, radius, **filters)
    table = portal.start(outcome).result() if inspect.iscoroutine(outcome) else outcome
    with filtered_warnings("always", record=True) as collected:
        job.emit_warnings()
    # Nothing there is an answer like any other, and remembered as such.
    left = [item for item in collected if not issubclass(item.category, NoResultsWarning)]
    for item in left:
        warnings.warn(str(item.message), item.category, stacklevel=2)
    return table, [str(item.message) for item in left]


def _groups(data: np.ndarray) -> np.ndarray:
    """Return catalogue and band of each row."""
    catalogs = data["catalog"].astype(str)
    bands = data["filter_band"].astype(str)
    joined = np.char.add(np.char.add(catalogs, "-"), bands)
    return np.where(bands == "", catalogs, joined)


def _named(data: np.ndarray, name: str) -> np.ndarray:
    names = np.full(len(data), name)
    rest = [
        (field, data.dtype[field]) for field in data.dtype.names or () if field != "filter_band"
    ]
    result = np.empty(len(data), dtype=[*rest, ("filter", names.dtype)])
    for field, _ in rest:
        result[field] = data[field]
    result["filter"] = names
    return result
