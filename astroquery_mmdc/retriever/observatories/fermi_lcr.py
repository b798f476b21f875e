"""`VirtualFermiLCR`: gamma-ray light curves of the Fermi-LAT Light Curve Repository."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.net import Reply
from astroquery_mmdc.retriever.fetch import Limits, SurveyClient, refuse_page
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.base import VirtualObservatory
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.observatories.rows import position_of
from astroquery_mmdc.retriever.reduction.reduce import Target, reduce_table
from astroquery_mmdc.retriever.time_info import TimeInfo
from astroquery_mmdc.schema.coordinates import separation_arcsec

__all__ = ["ParsObsFermiLCR", "VirtualFermiLCR"]

_MJD_OF_UNIX = 40587.0
_MET_ZERO_TT = 51910.0 + 7.428703703703703e-4
_LIMITS = Limits(at_once=2, per_second=2)
_BIN_SECONDS = {"daily": 3 * 86400.0, "weekly": 7 * 86400.0, "monthly": 30 * 86400.0}
_FLUX_UNITS = {"photon": "ph / (s cm2)", "energy": "MeV / (s cm2)"}
# Single values by their time, beside the flux and its limits.
_SERIES = ("ts", "photon_index", "fit_tolerance", "fit_convergence", "dlogl", "EG", "GAL")


class ParsObsFermiLCR(ParsObservatory):
    """Parameters of `VirtualFermiLCR`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        url = "https://fermi.gsfc.nasa.gov/ssc/data/access/lat/LightCurveRepository/queryDB.php"
        add("url", url, str, "Address of the repository", critical=False)
        add("cadence", "weekly", str, "Bins: daily (of three days), weekly or monthly")
        add("flux_type", "photon", str, "Flux: photon or energy, 0.1 to 100 GeV")
        add("index_type", "fixed", str, "Photon index in the fits: fixed or free")
        add("ts_min", 4.0, float, "Bins of a smaller test statistic have an upper limit")
        add("match_radius", 0.2, float, "Largest distance of a source without a 4FGL name, deg")


