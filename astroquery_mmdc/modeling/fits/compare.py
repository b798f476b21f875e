"""Which of two fits the data prefer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from astroquery_mmdc.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.results.result import FitResult

__all__ = ["ModelComparison", "compare"]

# Kass & Raftery 1995, JASA 90, 773: 2 ln K and what it is worth.
_WORDS = (
    (2.0, "not worth more than a bare mention"),
    (6.0, "positive evidence"),
    (10.0, "strong evidence"),
    (math.inf, "very strong evidence"),
)


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """The comparison of a first fit with a second one of the same data.

    Parameters
    ----------
    first, second : str
        Their models.
    delta_log_evidence : float or None
        ln Z of the first less that of the second; None where one of them has none.
    delta_log_evidence_err : float or None
        Its error.
    delta_log_likelihood : float
        At the best fits, first less second.
    delta_aic, delta_bic : float
        Of the information criteria, first less second: negative speaks for the first.
    verdict : str
        In words (Kass & Raftery 1995, JASA 90, 773).
    """

    first: str
    second: str
    delta_log_evidence: float | None
    delta_log_evidence_err: float | None
    delta_log_likelihood: float
    delta_aic: float
    delta_bic: float
    verdict: str

    @property
    def bayes_factor(self) -> float | None:
        """Z of the first over that of the second; None without evidences."""
        if self.delta_log_evidence is None:
            return None
        # Beyond e^700 a float has no number for it.
        return math.exp(min(max(self.delta_log_evidence, -700.0), 700.0))

    def __str__(self) -> str:
        return self.verdict


def compare(first: FitResult, second: FitResult) -> ModelComparison:
    """Compare two fits of the same points with the same likelihood."""
    _check_same(first, second)
    names = _names(first.model_type, second.model_type)
    delta = error = None
    if first.log_evidence is not None and second.log_evidence is not None:
        delta = first.log_evidence - second.log_evidence
        error = math.hypot(first.log_evidence_err or 0.0, second.log_evidence_err or 0.0)
    ours, theirs = first.statistics, second.statistics
    aic = ours["AIC"] - theirs["AIC"]
    return ModelComparison(
        first=names[0],
        second=names[1],
        delta_log_evidence=delta,
        delta_log_evidence_err=error,
        delta_log_likelihood=ours["best_loglike"] - theirs["best_loglike"],
        delta_aic=aic,
        delta_bic=ours["BIC"] - theirs["BIC"],
        verdict=_verdict(*names, delta, error, aic),
    )


def _names(first: str, second: str) -> tuple[str, str]:
    return (f"the first {first}", f"the second {second}") if first == second else (first, second)


def _check_same(first: FitResult, second: FitResult) -> None:
    for one in (first, second):
        if not one.fit_facts:
            msg = (
                "other: a fit of the service has a likelihood that is none (its residuals are "
                "divided by sigma, not by its square), so its evidence cannot be compared; "
                "fit the points here"
            )
            raise InvalidRequestError(msg, parameter="other")
    for what, key in (("points", "data_sha256"), ("likelihoods", "likelihood")):
        if first.fit_facts[key] != second.fit_facts[key]:
            msg = (
                f"other: the two fits have different {what} ({first.fit_facts[key]} and "
                f"{second.fit_facts[key]}); only fits of the same data compare"
            )
            raise InvalidRequestError(msg, parameter="other")


def _verdict(first: str, second: str, delta: float | None, error: float | None, aic: float) -> str:
    if delta is None:
        winner, loser = (first, second) if aic <= 0 else (second, first)
        return (
            f"by AIC, {abs(aic):.1f} in favour of {winner} over {loser}; for the evidence fit both "
            'with method="nested"'
        )
    winner, loser = (first, second) if delta >= 0 else (second, first)
    size = f"ln K = {abs(delta):.2f} ± {error:.2f}"
    if error is not None and abs(delta) < 2.0 * error:
        return f"{first} and {second} are equally likely within the errors ({size})"
    word = next(word for end, word in _WORDS if 2.0 * abs(delta) <= end)
    return f"{word} for {winner} over {loser} ({size})"
