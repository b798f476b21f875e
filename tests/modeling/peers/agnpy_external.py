"""Print agnpy's external Compton spectra and opacities as JSON; run by agnpy's own interpreter.

Usage: ``python agnpy_external.py < request.json``, the request being the parameters of
`test_agnpy_external.CASE`. Grids are finer than agnpy's defaults, and frequencies are done one by
one, because agnpy's arrays over all dimensions would not fit into memory.
"""

from __future__ import annotations

import json
import sys
import warnings

import astropy.units as u
import numpy as np

# Imports of agnpy stand in the functions: test runners import this file, too.

CM, ERG, S = u.cm, u.erg, u.s


def main() -> None:
    warnings.simplefilter("ignore")  # agnpy's own, not ours to judge
    from agnpy.emission_regions import Blob

    case = json.load(sys.stdin)
    blob = Blob(case["radius"] * CM, case["z"])
    distance = blob.d_L.to_value(CM)
    answer = {"d_L": distance, "ec": scattered(case), "tau": opacity(case)}
    json.dump(answer, sys.stdout)


def targets(case: dict) -> dict:
    from agnpy.targets import CMB, RingDustTorus, SphericalShellBLR, SSDisk

    luminosity = case["luminosity"] * ERG / S
    disk = SSDisk(
        case["mass"] * u.g, luminosity, case["eta"], case["inner"] * CM, case["outer"] * CM
    )
    blr = SphericalShellBLR(luminosity, case["xi_blr"], "Lyalpha", case["r_blr"] * CM)
    torus = RingDustTorus(luminosity, case["xi_torus"], case["t_torus"] * u.K, case["r_torus"] * CM)
    return {"disk": disk, "blr": blr, "torus": torus, "cmb": CMB(case["z"])}


def scattered(case: dict) -> dict:
    from agnpy.compton import ExternalCompton
    from agnpy.emission_regions import Blob
    from agnpy.spectra import LogParabola

    e = case["electrons"]
    electrons = LogParabola(
        e["k"] / CM**3, e["p"], e["q"], e["gamma_0"], e["gamma_min"], e["gamma_max"]
    )
    blob = Blob(case["radius"] * CM, case["z"], case["doppler"], case["bulk"], 1 * u.G, electrons)
    out = {}
    for name, target in targets(case).items():
        process = ExternalCompton(blob, target, case["distance"] * CM)
        out[name] = [
            spectrum_at(process, name, blob, nu * u.Hz, case["nodes"][name]) for nu in case["nu"]
        ]
    return out


def spectrum_at(process, name, blob, nu, nodes) -> float:
    gamma = np.logspace(1, 6.2, nodes["gamma"])
    nu = np.atleast_1d(nu)
    common = [nu, blob.z, blob.d_L, blob.delta_D, blob.mu_s, blob.R_b]
    target, phi = process.target, np.linspace(0, 2 * np.pi, nodes["phi"])
    tail = [process.r, blob.n_e, *blob.n_e.parameters]
    if name == "torus":
        own = [target.L_disk, target.xi_dt, target.epsilon_dt, target.R_dt]
        flux = process.evaluate_sed_flux_dt(*common, *own, *tail, gamma=gamma, phi=phi)
    elif name == "blr":
        own = [target.L_disk, target.xi_line, target.epsilon_line, target.R_line]
        mu = np.linspace(-1, 1, nodes["mu"])
        flux = process.evaluate_sed_flux_blr(*common, *own, *tail, gamma=gamma, mu=mu, phi=phi)
    elif name == "disk":
        own = [target.M_BH, target.L_disk, target.eta, target.R_in, target.R_out]
        flux = process.evaluate_sed_flux_ss_disk(
            *common, *own, *tail, gamma=gamma, mu_size=nodes["mu"], phi=phi
        )
    else:
        mu = np.linspace(-1, 1, nodes["mu"])
        flux = process.evaluate_sed_flux_iso_mono(
            *common, target.epsilon_0, target.u_0, *tail[1:], gamma=gamma, mu=mu, phi=phi
        )
    return float(flux.to_value(ERG / CM**2 / S)[0])


def opacity(case: dict) -> dict:
    from agnpy.absorption import Absorption

    out = {}
    for name in ("blr", "torus"):
        absorption = Absorption(targets(case)[name], case["distance"] * CM, z=case["z"])
        absorption.set_l(case["nodes"]["path"])
        absorption.set_mu(case["nodes"]["path_mu"])
        absorption.set_phi(3)  # on the axis azimuth does not matter
        out[name] = [float(absorption.tau(np.atleast_1d(nu) * u.Hz)[0]) for nu in case["nu_tau"]]
    return out


if __name__ == "__main__":
    main()
