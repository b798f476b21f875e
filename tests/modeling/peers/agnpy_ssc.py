"""SSC of agnpy for one case, in agnpy's own environment: case and size of its seed grid in."""

from __future__ import annotations

import json
import sys
import warnings


def main(case: dict[str, float], count: int) -> dict[str, list[float]]:
    """Return observed nu F_nu of SSC at some frequencies."""
    # Only in its own environment: test runners import this file, too.
    import astropy.units as u
    import numpy as np
    from agnpy.compton import SynchrotronSelfCompton, synchrotron_self_compton
    from agnpy.spectra import BrokenPowerLaw

    synchrotron_self_compton.nu_to_integrate = np.logspace(5, 30, count) * u.Hz
    electrons = BrokenPowerLaw(
        case["K"] * u.cm**-3, case["p1"], case["p2"], case["gb"], case["gmin"], case["gmax"]
    )
    nu = np.logspace(20, 26, 13) * u.Hz
    flux = SynchrotronSelfCompton.evaluate_sed_flux(
        nu,
        case["z"],
        case["d_L_cm"] * u.cm,
        case["delta"],
        case["B"] * u.G,
        case["R"] * u.cm,
        electrons,
        *electrons.parameters,
        ssa=True,
        gamma=np.geomspace(case["gmin"], case["gmax"], 600),
    )
    return {"nu": nu.value.tolist(), "ssc": flux.to_value("erg / (cm2 s)").tolist()}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]), int(sys.argv[2]))))
