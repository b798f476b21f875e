"""`VirtualObservatory`: what all surveys have in common."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import paths
from astroquery_mmdc.retriever.arrays import structured, units_of
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.jsonable import plain
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.credentials import find_credentials
from astroquery_mmdc.retriever.observatories.fetching import Fetching
from astroquery_mmdc.retriever.observatories.keeping import SourceDraft
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.observatories.rows import checked_row
from astroquery_mmdc.retriever.parameter_types import HelpText, describe_object
from astroquery_mmdc.retriever.reduction.reduce import Target, reduce_table
from astroquery_mmdc.retriever.time_info import TimeInfo

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.secrets import Secrets

__all__ = ["VirtualObservatory"]


class VirtualObservatory(Fetching):
    """A survey: asks for data of sources, keeps them, and reduces them.

    A subclass has to say how data are downloaded (`download_from_observatory`), and may say how
    they are reduced (`reduce_photometry`).

    Parameters
    ----------
    name : str, optional
        Name of the observatory; the survey's own by default.
    catalog : Catalog, optional
        The sources to ask for. Without it, sources are given one by one.
    **kwargs
        Parameters, see ``pars_class``; ``project``, ``credentials`` and ``reducer`` among them.

    Attributes
    ----------
    pars : ParsObservatory
        The parameters.
    database : str or None
        URL of the database that belongs to it; None for the usual one.
    sources, raw_data : deque
        What was fetched last, ``download_batch_size`` at most.
    latest_source, latest_reductions
        What was fetched and reduced at last.
    num_loaded : int
        How many sources were fetched.
    failures_list : list of dict
        ``index``, ``error`` and ``cat_row`` of sources that failed.
    """

    default_name: ClassVar[str] = ""
    pars_class: ClassVar[type[ParsObservatory]] = ParsObservatory
    time_info: ClassVar[TimeInfo | None] = None
    colmap: ClassVar[Mapping[str, str | None]] = {}

    def __init__(
        self, name: str | None = None, catalog: Catalog | None = None, **kwargs: Any
    ) -> None:
        default = self.default_name or re.sub("^Virtual", "", type(self).__name__)
        self.name = paths.legalise(name or default)
        kwargs.setdefault("cfg_sub_key", self.name)
        self.pars = self.pars_class(**kwargs)
        self.catalog = catalog
        self.cfg_hash = ""
        self.database: str | None = None
        size = max(1, self.pars.download_batch_size)
        self.sources: deque[Any] = deque(maxlen=size)
        self.raw_data: deque[Any] = deque(maxlen=size)
        self.latest_source: Any = None
        self.latest_reductions: list[Any] = []
        self.num_loaded = 0
        self.failures_list: list[dict[str, Any]] = []
        self._failed_in_a_row = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {self.num_loaded} sources fetched>"

    # ---------------------------------------------------------------- what a survey has to say

    @abstractmethod
    def download_from_observatory(
        self, cat_row: Mapping[str, Any], **kwargs: Any
    ) -> tuple[Any, Mapping[str, Any]]:
        """Ask the survey for a source.

        Parameters
        ----------
        cat_row : mapping
            ``name``, ``ra`` and ``dec`` in degrees, and what else the catalogue knows.
        **kwargs
            What `fetch_source` got as ``download_args``.

        Returns
        -------
        table
            Structured array, Table, DataFrame or mapping of columns; None where the survey has
            nothing. Whatever goes wrong has to raise: nothing is remembered as nothing.
        altdata : mapping
            What the survey says besides, as JSON knows it.
        """

    def reduce_photometry(
        self, dataset: LightCurve, source: Any, init_kwargs: Mapping[str, Any], **pars: Any
    ) -> list[Any]:
        """Turn the data of a source into light curves of one filter each.

        Parameters
        ----------
        dataset : LightCurve
            The raw data.
        source : object
            With ``name``, ``ra``, ``dec`` and ``mag``.
        init_kwargs : mapping
            What to make a LightCurve with, besides the table.
        **pars
            Parameter ``reduce_kwargs`` and what `reduce` got.

        Returns
        -------
        list of LightCurve or of tables
            Tables are made light curves of; their columns are those of `COLUMNS`.
        """
        given = {"filtmap": self.pars.filtmap, **pars}
        colmap = dict(self.colmap) or None
        return reduce_table(
            dataset, Target.of(source), **{"time_info": self.time_info, "colmap": colmap, **given}
        )

    def get_colmap_time_info(
        self, altdata: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, str | None], TimeInfo | None]:
        """Return which column of raw data is what, and what their times mean."""
        return dict(self.colmap), self.time_info

    def _append_local_name(self, source: SourceDraft) -> None:
        """Add the survey's own name of a source to ``source.local_names``."""

    # ---------------------------------------------------------------- without disk or database

    def download(self, cat_row: Mapping[str, Any], **download_args: Any) -> LightCurve:
        """Ask the survey for a source and return what it delivers.

        Touches neither disk nor database, and can be called from many threads.

        Parameters
        ----------
        cat_row : mapping
            With ``name``, ``ra`` and ``dec`` at least.
        **download_args
            For `download_from_observatory`.

        Returns
        -------
        LightCurve
            At level raw; without rows if the survey has nothing.

        Raises
        ------
        MMDCError
            The service refuses, fails, or sends what cannot be understood.
        """
        self.check_data_types()
        row = checked_row(cat_row)
        table, altdata = self.download_from_observatory(row, **download_args)
        colmap, time_info = self.get_colmap_time_info(altdata)
        meta: dict[str, Any] = {
            **altdata,
            "cat_row": row,
            "download_pars": self.download_pars(download_args),
            "ra": row["ra"],
            "dec": row["dec"],
        }
        meta.setdefault("units", units_of(table))
        if colmap:
            meta.setdefault("colmap", colmap)
        if time_info is not None:
            meta.setdefault("time_info", time_info.to_dict())
        return LightCurve(structured(table), row["name"], self.name, meta=plain(meta))

    def download_pars(self, download_args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what downloaded data depend on, to be compared with what they were made with."""
        chosen = {name: self.pars[name] for name in self.pars.download_pars_list}
        return plain({**chosen, **download_args})  # type: ignore[no-any-return]

    def check_data_types(self) -> None:
        """Raise `InvalidRequestError` if something is asked for that the survey does not have."""
        missing = [kind for kind in self.pars.data_types if kind != "photometry"]
        if missing:
            msg = f"data_types: {self.name} delivers photometry, no {missing[0]}; leave it out"
            raise InvalidRequestError(msg, parameter="data_types")

    def reduce_raw(
        self, dataset: LightCurve, source: Any = None, **reduce_pars: Any
    ) -> list[LightCurve]:
        """Return the light curves in raw data.

        Touches neither disk nor database.

        Parameters
        ----------
        dataset : LightCurve
            At level raw.
        source : object, optional
            With ``name``, ``ra``, ``dec`` and ``mag``: a row of the catalogue or a Source; what
            stands in the metadata by default.
        **reduce_pars
            In place of those of parameter ``reduce_kwargs``.

        Returns
        -------
        list of LightCurve
            At level reduced, numbered from 1 by their first epoch. Empty data give none.
        """
        if dataset.is_empty:
            return []
        source = source or dataset.meta.get("cat_row") or dataset.source
        init_kwargs = {
            "source": dataset.source,
            "observatory": self.name,
            "level": "reduced",
            "meta": {name: dataset.meta[name] for name in ("ra", "dec") if name in dataset.meta},
        }
        pars = {**self.pars.reduce_kwargs, **reduce_pars}
        made = self.reduce_photometry(dataset, source, init_kwargs, **pars)
        return _numbered(made, init_kwargs)

    # ---------------------------------------------------------------- around it

    def find_credentials(self) -> Secrets:
        """Return user and password: of the parameters, of a file, or of the environment."""
        return find_credentials(self.name, self.pars.credentials)

    def help(self) -> HelpText:
        """Return the methods and the parameters, with their values and meanings."""
        return describe_object(self, self.pars.help())


def _numbered(made: Any, init_kwargs: Mapping[str, Any]) -> list[LightCurve]:
    items = [made] if isinstance(made, LightCurve) or not isinstance(made, Iterable) else made
    lightcurves = [
        item if isinstance(item, LightCurve) else LightCurve(item, **init_kwargs)
        for item in items
        if item is not None and len(item)
    ]
    lightcurves.sort(key=_first_epoch)
    total = len(lightcurves)
    return [
        lc if (lc.series, lc.total) == (number, total) else lc.replace(series=number, total=total)
        for number, lc in enumerate(lightcurves, start=1)
    ]


def _first_epoch(lightcurve: LightCurve) -> float:
    mjd = lightcurve.mjds
    return float(min(mjd[mjd == mjd], default=float("inf")))
