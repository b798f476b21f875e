"""`Project`: a catalogue, observatories and an analysis, and everything that came out of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import paths
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.config import import_class
from astroquery_mmdc.retriever.observatories import observatory_class
from astroquery_mmdc.retriever.observatory_list import ObservatoryList
from astroquery_mmdc.retriever.parameters import HelpText
from astroquery_mmdc.retriever.project_parameters import ParsProject
from astroquery_mmdc.retriever.running import outputs, versioning
from astroquery_mmdc.retriever.running.batches import RunSummary
from astroquery_mmdc.retriever.running.progress import Progress

if TYPE_CHECKING:
    from sqlalchemy import Select

    from astroquery_mmdc.retriever.histogram import Histogram

__all__ = ["Project"]


class Project:
    """A study of the sources of a catalogue.

    Parameters
    ----------
    name : str
        Names the project, its folder, and its rows in the database.
    catalog_kwargs, analysis_kwargs, obs_kwargs : dict, optional
        Parameters of the catalogue, of the analysis with its parts, and of all observatories.
        In ``obs_kwargs``, what stands under the name of an observatory is for that one.
    catalog : Catalog, optional
        A catalogue that was made before, instead of ``catalog_kwargs``.
    **kwargs
        Values of `ParsProject`, such as ``obs_names``, ``version_control``, ``storage``,
        ``executor``, ``database``; ``cfg_file`` and ``cfg_key``; and under the name of an
        observatory a dictionary for that one: ``ZTF={"credentials": {...}}``.

    Attributes
    ----------
    pars : ParsProject
        The settings of the project itself.
    catalog : Catalog
        The sources.
    observatories : ObservatoryList
        Found by name in any case, by number, and as attributes: ``project.ztf``.
    analysis : Analysis
        What is done with light curves.
    failures_list : list of dict
        ``index``, ``name``, ``observatory``, ``step``, ``error``, ``traceback`` and ``cat_row``
        of what failed in the latest run.

    Notes
    -----
    Nothing is read, written or asked for before it is needed. Without a catalogue, that of white
    dwarfs is taken, or ten random sources if there is no observatory but the demonstration.

    Examples
    --------
    >>> project = Project("flares", obs_names="demo", analysis_kwargs={"snr_threshold": 8.5})
    >>> project.analysis.finder.pars.snr_threshold
    8.5
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        catalog_kwargs: Mapping[str, Any] | None = None,
        analysis_kwargs: Mapping[str, Any] | None = None,
        obs_kwargs: Mapping[str, Any] | None = None,
        catalog: Catalog | None = None,
        **kwargs: Any,
    ) -> None:
        own, specific = _split(kwargs)
        if name is not None:
            own["project"] = paths.legalise(name)
        self.pars = ParsProject(**own)
        if not self.pars.project:
            msg = "name: a project needs one, it names its folder; Project('my_project')"
            raise InvalidRequestError(msg, parameter="name")
        self.pars.project = paths.legalise(self.pars.project)
        self.catalog = catalog if catalog is not None else self._make_catalog(catalog_kwargs or {})
        self.observatories = self._make_observatories({**(obs_kwargs or {}), **specific})
        self.analysis = self._make_analysis(dict(analysis_kwargs or {}))
        self.failures_list: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        # Reached only where there is no attribute of that name.
        observatories = self.__dict__.get("observatories", ())
        if not name.startswith("_") and name in observatories:
            return observatories[name]
        msg = f"{type(self).__name__} has no attribute and no observatory {name!r}"
        raise AttributeError(msg)

    def __repr__(self) -> str:
        return f"<Project {self.name}: {', '.join(self.observatories.names)}>"

    # ---------------------------------------------------------------- what it is made of

    def _make_catalog(self, values: Mapping[str, Any]) -> Catalog:
        made = Catalog(**{**self.pars.get_propagated(), **values})
        if made.pars.filename is None and made.pars.default is None:
            is_demo = all(name.startswith("DEMO") for name in self.pars.obs_names)
            chosen = {"default": "test" if is_demo else "WD"}
            made = Catalog(**{**self.pars.get_propagated(), **values, **chosen})
        return made

    def _make_observatories(self, values: Mapping[str, Any]) -> ObservatoryList:
        by_name = {name.upper(): name for name in values}
        specific = {
            name: values[by_name[name]]
            for name in by_name
            if isinstance(values[by_name[name]], Mapping)
            and name in self._observatory_names(values)
        }
        unknown = specific.keys() - set(self.pars.obs_names)
        if unknown:
            msg = f"{sorted(unknown)[0]}: it is not among obs_names {self.pars.obs_names}; add it"
            raise InvalidRequestError(msg, parameter="obs_names")
        general = {key: value for key, value in values.items() if key.upper() not in specific}
        return ObservatoryList(
            [self._make_observatory(name, general, specific) for name in self.pars.obs_names]
        )

    def _observatory_names(self, values: Mapping[str, Any]) -> set[str]:
        from astroquery_mmdc.retriever.observatories import OBSERVATORIES

        return {*self.pars.obs_names, *OBSERVATORIES}

    def _make_observatory(
        self, name: str, general: Mapping[str, Any], specific: Mapping[str, Mapping[str, Any]]
    ) -> Any:
        values = {"storage": self.pars.storage, **general, **specific.get(name, {})}
        kind = observatory_class(name, values.pop("module", None))
        made = kind(name=name, catalog=self.catalog, **{**self.pars.get_propagated(), **values})
        made.database = self.pars.database
        return made

    def _make_analysis(self, values: dict[str, Any]) -> Any:
        from astroquery_mmdc.retriever.analysis import Analysis

        kind: type = Analysis
        if self.pars.analysis_module or self.pars.analysis_class:
            module = self.pars.analysis_module or Analysis.__module__
            name = self.pars.analysis_class or Analysis.__name__
            kind = import_class(module, name, parameter="analysis_module")
        return kind(**{**self.pars.get_propagated(), **values})

    # ---------------------------------------------------------------- its names

    @property
    def name(self) -> str:
        """Name of the project, as its folder has it."""
        return str(self.pars.project)

    @property
    def cfg_hash(self) -> str:
        """SHA-256 of all that results depend on; empty without version control."""
        if not self.pars.version_control:
            return ""
        return versioning.config_hash(outputs.critical_content(self))

    @property
    def output_folder(self) -> Path:
        """Folder of the products of this version."""
        return outputs.output_folder(self.name, self.cfg_hash)

    # ---------------------------------------------------------------- work

    def run(
        self,
        start: int = 0,
        finish: int | None = None,
        source_names: Iterable[str] | None = None,
        source_ids: Iterable[int] | None = None,
        *,
        retry_failed: bool = False,
        progress: Progress = None,
        client: Any = None,
    ) -> RunSummary:
        """Download, reduce and analyse sources; skip whatever is finished.

        Parameters
        ----------
        start, finish : int, optional
            Rows of the catalogue, from ``start`` up to ``finish``.
        source_names : iterable of str, optional
            Only these sources.
        source_ids : iterable of int, optional
            Only these rows of the catalogue.
        retry_failed : bool, optional
            Whether sources are tried again that failed in an earlier run.
        progress : bool or callable, optional
            None draws a bar if there is a terminal; True and False decide. A function is called
            with a `RunProgress`.
        client : dask.distributed.Client, optional
            For ``executor="dask"``.

        Returns
        -------
        RunSummary
            How many sources were done, failed, skipped.

        Raises
        ------
        RunStoppedError
            Too many sources failed; what was finished is kept.
        CacheError
            The disk is full.

        Notes
        -----
        A run can be killed at any instant: a batch of sources is in the database wholly or not at
        all, and the next run goes on from there. Several processes may run the same project at
        once; each source is counted by one of them.
        """
        from astroquery_mmdc.retriever.running.runs import run, select_names

        names = select_names(self.catalog, start, finish, source_names, source_ids)
        return run(self, names, retry_failed=retry_failed, progress=progress, client=client)

    def write_config(self) -> Path:
        """Write ``config.yaml`` with all settings but secrets; return its path."""
        return outputs.write_config(self, self.output_folder)

    def get_histograms(self) -> dict[str, Histogram]:
        """Return the histograms of all sources analysed so far, by name."""
        from astroquery_mmdc.retriever.running.runs import histograms_of

        return histograms_of(self)

    # ---------------------------------------------------------------- what came out

    def select_sources(self) -> Select[Any]:
        """Return the statement that selects the sources of this project and version."""
        import sqlalchemy as sa

        from astroquery_mmdc.retriever.database import Source

        return sa.select(Source).filter_by(project=self.name, cfg_hash=self.cfg_hash)

    def get_all_sources(self, session: Any = None) -> list[Any]:
        """Return the sources of this project and version that are in the database."""
        return self._all(self.select_sources(), session)

    def select_detections(self, simulated: bool | None = None) -> Select[Any]:
        """Return the statement that selects detections: real, simulated, or (None) both."""
        import sqlalchemy as sa

        from astroquery_mmdc.retriever.database import Detection

        chosen = sa.select(Detection).filter_by(project=self.name, cfg_hash=self.cfg_hash)
        return chosen if simulated is None else chosen.where(Detection.simulated == simulated)

    def get_detections(self, session: Any = None, simulated: bool | None = None) -> list[Any]:
        """Return the detections of this project and version."""
        return self._all(self.select_detections(simulated), session)

    def _all(self, statement: Select[Any], session: Any) -> list[Any]:
        from astroquery_mmdc.retriever.running.runs import project_session

        with project_session(self, session) as db:
            return list(db.scalars(statement).all())

    # ---------------------------------------------------------------- deletion

    def delete_all_sources(
        self,
        remove_associated_data: bool = False,
        remove_raw_data: bool = False,
        remove_folder: bool = False,
        remove_detections: bool = False,
        session: Any = None,
    ) -> int:
        """Delete the sources of this project and version from the database.

        Parameters
        ----------
        remove_associated_data : bool, optional
            The files of reduced, processed and simulated light curves as well.
        remove_raw_data : bool, optional
            The raw data of these sources as well; other projects may use them.
        remove_folder : bool, optional
            The folder of the project as well.
        remove_detections : bool, optional
            The detections as well. Otherwise sources with detections stay.
        session : Session, optional
            Session of the database; a new one by default.

        Returns
        -------
        int
            Number of sources that were deleted.
        """
        from astroquery_mmdc.retriever.running.cleanup import delete_sources

        removed = delete_sources(
            self,
            session,
            data=remove_associated_data,
            raw=remove_raw_data,
            detections=remove_detections,
        )
        if remove_folder:
            self.delete_project_files()
        return removed

    def delete_project_files(self) -> None:
        """Delete the folder of this project and version with everything in it, and no raw data."""
        from astroquery_mmdc.retriever.running.cleanup import delete_folder

        delete_folder(self.output_folder)

    def delete_everything(self, session: Any = None) -> None:
        """Delete sources, results, raw data of these sources, and the folder."""
        self.delete_all_sources(
            remove_associated_data=True,
            remove_raw_data=True,
            remove_folder=True,
            remove_detections=True,
            session=session,
        )

    def help(self) -> HelpText:
        """Return the parameters of all objects with their values and meanings."""
        owners = {"project": self.pars, "catalog": self.catalog.pars}
        owners |= {f"observatory {obs.name}": obs.pars for obs in self.observatories}
        owners |= outputs.parameters_of(self.analysis)
        verbs = "run, get_all_sources, get_detections, get_histograms, delete_all_sources"
        lines = [f"Project {self.name}: {verbs}, delete_project_files, delete_everything"]
        for title, pars in owners.items():
            lines += ["", title, str(pars.help())]
        return HelpText("\n".join(lines))


def _split(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of the project, and the dictionaries of single observatories."""
    names = ParsProject.names()
    specific = {
        key: value
        for key, value in kwargs.items()
        if isinstance(value, Mapping) and key.lower() not in names
    }
    return {key: value for key, value in kwargs.items() if key not in specific}, specific
