"""SSC of naima for one case, in naima's own environment: case and number of seeds in, JSON out."""

from __future__ import annotations

import json
import sys
import warnings


def main(case: dict[str, float], seeds: int) -> dict[str, list[float]]:
    """Return observed nu F_nu of synchrotron emission and SSC at some frequencies."""
    # Only in its own environment: test runners import this file, too.
    import astropy.units as u
    import naima
    import numpy as np
    from astropy.constants import c, m_e

    radius, delta = case["R"] * u.cm, case["delta"]
    rest = (m_e * c**2).to("eV")
    amplitude = (case["K"] * u.cm**-3 / rest * 4 / 3 * np.pi * radius**3).to("1/eV")
    electrons = naima.models.BrokenPowerLaw(
        amplitude, case["gb"] * rest, case["gb"] * rest, case["p1"], case["p2"]
    )
    limits = {"Eemin": case["gmin"] * rest, "Eemax": case["gmax"] * rest, "nEed": 300}
    synchrotron = naima.models.Synchrotron(electrons, B=case["B"] * u.G, **limits)
    energies = np.geomspace(4e-10, 1e7, seeds) * u.eV
    luminosity = synchrotron.flux(energies, distance=0 * u.cm)
    density = (luminosity / (4 * np.pi * radius**2 * c) * 2.24).to("1/(eV cm3)")
    fields = [["SSC", energies, density]]
    scattered = naima.models.InverseCompton(electrons, seed_photon_fields=fields, **limits)
    answer = {}
    for name, model, nu, keywords in (
        ("synchrotron", synchrotron, np.logspace(12, 19, 15), {}),
        ("ssc", scattered, np.logspace(20, 26.5, 14), {"seed": "SSC"}),
    ):
        energy = (nu * u.Hz * (1 + case["z"]) / delta).to("eV", equivalencies=u.spectral())
        sed = (model.flux(energy, distance=0 * u.cm, **keywords) * energy**2).to_value("erg/s")
        answer[f"nu_{name}"] = nu.tolist()
        answer[name] = (sed * delta**4 / (4 * np.pi * case["d_L_cm"] ** 2)).tolist()
    return answer


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]), int(sys.argv[2]))))
