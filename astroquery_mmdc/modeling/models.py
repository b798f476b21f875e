"""`SSC`, `EIC` and `Hadronic`: emission models that are computed on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from astroquery_mmdc.modeling.extras import EIC_EXTRAS, HADRONIC_EXTRAS
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.model import Model
from astroquery_mmdc.modeling.parameters import check_model_type

__all__ = ["EIC", "SSC", "Hadronic", "model_class"]


class SSC(Model):
    """Synchrotron self-Compton emission of one sphere in a jet.

    Parameters
    ----------
    **keywords
        As for `~astroquery_mmdc.modeling.model.Model`.

    Notes
    -----
    Electrons Q ~ gamma^-p exp(-gamma / gamma_cut), gamma > gamma_min, of the power L_e / Gamma^2
    in the frame of the source are injected into a sphere, cool by synchrotron and Compton losses
    and escape. Observed is nu F_nu = delta^4 nu' L'_nu' / (4 pi d_L^2).

    Examples
    --------
    >>> from astropy import units as u
    >>> model = SSC(z=0.031, B=0.03 * u.G, L_e=1e44 * u.erg / u.s, gamma_cut=1e5, gamma_min=100,
    ...             R=1e16 * u.cm, delta=20, p=2.2)
    >>> model(1 * u.keV).unit
    Unit("erg / (s cm2)")
    """

    __slots__ = ()
    model_type = "SSC"
    _injected = frozenset(
        {"log_electron_luminosity", "log_gamma_cut", "log_gamma_min", "spectral_index"}
    )

    def _solve(self) -> Emission:
        from astroquery_mmdc.modeling.solvers import solve_ssc

        return solve_ssc(self)


class EIC(Model):
    """The same with photons from outside: disk, broad-line region and torus.

    Besides what every model takes, ``astroquery_mmdc.modeling.extras.EIC_EXTRAS`` lists its
    geometry: ``R_BLR``, ``xi_BLR``, ``distance``, ``geometry="finke"`` and others.

    Parameters
    ----------
    **keywords
        As for `~astroquery_mmdc.modeling.model.Model`.

    Examples
    --------
    >>> from astropy import units as u
    >>> model = EIC(z=0.361, B=0.4 * u.G, L_e=1e45 * u.erg / u.s, gamma_cut=3e3, gamma_min=100,
    ...             R=2e16 * u.cm, delta=25, p=2.2, L_d=6.7e45 * u.erg / u.s, M_BH=5e8 * u.Msun,
    ...             R_BLR=2.6e17 * u.cm)
    >>> sorted(model.spectrum().components)
    ['blr', 'disk', 'ec_blr', 'ec_disk', 'ec_torus', 'ssc', 'synchrotron', 'torus']
    """

    __slots__ = ()
    model_type = "EIC"
    _injected = SSC._injected
    # The service ignores both frequencies and computes with these.
    _defaults: ClassVar[Mapping[str, float]] = {"log_nu_BLR": 15.393, "log_nu_DT": 13.477}
    _extras = EIC_EXTRAS

    def _solve(self) -> Emission:
        from astroquery_mmdc.modeling.solvers import solve_eic

        return solve_eic(self)


class Hadronic(Model):
    """Synchrotron self-Compton emission with protons, their cascades and neutrinos.

    Besides what every model takes: ``gamma_p_min``, the lowest Lorentz factor of the protons, and
    ``proton_escape``, the time after which they leave, in R/c; both are 1.

    Parameters
    ----------
    **keywords
        As for `~astroquery_mmdc.modeling.model.Model`; no given electrons, no evolution.

    Examples
    --------
    >>> from astropy import units as u
    >>> model = Hadronic(z=0.3, B=30 * u.G, L_e=1e43 * u.erg / u.s, gamma_e_cut=1e4,
    ...                  gamma_e_min=60, p_e=2.2, L_p=1e47 * u.erg / u.s, gamma_p_cut=1e9,
    ...                  p_p=2, R=3e15 * u.cm, delta=20)
    >>> model.spectrum().neutrinos.colnames[:2]
    ['energy', 'flux']
    """

    __slots__ = ()
    model_type = "HADRONIC"
    _extras = HADRONIC_EXTRAS
    _refused: ClassVar[Mapping[str, str]] = {
        "electrons": "takes injected electrons; leave the distribution out",
        "evolution": "is a steady state; leave it out",
    }

    def _solve(self) -> Emission:
        from astroquery_mmdc.modeling.solvers import solve_hadronic

        return solve_hadronic(self)


def model_class(model_type: str) -> type[Model]:
    """Return the class of a model by its name in any spelling.

    Examples
    --------
    >>> model_class("hadronic").__name__
    'Hadronic'
    """
    name = check_model_type(model_type)
    return next(one for one in (SSC, EIC, Hadronic) if one.model_type == name)
