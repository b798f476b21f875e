"""`VirtualDemoObs`: a survey that makes its light curves up, for trials, lessons and tests."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.base import VirtualObservatory
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.reduction.reduce import Target, reduce_demo
from astroquery_mmdc.retriever.time_info import TimeInfo

__all__ = ["ParsObsDemo", "VirtualDemoObs"]

_DEFAULTS: Mapping[str, Any] = {
    "num_points": 100,
    "mjd_range": (57000.0, 58000.0),
    "shuffle_time": False,
    "mag_err_range": (0.09, 0.11),
    "mean_mag": 18.0,
    "exptime": 30.0,
    "filter": "R",
}
_JITTER_DEG = 1e-4


class ParsObsDemo(ParsObservatory):
    """Parameters of `VirtualDemoObs`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        add("demo_boolean", True, bool, "Nothing; something to set in examples", critical=False)
        add("demo_string", "foo", str, "Another text makes other light curves")
        add("demo_url", "https://www.example.com", str, "Nothing; an example", critical=False)
        add("wait_time", 0.0, float, "Seconds that a download takes", critical=False)
        add("wait_time_poisson", 0.0, float, "Mean of further seconds, at random", critical=False)
        add("sim_args", {}, dict, f"How light curves are made up: {', '.join(_DEFAULTS)}")


class VirtualDemoObs(VirtualObservatory):
    """A survey that makes its light curves up.

    A source gets the same light curve whenever it is asked for, in every process.

    Examples
    --------
    >>> obs = VirtualDemoObs(sim_args={"num_points": 50})
    >>> len(obs.download({"name": "BL Lac", "ra": 330.68, "dec": 42.28}))
    50
    """

    default_name = "DEMO"
    pars_class: ClassVar[type[ParsObservatory]] = ParsObsDemo
    time_info: ClassVar[TimeInfo | None] = TimeInfo("mjd")

    def download_from_observatory(
        self, cat_row: Mapping[str, Any], **sim_args: Any
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return a light curve that was made up, after the time that a download takes."""
        args = {**_DEFAULTS, **self.pars.sim_args, **sim_args}
        unknown = sorted(args.keys() - _DEFAULTS.keys())
        if unknown:
            msg = f"sim_args: {unknown[0]!r} is not known; there are {list(_DEFAULTS)}"
            raise InvalidRequestError(msg, parameter="sim_args")
        seed = hashlib.sha256(f"{self.pars.demo_string}\n{cat_row['name']}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(seed[:8], "little"))
        self._wait(rng)
        return _light_curve(cat_row, args, rng), {"demo_boolean": self.pars.demo_boolean}

    def _wait(self, rng: np.random.Generator) -> None:
        seconds = self.pars.wait_time
        if self.pars.wait_time_poisson > 0:
            seconds += float(rng.poisson(self.pars.wait_time_poisson))
        if seconds > 0:
            threading.Event().wait(seconds)

    def reduce_photometry(
        self, dataset: LightCurve, source: Any, init_kwargs: Mapping[str, Any], **pars: Any
    ) -> list[LightCurve]:
        """Return one light curve for each filter."""
        return reduce_demo(dataset, Target.of(source), filtmap=self.pars.filtmap, **pars)


def _light_curve(
    cat_row: Mapping[str, Any], args: Mapping[str, Any], rng: np.random.Generator
) -> np.ndarray:
    size = int(args["num_points"])
    names = ("mjd", "exptime", "ra", "dec", "mag", "magerr")
    filter_name = str(args["filter"])
    data = np.empty(
        size,
        dtype=[
            *((name, "f8") for name in names),
            ("filter", f"U{len(filter_name)}"),
            ("flag", "?"),
        ],
    )
    mjd = _uniform(rng, args["mjd_range"], size)
    data["mjd"] = mjd if args["shuffle_time"] else np.sort(mjd)
    data["exptime"] = args["exptime"]
    data["ra"] = cat_row["ra"] + rng.normal(0, _JITTER_DEG, size)
    data["dec"] = cat_row["dec"] + rng.normal(0, _JITTER_DEG, size)
    error = _uniform(rng, args["mag_err_range"], size)
    data["mag"] = rng.normal(args["mean_mag"], error)
    data["magerr"] = error
    data["filter"] = filter_name
    data["flag"] = False
    return data


def _uniform(rng: np.random.Generator, limits: Sequence[float], size: int) -> np.ndarray:
    low, high = limits
    return rng.uniform(low, high, size)
