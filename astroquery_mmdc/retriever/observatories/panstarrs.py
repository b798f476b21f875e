"""`VirtualPanSTARRS`: single-epoch detections of Pan-STARRS1 DR2, from MAST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from astroquery_mmdc.exceptions import IncompleteResultWarning
from astroquery_mmdc.retriever.answers import read_csv
from astroquery_mmdc.retriever.arrays import with_columns
from astroquery_mmdc.retriever.fetch import Limits, SurveyClient
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.base import VirtualObservatory
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.observatories.rows import position_of
from astroquery_mmdc.retriever.reduction.reduce import Target, reduce_table
from astroquery_mmdc.retriever.time_info import TimeInfo

__all__ = ["ParsObsPanSTARRS", "VirtualPanSTARRS"]

_PATH = "/dr2/detection.csv"
_COLUMNS = (
    "objID",
    "detectID",
    "obsTime",
    "filterID",
    "expTime",
    "ra",
    "dec",
    "psfFlux",
    "psfFluxErr",
    "psfQfPerfect",
    "infoFlag",
    "infoFlag2",
)
_PAGE_SIZE = 500_001
_FILTERS = np.array(["", "g", "r", "i", "z", "y"])
_MISSING = -999.0
_ZERO_POINT_JY = 8.9
_GOOD_PIXELS = 0.9
_LIMITS = Limits(at_once=4, per_second=5)


class ParsObsPanSTARRS(ParsObservatory):
    """Parameters of `VirtualPanSTARRS`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        url = "https://catalogs.mast.stsci.edu/api/v0.1/panstarrs"
        add("url", url, str, "Address of the catalogues of MAST", critical=False)
        add("minimal_declination", -31.0, float, "Sources south of it are not asked for, deg")
        add("cone_search_radius", 2.0, float, "Radius of the search in arcsec")


class VirtualPanSTARRS(VirtualObservatory):
    """Pan-STARRS1 DR2: detections on single exposures.

    Notes
    -----
    ``obsTime`` is MJD (TAI) at mid-exposure; fluxes are of point sources, in Jy (AB).
    """

    default_name = "PANSTARRS"
    pars_class: ClassVar[type[ParsObservatory]] = ParsObsPanSTARRS
    time_info: ClassVar[TimeInfo | None] = TimeInfo("obsTime", "mjd", 0.0, "tai", "mid", "expTime")

    def download_from_observatory(
        self, cat_row: Mapping[str, Any], **query: Any
    ) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return all detections near a source; ``query`` holds further filters of the service."""
        ra, dec = position_of(cat_row)
        if dec < self.pars.minimal_declination:
            return None, {"not_asked": f"declination below {self.pars.minimal_declination}"}
        params = {
            "ra": f"{ra:.7f}",
            "dec": f"{dec:.7f}",
            "radius": f"{self.pars.cone_search_radius / 3600:.7f}",
            "pagesize": _PAGE_SIZE,
            "columns": f"[{','.join(_COLUMNS)}]",
            **query,
        }
        client = SurveyClient(self.name, self.pars.url, limits=_LIMITS)
        table = read_csv(client.get(_PATH, params))
        if len(table) >= _PAGE_SIZE:
            import warnings

            msg = f"{cat_row['name']}: more detections than {_PAGE_SIZE}; use a smaller radius"
            warnings.warn(msg, IncompleteResultWarning, stacklevel=2)
        units = {"psfFlux": "Jy", "psfFluxErr": "Jy", "obsTime": "d", "expTime": "s"}
        return table, {"units": units, "query": params}

    def reduce_photometry(
        self, dataset: LightCurve, source: Any, init_kwargs: Mapping[str, Any], **pars: Any
    ) -> list[LightCurve]:
        """Return one light curve for each filter; detections on bad pixels are flagged."""
        data = dataset.data
        flux, error = (_present(data[name]) for name in ("psfFlux", "psfFluxErr"))
        flag = ~(flux > 0)
        if "psfQfPerfect" in dataset.colnames:
            flag |= ~(_present(data["psfQfPerfect"]) >= _GOOD_PIXELS)
        filters = _FILTERS[np.clip(data["filterID"].astype(int), 0, 5)]
        named = with_columns(data, flux=flux, flux_err=error, filter=filters, flag=flag)
        given = {"filtmap": self.pars.filtmap, **pars}
        return reduce_table(
            dataset.replace(data=named),
            Target.of(source),
            time_info=self.time_info,
            zero_point=_ZERO_POINT_JY,
            flux_unit="Jy",
            object_column="objID",
            **given,
        )


def _present(values: np.ndarray) -> np.ndarray:
    numbers = np.asarray(values, dtype=float)
    return np.where(numbers == _MISSING, np.nan, numbers)
