"""``mmdc model``."""

from __future__ import annotations

import functools
from collections.abc import Callable
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
from astroquery_mmdc.modeling.parameters import MODELS, Parameter

__all__ = ["model", "values_of"]


def values_of(pairs: tuple[str, ...], parameter: str) -> dict[str, float]:
    """Read ``NAME=NUMBER``."""
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


def _values_or_quantities(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read ``NAME=NUMBER`` and ``NAME=NUMBER UNIT``."""
    from astropy import units as u

    numbers, quantities = [], {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            quantity = u.Quantity(value)
        except TypeError:
            numbers.append(pair)  # which says what is wrong with it
            continue
        if quantity.unit == u.dimensionless_unscaled:
            numbers.append(pair)
        else:
            quantities[name.strip()] = quantity
    return {**values_of(tuple(numbers), "parameter"), **quantities}


def _parameter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each parameter of any model, such as ``--log-B``."""
    kinds: dict[str, list[tuple[str, Parameter]]] = {}
    for model_type, parameters in MODELS.items():
        for name, parameter in parameters.items():
            kinds.setdefault(name, []).append((model_type, parameter))
    options = [
        click.option(f"--{name.replace('_', '-')}", name.lower(), type=float, help=_help(uses))
        for name, uses in kinds.items()
    ]
    return functools.reduce(lambda f, option: option(f), options[::-1], function)


def _help(uses: list[tuple[str, Parameter]]) -> str:
    first = uses[0][1]
    content = ("log10 of: " if first.is_log else "") + first.description
    unit = f" [{first.unit}]" if first.unit else ""
    ranges = "; ".join(f"{name} {one.low:g} to {one.high:g}" for name, one in uses)
    return f"{content}{unit}. {ranges}."


def _given(options: dict[str, Any]) -> dict[str, float]:
    """Return the parameters among the options under their own names."""
    names = {name.lower(): name for parameters in MODELS.values() for name in parameters}
    return {names[key]: value for key, value in options.items() if value is not None}


@click.command()
@click.argument("model_type")
@model_options
@_parameter_options
@click.option(
    "-p",
    "--parameter",
    "pairs",
    multiple=True,
    help="NAME=NUMBER, or NAME='NUMBER UNIT' such as B='0.03 G'; repeatable.",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw into a file.")
@output_option
@json_option
@service_options
@command_errors
def model(
    model_type: str,
    z: float,
    pairs: tuple[str, ...],
    ebl: bool,
    where: str,
    plot: Path | None,
    output: Path | None,
    as_json: bool,
    server: str | None,
    timeout: float | None,
    **options: float | None,
) -> None:
    """Compute the spectrum of MODEL_TYPE: ssc, eic or hadronic."""
    from astroquery_mmdc.exceptions import InvalidRequestError

    named, paired = _given(options), _values_or_quantities(pairs)
    for name in named.keys() & paired.keys():
        msg = f"{name}: given as an option and with -p; leave one out"
        raise InvalidRequestError(msg, parameter=name)
    spectrum = client(server, timeout).run_model(
        model_type, z=z, ebl=ebl, parameters={**named, **paired}, where=where
    )
    if plot:
        _draw(spectrum, plot)
    if output:
        write_table(spectrum.table, output)
    if as_json or not (output or plot):
        show(spectrum.table, as_json=as_json)


def _draw(spectrum: Any, path: Path) -> None:
    from astroquery_mmdc.plotting import plot_spectrum, save_figure

    save_figure(plot_spectrum(spectrum), path)
    click.echo(f"wrote {path}", err=True)
