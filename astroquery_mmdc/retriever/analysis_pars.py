"""`ParsAnalysis`: the settings of an analysis, and where those of its parts go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.config import route
from astroquery_mmdc.retriever.finder import ParsFinder
from astroquery_mmdc.retriever.histogram import ParsHistogram
from astroquery_mmdc.retriever.parameters import Parameters
from astroquery_mmdc.retriever.quality import ParsQuality
from astroquery_mmdc.retriever.simulator import ParsSimulator

__all__ = ["ParsAnalysis"]

_PACKAGE = __package__
_PARTS: Mapping[str, tuple[str, str, type[Parameters]]] = {
    "quality": ("quality", "QualityChecker", ParsQuality),
    "finder": ("finder", "Finder", ParsFinder),
    "simulator": ("simulator", "Simulator", ParsSimulator),
}
_SAVED = {
    "anything": "Whether anything is saved",
    "processed": "Whether light curves with quality flags and scores are saved",
    "simulated": "Whether light curves with injected events are saved",
    "detections": "Whether detections are saved",
    "histograms": "Whether histograms are made",
}


class ParsAnalysis(Parameters):
    """Settings of an `Analysis`.

    Names that belong to the quality checker, the finder, the simulator or the histograms are
    understood here as well, and go into ``quality_kwargs``, ``finder_kwargs`` and so on.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_injections = self.add_par(
            "num_injections",
            1,
            (int, float),
            "Events injected per source; the mean of a Poisson distribution if not whole",
            convert=_not_negative,
        )
        for part, (module, class_name, _) in _PARTS.items():
            self.add_par(f"{part}_module", f"{_PACKAGE}.{module}", str, f"Where the {part} is")
            self.add_par(f"{part}_class", class_name, str, f"Class of the {part}")
            self.add_par(f"{part}_kwargs", {}, dict, f"Parameters of the {part}")
        for kind in ("module", "class", "kwargs"):
            self.add_alias(f"simulation_{kind}", f"simulator_{kind}")
        self.add_par("histogram_kwargs", {}, dict, "Parameters of the histograms")
        for what, doc in _SAVED.items():
            self.add_par(f"save_{what}", True, bool, doc, critical=False)

    @classmethod
    def get_default_cfg_key(cls) -> str:
        """Return the key of the configuration file that is read."""
        return "analysis"

    @classmethod
    def partly(cls, **kwargs: Any) -> tuple[Self, dict[str, Any]]:
        """Return the settings, and the keywords that nobody has a parameter for."""
        known = cls(cfg_file=False)
        return super().partly(**known._own_part(kwargs))

    def _complete(self) -> None:
        # Only now are the names known that a subclass adds, which come before those of the parts.
        self.__dict__["_pending"] = dict(self._own_part(self._pending))
        super()._complete()

    def _own_part(self, section: Mapping[str, Any]) -> Mapping[str, Any]:
        return route(section, [*self._specs, *self._aliases], _owned())


def _owned() -> dict[str, frozenset[str]]:
    """Return the names of the parameters of each part, without those that every object has."""
    common = Parameters.names()
    owned = {f"{part}_kwargs": pars.names() - common for part, (*_, pars) in _PARTS.items()}
    return {**owned, "histogram_kwargs": ParsHistogram.names() - common - {"name"}}


def _not_negative(value: Any) -> Any:
    if isinstance(value, int | float) and not 0 <= value < 1e9:
        msg = f"num_injections: {value} is no number of events; give 0 or more"
        raise InvalidRequestError(msg, parameter="num_injections")
    return value
