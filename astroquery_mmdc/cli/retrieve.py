"""``mmdc retrieve``: population studies from a configuration file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from astroquery_mmdc.cli.common import (
    command_errors,
    json_option,
    output_option,
    show,
    write_table,
)

if TYPE_CHECKING:
    from astropy.table import QTable

    from astroquery_mmdc.retriever import Project

__all__ = ["retrieve"]

F = TypeVar("F", bound=Callable[..., Any])

_CONFIG = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 5
"""Failures that are told one by one."""
_EXAMPLES = """\b
Examples:
  mmdc retrieve init flares.yaml --observatory demo
  mmdc retrieve run flares.yaml
  mmdc retrieve detections flares.yaml -o events.ecsv
"""
_TEMPLATE = """\
# A population study. `mmdc retrieve run {file}` does all of it; run it again to go on after a stop.
# Whatever is not here has its default: `mmdc retrieve status {file} --parameters` lists everything.
project:
  project: {name}
  obs_names: [{observatory}]
  num_threads_download: 4
  storage: hdf5          # or parquet: shards of many sources, for large catalogues
  executor: threads      # or processes: all cores of this machine
  # database: postgresql+psycopg://user@host/name   (SQLite in the data folder unless given)

catalog:
  {catalog}

analysis:
  num_injections: 5      # events put into each source, to measure what is found again

finder:
  snr_threshold: 5
