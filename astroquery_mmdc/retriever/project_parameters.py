"""`ParsProject`: the settings of a project."""

from __future__ import annotations

from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.parameters import Parameters
from astroquery_mmdc.retriever.paths import legalise
from astroquery_mmdc.retriever.running.executor import EXECUTORS

__all__ = ["ParsProject"]

_BATCHES = {"hdf5": 10, "parquet": 250}


class ParsProject(Parameters):
    """Settings of a `Project`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        add("obs_names", "demo", list, "Names of the observatories", convert=_as_names)
        add("description", "", str, "What the project is about", critical=False)
        add("version_control", False, bool, "Whether each version has its products", critical=False)
        add("analysis_module", None, (str, None), "Module of your own class of analysis")
        add("analysis_class", None, (str, None), "Name of that class")
        add("ignore_missing_raw_data", False, bool, "Skip sources whose raw files are gone")
        self._add_work(add)
        self._add_provenance(add)
        self.add_alias("vc", "version_control")

    def _add_work(self, add: Any) -> None:
        add(
            "source_batch_size",
            None,
            (int, None),
            f"Sources committed together; None for {_BATCHES['hdf5']}, or {_BATCHES['parquet']} "
            "where they share files",
            critical=False,
        )
        add("source_buffer_size", 100, int, "Sources under way at once", critical=False)
        add("max_num_total_exceptions", 100, int, "Failures that end a run", critical=False)
        add("max_num_sequence_exceptions", 10, int, "Failures in a row that do", critical=False)
        add("num_threads_download", 4, int, "Downloads side by side", critical=False)
        add("num_workers", 0, int, "Workers that analyse; 0 for what is usual", critical=False)
        add(
            "executor",
            "threads",
            str,
            "Where it is analysed: threads (here), processes, or dask",
            critical=False,
            convert=_choice("executor", EXECUTORS),
        )
        add(
            "storage",
            "hdf5",
            str,
            "One file per source (hdf5), or shards of many (parquet)",
            critical=False,
            convert=_choice("storage", tuple(_BATCHES)),
        )

    def _add_provenance(self, add: Any) -> None:
        add("git_hash", "", str, "Commit of the code; found out in each run", critical=False)
        add("cat_hash", "", str, "Content of the catalogue; likewise", critical=False)
        # An URL may hold a password.
        add("database", None, (str, None), "URL of the database", critical=False, secret=True)

    @property
    def batch_size(self) -> int:
        """How many sources are committed together."""
        return int(self.source_batch_size or _BATCHES[self.storage])

    @classmethod
    def get_default_cfg_key(cls) -> str:
        """Return the key of the configuration file that is read."""
        return "project"


def _as_names(value: Any) -> list[str]:
    names = [value] if isinstance(value, str) else list(value)
    if not names:
        msg = "obs_names: there are none; name at least one observatory"
        raise InvalidRequestError(msg, parameter="obs_names")
    return list(dict.fromkeys(legalise(str(name)) for name in names))


def _choice(parameter: str, known: tuple[str, ...]) -> Any:
    def convert(value: Any) -> Any:
        word = value.lower() if isinstance(value, str) else value
        if word not in known:
            msg = f"{parameter}: {value!r} is not known; choose from {known}"
            raise InvalidRequestError(msg, parameter=parameter)
        return word

    return convert
