"""`QualityChecker`: which epochs of a light curve can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.retriever.columns import updated
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.parameters import Parameters
from astroquery_mmdc.retriever.reduction.statistics import median, median_degrees, wrapped_degrees

__all__ = ["ParsQuality", "QualityChecker", "position_offsets"]


class ParsQuality(Parameters):
    """Settings of a `QualityChecker`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cut_names = self.add_par(
            "cut_names", ["offset"], list, "Measured values that must lie within their threshold"
        )
        self.offset_threshold = self.add_par(
            "offset_threshold", 3.5, float, "Largest offset from the usual position, in scatters"
        )

    @classmethod
    def get_default_cfg_key(cls) -> str:
        """Return the key of the configuration file that is read."""
        return "quality"


class QualityChecker:
    """Flags the epochs of light curves that cannot be trusted.

    A subclass measures more values in `measure`, adds their names to ``cut_names``, and a
    parameter ``<name>_threshold`` for each.

    Parameters
    ----------
    **kwargs
        Values of `ParsQuality`.

    Examples
    --------
    >>> import numpy as np
    >>> ra = np.array([10.0, 10.0001, 10.0, 9.9999, 10.0, 10.01])
    >>> lc = LightCurve({"mjd": np.arange(6.0), "ra": ra, "dec": np.zeros(6),
    ...                  "flag": [False, True] + 4 * [False]}, "source", "DEMO", level="reduced")
    >>> checked = QualityChecker().process([lc])[0]
    >>> checked["qflag"]
    array([False,  True, False, False, False,  True])
    """

    def __init__(self, **kwargs: Any) -> None:
        self.pars = self._make_pars(**kwargs)

    @staticmethod
    def _make_pars(**kwargs: Any) -> ParsQuality:
        return ParsQuality(**kwargs)

    def process(self, lightcurves: Iterable[LightCurve]) -> list[LightCurve]:
        """Return light curves with the measured values and ``qflag``, which is True if bad.

        What is flagged by the survey, and what is not within the threshold of each of
        ``cut_names``, is bad. The light curves given stay as they are; doing it again gives the
        same.
        """
        return [self._checked(lightcurve) for lightcurve in lightcurves]

    def recheck(self, lightcurves: Iterable[LightCurve]) -> list[LightCurve]:
        """Return light curves that were checked before their fluxes were changed.

        Positions do not change with the flux, so that there is nothing to do unless a subclass
        measures something else.
        """
        if type(self).measure is QualityChecker.measure:
            return list(lightcurves)
        return self.process(lightcurves)

    def measure(self, data: NDArray[Any]) -> Mapping[str, NDArray[np.float64]]:
        """Return the values by name that tell good epochs from bad ones.

        Parameters
        ----------
        data : structured array
            A reduced light curve.

        Returns
        -------
        dict of arrays
            Here ``offset`` alone, see `position_offsets`. What a survey does not measure at all
            is left out, and nothing is cut by it.
        """
        offsets = position_offsets(data)
        return {} if offsets is None else {"offset": offsets}

    def _checked(self, lightcurve: LightCurve) -> LightCurve:
        data = lightcurve.data
        names = data.dtype.names or ()
        bad = data["flag"].astype(bool) if "flag" in names else np.zeros(len(data), dtype=bool)
        values = self.measure(data)
        for name in self.pars.cut_names:
            if name in values:
                # The comparison is false for what is not a number, which is bad, too.
                bad = bad | ~(np.abs(values[name]) <= self.pars[f"{name}_threshold"])
        data = updated(data, qflag=bad, **values)
        level = "simulated" if lightcurve.level == "simulated" else "processed"
        return lightcurve.replace(data=data, level=level)


def position_offsets(data: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return how unusual the position is in which the source was measured, for each epoch.

    Parameters
    ----------
    data : structured array
        With ``pos1`` and ``pos2``, positions on the detector, or else ``ra`` and ``dec``.

    Returns
    -------
    array of float or None
        Distance from the median position, as (distance - median) / MAD of all distances, where
        MAD is the median of the absolute deviations; 0 where all distances are the same. NaN
        where there is no position. None if the data have no positions at all.
    """
    names = data.dtype.names or ()
    if "pos1" in names and "pos2" in names:
        x, y = (data[name] - median(_finite(data[name])) for name in ("pos1", "pos2"))
    elif "ra" in names and "dec" in names:
        x, y = _sky_plane(data["ra"], data["dec"])
    else:
        return None
    distance = np.hypot(x, y)
    known = _finite(distance)
    middle = median(known)
    scatter = median(np.abs(known - middle))
    if scatter == 0:
        return np.where(np.isfinite(distance), 0.0, np.nan)
    return (distance - middle) / scatter


def _sky_plane(
    ra: NDArray[np.float64], dec: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre = median(_finite(dec))
    east = wrapped_degrees(ra - median_degrees(_finite(ra)))
    return east * math.cos(math.radians(centre)), dec - centre


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    good = np.isfinite(values)
    return values if good.all() else values[good]
