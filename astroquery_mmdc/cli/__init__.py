"""The ``mmdc`` command."""

from astroquery_mmdc.cli.main import main

__all__ = ["main"]
