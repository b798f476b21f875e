"""`Finder`: scores the epochs of light curves, and finds the events in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.retriever.columns import updated
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.parameters import Parameters
from astroquery_mmdc.retriever.reduction.statistics import brightening, noise_of, robust_mean_std

__all__ = ["Event", "Finder", "ParsFinder", "find_events"]


class ParsFinder(Parameters):
    """Settings of a `Finder`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.score_names = self.add_par(
            "score_names", ["snr"], list, "Scores in which events are looked for"
        )
        self.snr_threshold = self.add_par(
            "snr_threshold", 5.0, float, "S/N that the peak of an event has to exceed"
        )
        self.snr_threshold_sidebands = self.add_par(
            "snr_threshold_sidebands",
            -2.0,
            float,
            "S/N above which epochs beside the peak belong to the event; if negative, from "
            "snr_threshold down",
        )
        self.max_det_per_lc = self.add_par(
            "max_det_per_lc", 1, int, "Largest number of events in one light curve"
        )
        self.abs_snr = self.add_par("abs_snr", True, bool, "Whether dips are events as well")
        self.remove_failed = self.add_par(
            "remove_failed", False, bool, "Whether epochs with qflag are left out"
        )

    @classmethod
    def get_default_cfg_key(cls) -> str:
        """Return the key of the configuration file that is read."""
        return "finder"


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Neighbouring epochs of a light curve that stand out together.

    Parameters
    ----------
    rows : array of int
        The epochs, in the order of time.
    peak : int
        The one that stands out most.
    score : float
        Its score, negative for a dip.
    score_name : str
        Which score that is.
    """

    rows: NDArray[np.intp]
    peak: int
    score: float
    score_name: str = "snr"

    @property
    def is_dip(self) -> bool:
        """Whether the source became fainter."""
        return self.score < 0


class Finder:
    """Looks for peaks of the signal-to-noise ratio.

    A subclass computes other scores in `score`, adds their names to ``score_names``, and
    parameters ``<name>_threshold`` and ``<name>_threshold_sidebands`` for each.

    Parameters
    ----------
    **kwargs
        Values of `ParsFinder`.

    Examples
    --------
    >>> import numpy as np
    >>> flux = np.array([10.0, 11.0, 9.0, 10.0, 11.0, 9.0, 10.0, 40.0, 30.0, 10.0, 11.0, 9.0])
    >>> lc = LightCurve({"mjd": np.arange(12.0), "flux": flux, "flux_err": np.ones(12)},
    ...                 "source", "DEMO", level="processed")
    >>> finder = Finder()
    >>> found, events = finder.detect(finder.process([lc])[0])
    >>> [(event.rows.tolist(), event.peak) for event in events]
    [([7, 8], 7)]
    """

    def __init__(self, **kwargs: Any) -> None:
        self.pars = self._make_pars(**kwargs)

    @staticmethod
    def _make_pars(**kwargs: Any) -> ParsFinder:
        return ParsFinder(**kwargs)

    def process(self, lightcurves: Iterable[LightCurve]) -> list[LightCurve]:
        """Return light curves with the scores, and with ``detected``, which is False everywhere.

        The light curves given stay as they are; doing it again gives the same.
        """
        return [
            lightcurve.replace(
                data=updated(
                    lightcurve.data,
                    **self.score(lightcurve.data),
                    detected=np.zeros(len(lightcurve), dtype=bool),
                )
            )
            for lightcurve in lightcurves
        ]

    def score(self, data: NDArray[Any]) -> Mapping[str, NDArray[np.float64]]:
        """Return the scores by name.

        Parameters
        ----------
        data : structured array
            A light curve after the quality check.

        Returns
        -------
        dict of arrays
            ``snr``: the flux above the robust mean of the usable epochs, over its error or their
            scatter, whichever is larger; ``dmag``: by how many magnitudes it is brighter.
        """
        flux = data["flux"]
        mean, rms = robust_mean_std(flux[self.usable(data)])
        noise = noise_of(data["flux_err"], rms)
        return {"snr": (flux - mean) / noise, "dmag": brightening(flux, mean, noise)}

    def usable(self, data: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which epochs can be part of an event: not flagged, and with a flux."""
        usable = np.isfinite(data["flux"])
        names = data.dtype.names or ()
        if "flag" in names:
            usable &= data["flag"] == 0
        if self.pars.remove_failed and "qflag" in names:
            usable &= data["qflag"] == 0
        return usable

    def detect(self, lightcurve: LightCurve) -> tuple[LightCurve, list[Event]]:
        """Return the light curve with ``detected`` filled in, and the events in it.

        Parameters
        ----------
        lightcurve : LightCurve
            As `process` returns it.

        Returns
        -------
        lightcurve : LightCurve
            The one given if there is no event.
        events : list of Event
            The strongest one first, ``max_det_per_lc`` at most.
        """
        events = list(self._events(lightcurve.data))
        if not events:
            return lightcurve, events
        detected = lightcurve.data["detected"].copy()
        detected[np.concatenate([event.rows for event in events])] = True
        data = updated(lightcurve.data, detected=detected)
        return lightcurve.replace(data=data), events

    def _events(self, data: NDArray[Any]) -> Iterator[Event]:
        free = self.usable(data)
        left = self.pars.max_det_per_lc
        for name in self.pars.score_names:
            scores = data[name]
            threshold, beside = self._thresholds(name)
            found = find_events(
                scores if self.pars.abs_snr else np.maximum(scores, 0.0),
                free,
                threshold=threshold,
                sidebands=beside,
                most=left,
                score_name=name,
            )
            yield from found
            left -= len(found)
            for event in found:
                free[event.rows] = False

    def _thresholds(self, name: str) -> tuple[float, float]:
        threshold = self.pars[f"{name}_threshold"]
        beside = self.pars[f"{name}_threshold_sidebands"]
        return threshold, beside if beside >= 0 else threshold + beside


