"""Parameters of the face, with units and logarithms, as the solvers take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.modeling.extras import EIC_EXTRAS, HADRONIC_EXTRAS, extras_cgs
from astroquery_mmdc.modeling.kernels.blob import Blob

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.kernels.emission import Emission
    from astroquery_mmdc.modeling.model import Model

__all__ = ["solve_eic", "solve_hadronic", "solve_ssc"]


def solve_ssc(model: Model) -> Emission:
    """Solve an `SSC` model."""
    ssc = _solver("kernels.ssc")
    options, numbers = model.settings.options, model.parameters
    if model.electrons is not None:
        source = _source(numbers)
        del source["lorentz_factor"]
        return ssc.solve_given(model.electrons, options, **source)
    return ssc.solve(_blob(numbers), options)


def solve_eic(model: Model) -> Emission:
    """Solve an `EIC` model."""
    eic = _solver("external.eic")
    settings, numbers = model.settings, model.parameters
    outside = {
        "redshift": model.z,
        "viewing_angle": settings.viewing_angle,
        "disk_luminosity": 10.0 ** numbers["log_Ld"],
        "black_hole_mass": 10.0 ** numbers["log_MBH"],
        "nu_blr": 10.0 ** numbers["log_nu_BLR"],
        "nu_torus": 10.0 ** numbers["log_nu_DT"],
        **extras_cgs(EIC_EXTRAS, settings.extras),
    }
    if model.electrons is not None:
        given = model.electrons
        return eic.solve_given(given, settings.options, **_source(numbers), **outside)
    return eic.solve(_blob(numbers), settings.options, **outside)


def solve_hadronic(model: Model) -> Emission:
    """Solve a `Hadronic` model."""
    hadronic = _solver("hadronic.solver")
    numbers = model.parameters
    return hadronic.solve(
        _blob(numbers),
        model.settings.options,
        proton_luminosity=10.0 ** numbers["log_Lp"],
        proton_gamma_cut=10.0 ** numbers["log_gamma_p_cut"],
        proton_index=numbers["pp"],
        **extras_cgs(HADRONIC_EXTRAS, model.settings.extras),
    )


_ELECTRONS = {
    "luminosity": ("log_electron_luminosity", "log_Le"),
    "gamma_min": ("log_gamma_min", "log_gamma_e_min"),
    "gamma_cut": ("log_gamma_cut", "log_gamma_e_cut"),
}
"""What the injected electrons are called in the leptonic models and in the hadronic one."""


def _blob(numbers: dict[str, float]) -> Blob:
    shape = {
        name: 10.0 ** next(numbers[key] for key in keys if key in numbers)
        for name, keys in _ELECTRONS.items()
    }
    index = numbers["spectral_index"] if "spectral_index" in numbers else numbers["pe"]
    return Blob(**_source(numbers), **shape, index=index)


def _source(numbers: dict[str, float]) -> dict[str, float]:
    return {
        "magnetic_field": 10.0 ** numbers["log_B"],
        "radius": 10.0 ** (numbers["log_radius"] if "log_radius" in numbers else numbers["log_R"]),
        "lorentz_factor": numbers["lorentz_factor"],
    }


def _solver(name: str) -> Any:
    """Import a solver; the kernels need numba, which not everybody has."""
    from importlib import import_module

    try:
        return import_module(f"astroquery_mmdc.modeling.{name}")
    except ModuleNotFoundError as err:
        if err.name is None or err.name.startswith("astroquery_mmdc"):
            raise
        msg = (
            f"models are computed with {err.name}, which is not installed; run "
            "`pip install 'astroquery_mmdc[model]'`, or use where='service'"
        )
        raise MMDCError(msg) from err
