"""Parameters and derived quantities of a fit as a table for a paper."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from astropy import units as u

from astroquery_mmdc.modeling.fits.derived import DERIVED
from astroquery_mmdc.modeling.parameters import MODELS

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.results.result import FitResult

__all__ = ["latex_interval", "latex_symbol", "latex_table_of_fit"]

_NOISE = {
    "systematic": r"s",
    "outlier_fraction": r"f_\mathrm{out}",
}
_FAR = 4
"""Decades from 1 beyond which a number is written with a power of ten."""


def latex_symbol(model_type: str, name: str) -> str:
    r"""Return how papers write a parameter, without dollars.

    Examples
    --------
    >>> print(latex_symbol("SSC", "log_B"))
    \log_{10} (B / \mathrm{G})
    >>> print(latex_symbol("SSC", "lorentz_factor"))
    \delta
    """
    parameter = MODELS[model_type].get(name)
    if parameter is None:
        text = name.removeprefix("offset_").replace("_", r"\_")
        return _NOISE.get(name, rf"\Delta_\mathrm{{{text}}}")
    symbol = parameter.latex
    if not parameter.is_log:
        return symbol
    if not parameter.unit:
        return rf"\log_{{10}} {symbol}"
    unit = u.Unit(parameter.unit).to_string("latex_inline").strip("$")
    # M_sun has a slash-free form of its own; a unit with a product needs brackets.
    unit = rf"({unit})" if r"\," in unit else unit
    return rf"\log_{{10}} ({symbol} / {unit})"


def latex_interval(median: float, low: float, high: float) -> str:
    r"""Return a value with its errors, rounded to two digits of the smaller error.

    Examples
    --------
    >>> print(latex_interval(-1.3271, -1.381, -1.272))
    -1.327^{+0.055}_{-0.054}
    >>> print(latex_interval(3.42e44, 3.1e44, 3.9e44))
    \left(3.42^{+0.48}_{-0.32}\right)\times 10^{44}
    """
    plus, minus = high - median, median - low
    if not all(map(math.isfinite, (median, plus, minus))):
        return f"{median:.4g}" if math.isfinite(median) else r"\dots"
    largest = max(abs(median), plus, minus)
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    power = 0 if -_FAR < power < _FAR else power
    scale = 10.0**power
    errors = [one / scale for one in (plus, minus) if one > 0]
    if not errors:
        text = f"{median / scale:.3f}"
        return text if power == 0 else rf"{text}\times 10^{{{power}}}"
    digits = max(0, 1 - math.floor(math.log10(min(errors))))
    numbers = (median / scale, plus / scale, minus / scale)
    text = "{:.{d}f}^{{+{:.{d}f}}}_{{-{:.{d}f}}}".format(*numbers, d=min(digits, 6))
    return text if power == 0 else rf"\left({text}\right)\times 10^{{{power}}}"


def latex_table_of_fit(result: FitResult, level: float = 0.68) -> str:
    """Return a ``tabular`` of parameters, priors and derived quantities."""
    rows = [*_parameter_rows(result, level), *_derived_rows(result, level)]
    head = [
        f"% medians and {100 * level:g} % intervals; limits at 95 %",
        r"\begin{tabular}{lll}",
        r"\hline",
        r"Parameter & Value & Prior or unit \\",
        r"\hline",
    ]
    return "\n".join([*head, *rows, *_foot(result), r"\hline", r"\end{tabular}"])


def _parameter_rows(result: FitResult, level: float) -> list[str]:
    rows = [] if result.redshift is None else [f"$z$ & ${result.redshift:g}$ & fixed \\\\"]
    within = {str(row["name"]): row for row in result.intervals(level)}
    ends = {str(row["name"]): row for row in result.intervals(0.90)}
    priors = result.priors
    for row in result.parameters:
        name = str(row["name"])
        symbol = latex_symbol(result.model_type, name)
        if name not in within:
            rows.append(f"${symbol}$ & ${float(row['value']):.4g}$ & fixed \\\\")
            continue
        value = _value(within[name], ends[name])
        prior = str(priors[name]).replace("±", r"$\pm$") if name in priors else "linked"
        rows.append(f"${symbol}$ & ${value}$ & {prior} \\\\")
    return rows


def _value(row: Any, ends: Any) -> str:
    """Return a value with errors; of a one-sided posterior its limit at 95 %."""
    # The ends of the central 90 % leave 5 % on either side.
    if row["constraint"] == "upper limit":
        return f"< {ends['high']:.3g}"
    if row["constraint"] == "lower limit":
        return f"> {ends['low']:.3g}"
    if row["constraint"] == "unconstrained":
        return r"\mathrm{unconstrained}"
    return latex_interval(float(row["median"]), float(row["low"]), float(row["high"]))


def _derived_rows(result: FitResult, level: float) -> list[str]:
    table = result.derived_intervals(level)
    if table is None:
        return []
    rows = [r"\hline"]
    for row in table:
        symbol = DERIVED[str(row["name"])][1]
        unit = u.Unit(str(row["unit"]))
        text = "" if unit == u.dimensionless_unscaled else unit.to_string("latex_inline")
        value = latex_interval(float(row["median"]), float(row["low"]), float(row["high"]))
        rows.append(f"${symbol}$ & ${value}$ & {text} \\\\")
    return rows


def _foot(result: FitResult) -> list[str]:
    rows = []
    good = result.goodness
    if good is not None:
        rows.append(rf"$\chi^2$ / dof & ${good.chi_square:.1f} / {good.dof}$ & \\")
        rows.append(f"posterior predictive $p$ & ${good.p_value:.2g}$ & \\\\")
    if result.log_evidence is not None:
        error = result.log_evidence_err or 0.0
        rows.append(rf"$\ln Z$ & ${result.log_evidence:.2f} \pm {error:.2f}$ & \\")
    return [r"\hline", *rows] if rows else []