def find_events(
    scores: NDArray[np.float64],
    usable: NDArray[np.bool_],
    *,
    threshold: float,
    sidebands: float,
    most: int = 1,
    score_name: str = "snr",
) -> list[Event]:
    """Return the events in a series of scores, the strongest first.

    Parameters
    ----------
    scores : array of float
        One per epoch, in the order of time. Negative ones are dips.
    usable : array of bool
        Epochs that can be part of an event. The others, and those without a score, are as if
        they were not there.
    threshold : float
        What the absolute score of a peak has to exceed.
    sidebands : float
        What the scores beside the peak have to exceed, with the same sign and without
        interruption, to belong to the event.
    most : int, optional
        Largest number of events.
    score_name : str, optional
        To be noted in the events.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([0.0, 4, 6, 4, 0, 9, 0, -7])
    >>> events = find_events(scores, scores < 99, threshold=5, sidebands=3, most=9)
    >>> [event.rows.tolist() for event in events]
    [[5], [7], [1, 2, 3]]
    """
    rows = np.flatnonzero(usable & np.isfinite(scores))
    values = scores[rows]
    strength = np.abs(values)
    events: list[Event] = []
    while len(events) < most and strength.size:
        peak = int(strength.argmax())
        if not strength[peak] > threshold:
            break
        first, end = _run(values, strength, peak, sidebands)
        events.append(Event(rows[first:end], int(rows[peak]), float(values[peak]), score_name))
        # Taken: less than nothing, so that it neither peaks again nor joins another event.
        strength[first:end] = -math.inf
    return events


def _run(
    values: NDArray[np.float64], strength: NDArray[np.float64], peak: int, sidebands: float
) -> tuple[int, int]:
    """Return first and end of the uninterrupted values like the peak around it."""
    belongs = (strength > sidebands) & ((values < 0) == (values[peak] < 0))
    before = np.flatnonzero(~belongs[:peak])
    after = np.flatnonzero(~belongs[peak + 1 :])
    first = int(before[-1]) + 1 if before.size else 0
    end = peak + 1 + int(after[0]) if after.size else values.size
    return first, end
