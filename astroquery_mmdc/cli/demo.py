"""``mmdc demo``: the main job, from a name to files, on a local server."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from astroquery_mmdc.cli.common import command_errors

__all__ = ["demo"]

_SOURCE = "Mrk 421"
_STEM = "mrk421_sed"
_FIT = "mrk421_fit"
_PYTHON = """\
from astropy import units as u
from astroquery_mmdc import MMDC, plotting
sed = MMDC.query_sed("Mrk 421").select(nu_min=1e11 * u.Hz)
for name in ("mrk421_sed.csv", "mrk421_sed.ecsv"): sed.write(name, overwrite=True)
plotting.save_figure(plotting.plot_sed(sed, title="Mrk 421").figure, "mrk421_sed.png")
result = MMDC.fit_model(sed, "SSC", z=sed.redshift, method="least-squares")
plotting.write_report(result, "mrk421_fit.pdf", title="Mrk 421")"""


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="here",
    help="Where the files go.",
)
@click.option("--retriever", is_flag=True, help="A small population study instead.")
@command_errors
def demo(folder: Path, retriever: bool) -> None:
    """Find a blazar, get its SED, filter it, write it as CSV, ECSV and PNG, and fit a model.

    A local server with a sample of published data answers: no network is needed. The fit needs
    the extra ``model``; its report is a PDF.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if retriever:
        from astroquery_mmdc.cli.demo_retriever import retriever_demo

        retriever_demo(folder)
    else:
        _service_demo(folder)


def _service_demo(folder: Path) -> None:
    from astroquery_mmdc import MMDCClass
    from astroquery_mmdc.server import serving

    with serving() as url:
        click.secho(f"A local MMDC server with a sample of published data: {url}", bold=True)
        mmdc = MMDCClass(url, app="mmdc-demo")
        _cone(mmdc)
        sed = _sed(mmdc)
        _write(sed, folder)
        _fit(mmdc, sed, folder)
    click.secho(
        "\nThe same in Python (`mmdc serve`, then MMDC_SERVER=http://127.0.0.1:8421):", bold=True
    )
    click.echo(_PYTHON)


def _cone(mmdc: object) -> None:
    from astropy import units as u

    click.secho(f"\nObservations within 10 arcsec of {_SOURCE}:", bold=True)
    table = mmdc.query_object(_SOURCE, radius=10 * u.arcsec)  # type: ignore[attr-defined]
    columns = ["catalog", "ra", "dec", "nu", "flux", "flux_err", "separation"]
    click.echo("\n".join(table[columns].pformat(max_lines=14, max_width=110)))


def _sed(mmdc: object) -> object:
    from astropy import units as u

    sed = mmdc.query_sed(_SOURCE)  # type: ignore[attr-defined]
    chosen = sed.select(nu_min=1e11 * u.Hz)
    click.secho(f"\nSpectral energy distribution of {sed.source['name']}:", bold=True)
    click.echo(
        f"redshift {sed.redshift}, {len(sed)} points from {len(set(sed['catalog']))} instruments, "
        f"{len(sed.upper_limits)} upper limits; {len(chosen)} above 1e11 Hz are kept"
    )
    columns = ["nu", "nufnu", "nufnu_err", "mjd_start", "mjd_end", "catalog"]
    click.echo("\n".join(chosen[columns].pformat(max_lines=12, max_width=110)))
    return chosen


def _write(sed: object, folder: Path) -> None:
    from astroquery_mmdc.plotting import plot_sed, save_figure

    click.secho("\nFiles:", bold=True)
    paths = {ending: folder / f"{_STEM}.{ending}" for ending in ("csv", "ecsv", "png")}
    sed.write(paths["csv"], format="mmdc.csv", overwrite=True)  # type: ignore[attr-defined]
    sed.write(paths["ecsv"], format="ascii.ecsv", overwrite=True)  # type: ignore[attr-defined]
    save_figure(plot_sed(sed, title=_SOURCE).figure, paths["png"])  # type: ignore[arg-type]
    for path in paths.values():
        _show_file(path)


def _show_file(path: Path) -> None:
    click.echo(f"  {path}  {path.stat().st_size / 1000:.0f} kB")


def _fit(mmdc: Any, sed: Any, folder: Path) -> None:
    missing = [name for name in ("numba", "scipy") if find_spec(name) is None]
    if missing:
        click.echo(f"\nNo fit: {', '.join(missing)} is missing; install astroquery_mmdc[model].")
        return
    from astroquery_mmdc.plotting import write_report

    click.secho("\nA synchrotron self-Compton model, fitted here:", bold=True)
    result = mmdc.fit_model(sed, "SSC", z=sed.redshift, method="least-squares")
    for row in result.parameters:
        click.echo(f"  {row['name']:<24}{row['value']:8.3f} ± {row['error']:.3f}")
    click.echo("Report:")
    _show_file(write_report(result, folder / f"{_FIT}.pdf", title=_SOURCE))
    click.echo(
        f"With a posterior: mmdc fit {folder / _STEM}.csv --model ssc --z {result.redshift} "
        "--report fit.pdf"
    )
