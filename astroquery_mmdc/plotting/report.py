"""A fit as a PDF of few pages; needs no LaTeX."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from astroquery_mmdc._files import path_ending, write_atomic
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.plotting.corner import plot_corner
from astroquery_mmdc.plotting.fit import plot_fit
from astroquery_mmdc.plotting.report_pages import (
    Cell,
    catalog_rows,
    derived_rows,
    draw_table,
    model_name,
    parameter_rows,
    write_lines,
)
from astroquery_mmdc.plotting.style import new_figure, one_at_a_time

__all__ = ["report_pdf", "write_report"]

_PAGE = (11.69, 8.27)
"""A4, on its long side [inch]."""
_LEFT, _RIGHT, _TOP = 0.05, 0.96, 0.93
_LINES = 34
"""Lines of a table on a page."""


def write_report(
    result: FitResult,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    overwrite: bool = True,
) -> Path:
    """Write the report of a fit.

    Parameters
    ----------
    result : FitResult
        Of a fit made here or by the service.
    path : path
        Ends with .pdf; the file is there whole or not at all.
    title : str, optional
        By default the model and the redshift; best the name of the source.
    overwrite : bool, optional
        Whether a file that is already there may be replaced.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    InvalidRequestError
        The path has another ending, or the file exists and must not be replaced.

    Notes
    -----
    Its pages: the points with the best model, bands and residuals; parameters and derived
    quantities; the corner plot, if there is a posterior; the data that were used, caveats, and
    where everything comes from.
    """
    target = path_ending(path, (".pdf",))
    return write_atomic(target, report_pdf(result, title=title), overwrite=overwrite)


@one_at_a_time
def report_pdf(result: FitResult, *, title: str | None = None) -> bytes:
    """Return the report of a fit as the bytes of a PDF; see `write_report`."""
    from matplotlib.backends.backend_pdf import PdfPages

    content = io.BytesIO()
    name = title or _title(result)
    facts = {"Title": f"Fit: {name}", "Creator": "astroquery_mmdc", "Producer": "matplotlib"}
    # Without a date the same fit gives the same file; the date of the fit is on the last page.
    with PdfPages(content, metadata={**facts, "CreationDate": None}) as pdf:
        pages = list(_pages(result, name))
        for number, page in enumerate(pages, start=1):
            page.text(_RIGHT, 0.02, f"{number} / {len(pages)}", fontsize=7, ha="right")
            page.text(_LEFT, 0.02, "astroquery_mmdc", fontsize=7, color="0.4")
            pdf.savefig(page)
    return content.getvalue()


def _title(result: FitResult) -> str:
    redshift = "" if result.redshift is None else f", z = {result.redshift:g}"
    return f"{result.model_type}{redshift}"


def _pages(result: FitResult, title: str) -> Iterator[Any]:
    yield _first_page(result, title)
    yield from _table_pages(result)
    if _has_corner(result):
        yield _corner_page(result)
    yield _last_page(result)


def _page() -> Any:
    return new_figure(*_PAGE, layout=None)


# ---------------------------------------------------------------- the pages


def _first_page(result: FitResult, title: str) -> Any:
    figure = new_figure(*_PAGE)
    figure.get_layout_engine().set(w_pad=0.25)
    head, body, _ = figure.subfigures(3, 1, height_ratios=(0.13, 0.84, 0.03))
    head.text(_LEFT, 0.62, title.replace("$", r"\$"), fontsize=17, fontweight="bold")
    head.text(_LEFT, 0.3, "   ·   ".join(_figures(result)), fontsize=9.5)
    if result.best is None or result.data is None:
        body.text(_LEFT, 0.9, "The result has no spectrum or no points to draw.", fontsize=10)
    else:
        plot_fit(result, figure=body)
    return figure


def _figures(result: FitResult) -> list[str]:
    """Return the figures that sum up a fit."""
    redshift = "" if result.redshift is None else f" at z = {result.redshift:g}"
    found = [model_name(result) + redshift]
    good = result.goodness
    if good is not None:
        found.append(rf"$\chi^2$ / dof = {good.chi_square:.1f} / {good.dof}")
        found.append(f"posterior predictive p = {good.p_value:.2g}")
    if result.log_evidence is not None:
        error = result.log_evidence_err or 0.0
        found.append(rf"$\ln Z$ = {result.log_evidence:.2f} ± {error:.2f}")
    return found


def _table_pages(result: FitResult) -> Iterator[Any]:
    parameters, derived = parameter_rows(result), derived_rows(result)
    places = (_LEFT, 0.21, 0.30, 0.47, 0.62, 0.83, _RIGHT)
    page, count = _page(), len(parameters) + len(derived)
    # A model with very many parameters leaves no room for the second table.
    is_one_page = count <= _LINES
    line = min(0.0265, 0.83 / (count + 3)) if is_one_page else 0.0265
    level = draw_table(page, parameters, places, top=_TOP, title="Parameters", line=line)
    if derived:
        if not is_one_page:
            yield page
            page, level = _page(), _TOP + 0.03
        _draw_derived(page, derived, level - 0.03, line)
    yield page


def _draw_derived(page: Any, rows: Sequence[Sequence[Cell]], top: float, line: float) -> None:
    places = (_LEFT, 0.21, 0.42, 0.56, _RIGHT)
    end = draw_table(page, rows, places, top=top, title="Derived quantities", line=line)
    note = "Powers of the jet: π R² Γ² β c U, without cold protons. Peaks are those before the EBL."
    page.text(_LEFT, end - 0.005, note, fontsize=7, color="0.3", va="top")


def _has_corner(result: FitResult) -> bool:
    posterior = result.posterior
    return posterior is not None and any(name != "log_likelihood" for name in posterior.colnames)


def _corner_page(result: FitResult) -> Any:
    figure = plot_corner(result, figure=_page())
    # A square on the long page; the column beside it explains.
    side = 0.82 * _PAGE[1] / _PAGE[0]
    figure.subplots_adjust(left=0.09, right=0.09 + side, bottom=0.11, top=0.93)
    count = len(result.posterior or ())
    lines = [
        "Contours: 39.3 % and 86.5 % of the probability (1 and 2 sigma in two dimensions).",
        "Dashed: median and 68 % interval, as above each column.",
        "Orange: best fit, which need not be the middle of the posterior.",
        f"{count} equally weighted samples.",
    ]
    worth = int(result.statistics.get("n_effective") or count)
    if worth < count:
        lines.append(f"They are worth about {worth} independent ones.")
    write_lines(figure, lines, left=0.70, top=_TOP, width=50, title="Posterior")
    return figure


def _last_page(result: FitResult) -> Any:
    page = _page()
    rows = catalog_rows(result)
    level = _TOP
    if rows:
        shown, rest = rows[:22], rows[22:]
        places = (_LEFT, 0.17, 0.215, 0.26, 0.40, 0.44, 0.49)
        level = draw_table(page, shown, places, top=_TOP, title="Data", line=0.024)
        if rest:
            page.text(_LEFT, level, f"and {len(rest)} catalogues more", fontsize=8, va="top")
    write_lines(
        page,
        result.caveats or ["None that the package knows of."],
        left=0.53,
        top=_TOP,
        width=88,
        title="Caveats",
    )
    lines = list(_provenance(result))
    top = min(level - 0.03, 0.42)
    write_lines(page, lines, left=_LEFT, top=top, width=82, title="Provenance", bullet="")
    return page


def _provenance(result: FitResult) -> Iterator[str]:
    facts = result.fit_facts
    if not facts:
        origin = result.meta.get("mmdc", {})
        job = f"job {origin['job_id']}" if "job_id" in origin else "job unknown"
        yield f"Fitted by the service {origin.get('service', '')} ({job})."
        yield "Cite Sahakyan et al. 2024, AJ 168, 289."
        return
    yield f"Method: {facts['method']}, seed {facts['seed']}, {facts['evaluations']} models."
    yield "Seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in facts["timings"].items() if v)
    chosen = ", ".join(f"{k} {v}" for k, v in facts["likelihood"].items() if v not in (None, {}))
    yield f"Likelihood: {chosen}."
    yield f"Model: {facts['model']}"
    yield f"Data: {len(result.data or ())} points, SHA-256 {facts['data_sha256'][:16]}…"
    yield "Versions: " + ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
    yield f"Made {facts['created']}."
