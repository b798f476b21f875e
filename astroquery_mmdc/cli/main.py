"""The group of commands; each is loaded only when it is called."""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["main"]

_COMMANDS = {
    "demo": ("astroquery_mmdc.cli.demo", "Run the main job on the sample of a local server."),
    "cone": ("astroquery_mmdc.cli.queries", "Observations around a position or a source."),
    "lightcurve": ("astroquery_mmdc.cli.queries", "Light curves of a source."),
    "sed": ("astroquery_mmdc.cli.queries", "Spectral energy distribution of a source."),
    "source": ("astroquery_mmdc.cli.queries", "Redshift and synchrotron peak of a source."),
    "resolve": ("astroquery_mmdc.cli.queries", "Position of a source by its name."),
    "model": ("astroquery_mmdc.cli.models", "Spectrum of an emission model."),
    "fit": ("astroquery_mmdc.cli.fits", "Fit an emission model to an SED."),
    "catalogs": ("astroquery_mmdc.cli.lists", "Known catalogues."),
    "parameters": ("astroquery_mmdc.cli.lists", "Parameters of a model."),
    "jobs": ("astroquery_mmdc.cli.lists", "Jobs that were started, and taking one up again."),
    "cache": ("astroquery_mmdc.cli.cache", "What is held on this machine."),
    "mmoda": ("astroquery_mmdc.cli.mmoda", "Products of a MMODA dispatcher, and notebooks."),
    "retrieve": ("astroquery_mmdc.cli.retrieve", "Population studies, from a catalogue to rates."),
    "convert": ("astroquery_mmdc.cli.files", "Convert an SED file to another format."),
    "serve": ("astroquery_mmdc.cli.serve", "Serve data here, as the MMDC service does."),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported on use, so that ``--help`` comes at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(_COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="astroquery_mmdc", prog_name="mmdc")
def main() -> None:
    """Query the MMDC service for blazars and other multi-messenger sources."""