"""


def _ranges(function: F) -> F:
    options = (
        click.option("--start", type=int, default=0, show_default=True, help="First row."),
        click.option("--stop", type=int, help="Row to stop before."),
        click.option("--source", "names", multiple=True, help="Only this source; repeatable."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group(epilog=_EXAMPLES)
def retrieve() -> None:
    """Study populations: from a catalogue to detection efficiencies."""


@retrieve.command()
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help="Name of the project; by default that of the file.")
@click.option("--observatory", default="demo", show_default=True, help="ztf, tess, mmdc, ...")
@command_errors
def init(config: Path, name: str | None, observatory: str) -> None:
    """Write a configuration file to begin with."""
    from astroquery_mmdc._files import write_atomic
    from astroquery_mmdc.exceptions import InvalidRequestError
    from astroquery_mmdc.retriever.observatories import observatory_class
    from astroquery_mmdc.retriever.paths import legalise

    observatory_class(observatory)
    if config.exists():
        msg = f"config: {config} exists; edit it, or write another one"
        raise InvalidRequestError(msg, parameter="config")
    text = _TEMPLATE.format(
        file=config,
        name=legalise(name or config.stem),
        observatory=observatory,
        catalog=_catalog(config, observatory),
    )
    write_atomic(config, text, overwrite=False)
    click.echo(f"wrote {config}", err=True)


def _catalog(config: Path, observatory: str) -> str:
    if observatory.lower() == "demo":
        return "default: test"
    path = json.dumps(str(config.resolve().parent / "my_catalog.csv"))  # YAML quotes as JSON does
    return f"filename: {path}   # columns name, ra, dec, mag; or `default: BZCAT`"


def _project(config: Path) -> Project:
    from astroquery_mmdc.retriever import Project

    return Project(cfg_file=str(config.resolve()))


@retrieve.command()
@click.argument("config", type=_CONFIG)
@click.option("--start", type=int, default=0, show_default=True, help="First row.")
@click.option("--stop", type=int, help="Row to stop before.")
@json_option
@command_errors
def fetch(config: Path, start: int, stop: int | None, as_json: bool) -> None:
    """Download raw data only, and analyse nothing."""
    project = _project(config)
    with _interruptible():
        numbers = [_fetch(project, each, start, stop) for each in project.observatories]
    if as_json:
        click.echo(json.dumps(numbers))
        return
    for number in numbers:
        click.echo("{observatory}: {fetched} sources, {failed} failed".format(**number))


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo("interrupted; what was finished is kept, the same command goes on", err=True)
        sys.exit(130)


def _fetch(project: Project, observatory: Any, start: int, stop: int | None) -> dict[str, Any]:
    from astroquery_mmdc.retriever.running.runs import project_session

    with project_session(project) as session:
        number = observatory.fetch_all_sources(
            start, stop, save=True, session=session, progress=sys.stderr.isatty()
        )
    for failure in observatory.failures_list[:_SHOWN]:
        click.echo(f"  {failure['cat_row'].get('name')}: {_last_line(failure)}", err=True)
    failed = len(observatory.failures_list)
    return {"observatory": observatory.name, "fetched": number, "failed": failed}


def _last_line(failure: dict[str, Any]) -> str:
    return str(failure["error"]).strip().splitlines()[-1]


@retrieve.command()
@click.argument("config", type=_CONFIG)
@_ranges
@click.option("--retry-failed", is_flag=True, help="Try sources again that failed before.")
@json_option
@command_errors
def run(
    config: Path,
    start: int,
    stop: int | None,
    names: tuple[str, ...],
    retry_failed: bool,
    as_json: bool,
) -> None:
    """Download, reduce and analyse; skip what is finished."""
    project = _project(config)
    with _interruptible():
        summary = project.run(start, stop, names or None, retry_failed=retry_failed)
    if as_json:
        click.echo(json.dumps(asdict(summary)))
        return
    click.echo(
        f"{summary.done} done, {summary.failed} failed, {summary.skipped} skipped, "
        f"{summary.elsewhere} in other sessions, in {summary.elapsed:.1f} s"
    )
    for failure in project.failures_list[:_SHOWN]:
        click.echo(f"  {failure['name']}: {_last_line(failure)}", err=True)
    click.echo(f"results: {project.output_folder}", err=True)


@retrieve.command()
@click.argument("config", type=_CONFIG)
@click.option("--parameters", is_flag=True, help="List all parameters with their meanings.")
@json_option
@command_errors
def status(config: Path, parameters: bool, as_json: bool) -> None:
    """Tell how far a project is."""
    project = _project(config)
    if parameters:
        click.echo(str(project.help()))
        return
    numbers = _status(project)
    if as_json:
        click.echo(json.dumps(numbers))
        return
    width = max(map(len, numbers))
    for name, value in numbers.items():
        click.echo(f"{name:<{width}}  {value}")


def _status(project: Project) -> dict[str, Any]:
    from astroquery_mmdc.retriever.running.runs import open_ledger

    ledger = open_ledger(project, project.cfg_hash)
    finished, failed = ledger.finished(), ledger.failed()
    found = project.get_detections()
    injected = project.get_histograms().get("injected")
    return {
        "project": project.name,
        "catalogue": len(project.catalog),
        "finished": len(finished),
        "failed": len(failed),
        "detections": sum(not each.simulated for each in found),
        "injected": 0 if injected is None else injected.get_sum_scores("amplitude"),
        "recovered": sum(bool(each.simulated) for each in found),
        "folder": str(project.output_folder),
    }


@retrieve.command()
@click.argument("config", type=_CONFIG)
@click.option(
    "--simulated/--real", default=False, show_default=True, help="Injected events that were found."
)
@output_option
@json_option
@command_errors
def detections(config: Path, simulated: bool, output: Path | None, as_json: bool) -> None:
    """List the events that were found."""
    table = _detections(_project(config), simulated=simulated)
    if output:
        write_table(table, output)
    else:
        show(table, as_json=as_json)


def _detections(project: Project, *, simulated: bool) -> QTable:
    from astropy.table import QTable

    found = project.get_detections(simulated=simulated)
    names = ("source_name", "observatory", "peak_mjd", "snr", "peak_mag", "peak_mag_diff")
    kinds = (str, str, float, float, float, float)
    table = QTable(names=names, dtype=kinds)
    for each in sorted(found, key=lambda one: -abs(one.snr or 0.0)):
        table.add_row(
            [_filled(getattr(each, name), kind) for name, kind in zip(names, kinds, strict=True)]
        )
    for name, unit in (("peak_mjd", "d"), ("peak_mag", "mag"), ("peak_mag_diff", "mag")):
        table[name].unit = unit
    return table


def _filled(value: Any, kind: type) -> Any:
    return float("nan") if value is None and kind is float else value


@retrieve.command()
@click.argument("config", type=_CONFIG)
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--level",
    type=click.Choice(["processed", "reduced", "simulated"]),
    default="processed",
    show_default=True,
)
@click.option("--source", "names", multiple=True, help="Only this source; repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace files.")
@command_errors
def export(config: Path, output: Path, level: str, names: tuple[str, ...], overwrite: bool) -> None:
    """Write light curves to OUTPUT: .ecsv .fits .csv .parquet, or a folder for SkyPortal."""
    from astroquery_mmdc.retriever.export import export_project

    project = _project(config)
    path = export_project(
        project, output, level=level, source_names=names or None, overwrite=overwrite
    )
    click.echo(f"wrote {path}", err=True)
