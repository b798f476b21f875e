"""``mmdc demo --retriever``: a small population study on made-up light curves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

__all__ = ["retriever_demo"]

_SOURCES = 150
_INJECTIONS = 8
_PYTHON = """\
from astroquery_mmdc.retriever import Project
from astroquery_mmdc.retriever.efficiency import efficiency
project = Project("flares", obs_names="demo", analysis_kwargs={"num_injections": 8})
project.run()
counts = project.get_histograms()
found = efficiency(counts["injected"], counts["recovered"])"""


def retriever_demo(folder: Path) -> None:
    """Run a project on sources that do not exist, and show what came out.

    Parameters
    ----------
    folder : Path
        Everything goes into its subfolder ``retriever_demo``; a second call goes on from there.
    """
    shown = folder / "retriever_demo"
    with _data_root(shown.resolve()) as root:
        _results(_demonstrate(root), shown)
    click.secho("\nThe same in Python:", bold=True)
    click.echo(_PYTHON)


@contextmanager
def _data_root(root: Path) -> Iterator[Path]:
    from astroquery_mmdc.retriever import dataset

    before, dataset.DATA_ROOT = dataset.DATA_ROOT, str(root)
    try:
        yield root
    finally:
        dataset.DATA_ROOT = before


def _demonstrate(root: Path) -> Any:
    from astroquery_mmdc.retriever import Project

    project = Project(
        "flares",
        obs_names="demo",
        catalog=_catalog(),
        database=f"sqlite:///{root / 'retriever.db'}",
        analysis_kwargs={"num_injections": _INJECTIONS},
        cfg_file=False,
    )
    click.secho(f"{_SOURCES} sources, {_INJECTIONS} events put into each of them:", bold=True)
    summary = project.run()
    click.echo(f"  {summary.done} done, {summary.skipped} done before, in {summary.elapsed:.1f} s")
    return project


def _catalog() -> Any:
    import numpy as np

    from astroquery_mmdc.retriever import Catalog

    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, _SOURCES), np.degrees(np.arcsin(rng.uniform(-1, 1, _SOURCES)))
    names = [f"demo {number:03d}" for number in range(_SOURCES)]
    return Catalog({"name": names, "ra": ra, "dec": dec, "mag": rng.uniform(15, 21, _SOURCES)})


def _results(project: Any, folder: Path) -> None:
    from astroquery_mmdc.plotting import save_figure
    from astroquery_mmdc.retriever.count_plots import plot_efficiency, plot_histogram
    from astroquery_mmdc.retriever.efficiency import efficiency

    counts = project.get_histograms()
    over_width = efficiency(counts["injected"], counts["recovered"])
    injected, recovered = (int(over_width[name].sum()) for name in ("injected", "recovered"))
    found = project.get_detections(simulated=False)
    click.echo(f"  {injected} events injected, {recovered} recovered; {len(found)} others detected")
    click.echo(f"  {counts['all_scores'].get_sum_scores('snr')} epochs searched")
    click.secho("\nFiles:", bold=True)
    figures = {
        "efficiency.png": plot_efficiency(over_width, title="Recovered part of injected events"),
        "scores.png": plot_histogram(counts["all_scores"], "snr"),
        "event.png": _event(project),
    }
    for name, figure in figures.items():
        if figure is not None:
            click.echo(f"  {save_figure(figure, folder / name)}")
    click.echo(f"  {folder / project.output_folder.name}  light curves, histograms, config.yaml")


def _event(project: Any) -> Any:
    """Draw the light curve in which an injected event stands out most."""
    from astroquery_mmdc.retriever.plots import plot_lightcurve
    from astroquery_mmdc.retriever.running.runs import project_session

    chosen = project.select_detections(simulated=True)
    with project_session(project) as session:
        found = max(session.scalars(chosen), key=lambda each: abs(each.snr or 0.0), default=None)
        if found is None or found.lightcurve is None:
            return None
        return plot_lightcurve(found.lightcurve.lightcurve, detections=[found], threshold=5)
