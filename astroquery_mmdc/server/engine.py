"""What the modelling endpoints need in order to compute."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Engine", "FitOutcome", "FitRequest", "FitRun", "InferenceRequest", "SedTable"]


@dataclass(frozen=True, slots=True)
class SedTable:
    """Points to fit: frequency in Hz, nuFnu and its error in erg/s/cm2."""

    frequency: tuple[float, ...]
    flux: tuple[float, ...]
    flux_err: tuple[float, ...]

    def as_json(self) -> dict[str, list[float]]:
        """Return the points in the form that answers repeat."""
        return {
            "frequency": list(self.frequency),
            "flux": list(self.flux),
            "flux_err": list(self.flux_err),
        }


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """One model spectrum, with every parameter checked."""

    model_type: str
    z: float
    ebl: bool
    parameters: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FitRequest:
    """One fit, with every parameter checked; None where nothing was given.

    ``limits`` are the upper limits among the points of the file, which the service leaves out.
    """

    model_type: str
    z: float
    ebl: bool
    points: SedTable
    fixed_parameters: Mapping[str, float]
    likelihood_type: str | None = None
    n_icecube: int | None = None
    dt: float | None = None
    x1: float | None = None
    x2: float | None = None
    y: float | None = None
    limits: SedTable = SedTable((), (), ())


@dataclass(frozen=True, slots=True)
class FitRun:
    """The circumstances of one run of a fit.

    Parameters
    ----------
    folder : Path
        For what the fit needs to go on after an interruption; the next run of the same fit finds
        it again.
    stop : `threading.Event`
        Set when the server ends: the fit should keep what it has and return soon.
    report : callable
        Takes ``stage``, ``done``, ``total`` and what else tells how far the fit is.
    """

    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    report: Callable[[Mapping[str, Any]], None] = lambda progress: None


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What a fit found.

    Parameters
    ----------
    result : mapping
        Fields of the answer: ``data``, ``best_parameters``, ``equal_weighted_posterior``,
        ``multinest_stats``.
    files : mapping of str to bytes
        Files to offer: ``pdf``, ``csv_best_parameters``, ``csv_best_model``.
    """

    result: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


class Engine(Protocol):
    """Computes models and fits; both methods are called in threads of their own."""

    def infer(self, request: InferenceRequest) -> Mapping[str, Any]:
        """Return the ``best`` curve: ``nu``, ``nuFnu`` and, for hadronic models, neutrinos."""

    def fit(self, request: FitRequest, run: FitRun) -> FitOutcome:
        """Return the result of a fit; an exception makes it a failed one.

        The words of an `~astroquery_mmdc.exceptions.MMDCError` reach the client, those of any
        other exception only the log.
        """
