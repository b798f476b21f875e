"""Sphinx directives for what is read from the package and not typed: tables, and command output.

``.. mmdc-table:: columns OBSERVATION`` lists columns, formats, parameters, axes,
catalogues or settings.

``.. mmdc-run:: sed "Mrk 421" --json`` runs the command on a local server and shows what it prints.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

Table = tuple[list[str], Iterable[list[str]]]


# ---------------------------------------------------------------- tables


def _columns(name: str) -> Table:
    from astroquery_mmdc.schema import columns

    head = ["column", "unit", "missing?", "content", "name in the service's JSON"]
    return head, (
        [
            f"``{column.name}``",
            column.unit or "",
            "masked" if column.nullable else "never",
            column.description,
            f"``{column.wire}``",
        ]
        for column in getattr(columns, name)
    )


def _formats() -> Table:
    from astropy.io import registry

    from astroquery_mmdc import SED

    table = registry.get_formats(SED)
    mine = table[table["Data class"] == "SED"]
    return ["format", "read", "write"], (
        [f"``{row['Format']}``", row["Read"].lower(), row["Write"].lower()] for row in mine
    )


def _parameters(model: str) -> Table:
    from astroquery_mmdc.modeling import MODELS

    head = ["name", "natural name", "content", "unit", "range of a run", "prior of a fit"]
    return head, (
        [
            f"``{one.name}``",
            f"``{one.natural_name}``",
            ("log10 of: " if one.is_log else "") + one.description,
            one.unit,
            f"{one.low:g} to {one.high:g}",
            one.prior,
        ]
        for one in MODELS[model].values()
    )


def _extras(model: str) -> Table:
    from astroquery_mmdc.modeling import extras

    known = getattr(extras, f"{model}_EXTRAS")
    return ["keyword", "unit", "content and default"], (
        [f"``{name}``", one.unit or "", one.description] for name, one in known.items()
    )


def _ebl() -> Table:
    from astroquery_mmdc.modeling import EBL_MODELS

    return ["name", "source"], (
        [f"``{name}``", source.reference] for name, source in EBL_MODELS.items()
    )


def _axes() -> Table:
    from astroquery_mmdc.schema.units import FLUX_AXES, SPECTRAL_AXES

    axes = [("x", SPECTRAL_AXES), ("y", FLUX_AXES)]
    return ["axis", "name", "unit"], (
        [axis, f"``{name}``", unit.to_string()]
        for axis, units in axes
        for name, unit in units.items()
    )


def _bands() -> Table:
    from astroquery_mmdc import MMDC

    return ["band", "from", "to"], (
        [f"``{row['band']}``", f"{row['nu_min']:.4g}", f"{row['nu_max']:.4g}"]
        for row in MMDC.list_bands()
    )


def _catalogs(holding: str) -> Table:
    from astroquery_mmdc import MMDC

    return ["catalogue", "band", "content"], (
        [f"``{row['catalog']}``", row["band"], row["description"]]
        for row in MMDC.list_catalogs(holding=holding)
    )


_SETTINGS = {
    "project": ("project_parameters", "ParsProject"),
    "observatory": ("observatories.parameters", "ParsObservatory"),
    "analysis": ("analysis_pars", "ParsAnalysis"),
    "quality": ("quality", "ParsQuality"),
    "finder": ("finder", "ParsFinder"),
    "simulator": ("simulator", "ParsSimulator"),
    "catalog": ("catalog_parameters", "ParsCatalog"),
}


def _settings(owner: str) -> Table:
    from importlib import import_module

    from astroquery_mmdc.retriever import Parameters

    module, name = _SETTINGS[owner]
    pars = getattr(import_module(f"astroquery_mmdc.retriever.{module}"), name)(cfg_file=False)
    common = Parameters(cfg_file=False)._specs if owner != "project" else {}
    own = [spec for each, spec in pars._specs.items() if each not in common]
    return ["name", "default", "meaning"], (
        [f"``{spec.name}``", f"``{spec.default!r}``", spec.doc] for spec in own
    )


_TABLES: dict[str, Callable[..., Table]] = {
    "settings": _settings,
    "columns": _columns,
    "formats": _formats,
    "parameters": _parameters,
    "extras": _extras,
    "ebl": _ebl,
    "axes": _axes,
    "bands": _bands,
    "catalogs": _catalogs,
}


class TableDirective(SphinxDirective):
    """Show one of the tables above."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        head, rows = _TABLES[self.arguments[0]](*self.arguments[1:])
        lines = [".. list-table::", "    :header-rows: 1", ""]
        for row in [head, *rows]:
            first, *others = row
            lines += [f"    * - {first}", *(f"      - {cell}".rstrip() for cell in others)]
        return self.parse_text_to_nodes("\n".join(lines))


# ---------------------------------------------------------------- commands


class CommandDirective(SphinxDirective):
    """Run ``mmdc`` and show the command and what it printed."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = {"status": directives.nonnegative_int}

    def run(self) -> list[nodes.Node]:
        text, status = _printed(self.arguments[0])
        if status != self.options.get("status", 0):
            msg = f"mmdc {self.arguments[0]} ended with {status}:\n{text}"
            raise self.error(msg)
        shown = f"$ mmdc {self.arguments[0]}\n{text.rstrip()}"
        block = nodes.literal_block(shown, shown, language="console")
        self.set_source_info(block)
        return [block]


def _printed(command: str) -> tuple[str, int]:
    from click.testing import CliRunner

    from astroquery_mmdc.cli import main

    address = _server()
    with tempfile.TemporaryDirectory() as folder:
        here = Path.cwd()
        os.chdir(folder)
        try:
            runner = CliRunner(env=_environment(address, folder))
            result = runner.invoke(main, shlex.split(command), prog_name="mmdc")
        finally:
            os.chdir(here)
    return result.output, result.exit_code


def _environment(address: str, folder: str) -> dict[str, str | None]:
    """Return the variables of a command: the local server, and no token of whoever builds this."""
    return {
        "MMDC_SERVER": address,
        "MMODA_SERVER": f"{address}/dispatch-data",
        "MMDC_CACHE_DIR": folder,
        "RETRIEVER_DATA": folder,
        "HOME": folder,
        "ODA_TOKEN": None,
        "COLUMNS": "100",
    }


_running: list[Any] = []


def _server() -> str:
    if not _running:
        from astroquery_mmdc.server import LocalServer

        _running.append(LocalServer().__enter__())
    return str(_running[0].url)


def _stop(*_: Any) -> None:
    while _running:
        _running.pop().__exit__(None, None, None)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("mmdc-table", TableDirective)
    app.add_directive("mmdc-run", CommandDirective)
    app.connect("build-finished", _stop)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
