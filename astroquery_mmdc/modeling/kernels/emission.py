"""What a solved model hands to the observer's frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["Emission"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Emission:
    """Particles and escaping radiation of one homogeneous source, in its own frame, in cgs units.

    Parameters
    ----------
    grid : Grid
        Where the arrays are sampled.
    electrons : ndarray
        All electrons and positrons, N(gamma) [cm^-3] on ``grid.gamma``.
    components : dict of str to ndarray
        Escaping nu' L'_nu' [erg/s] on ``grid.eps`` by process: ``"synchrotron"``, ``"ssc"``,
        ``"ec_disk"``, ``"ec_blr"``, ``"ec_torus"``, ``"ec_cmb"``, ``"proton_synchrotron"``,
        ``"pion_decay"``, ``"bethe_heitler"``, ``"photopion"``, ``"gamma_gamma"``.
    photons : ndarray
        Photon density inside, n(eps) [cm^-3], of all internal components together.
    pairs : ndarray or None
        The part of `electrons` that photon-photon pairs and other secondaries make up.
    protons : ndarray or None
        N(gamma_p) [cm^-3] on ``grid.gamma``.
    neutrinos : dict of str to ndarray
        E' L'_E' [erg/s] by flavour at the source, on `neutrino_energy`.
    neutrino_energy : ndarray or None
        Energies of neutrinos [erg].
    thermal : dict of str to ndarray
        nu L_nu [erg/s] of unbeamed components in the frame of the host, on `thermal_nu`.
    thermal_nu : ndarray or None
        Frequencies [Hz] in the frame of the host.
    u_b, u_e, u_p : float
        Energy densities [erg/cm^3] of magnetic field, electrons and protons.
    powers : dict of str to float
        Powers [erg/s] in the frame of the source: ``"injected"`` and ``"pairs"`` (gained),
        ``"escaped"`` and ``"cooled"`` (particles that leave and that came to rest),
        ``"radiated"`` (photons that leave) and ``"absorbed"`` (photons that do not). In a steady
        state the first two make up the other four.
    iterations : int
        Steps until the radiation and its particles agreed.
    residual : float
        Last relative change of the cooling rates.
    """

    grid: Grid
    electrons: Array
    components: dict[str, Array]
    photons: Array
    pairs: Array | None = None
    protons: Array | None = None
    neutrinos: dict[str, Array] = field(default_factory=dict)
    neutrino_energy: Array | None = None
    thermal: dict[str, Array] = field(default_factory=dict)
    thermal_nu: Array | None = None
    u_b: float = 0.0
    u_e: float = 0.0
    u_p: float = 0.0
    powers: dict[str, float] = field(default_factory=dict)
    iterations: int = 0
    residual: float = 0.0

    @property
    def total(self) -> Array:
        """The sum of `components`: nu' L'_nu' [erg/s] on ``grid.eps``."""
        return np.asarray(np.sum(list(self.components.values()), axis=0))
