"""Files for other programs, read by those programs, each in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.sed import SED, FormatLossWarning, write_gammapy_groups

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FLUX = u.Unit("erg s-1 cm-2")
VALUES = [1e-14, 4e-11, 1e-10, 5e-11, 6e-11]


@pytest.fixture(scope="module")
def sed() -> SED:
    return SED.from_columns(
        nu=[1.4e9, 5e14, 2.4e17, 2.4e23, 2.4e23, 2.4e25] * u.Hz,
        nufnu=[*VALUES, 2e-11] * FLUX,
        nufnu_err=[3e-16, 4e-13, 5e-12, 6e-12, 6e-12, np.nan] * FLUX,
        is_upper_limit=[False] * 5 + [True],
        mjd_start=[np.nan, 58001.3, 58001.4, 57990.0, 58090.0, 57900.0],
        mjd_end=[np.nan, 58001.3, 58001.5, 58010.0, 58100.0, 58100.0],
        catalog=["NVSS", "ZTF", "XRT", "LAT", "LAT", "VERITAS"],
        reference=["Condon, 1998", None, None, None, None, "made up"],
        source={"name": "Mrk 421", "redshift": 0.031},
    )


def environment(folder: Path, *requirements: str) -> Path:
    """Make a virtual environment with some packages, and return its Python."""
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *requirements],
    ):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            pytest.skip(f"no environment with {requirements}: {result.stderr.strip()[-200:]}")
    return python


def answer(python: Path, code: str, path: Path) -> dict[str, list]:
    """Run code that prints JSON as its last line."""
    command = [str(python), "-W", "ignore", "-c", code, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout.strip().splitlines()[-1])


def write(sed: SED, path: Path, name: str) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatLossWarning)
        sed.write(path, format=name)
    return path


def test_gammapy_and_agnpy(sed, tmp_path):
    # Current gammapy does not start with the newest regions.
    python = environment(tmp_path / "env", "agnpy", "gammapy", "regions<0.11")
    read = (
        "import sys, json, numpy as np\n"
        "from gammapy.estimators import FluxPoints\n"
        "from gammapy.datasets import FluxPointsDataset\n"
        "p = FluxPoints.read(sys.argv[1], sed_type='e2dnde', format='gadf-sed')\n"
        "FluxPointsDataset(data=p, name='x')\n"
        "q = lambda m: m.quantity.to_value('erg cm-2 s-1').ravel().tolist()\n"
        "print(json.dumps({'flux': q(p.e2dnde), 'limit': q(p.e2dnde_ul),"
        " 'flags': p.is_ul.data.ravel().tolist()}))"
    )
    for path in (tmp_path / "points.ecsv", tmp_path / "points.fits"):
        found = answer(python, read, write(sed[[0, 1, 2, 3, 5]], path, "gammapy"))
        np.testing.assert_allclose(found["flux"], [*VALUES[:4], np.nan])
        np.testing.assert_allclose(found["limit"], [np.nan] * 4 + [2e-11])
        assert found["flags"] == [False] * 4 + [True]
    flux = []
    for path in write_gammapy_groups(sed, tmp_path / "groups"):
        flux += answer(python, read, path)["flux"]
    np.testing.assert_allclose(flux, [*VALUES, np.nan])
    load = (
        "import sys, json, astropy.units as u\n"
        "from agnpy.fit.data import load_gammapy_flux_points\n"
        "d = load_gammapy_flux_points(sys.argv[1], 1e-9 * u.eV, 1e15 * u.eV)\n"
        "print(json.dumps({'flux': [v for s in d for v in"
        " s.data.e2dnde.quantity.to_value('erg cm-2 s-1').ravel().tolist()]}))"
    )
    found = answer(python, load, write(sed, tmp_path / "agnpy.ecsv", "agnpy"))
    np.testing.assert_allclose(sorted(found["flux"]), sorted(VALUES))


def test_naima(sed, tmp_path):
    python = environment(tmp_path / "env", "naima")
    read = (
        "import sys, json, naima\n"
        "from astropy.table import Table\n"
        "t = naima.utils.validate_data_table(Table.read(sys.argv[1], format='ascii.ecsv'))\n"
        "print(json.dumps({'flux': t['flux'].to_value('erg cm-2 s-1').tolist(),"
        " 'flags': t['ul'].tolist(), 'cl': t['cl'].tolist()}))"
    )
    found = answer(python, read, write(sed, tmp_path / "naima.ecsv", "naima"))
    np.testing.assert_allclose(sorted(found["flux"]), sorted([*VALUES, 2e-11]))
    assert found["flags"] == [False] * 5 + [True]
    assert set(found["cl"]) == {0.95}


def test_jetset(sed, tmp_path):
    python = environment(tmp_path / "env", "jetset")
    read = (
        "import sys, json\n"
        "from jetset.data_loader import Data, ObsData\n"
        "o = ObsData(data_table=Data.from_file(sys.argv[1]))\n"
        "print(json.dumps({'flux': [float(v) for v in o.data['nuFnu_data']],"
        " 'flags': [bool(v) for v in o.data['UL']], 'z': float(o.z),"
        " 'names': [str(v) for v in o.data['data_set']]}))"
    )
    found = answer(python, read, write(sed, tmp_path / "jetset.ecsv", "jetset"))
    np.testing.assert_allclose(found["flux"], [*VALUES, 2e-11])
    assert found["flags"] == [False] * 5 + [True]
    assert found["names"] == ["NVSS", "ZTF", "XRT", "LAT", "LAT", "VERITAS"]
    assert found["z"] == 0.031
