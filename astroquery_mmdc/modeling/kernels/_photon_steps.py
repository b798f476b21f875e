"""Steps of the iteration by which photons and the particles among them come to agree."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels._mixing import Mixer
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["PhotonSteps"]

Array = NDArray[np.float64]

_FAINT = 0.03
"""Importance below which photons are left out: 1e-6 of the power at the peak."""
_FAR = 1.0
"""Change, in ln n, above which a quick approach is not yet one."""
_NEAR = 0.1
"""Change below which the last steps tell something about the next."""
_QUICK = 0.3
"""Shrinking of the change per step that is good enough for plain steps."""
_GROWS = 1.5
"""Growth of the change that shows that they did not."""


@dataclass(slots=True)
class PhotonSteps:
    """Measures a step n -> g(n) of the photon density, and proposes the next n.

    Parameters
    ----------
    grid : Grid
        Grid of the photons.

    Notes
    -----
    Plain steps are taken as long as they close in quickly. Where photons feed back on themselves,
    by cooling the electrons that made them or by absorbing each other, half steps are, and near to
    the end the last steps are mixed.
    """

    grid: Grid
    _mixer: Mixer = field(default_factory=lambda: Mixer(depth=8))
    _last: float = np.inf
    _careful: bool = False

    def change(self, before: Array, after: Array) -> float:
        """Return the largest change of ln n, weighted with the importance of the photons."""
        if not before.any():
            return np.inf if after.any() else 0.0
        known, weight = self._known(before, after)
        gone = (self._importance(before) > _FAINT) != (self._importance(after) > _FAINT)
        ratio = np.zeros_like(after)
        ratio[known] = np.log(after[known] / before[known])
        worst = float(np.max(weight * np.abs(ratio), initial=0.0))
        return max(worst, float(np.max(weight[gone], initial=0.0) * _FAR))

    def propose(self, before: Array, after: Array) -> Array:
        """Return the photons to try next."""
        change, last = self.change(before, after), self._last
        self._last = change
        slow = change > _QUICK * last
        self._careful = self._careful or (slow and change < _FAR)
        if not np.isfinite(change) or not (slow or self._careful):
            return after
        known, weight = self._known(before, after)
        point = np.log(np.where(known, before, 1.0))
        step = np.log(np.where(known, after, 1.0)) - point
        if change > _NEAR or change > _GROWS * last:
            self._mixer.forget()
        half = change > _NEAR
        mixed = point + 0.5 * step if half else self._mixer.propose(point, step, weight)
        # Photons that just appear, or hardly matter, have nothing to learn from.
        return np.where(known, np.exp(mixed), after)

    def _importance(self, photons: Array) -> Array:
        """Return 1 at the peak of eps^2 n and 0.1 at 1e-4 of it."""
        power = photons * self.grid.eps**2
        return (power / max(float(power.max()), 1e-300)) ** 0.25

    def _known(self, before: Array, after: Array) -> tuple[NDArray[np.bool_], Array]:
        """Return where both densities matter, and how much."""
        weight = self._importance(after)
        known = (self._importance(before) > _FAINT) & (weight > _FAINT)
        return known, np.where(known, weight, 0.0)