class VirtualFermiLCR(VirtualObservatory):
    """The Fermi-LAT Light Curve Repository of variable 4FGL sources.

    A source is found by its name or alias if that is one of 4FGL, else by its position, for
    which the list of sources is asked for once.

    Notes
    -----
    Times are mission elapsed seconds at the middle of a bin. Bins whose fit did not converge, or
    without an error, are flagged; so are upper limits. Cite Abdollahi et al. 2023, ApJS 265, 31.
    """

    default_name = "FERMI_LCR"
    pars_class: ClassVar[type[ParsObservatory]] = ParsObsFermiLCR
    time_info: ClassVar[TimeInfo | None] = TimeInfo(
        "met", "unix", (_MET_ZERO_TT - _MJD_OF_UNIX) * 86400.0, "tt", "mid"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = threading.Lock()
        self._list: list[tuple[str, float, float]] | None = None

    def download_from_observatory(
        self, cat_row: Mapping[str, Any], **query: Any
    ) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return the bins of a source; ``query`` replaces keys of the question."""
        name = self._name_of(cat_row)
        if name is None:
            return None, {"not_asked": f"no source of 4FGL within {self.pars.match_radius} deg"}
        params = {
            "typeOfRequest": "lightCurveData",
            "source_name": name,
            "cadence": self.pars.cadence,
            "flux_type": self.pars.flux_type,
            "index_type": self.pars.index_type,
            "ts_min": self.pars.ts_min,
            **query,
        }
        reply = self._client().get("", params)
        body = _json(reply)
        if isinstance(body, list) and not body:
            return None, {"fermi_name": name}
        if not isinstance(body, Mapping):
            msg = f"{reply.url}: expected a light curve as a JSON object, got {str(body)[:80]}"
            raise ParseError(msg)
        units = {"flux": _FLUX_UNITS[self.pars.flux_type], "met": "s", "exptime": "s"}
        table = _bins(body, reply.url, exptime=_BIN_SECONDS.get(self.pars.cadence, np.nan))
        return table, {"fermi_name": name, "units": units, "query": params}

    def _client(self) -> SurveyClient:
        return SurveyClient(self.name, self.pars.url, limits=_LIMITS)

    def _name_of(self, cat_row: Mapping[str, Any]) -> str | None:
        for key in ("name", "alias"):
            name = str(cat_row.get(key) or "")
            if name.startswith("4FGL"):
                return name
        ra, dec = position_of(cat_row)
        names, ras, decs = zip(*self._source_list(), strict=True)
        distances = separation_arcsec(np.array(ras), np.array(decs), ra, dec) / 3600
        nearest = int(np.argmin(distances))
        return str(names[nearest]) if distances[nearest] <= self.pars.match_radius else None

    def _source_list(self) -> list[tuple[str, float, float]]:
        with self._lock:
            if self._list is None:
                params = {"typeOfRequest": "SourceList", "catalog": "4FGL"}
                self._list = _sources(self._client().get("", params))
            return self._list

    def reduce_photometry(
        self, dataset: LightCurve, source: Any, init_kwargs: Mapping[str, Any], **pars: Any
    ) -> list[LightCurve]:
        """Return one light curve; limits and failed fits are flagged."""
        given = {"filtmap": self.pars.filtmap, **pars}
        return reduce_table(
            dataset,
            Target.of(source),
            time_info=self.time_info,
            zero_point=np.nan,
            flux_unit=_FLUX_UNITS[self.pars.flux_type],
            **given,
        )


def _json(reply: Reply) -> Any:
    refuse_page(reply, "JSON")
    return reply.json()


def _sources(reply: Reply) -> list[tuple[str, float, float]]:
    rows = _json(reply)
    try:
        found = [
            (str(row["Source_Name"]), float(row["RAJ2000"]), float(row["DEJ2000"])) for row in rows
        ]
    except (KeyError, TypeError, ValueError) as err:
        msg = f"{reply.url}: expected a list of sources with Source_Name, RAJ2000 and DEJ2000"
        raise ParseError(msg) from err
    if not found:
        msg = f"{reply.url}: the list of sources is empty; try again later"
        raise ParseError(msg)
    return found


def _bins(body: Mapping[str, Any], url: str, *, exptime: float) -> np.ndarray:
    """Return one row for each bin that has a flux or a limit, sorted by time."""
    try:
        series = {key: _by_time(body.get(key)) for key in ("flux", "flux_upper_limits", *_SERIES)}
        errors = {float(row[0]): _floats(row[1:3]) for row in body.get("flux_error") or []}
    except (TypeError, ValueError, IndexError) as err:
        msg = f"{url}: expected pairs of time and value ({err})"
        raise ParseError(msg) from err
    times = sorted(series["flux"].keys() | series["flux_upper_limits"].keys())
    names = ("met", "exptime", "flux", "flux_err", *_SERIES)
    text = [("filter", "U3"), ("is_upper_limit", "?"), ("flag", "?")]
    table = np.empty(len(times), dtype=[*((name, "f8") for name in names), *text])
    nothing = (np.nan, np.nan)
    for row, time in enumerate(times):
        low, high = errors.get(time, nothing)
        is_limit = time not in series["flux"]
        flux = series["flux_upper_limits" if is_limit else "flux"][time]
        error = np.nan if is_limit else (high - low) / 2
        others = [series[name].get(time, np.nan) for name in _SERIES]
        failed = series["fit_convergence"].get(time, 0.0) != 0.0
        flag = is_limit or failed or not error > 0
        table[row] = (time, exptime, flux, error, *others, "LAT", is_limit, flag)
    return table


def _by_time(rows: Any) -> dict[float, float]:
    return {float(row[0]): _floats(row[1:2])[0] for row in rows or []}


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float("nan") if value is None else float(value) for value in values)
