"""``mmdc fit``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from astroquery_mmdc.cli.common import (
    client,
    command_errors,
    json_option,
    model_options,
    output_option,
    service_options,
    show,
    write_table,
)
from astroquery_mmdc.cli.models import values_of

__all__ = ["fit"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("sed", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", "model_type", required=True, help="ssc, eic or hadronic.")
@model_options
@click.option("--fix", "pairs", multiple=True, help="NAME=NUMBER to hold fixed; repeatable.")
@click.option("--method", help="How a local fit is made, such as least-squares.")
@click.option("--seed", type=int, help="Seed of the random numbers of a local fit.")
@click.option("--processes", type=int, help="How many processes a local fit may use.")
@click.option(
    "--checkpoint", type=_FILE, help="File of a local fit; the same command goes on from there."
)
@click.option("--report", type=_FILE, help="Write a report (PDF).")
@click.option("--save", type=_FILE, help="Write the whole result (.zip), for FitResult.load.")
@output_option
@json_option
@service_options
@command_errors
def fit(
    sed: Path,
    model_type: str,
    z: float,
    pairs: tuple[str, ...],
    ebl: bool,
    where: str,
    report: Path | None,
    save: Path | None,
    output: Path | None,
    as_json: bool,
    server: str | None,
    timeout: float | None,
    **choices: Any,
) -> None:
    """Fit a model to SED, a file of points with errors in any known format."""
    result: Any = client(server, timeout).fit_model(
        sed,
        model_type,
        z=z,
        ebl=ebl,
        where=where,
        fixed_parameters=values_of(pairs, "fix") or None,
        progress=sys.stderr.isatty(),
        **{name: value for name, value in choices.items() if value is not None},
    )
    _write(result, report, save)
    if output:
        write_table(result.parameters, output)
    if as_json or not output:
        show(result.parameters, as_json=as_json)
    if result.links and not as_json:
        click.echo(json.dumps(result.links, indent=1))


def _write(result: Any, report: Path | None, save: Path | None) -> None:
    if report:
        from astroquery_mmdc.plotting import write_report

        write_report(result, report)
        click.echo(f"wrote {report}", err=True)
    if save:
        result.save(save, overwrite=True)
        click.echo(f"wrote {save}", err=True)
