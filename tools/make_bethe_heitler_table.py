"""Write the table of Bethe-Heitler pair spectra that `astroquery_mmdc.modeling` ships.

    python tools/make_bethe_heitler_table.py [astroquery_mmdc/modeling/data/bethe_heitler.npz]

The table holds 4 H(kappa, y) / kappa^2 in units of alpha r_e^2 c, with kappa = 2 gamma_p epsilon,
y = gamma_e / gamma_p and H the two inner integrals of equation 62 of Kelner & Aharonian (2008)
over the differential cross-section of Blumenthal (1970), equation 10.  The factor 4 = 2 x 2 counts
electrons and positrons and takes the 1/(2 gamma_p^3 epsilon^2) of the equation to 1/kappa^2.
"""

from __future__ import annotations

import sys
from math import log, sqrt
from pathlib import Path

import numpy as np
from numba import njit

KAPPA_PER_DECADE = 20
Y_PER_DECADE = 40
KAPPA_MAX = 1e6
TARGET = Path(__file__).parents[1] / "astroquery_mmdc" / "modeling" / "data" / "bethe_heitler.npz"

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
_FEW_NODES, _FEW_WEIGHTS = np.polynomial.legendre.leggauss(6)


@njit
def cross_section(omega: float, energy: float, y: float) -> float:
    """d^2 sigma / (dE_- d cos theta_-) / (alpha r_e^2), where E_- - p_- cos theta_- = y.

    sin^2, T^2 and T - p_+ are written with y so that nothing cancels at large energies.
    """
    positron = omega - energy
    p2 = energy * energy - 1.0
    q2 = positron * positron - 1.0
    if p2 <= 0.0 or q2 <= 0.0:
        return 0.0
    p, q = sqrt(p2), sqrt(q2)
    sin2 = (2.0 * energy * y - y * y - 1.0) / p2
    if sin2 < 0.0:
        return 0.0
    t2 = q2 + 2.0 * omega * y
    t = sqrt(t2)
    big_y = 2.0 / p2 * log((positron * energy + q * p + 1.0) / omega)
    small_y = log((positron + q) ** 2) / q
    delta_t = log((t + q) ** 2 / (2.0 * omega * y))
    difference = p2 - omega * omega
    first = (
        -4.0 * sin2 * (2.0 * energy * energy + 1.0) / (p2 * y**4)
        + (5.0 * energy * energy - 2.0 * positron * energy + 3.0) / (p2 * y * y)
        + difference / (t2 * y * y)
        + 2.0 * positron / (p2 * y)
    )
    polynomial = (
        2.0 * energy * energy * (energy * energy + positron * positron)
        - 7.0 * energy * energy
        - 3.0 * positron * energy
        - positron * positron
        + 1.0
    )
    second = (
        2.0 * energy * sin2 * (3.0 * omega + p2 * positron) / y**4
        + polynomial / (y * y)
        + omega * (energy * energy - energy * positron - 1.0) / y
    )
    third = 2.0 / (y * y) - 3.0 * omega / y - omega * difference / (t2 * y)
    total = first + big_y / (p * q) * second - delta_t / (q * t) * third - 2.0 * small_y / y
    return p * q / (2.0 * omega**3) * total


@njit
def over_energies(omega: float, y: float, nodes: np.ndarray, weights: np.ndarray) -> float:
    """Integral of the cross-section dE_- / p_- at fixed y; sin^2 puts nodes at both ends."""
    low = (1.0 + y * y) / (2.0 * y)
    span = log((omega - 1.0) / low)
    total = 0.0
    for i in range(nodes.size):
        angle = 0.25 * np.pi * (nodes[i] + 1.0)
        energy = low * np.exp(span * np.sin(angle) ** 2)
        jacobian = span * energy * np.sin(2.0 * angle) * 0.25 * np.pi
        if energy > 1.0:
            value = cross_section(omega, energy, y) / sqrt(energy * energy - 1.0)
            total += weights[i] * jacobian * value
    return max(total, 0.0)


@njit
def table(
    kappas: np.ndarray,
    ys: np.ndarray,
    nodes: np.ndarray,
    weights: np.ndarray,
    few_nodes: np.ndarray,
    few_weights: np.ndarray,
) -> np.ndarray:
    """4 H(kappa, y) / kappa^2: the integral over omega grows from one kappa to the next."""
    out = np.zeros((kappas.size, ys.size))
    for j, y in enumerate(ys):
        threshold = (1.0 + y) ** 2 / (2.0 * y)
        grown = 0.0
        for i in range(kappas.size):
            low = threshold if i == 0 else max(threshold, kappas[i - 1])
            if kappas[i] > low:
                span = log(kappas[i] / low)
                for k in range(few_nodes.size):
                    omega = low * np.exp(0.5 * span * (few_nodes[k] + 1.0))
                    inner = over_energies(omega, y, nodes, weights)
                    grown += 0.5 * span * few_weights[k] * omega * omega * inner
            out[i, j] = 4.0 * grown / kappas[i] ** 2
    return out


def main() -> None:
    """Compute the table and write it."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    decades = np.log10(KAPPA_MAX / 2.0)
    log_kappa = np.log10(2.0) + np.arange(int(decades * KAPPA_PER_DECADE) + 1) / KAPPA_PER_DECADE
    half = int((log_kappa[-1] + 0.5) * Y_PER_DECADE)
    log_y = np.arange(-half, half + 1) / Y_PER_DECADE
    values = table(10**log_kappa, 10**log_y, _NODES, _WEIGHTS, _FEW_NODES, _FEW_WEIGHTS)
    np.savez_compressed(
        target,
        log_kappa=log_kappa.astype(np.float64),
        log_y=log_y.astype(np.float64),
        spectrum=values.astype(np.float32),
    )


if __name__ == "__main__":
    main()
