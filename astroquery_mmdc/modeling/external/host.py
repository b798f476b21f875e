"""The host of a jet: its disk, broad line region and torus, and where the blob is among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite, sqrt
from typing import Literal, get_args

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.external.disk import Disk
from astroquery_mmdc.modeling.external.geometry import Seeds, disk_seeds, ring_seeds, shell_seeds
from astroquery_mmdc.modeling.external.thermal import THERMAL_NU, black_body_cgs, disk_cgs, line_cgs
from astroquery_mmdc.modeling.kernels.constants import H_PLANCK, ME_C2
from astroquery_mmdc.modeling.kernels.planck import theta_of_peak

__all__ = ["NU_BLR", "NU_TORUS", "Geometry", "Host"]

#: Frequency of broad lines [Hz], Lyman alpha, that the service computes with whatever it is told.
NU_BLR = 2.47e15
#: Frequency [Hz] where nu F_nu of the torus peaks, likewise.
NU_TORUS = 3.0e13

Geometry = Literal["simple", "finke"]


@dataclass(frozen=True, slots=True)
class Host:
    """What surrounds the blob.

    Lengths are in cm. What the service does not document is provisional: the geometry, the covering
    factors, the radii of the disk, and the distance.

    Parameters
    ----------
    disk_luminosity : float
        L_d [erg/s].
    black_hole_mass : float
        In solar masses.
    nu_blr, nu_torus : float
        Frequency [Hz] of the broad line, and where nu F_nu of the torus peaks. Like the service,
        ignored unless `use_frequencies`.
    use_frequencies : bool
        Whether the two are used.
    geometry : {"simple", "finke"}
        ``"simple"``: broad line region and torus have the energy density (17/12) Gamma^2 L / (4 pi
        R^2 c) of Ghisellini & Tavecchio 2009 inside R and that of a shell outside, and every field
        is taken as isotropic in the blob. ``"finke"``: the directions of the photons of a shell, a
        ring and a disk (Finke 2016), and scattering into the line of sight.
    distance : float or None
        Of the blob from the black hole; None is half of the radius of the broad line region.
    blr_radius, torus_radius : float or None
        None is 1e17 and 2.5e18 cm times the root of L_d / 1e45 erg/s.
    xi_blr, xi_torus : float
        Parts of L_d that broad line region and torus re-emit: 0.1 and 0.5, the usual choices of the
        canonical model of Ghisellini & Tavecchio 2009.
    eta : float or None
        Efficiency of the disk (see `Disk`).
    disk_inner, disk_outer : float or None
        Radii of the disk; None is 3 and 500 Schwarzschild radii.
    disk_pattern : {"isotropic", "lambert"}
        Whether an annulus shines alike into all directions (Dermer & Schlickeiser 1993; Finke 2016)
        or as an opaque surface, which doubles the field on the axis.
    torus_spectrum : {"blackbody", "line"}
        A black body, or a line at its mean photon energy as in Finke 2016.
    cmb : bool
        Whether the microwave background is scattered, too.
    absorption : bool
        Whether gamma rays are absorbed by these fields on their way out. Off, as in the service as
        far as is known. Their pairs are not followed.
    """

    disk_luminosity: float
    black_hole_mass: float
    nu_blr: float = NU_BLR
    nu_torus: float = NU_TORUS
    use_frequencies: bool = False
    geometry: Geometry = "simple"
    distance: float | None = None
    blr_radius: float | None = None
    torus_radius: float | None = None
    xi_blr: float = 0.1
    xi_torus: float = 0.5
    eta: float | None = None
    disk_inner: float | None = None
    disk_outer: float | None = None
    disk_pattern: Literal["isotropic", "lambert"] = "isotropic"
    torus_spectrum: Literal["blackbody", "line"] = "blackbody"
    cmb: bool = False
    absorption: bool = False

    def __post_init__(self) -> None:
        _choose("geometry", self.geometry, get_args(Geometry))
        _choose("disk_pattern", self.disk_pattern, ("isotropic", "lambert"))
        _choose("torus_spectrum", self.torus_spectrum, ("blackbody", "line"))
        for name in ("disk_luminosity", "black_hole_mass", "nu_blr", "nu_torus"):
            _above_zero(name, getattr(self, name))
        for name in ("distance", "blr_radius", "torus_radius", "eta", "disk_inner", "disk_outer"):
            if getattr(self, name) is not None:
                _above_zero(name, getattr(self, name))
        for name in ("xi_blr", "xi_torus"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                text = f"{name}: {getattr(self, name)} is no part of the disk's light, 0 to 1"
                raise InvalidRequestError(text, parameter=name)

    @property
    def r_blr(self) -> float:
        """Radius of the broad line region [cm]."""
        return self.blr_radius or 1e17 * sqrt(self.disk_luminosity / 1e45)

    @property
    def r_torus(self) -> float:
        """Radius of the torus [cm]."""
        return self.torus_radius or 2.5e18 * sqrt(self.disk_luminosity / 1e45)

    @property
    def r(self) -> float:
        """Distance of the blob from the black hole [cm]."""
        return self.distance or 0.5 * self.r_blr

    @property
    def disk(self) -> Disk:
        """The disk."""
        return Disk.standard(
            self.disk_luminosity,
            self.black_hole_mass,
            self.disk_inner,
            self.disk_outer,
            self.eta,
        )

    @property
    def line(self) -> float:
        """Photon energy of the broad line [m_e c^2]."""
        return H_PLANCK / ME_C2 * (self.nu_blr if self.use_frequencies else NU_BLR)

    @property
    def torus_theta(self) -> float:
        """Temperature kT of the torus [m_e c^2]."""
        return theta_of_peak(self.nu_torus if self.use_frequencies else NU_TORUS)

    def seeds_at(self) -> dict[str, tuple[Callable[[float], Seeds], float]]:
        """Return the fields of disk, broad line region and torus as functions of distance [cm].

        Returns
        -------
        dict
            Name to the function and the size [cm] of the source.
        """
        disk, light = self.disk, self.disk_luminosity
        lambert = self.disk_pattern == "lambert"
        found: dict[str, tuple[Callable[[float], Seeds], float]] = {
            "disk": (lambda r: disk_seeds(disk, r, lambert=lambert), disk.inner)
        }
        if self.xi_blr > 0.0:
            shell = partial(shell_seeds, self.xi_blr * light, self.r_blr)
            found["blr"] = (lambda r: shell(r, self.line), self.r_blr)
        if self.xi_torus > 0.0:
            ring = partial(ring_seeds, self.xi_torus * light, self.r_torus)
            thermal, energy = self.torus_photons
            found["torus"] = (lambda r: ring(r, energy, thermal=thermal), self.r_torus)
        return found

    @property
    def torus_photons(self) -> tuple[bool, float]:
        """Whether the torus is a black body, and its kT or photon energy [m_e c^2]."""
        if self.torus_spectrum == "blackbody":
            return True, self.torus_theta
        return False, 2.7 * self.torus_theta  # 2.7 and not 2.701 as in the literature

    def thermal(self) -> dict[str, np.ndarray]:
        """Return nu L_nu [erg/s] of disk, broad line and torus on `thermal.THERMAL_NU`."""
        light = self.disk_luminosity
        return {
            "disk": disk_cgs(THERMAL_NU, self.disk),
            "blr": line_cgs(THERMAL_NU, self.xi_blr * light, self.line * ME_C2 / H_PLANCK),
            "torus": black_body_cgs(THERMAL_NU, self.xi_torus * light, self.torus_theta),
        }


def _choose(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        text = f"{name}: {value!r} is unknown; use one of {', '.join(map(repr, allowed))}"
        raise InvalidRequestError(text, parameter=name)


def _above_zero(name: str, value: float) -> None:
    if not (isfinite(value) and value > 0.0):
        text = f"{name}: {value} is not above 0"
        raise InvalidRequestError(text, parameter=name)
