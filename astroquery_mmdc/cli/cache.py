"""``mmdc cache``: what is held on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import click

from astroquery_mmdc.cli.common import client, command_errors, json_option, service_options

__all__ = ["cache"]


@click.group()
def cache() -> None:
    """Look at and care for the observations that are held on this machine."""


@cache.command()
@json_option
@service_options
@command_errors
def info(server: str | None, timeout: float | None, as_json: bool) -> None:
    """Print what is held and where."""
    held = client(server, timeout).cache
    facts = {"folder": str(held.folder), **held.info()}
    if as_json:
        click.echo(json.dumps(facts, default=str, indent=1))
        return
    for name, value in facts.items():
        click.echo(f"{name:12s} {value}")


@cache.command()
@click.argument("targets", nargs=-1, required=True)
@click.option("-r", "--radius", default="60 arcsec", show_default=True, help="With a unit.")
@click.option("--catalog", help="Only rows of this catalogue.")
@service_options
@command_errors
def prefetch(
    targets: tuple[str, ...],
    radius: str,
    catalog: str | None,
    server: str | None,
    timeout: float | None,
) -> None:
    """Fetch the observations around TARGETS: names, positions, or @FILE with one on each line."""
    names = [name for target in targets for name in _names(target)]
    done = client(server, timeout).cache.prefetch(names, radius, catalog=catalog)
    click.echo(f"{done.rows} rows by {done.asked} questions, {done.known} parts were known")
    for label, error in done.failed.items():
        click.echo(f"failed: {label}: {error}", err=True)
    if done.failed:
        raise click.exceptions.Exit(1)


def _names(target: str) -> list[str]:
    if not target.startswith("@"):
        return [target]
    lines = Path(target[1:]).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@cache.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--complete", is_flag=True, help="These files are everything the service has.")
@service_options
@command_errors
def ingest(
    files: tuple[Path, ...], complete: bool, server: str | None, timeout: float | None
) -> None:
    """Take in Parquet FILES of observations."""
    rows = client(server, timeout).cache.ingest(list(files), complete=complete)
    click.echo(f"{rows} rows")


@cache.command()
@service_options
@command_errors
def compact(server: str | None, timeout: float | None) -> None:
    """Merge what was fetched into the next generation of the catalogue."""
    client(server, timeout).cache.compact()


@cache.command()
@click.option("--repair", is_flag=True, help="Make anew what can be derived, drop the rest.")
@service_options
@command_errors
def verify(repair: bool, server: str | None, timeout: float | None) -> None:
    """Check every file that is held."""
    report = client(server, timeout).cache.verify(repair=repair)
    counts = f"{len(report.damaged)} damaged, {len(report.repaired)} repaired"
    if report.dropped:
        counts += f", {len(report.dropped)} dropped with {report.lost_rows} rows"
    click.echo(f"{report.checked} files, {counts}")
    states = dict.fromkeys(report.repaired, "repaired") | dict.fromkeys(report.dropped, "dropped")
    for path in report.damaged:
        click.echo(f"{states.get(path, 'damaged')}: {path}", err=True)
    if not report.is_good:
        raise click.exceptions.Exit(1)


@cache.command("export")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace PATH.")
@service_options
@command_errors
def export_bundle(path: Path, overwrite: bool, server: str | None, timeout: float | None) -> None:
    """Write what is held as one file PATH to give to others."""
    rows = client(server, timeout).cache.export(path, overwrite=overwrite)
    click.echo(f"wrote {path}: {rows} rows", err=True)


@cache.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@service_options
@command_errors
def import_bundle(path: Path, server: str | None, timeout: float | None) -> None:
    """Take in a file PATH that was made by export."""
    click.echo(f"{client(server, timeout).cache.import_bundle(path)} rows")


@cache.command()
@click.confirmation_option(prompt="Forget everything that is held of this service?")
@service_options
@command_errors
def clear(server: str | None, timeout: float | None) -> None:
    """Forget everything that is held."""
    client(server, timeout).cache.clear()
