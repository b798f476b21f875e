"""What a careful reader should be told about a fit, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.goodness import Goodness
    from astroquery_mmdc.modeling.fits.results.result import FitResult

__all__ = ["caveats"]

_BAD, _TOO_GOOD = 0.01, 0.99
_FEW = 1000
_FAR = 3.0
"""Pull beyond which a point is named."""


def caveats(result: FitResult) -> tuple[str, ...]:
    """Return what limits the meaning of a result, the gravest first."""
    return (
        *_about_method(result),
        *_about_fit(result),
        *_about_parameters(result),
        *_about_noise(result),
        *result.warnings,
    )


def _about_method(result: FitResult) -> list[str]:
    facts, found = result.fit_facts, []
    if not facts or facts["likelihood"].get("kind") == "mmdc":
        found.append(
            "The likelihood is the service's, which divides squared residuals by sigma instead of "
            "its square: errors, intervals and evidence are no statistical statements."
        )
    if facts and not facts["is_complete"]:
        found.append("The fit was interrupted: this is what was there, not its end.")
    if facts.get("method") == "least-squares":
        found.append(
            "Errors come from the curvature at the optimum: they are Gaussian and know nothing of "
            'other solutions; method="nested" explores them.'
        )
    size = result.statistics.get("n_effective")
    if size is not None and size < _FEW:
        found.append(
            f"The posterior is worth {size:.0f} independent samples: enough for 68 % intervals, "
            "few for 95 %."
        )
    return found


def _about_fit(result: FitResult) -> list[str]:
    good = result.goodness
    if good is None:
        return []
    found = _about_chance(good)
    if good.limits_exceeded:
        found.append(
            f"The best fit exceeds {good.limits_exceeded} of {good.n_limits} upper limits."
        )
    if good.dof <= 0:
        found.append(
            f"{good.n_free} parameters are free for {good.n_detections} detections: the priors "
            "decide as much as the data."
        )
    return found + _about_points(result)


def _about_chance(good: Goodness) -> list[str]:
    if good.p_value < _BAD:
        return [
            f"The model does not describe the points within their errors (posterior predictive "
            f"p = {good.p_value:.2g}): intervals are too narrow, whatever their method."
        ]
    if good.p_value > _TOO_GOOD:
        return [
            f"The points lie closer to the model than their errors allow (posterior predictive "
            f"p = {good.p_value:.3f}): errors or the systematic error are too large."
        ]
    return []


def _about_points(result: FitResult) -> list[str]:
    data = result.data
    if data is None or "pull" not in data.colnames:
        return []
    far = np.flatnonzero(~data["is_upper_limit"] & (np.abs(data["pull"]) > _FAR))
    if not len(far):
        return []
    names = sorted({str(data["catalog"][row]) or "no catalogue" for row in far})
    return [
        f"{len(far)} of {len(data)} points {'is' if len(far) == 1 else 'are'} more than "
        f"{_FAR:g} sigma away from the best fit "
        f"({', '.join(names)})."
    ]


def _about_parameters(result: FitResult) -> list[str]:
    found = []
    table = result.parameters
    ends = [str(name) for name in table["name"][table["at_bound"]]] if len(table) else []
    if ends:
        found.append(f"The best value is an end of the prior: {', '.join(ends)}.")
    words = result.intervals()
    for word, text in (
        ("unconstrained", "The data say no more than the prior on {}."),
        ("upper limit", "Only an upper limit is known of {}; it depends on the prior."),
        ("lower limit", "Only a lower limit is known of {}; it depends on the prior."),
    ):
        names = [str(row["name"]) for row in words if row["constraint"] == word]
        if names:
            found.append(text.format(", ".join(names)))
    return found


def _about_noise(result: FitResult) -> list[str]:
    likelihood = result.fit_facts.get("likelihood", {})
    value = likelihood.get("systematic")
    if likelihood.get("kind") == "mmdc" or value is None:
        return []
    if value == "free":
        row = next(row for row in result.parameters if row["name"] == "systematic")
        return [
            f"The systematic error is fitted ({100 * float(row['value']):.0f} % at the best fit), "
            "so that chi square is near its expectation by construction."
        ]
    return [f"{100 * value:g} % of systematic error is added to points without one of their own."]
