"""Text of a report: tables and paragraphs laid out on a page without LaTeX."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.modeling.fits.derived import DERIVED
from astroquery_mmdc.modeling.fits.results.latex_table import latex_interval, latex_symbol
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.modeling.parameters import MODELS

__all__ = [
    "Cell",
    "catalog_rows",
    "derived_rows",
    "draw_table",
    "model_name",
    "parameter_rows",
    "write_lines",
]

Cell = str
_LINE = 0.0265
"""Height of a line, as a part of the page."""
_SMALL = 8.0


def draw_table(
    figure: Any,
    rows: Sequence[Sequence[Cell]],
    places: Sequence[float],
    *,
    top: float,
    title: str,
    line: float = _LINE,
) -> float:
    """Write a table whose first row is its head, and return where it ends.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure`
    rows : sequence of sequences of str
        With mathematics between dollars.
    places : sequence of float
        Left ends of the columns; one more, the right end of the table.
    top : float
        Where the title is.
    title : str
    line : float, optional
        Height of a line.
    """
    left, right = places[0], places[-1]
    figure.text(left, top, title, fontsize=11, fontweight="bold", va="top")
    level = top - 1.3 * line
    for index, row in enumerate(rows):
        weight = "bold" if index == 0 else "normal"
        for place, cell in zip(places, row, strict=False):
            figure.text(place, level, cell, fontsize=_SMALL, fontweight=weight, va="top")
        level -= line
        if index == 0:
            _rule(figure, left, right, level + 0.35 * line)
    _rule(figure, left, right, level + 0.2 * line)
    return level


def _literal(text: str) -> str:
    """Return a text whose dollars are no mathematics, such as what users call their catalogues."""
    return text.replace("$", r"\$")


def _rule(figure: Any, left: float, right: float, level: float) -> None:
    from matplotlib.lines import Line2D

    figure.add_artist(Line2D([left, right], [level, level], color="0.4", linewidth=0.6))


def write_lines(
    figure: Any,
    paragraphs: Iterable[str],
    *,
    left: float,
    top: float,
    width: int,
    title: str,
    bullet: str = "– ",
) -> float:
    """Write paragraphs below each other, broken at a number of letters; return where they end."""
    figure.text(left, top, title, fontsize=11, fontweight="bold", va="top")
    level = top - 1.3 * _LINE
    for paragraph in paragraphs:
        for number, part in enumerate(textwrap.wrap(_literal(paragraph), width)):
            indent = bullet if number == 0 else " " * len(bullet)
            figure.text(left, level, indent + part, fontsize=_SMALL, va="top")
            level -= 0.82 * _LINE
        level -= 0.18 * _LINE
    return level


# ---------------------------------------------------------------- contents


def parameter_rows(result: FitResult) -> list[list[Cell]]:
    """Return the table of parameters."""
    head = ["parameter", "best", "median, 68 %", "95 %", "prior", "remark"]
    narrow = {str(row["name"]): row for row in result.intervals(0.68)}
    wide = {str(row["name"]): row for row in result.intervals(0.95)}
    priors = result.priors
    rows = [head]
    for row in result.parameters:
        name = str(row["name"])
        symbol = f"${latex_symbol(result.model_type, name)}$"
        best = _rounded(float(row["value"]), float(row["error"]))
        if name not in narrow:
            rows.append([symbol, best, "", "", "fixed", ""])
            continue
        inner, outer = narrow[name], wide[name]
        interval = latex_interval(*(float(inner[key]) for key in ("median", "low", "high")))
        ends = _minus(f"{float(outer['low']):.4g} to {float(outer['high']):.4g}")
        prior = _minus(str(priors[name])) if name in priors else "linked"
        rows.append([symbol, best, f"${interval}$", ends, prior, _remark(row, inner)])
    return rows


def _rounded(value: float, error: float) -> str:
    """Return a number with two digits of its error."""
    if not (math.isfinite(error) and error > 0):
        return _minus(f"{value:.5g}")
    digits = min(max(1 - math.floor(math.log10(error)), 0), 6)
    return _minus(f"{value:.{digits}f}")


def _minus(text: str) -> str:
    """Return a text in which numbers have a minus, not a hyphen."""
    return re.sub(r"(?<![\w.-])-(?=[\d.])", "\N{MINUS SIGN}", text)


def _remark(row: Any, interval: Any) -> str:
    remarks = ["at the end of its prior"] if row["at_bound"] else []
    word = str(interval["constraint"])
    return ", ".join([*remarks, *([word] if word != "measured" else [])])


def derived_rows(result: FitResult) -> list[list[Cell]]:
    """Return the table of derived quantities, empty where there are none."""
    table = result.derived_intervals(0.68)
    if table is None:
        return []
    rows = [["quantity", "median, 68 %", "unit", "meaning"]]
    for row in table:
        unit = u.Unit(str(row["unit"]))
        text = "" if unit == u.dimensionless_unscaled else unit.to_string("latex_inline")
        interval = latex_interval(*(float(row[key]) for key in ("median", "low", "high")))
        name = str(row["name"])
        rows.append([f"${DERIVED[name][1]}$", f"${interval}$", text, DERIVED[name][2]])
    return rows


def catalog_rows(result: FitResult) -> list[list[Cell]]:
    """Return what was fitted, a row for each catalogue in the order of their frequencies."""
    data = result.data
    if data is None:
        return []
    names = np.array(["unknown"] * len(data))
    if "catalog" in data.colnames:
        names = np.array([str(name) or "unknown" for name in data["catalog"]])
    limit = np.zeros(len(data), dtype=bool)
    if "is_upper_limit" in data.colnames:
        limit = np.asarray(data["is_upper_limit"], dtype=bool)
    nu = data["nu"].to_value(u.Hz)
    rows = [["catalogue", "points", "limits", "frequency [Hz]", r"$\chi^2$", "mean pull"]]
    for name in sorted(set(names.tolist()), key=lambda name: np.median(nu[names == name])):
        own = names == name
        rows.append(
            [_literal(name), str(own.sum()), str((own & limit).sum() or ""), _span(nu[own])]
        )
        found = own & ~limit
        if "pull" in data.colnames and found.any():
            pull = np.asarray(data["pull"])[found]
            rows[-1] += [f"{np.sum(pull**2):.1f}", _minus(f"{np.mean(pull):+.2f}")]
    return rows


def _span(nu: Any) -> str:
    low, high = f"{nu.min():.2e}", f"{nu.max():.2e}"
    return low if low == high else f"{low} to {high}"


def model_name(result: FitResult) -> str:
    """Return the model in words."""
    names = {
        "SSC": "synchrotron self-Compton",
        "EIC": "external inverse Compton",
        "HADRONIC": "electrons and protons",
    }
    count = len(MODELS[result.model_type])
    return f"{result.model_type} ({names[result.model_type]}, {count} parameters)"
