"""What goes from one step of a run to the next: plain values that other processes understand."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.running.failures import Failure
from astroquery_mmdc.retriever.storage import Location

__all__ = ["Batch", "Holding", "Outcome", "RunSummary"]


@dataclass(frozen=True, slots=True)
class Holding:
    """What there is of a source at an observatory before it is analysed.

    Parameters
    ----------
    raw : LightCurve or None
        Raw data; None where the reduced light curves are enough.
    is_new : bool
        Whether the raw data have to be written.
    location : Location or None
        Where raw data lie of which the database knows nothing yet.
    reduced : sequence of LightCurve
        The reduced light curves, if they were reduced before.
    """

    raw: LightCurve | None
    is_new: bool = False
    location: Location | None = None
    reduced: Sequence[LightCurve] = ()


@dataclass(slots=True)
class Batch:
    """Sources that are analysed and committed together.

    Parameters
    ----------
    rows : dict
        Rows of the catalogue by name.
    holdings : dict
        What there is, by name and observatory.
    failures : list of Failure
        What could not be had. Such a source is not analysed; what there is of it is kept.
    """

    rows: dict[str, Mapping[str, Any]]
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def without(self, names: Sequence[str]) -> Batch:
        """Return the batch without some sources, under a new id."""
        gone = set(names)
        return Batch(
            {name: row for name, row in self.rows.items() if name not in gone},
            {key: held for key, held in self.holdings.items() if key[0] not in gone},
            [failure for failure in self.failures if failure.name not in gone],
        )


@dataclass(slots=True)
class Outcome:
    """What is committed of a batch, in the words of the database."""

    batch_id: str
    sources: list[dict[str, Any]] = field(default_factory=list)
    lightcurves: list[tuple[LightCurve, Location]] = field(default_factory=list)
    detections: list[dict[str, Any]] = field(default_factory=list)
    properties: list[dict[str, Any]] = field(default_factory=list)
    histograms: dict[str, bytes] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run did.

    Parameters
    ----------
    done : int
        Sources that were finished.
    failed : int
        Sources that failed; `Project.failures_list` tells why.
    skipped : int
        Sources that were finished before, or had failed before.
    elsewhere : int
        Sources that another session is working on.
    elapsed : float
        Seconds.
    """

    done: int = 0
    failed: int = 0
    skipped: int = 0
    elsewhere: int = 0
    elapsed: float = 0.0
