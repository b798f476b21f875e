"""``mmdc model | fit``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from astroquery_mmdc.cli.common import (
    client,
    command_errors,
    json_option,
    output_option,
    service_options,
    show,
    write_table,
)

__all__ = ["fit", "model"]


def _values(pairs: tuple[str, ...], parameter: str) -> dict[str, float]:
    from astroquery_mmdc.exceptions import InvalidRequestError

    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        try:
            values[name.strip()] = float(value)
        except ValueError as err:
            sign = "" if equals else "no = in it; "
            msg = f"{parameter}: {pair!r}: {sign}write NAME=NUMBER, such as log_B=-1.5"
            raise InvalidRequestError(msg, parameter=parameter) from err
    return values


@click.command()
@click.argument("model_type")
@click.option("--z", type=float, required=True, help="Redshift.")
@click.option("-p", "--parameter", "pairs", multiple=True, help="NAME=NUMBER; repeatable.")
@click.option("--ebl/--no-ebl", default=True, show_default=True, help="Absorption by the EBL.")
@output_option
@json_option
@service_options
@command_errors
def model(
    model_type: str,
    z: float,
    pairs: tuple[str, ...],
    ebl: bool,
    output: Path | None,
    as_json: bool,
    server: str | None,
    timeout: float | None,
) -> None:
    """Compute the spectrum of MODEL_TYPE: ssc, eic or hadronic."""
    parameters = _values(pairs, "parameter")
    spectrum = client(server, timeout).run_model(model_type, z=z, ebl=ebl, parameters=parameters)
    if output:
        write_table(spectrum.table, output)
    if as_json or not output:
        show(spectrum.table, as_json=as_json)


@click.command()
@click.argument("csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", "model_type", required=True, help="ssc, eic or hadronic.")
@click.option("--z", type=float, required=True, help="Redshift.")
@click.option("--fix", "pairs", multiple=True, help="NAME=NUMBER to hold fixed; repeatable.")
@click.option("--ebl/--no-ebl", default=True, show_default=True, help="Absorption by the EBL.")
@output_option
@json_option
@service_options
@command_errors
def fit(
    csv: Path,
    model_type: str,
    z: float,
    pairs: tuple[str, ...],
    ebl: bool,
    output: Path | None,
    as_json: bool,
    server: str | None,
    timeout: float | None,
) -> None:
    """Fit a model to CSV, a file with the columns frequency, flux and flux_err."""
    result: Any = client(server, timeout).fit_model(
        csv, model_type, z=z, ebl=ebl, fixed_parameters=_values(pairs, "fix") or None
    )
    if output:
        write_table(result.parameters, output)
    if as_json or not output:
        show(result.parameters, as_json=as_json)
    if result.links and not as_json:
        click.echo(json.dumps(result.links, indent=1))
