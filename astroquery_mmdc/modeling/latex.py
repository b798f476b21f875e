"""Parameters as a table for a paper."""

from __future__ import annotations

from collections.abc import Mapping

from astropy import units as u

from astroquery_mmdc.modeling.parameters import MODELS

__all__ = ["latex_table", "latex_value"]


def latex_value(value: float, digits: int = 3) -> str:
    r"""Return a number in LaTeX, with a power of ten where it is long.

    Examples
    --------
    >>> print(latex_value(0.0316228), latex_value(1e44), latex_value(2.2e16))
    0.0316 10^{44} 2.2\times 10^{16}
    """
    if value == 0 or 1e-2 <= abs(value) < 1e4:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = f"{float(mantissa):g}"
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa}\times {power}"


def latex_table(
    model_type: str, parameters: Mapping[str, float], *, redshift: float | None = None
) -> str:
    r"""Return a ``tabular`` of symbols, values and units.

    Parameters
    ----------
    model_type : str
        ``"SSC"``, ``"EIC"`` or ``"HADRONIC"``.
    parameters : mapping
        The service's names and their numbers.
    redshift : float, optional

    Examples
    --------
    >>> print(latex_table("SSC", {"log_B": -1.5}, redshift=0.031))
    \begin{tabular}{lll}
    \hline
    Parameter & Value & Unit \\
    \hline
    $z$ & $0.031$ &  \\
    $B$ & $0.0316$ & $\mathrm{G}$ \\
    \hline
    \end{tabular}
    """
    rows = [] if redshift is None else [f"$z$ & ${redshift:g}$ &  \\\\"]
    # In the order of the model, whatever order a file kept.
    for one in (one for name, one in MODELS[model_type].items() if name in parameters):
        unit = u.Unit(one.unit).to_string("latex_inline") if one.unit else ""
        rows.append(
            f"${one.latex}$ & ${latex_value(one.value(parameters[one.name]))}$ & {unit} \\\\"
        )
    head = [r"\begin{tabular}{lll}", r"\hline", r"Parameter & Value & Unit \\", r"\hline"]
    return "\n".join([*head, *rows, r"\hline", r"\end{tabular}"])
