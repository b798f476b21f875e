"""How another process makes the observatories and the analysis of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.retriever.config import import_class
from astroquery_mmdc.retriever.jsonable import dumps
from astroquery_mmdc.retriever.paths import data_root
from astroquery_mmdc.retriever.running.batches import Batch, Outcome
from astroquery_mmdc.retriever.running.outputs import PARTS, config_content
from astroquery_mmdc.retriever.running.pipeline import Pipeline
from astroquery_mmdc.retriever.storage import LightCurveStore, open_store

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.project import Project

__all__ = ["Recipe", "open_stores", "process_elsewhere"]

Class = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """All that a worker has to know about a project; no secrets are among it.

    Parameters
    ----------
    project, cfg_hash : str
        Which project and version.
    root : str
        The data root, which workers on other machines see under the same path.
    config : dict
        The settings, as in the configuration file.
    observatories : dict
        Module and class of each observatory.
    analysis : (str, str)
        Module and class of the analysis.
    """

    project: str
    cfg_hash: str
    root: str
    config: Mapping[str, Any]
    observatories: Mapping[str, Class]
    analysis: Class

    @classmethod
    def of(cls, project: Project, cfg_hash: str) -> Recipe:
        """Return the recipe of a project as it is now."""
        return cls(
            project.name,
            cfg_hash,
            str(data_root()),
            config_content(project),
            {obs.name: _class_of(obs) for obs in project.observatories},
            _class_of(project.analysis),
        )


def open_stores(recipe: Recipe) -> dict[str, LightCurveStore]:
    """Return where the light curves of each observatory go."""
    return {
        name: open_store(
            recipe.config["project"]["storage"],
            Path(recipe.root),
            project=recipe.project,
            cfg_hash=recipe.cfg_hash,
            prefix=pars["filekey_prefix"],
            suffix=pars["filekey_suffix"],
            ra_minutes=pars["save_ra_minutes"],
            ra_seconds=pars["save_ra_seconds"],
        )
        for name, pars in recipe.config["observatories"].items()
    }


def process_elsewhere(recipe: Recipe, batch: Batch) -> Outcome:
    """Process a batch in a process that need not have seen the project before."""
    return _pipeline(_Key(recipe)).process(batch)


class _Key:
    """A recipe that compares by its content, so that a process makes a pipeline once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        parts = (recipe.project, recipe.cfg_hash, recipe.root, recipe.config)
        self._text = dumps([*parts, recipe.observatories, recipe.analysis], canonical=True)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other._text == self._text


@lru_cache(maxsize=4)
def _pipeline(key: _Key) -> Pipeline:
    recipe = key.recipe
    return Pipeline(
        {name: _observatory(recipe, name) for name in recipe.observatories},
        open_stores(recipe),
        _analysis(recipe),
        cfg_hash=recipe.cfg_hash,
    )


def _observatory(recipe: Recipe, name: str) -> Any:
    kind = import_class(*recipe.observatories[name], parameter="obs_names")
    return kind(name=name, cfg_file=False, **recipe.config["observatories"][name])


def _analysis(recipe: Recipe) -> Any:
    kind = import_class(*recipe.analysis, parameter="analysis_class")
    common = recipe.config["analysis"].keys() - {"project", "data_types", "verbose"}
    own = {key: recipe.config["analysis"][key] for key in common}
    parts = {keyword: recipe.config[key] for key, keyword in PARTS.items() if key in recipe.config}
    return kind(cfg_file=False, project=recipe.project, **own, **parts)


def _class_of(item: Any) -> Class:
    return type(item).__module__, type(item).__qualname__
