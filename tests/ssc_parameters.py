"""Parameters of a plain SSC model; imports nothing, for scripts in other environments."""

from __future__ import annotations

SSC = {
    "log_B": -1.5,
    "log_electron_luminosity": 44.0,
    "log_gamma_cut": 5.0,
    "log_gamma_min": 2.0,
    "log_radius": 16.0,
    "lorentz_factor": 20.0,
    "spectral_index": 2.2,
}
