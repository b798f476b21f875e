"""``mmdc convert``."""

from __future__ import annotations

from pathlib import Path

import click

from astroquery_mmdc.cli.common import command_errors

__all__ = ["convert"]


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "source_format", help="Format of SOURCE; found by itself where it can be.")
@click.option("--to", "target_format", help="Format of TARGET, such as jetset or mmdc.csv.")
@click.option("--overwrite", is_flag=True, help="Replace TARGET.")
@command_errors
def convert(
    source: Path,
    target: Path,
    source_format: str | None,
    target_format: str | None,
    overwrite: bool,
) -> None:
    """Convert the SED file SOURCE to TARGET."""
    from astroquery_mmdc import SED

    sed = SED.read(source, **({"format": source_format} if source_format else {}))
    sed.write(target, overwrite=overwrite, **({"format": target_format} if target_format else {}))
    click.echo(f"wrote {target}: {len(sed)} points", err=True)
