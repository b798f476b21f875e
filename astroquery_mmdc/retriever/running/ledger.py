"""What is finished and who works on what, as a run needs to know it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from astroquery_mmdc.retriever.running.batches import Outcome
from astroquery_mmdc.retriever.storage import Location

__all__ = ["AddParts", "Known", "Ledger", "MemoryLedger"]

Known = tuple[Mapping[str, Location | None], Mapping[str, Sequence[Location]]]
AddParts = Callable[[Sequence[bytes]], bytes]
"""Adds up the parts of a histogram."""


class Ledger(ABC):
    """The state of a project, for one run."""

    @abstractmethod
    def begin(self, config: Mapping[str, Any], versions: Mapping[str, str]) -> None:
        """Note that a run begins, and of what."""

    @abstractmethod
    def end(self, status: str) -> None:
        """Note how the run ended, and let others work on what it did not finish."""

    @abstractmethod
    def finished(self) -> set[str]:
        """Return the names of the sources that have been analysed."""

    @abstractmethod
    def failed(self) -> set[str]:
        """Return the names of the sources that failed and have not succeeded since."""

    @abstractmethod
    def claim(self, names: Sequence[str]) -> list[str]:
        """Return which of some sources this run may work on, now that it has asked."""

    @abstractmethod
    def release(self, names: Sequence[str]) -> None:
        """Let others work on some sources."""

    @abstractmethod
    def known(self, observatory: str, names: Sequence[str]) -> Known:
        """Return what was kept of some sources.

        Returns
        -------
        raw : dict
            Name to location of the raw data, None for "the survey has nothing". Names that are
            not in there have never been asked for.
        reduced : dict
            Name to locations of reduced light curves.
        """

    @abstractmethod
    def commit(self, outcome: Outcome) -> list[str]:
        """Keep an outcome, all of it or nothing.

        Returns
        -------
        list of str
            Sources that another session has finished meanwhile; then nothing was kept.
        """

    @abstractmethod
    def histograms(self) -> dict[str, list[bytes]]:
        """Return the parts of every histogram, to be added up."""

    @abstractmethod
    def merge_histograms(self, add: AddParts) -> None:
        """Add up the parts that there are, so that they do not become too many."""


class MemoryLedger(Ledger):
    """The state where there is no database: it is gone with the run."""

    def __init__(self) -> None:
        self._finished: set[str] = set()
        self._parts: dict[str, list[bytes]] = {}

    def begin(self, config: Mapping[str, Any], versions: Mapping[str, str]) -> None:
        """Do nothing."""

    def end(self, status: str) -> None:
        """Do nothing."""

    def finished(self) -> set[str]:
        """Return what was finished in this run."""
        return set(self._finished)

    def failed(self) -> set[str]:
        """Return nothing."""
        return set()

    def claim(self, names: Sequence[str]) -> list[str]:
        """Return all of them: nobody else is here."""
        return list(names)

    def release(self, names: Sequence[str]) -> None:
        """Do nothing."""

    def known(self, observatory: str, names: Sequence[str]) -> Known:
        """Return nothing: what is on the disk is found there."""
        return {}, {}

    def commit(self, outcome: Outcome) -> list[str]:
        """Keep the histograms."""
        self._finished.update(row["source_name"] for row in outcome.properties)
        for name, part in outcome.histograms.items():
            self._parts.setdefault(name, []).append(part)
        return []

    def histograms(self) -> dict[str, list[bytes]]:
        """Return the parts of this run."""
        return self._parts

    def merge_histograms(self, add: AddParts) -> None:
        """Add up the parts of this run."""
        self._parts = {name: [add(parts)] for name, parts in self._parts.items()}
