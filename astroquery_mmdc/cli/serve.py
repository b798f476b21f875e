"""``mmdc serve``."""

from __future__ import annotations

from pathlib import Path

import click

from astroquery_mmdc.cli.common import command_errors

__all__ = ["serve"]


@click.command()
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="File or folder of data; without it the sample is served.",
)
@click.option(
    "--store",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of a cache to serve as it is, see `mmdc cache info`.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8421, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--jobs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the fits, which outlive the server; one for each port is in the cache.",
)
@command_errors
def serve(data: Path | None, store: Path | None, host: str, port: int, jobs: Path | None) -> None:
    """Serve observations, SEDs, models and fits on this machine, as the MMDC service does."""
    from astroquery_mmdc.server import serve as run

    kept = {} if jobs is None else {"jobs": jobs}
    run(data, store=store, host=host, port=port, ready=_announce, **kept)


def _announce(url: str) -> None:
    click.echo(f"serving at {url} - end with Ctrl-C; in another terminal: MMDC_SERVER={url}")
