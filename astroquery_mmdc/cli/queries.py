"""``mmdc cone | lightcurve | sed | source | resolve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from astroquery_mmdc.cli.common import (
    client,
    command_errors,
    json_option,
    observation_options,
    output_option,
    service_options,
    show,
    write_table,
)

__all__ = ["cone", "lightcurve", "resolve", "sed", "source"]

_CONE_COLUMNS = (
    "catalog",
    "nu",
    "flux",
    "flux_err",
    "is_upper_limit",
    "mjd_start",
    "mjd_mid",
    "separation",
    "reference",
)
_LIGHTCURVE_COLUMNS = ("time", "flux", "flux_err", "photon_flux", "filter_band", "catalog")
_SED_COLUMNS = ("nu", "nufnu", "nufnu_err", "is_upper_limit", "mjd_start", "catalog", "band")


@click.command()
@click.argument("target")
@observation_options
@click.option("--lightcurves/--seds", "is_lightcurve", default=None, help="Only rows of one kind.")
@click.option("--order", "ordering", help="Field to sort by, with - for descending.")
@output_option
@json_option
@service_options
@command_errors
def cone(
    target: str,
    server: str | None,
    timeout: float | None,
    as_json: bool,
    output: Path | None,
    **filters: Any,
) -> None:
    """Get the observations around TARGET, a name or a position."""
    table = client(server, timeout).query_region(target, **filters)
    _deliver(table, output, as_json=as_json, columns=_CONE_COLUMNS)


@click.command()
@click.argument("target")
@observation_options
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a figure.")
@output_option
@json_option
@service_options
@command_errors
def lightcurve(
    target: str,
    server: str | None,
    timeout: float | None,
    as_json: bool,
    output: Path | None,
    plot: Path | None,
    **filters: Any,
) -> None:
    """Get the light curves of TARGET, a name or a position."""
    table = client(server, timeout).query_lightcurve(target, **filters)
    if plot:
        from astroquery_mmdc.plotting import plot_lightcurve, save_figure

        save_figure(plot_lightcurve(table, title=target), plot)
        click.echo(f"wrote {plot}", err=True)
    _deliver(table, output, as_json=as_json, columns=_LIGHTCURVE_COLUMNS)


@click.command()
@click.argument("target")
@click.option("--mjd-start", type=float, help="Start of a window in time.")
@click.option("--mjd-end", type=float, help="End of a window in time.")
@click.option("--catalog", "catalogs", multiple=True, help="Keep this catalogue; repeatable.")
@click.option("--exclude", "exclude_catalogs", multiple=True, help="Drop this one; repeatable.")
@click.option("--undated/--no-undated", default=None, help="Keep points without a date.")
@click.option("--refresh", is_flag=True, help="Let the service make it anew.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a figure.")
@click.option("--format", "form", help="Format of the output, if the ending does not tell.")
@output_option
@json_option
@service_options
@command_errors
def sed(
    target: str,
    server: str | None,
    timeout: float | None,
    as_json: bool,
    output: Path | None,
    plot: Path | None,
    form: str | None,
    catalogs: tuple[str, ...],
    exclude_catalogs: tuple[str, ...],
    **filters: Any,
) -> None:
    """Get the spectral energy distribution of TARGET, a name or a position."""
    result = client(server, timeout).query_sed(
        target,
        catalogs=catalogs or None,
        exclude_catalogs=exclude_catalogs or None,
        progress=True if not as_json and _is_terminal() else None,
        **filters,
    )
    if plot:
        from astroquery_mmdc.plotting import plot_sed, save_figure

        save_figure(plot_sed(result, title=target).figure, plot)
        click.echo(f"wrote {plot}", err=True)
    if output and form:
        result.write(output, format=form, overwrite=True)
        click.echo(f"wrote {output}", err=True)
        output = None
    _deliver(result, output, as_json=as_json, columns=_SED_COLUMNS)


def _is_terminal() -> bool:
    import sys

    return sys.stderr.isatty()


@click.command()
@click.argument("target")
@json_option
@service_options
@command_errors
def source(target: str, server: str | None, timeout: float | None, as_json: bool) -> None:
    """Print redshift, synchrotron peak and position of TARGET."""
    from astroquery_mmdc.schema.sources import sources_table

    found = client(server, timeout).query_source(target)
    show(sources_table([found]), as_json=as_json)


@click.command()
@click.argument("name")
@json_option
@service_options
@command_errors
def resolve(name: str, server: str | None, timeout: float | None, as_json: bool) -> None:
    """Print the position of the source NAME."""
    import json

    position = client(server, timeout).resolve_name(name)
    if as_json:
        click.echo(json.dumps({"name": name, "ra": position.ra.deg, "dec": position.dec.deg}))
    else:
        text = position.to_string("hmsdms", precision=2)
        click.echo(f"{position.ra.deg:.6f} {position.dec.deg:+.6f}  {text}")


def _deliver(table: Any, output: Path | None, *, as_json: bool, columns: tuple[str, ...]) -> None:
    """Write where a file is wanted, else print."""
    if output:
        write_table(table, output)
    if as_json or not output:
        show(table, as_json=as_json, columns=columns)
