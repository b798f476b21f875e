"""What the commands share: options, output, and one-line errors."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from astropy.table import Table

    from astroquery_mmdc.mmdc import MMDCClass

__all__ = [
    "client",
    "command_errors",
    "json_option",
    "model_options",
    "observation_options",
    "output_option",
    "service_options",
    "show",
    "write_table",
]

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
output_option = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a file; its ending chooses the format (.csv .ecsv .fits .vot .parquet .json).",
)
_SERVICE = (
    click.option("--server", envvar="MMDC_SERVER", help="Address of the service."),
    click.option("--timeout", type=float, help="Seconds to wait for an answer."),
)
_MODELS = (
    click.option("--z", type=float, required=True, help="Redshift."),
    click.option("--ebl/--no-ebl", default=True, show_default=True, help="Absorption by the EBL."),
    click.option(
        "--where",
        type=click.Choice(["local", "service"]),
        default="local",
        show_default=True,
        help="Compute on this machine or at the service.",
    ),
)
_OBSERVATIONS = (
    click.option("-r", "--radius", default="5 arcsec", show_default=True, help="With a unit."),
    click.option("--catalog", help="Catalogue code."),
    click.option("--band", "filter_band", help="Photometric band."),
    click.option("--mjd-min", type=float, help="Start of a window in time."),
    click.option("--mjd-max", type=float, help="End of a window in time."),
    click.option("--limit", "row_limit", type=int, help="Largest number of rows."),
)


def _stacked(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    return lambda function: functools.reduce(lambda f, option: option(f), options[::-1], function)


service_options = _stacked(_SERVICE)
model_options = _stacked(_MODELS)
observation_options = _stacked(_OBSERVATIONS)


def client(server: str | None, timeout: float | None) -> MMDCClass:
    """Return the client for the options of a command."""
    from astroquery_mmdc import MMDCClass

    return MMDCClass(server, app="mmdc-cli", timeout=timeout)


def command_errors(function: F) -> F:
    """Print errors and warnings of the package as one line each.

    A wrong parameter ends with status 2, as a wrong option does; everything else with 1.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from astroquery_mmdc.exceptions import InvalidRequestError, MMDCError

        with _short_warnings():
            try:
                return function(*args, **kwargs)
            except InvalidRequestError as err:
                click.echo(f"error: {err}", err=True)
                sys.exit(2)
            except (MMDCError, OSError) as err:
                click.echo(f"error: {err}", err=True)
                sys.exit(1)
            except KeyboardInterrupt:
                click.echo("interrupted; `mmdc jobs` shows what goes on at the service", err=True)
                sys.exit(130)

    return wrapper  # type: ignore[return-value]


@contextmanager
def _short_warnings() -> Iterator[None]:
    def echo(message: Warning | str, *_: Any, **__: Any) -> None:
        click.echo(f"warning: {message}", err=True)

    from astropy.utils.exceptions import AstropyWarning

    with warnings.catch_warnings():
        # What libraries tell their developers is no news for people at a terminal.
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", AstropyWarning)
        warnings.showwarning = echo
        yield


def show(table: Table, *, as_json: bool, columns: tuple[str, ...] = ()) -> None:
    """Print a table for people, or all of it as JSON."""
    if as_json:
        click.echo(json.dumps(table_records(table), indent=1))
        return
    some = [name for name in columns if name in table.colnames] or table.colnames
    lines, width = _page()
    text = table[some].pformat(max_lines=lines, max_width=width)
    if not text[-1].startswith("Length = "):
        text.append("1 row" if len(table) == 1 else f"{len(table)} rows")
    click.echo("\n".join(text))


def _page() -> tuple[int, int]:
    """Return lines and columns for a table: all lines where nobody looks at a terminal."""
    import shutil

    size = shutil.get_terminal_size((120, 40))
    return (max(8, size.lines - 4) if sys.stdout.isatty() else -1), size.columns


def table_records(table: Table) -> list[dict[str, Any]]:
    """Return the rows of a table as plain values, None where masked."""
    from astroquery_mmdc.schema.tables import wire_values

    columns = {name: _values(table[name], wire_values) for name in table.colnames}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(column: Any, wire_values: Callable[[Any], list[Any]]) -> list[Any]:
    from astropy.time import Time

    if isinstance(column, Time):
        return [None if value is None else value for value in wire_values(column.mjd)]
    return wire_values(column)


_FORMATS = {
    ".csv": "ascii.csv",
    ".ecsv": "ascii.ecsv",
    ".fits": "fits",
}


def write_table(table: Table, path: Path) -> None:
    """Write a table in the format of the file's ending; the file is complete or not there."""
    from astroquery_mmdc._files import atomic_path, write_atomic
    from astroquery_mmdc.exceptions import InvalidRequestError

    ending = path.suffix.lower()
    if ending == ".json":
        write_atomic(path, json.dumps(table_records(table), indent=1))
    elif ending == ".parquet":
        with atomic_path(path) as temporary:
            _write_parquet(table, temporary)
    elif ending in (".vot", ".xml"):
        with atomic_path(path) as temporary:
            _write_votable(_plain(table, ending), temporary)
    elif ending in _FORMATS:
        with atomic_path(path) as temporary:
            _plain(table, ending).write(temporary, format=_FORMATS[ending])
    else:
        endings = " ".join([*_FORMATS, ".vot", ".xml", ".parquet", ".json"])
        msg = f"output: {ending!r} is no known ending; use {endings}"
        raise InvalidRequestError(msg, parameter="output")
    click.echo(f"wrote {path}", err=True)


def _write_parquet(table: Table, path: Path) -> None:
    import pyarrow.parquet as pq

    from astroquery_mmdc.schema.arrow import table_to_arrow

    arrow, left_out = table_to_arrow(table)
    for name in left_out:
        click.echo(f"warning: Parquet cannot hold the column {name}", err=True)
    pq.write_table(arrow, path)


def _write_votable(table: Table, path: Path) -> None:
    """Write with astropy's writer in Python: the one in C damages the memory of the process."""
    from astropy.io.votable import from_table

    from_table(table).to_xml(str(path), _debug_python_based_parser=True)


def _plain(table: Table, ending: str) -> Table:
    """Only ECSV holds masked quantities, times and nested meta as they are."""
    from astropy.table import Table as PlainTable

    if ending == ".ecsv":
        return table
    plain = PlainTable(table)
    plain.meta = {}
    return plain
