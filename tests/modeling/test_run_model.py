"""Local models through the client, the command line, the local server and the figures."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc import MMDC, MMDCClass, plotting
from astroquery_mmdc.exceptions import InvalidRequestError, ServiceError
from astroquery_mmdc.modeling import EIC, SSC, Hadronic, ModelSpectrum
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.emission_engine import EmissionEngine
from astroquery_mmdc.server.engine import InferenceRequest
from tests.ssc_parameters import SSC as SET

EIC_SET = {**SET, "log_Ld": 45.5, "log_MBH": 8.5, "log_nu_BLR": 15.0, "log_nu_DT": 13.0}
HADRONIC_SET = {
    "log_B": 1.5,
    "log_Le": 43.0,
    "log_gamma_e_min": 1.8,
    "log_gamma_e_cut": 4.0,
    "log_gamma_p_cut": 9.0,
    "log_Lp": 47.0,
    "log_R": 15.5,
    "lorentz_factor": 20.0,
    "pe": 2.2,
    "pp": 2.0,
}


# ---------------------------------------------------------------- the client


def test_where_local_gives_the_model():
    spectrum = MMDC.run_model("ssc", z=0.1, parameters=SET)
    assert np.array_equal(spectrum.nuFnu, SSC(z=0.1, **SET).spectrum().nuFnu)
    assert spectrum.meta["mmdc"]["service"] == "local"
    assert spectrum.meta["mmdc"]["query"]["parameters"] == SET
    natural = {**SET, "B": 0.1 * u.G}
    del natural["log_B"]
    nu = [1e15, 1e20] * u.Hz
    mine = MMDC.run_model(
        "SSC", z=0.1, parameters=natural, where="local", ebl=False, nu=nu, normalization="mmdc"
    )
    assert np.array_equal(mine.nu, nu)
    assert mine.meta["normalization"] == "mmdc"


def test_where_local_without_waiting():
    handles = [
        MMDC.run_model_async("ssc", z=0.1, parameters={**SET, "log_B": b}, where="local")
        for b in (-1.0, -1.1, -1.2)
    ]
    spectra = [handle.get_data(timeout=60) for handle in handles]
    assert [one.meta["parameters"]["log_B"] for one in spectra] == [-1.0, -1.1, -1.2]

    async def main():
        return await MMDC.run_model_async("ssc", z=0.1, parameters=SET, where="local")

    assert len(asyncio.run(main())) > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": "moon"}, "where: 'moon' is not available; use 'local' or 'service'"),
        (
            {"where": "service", "normalization": "mmdc"},
            "normalization: the service has no such choice; .*'local'",
        ),
        ({"where": "service", "nu": 1 * u.Hz}, "nu: the service has no such choice"),
        ({"z": 0}, "z: 0.0 is outside"),
        ({"magnetic": 1}, "magnetic: SSC has no such parameter here"),
    ],
)
def test_a_wrong_call(options, message):
    with pytest.raises(InvalidRequestError, match=message):
        MMDC.run_model(**{"model_type": "SSC", "z": 0.1, "parameters": SET, **options})


def test_without_the_extra_there_is_still_the_service(python_env):
    code = """
import sys
sys.modules["numba"] = None
from astroquery_mmdc import MMDC
from astroquery_mmdc.exceptions import MMDCError
try:
    MMDC.run_model("SSC", z=0.1, parameters={})
except MMDCError as err:
    print(err)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("where: numba, which local models need, is not installed")
    assert "pip install 'astroquery_mmdc[model]'`, or use where='service'" in done.stdout


def test_the_list_of_parameters_is_the_one_table():
    table = MMDC.list_parameters("ssc")
    assert table["natural_name"].tolist()[:2] == ["B", "L_e"]
    assert table["prior"][5] == "Gaussian 30 ± 7.1, 3 to 100"


# ---------------------------------------------------------------- the local server


@pytest.fixture(scope="module")
def modeller():
    with LocalServer(engine=EmissionEngine("textbook")) as running:
        yield MMDCClass(running.url, app="tests")


@pytest.mark.parametrize(
    ("kind", "parameters"), [(SSC, SET), (EIC, EIC_SET), (Hadronic, HADRONIC_SET)]
)
def test_the_servers_spectrum_is_the_local_one(modeller, kind, parameters):
    there = modeller.run_model(kind.model_type, z=0.3, parameters=parameters, where="service")
    here = kind(z=0.3, ssa=False, **parameters)
    assert np.allclose(there.nuFnu, here(there.nu), rtol=1e-6)
    assert np.all(there.nuFnu.value > 1e-20)
    steps = np.diff(np.log10(there.nu.value))
    assert np.min(steps) == pytest.approx(0.2148)
    assert 60 < len(there) < 110
    assert (there.neutrinos is not None) == (kind is Hadronic)
    assert there.compton_dominance > 0


def test_the_services_normalisation_is_louder():
    """Recorded curves of the service lie above those of the textbook."""
    request = InferenceRequest("SSC", 0.1, False, SET)
    textbook, service = (EmissionEngine(name).infer(request) for name in ("textbook", "mmdc"))
    assert max(service["nuFnu"]) > 1.2 * max(textbook["nuFnu"])


def test_a_server_without_engine_says_so():
    with LocalServer(engine=None) as running, pytest.raises(ServiceError, match="501"):
        MMDCClass(running.url, app="tests").run_model("SSC", z=0.1, parameters=SET, where="service")


# ---------------------------------------------------------------- the command line

COMMAND = [sys.executable, "-c", "from astroquery_mmdc.cli import main; main(prog_name='mmdc')"]
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in SET.items()]


@pytest.fixture
def run(python_env, tmp_path):
    def call(*arguments):
        return subprocess.run(
            [*COMMAND, "model", *arguments],
            env={**python_env, "COLUMNS": "120", "MMDC_SERVER": "http://127.0.0.1:9"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
        )

    return call


def test_a_model_by_command(run, tmp_path):
    done = run("ssc", "--z", "0.1", *OPTIONS, "--plot", "a.png", "-o", "a.ecsv")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-2:] == ["wrote a.png", "wrote a.ecsv"]
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    table = QTable.read(tmp_path / "a.ecsv")
    assert table.colnames[:2] == ["nu", "nufnu"]
    assert "ssc" in table.colnames
    natural = [option for option in OPTIONS if "log-B" not in option]
    rows = json.loads(run("ssc", "--z", "0.1", *natural, "-p", "B=31.6227766 mG", "--json").stdout)
    assert rows[100]["nufnu"] == pytest.approx(table["nufnu"][100].value, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--log-B", "9"], "error: log_B: 9.0 is outside -3 to 2"),
        (["--log-B", "1"], "error: parameters: SSC also needs log_electron_luminosity"),
        (["-p", "B=3 s"], "error: B: 3.0 s is not in a unit of magnetic flux density"),
        (["-p", "B=strong"], "error: parameter: 'B=strong': write NAME=NUMBER"),
        (["--log-B", "1", "-p", "log_B=1"], "error: log_B: given as an option and with -p"),
    ],
)
def test_a_wrong_command(run, arguments, message):
    done = run("ssc", "--z", "0.1", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)


# ---------------------------------------------------------------- figures


def drawn(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_spectrum_is_drawn_with_its_processes():
    ax = plotting.plot_spectrum(Hadronic(z=0.3, **HADRONIC_SET).spectrum())
    names = drawn(ax)
    assert {"synchrotron", "proton synchrotron", "neutrinos, all flavours"} <= set(names)
    assert "before the EBL" in names
    colors = [(line.get_color(), line.get_linestyle()) for line in ax.get_lines()]
    assert len(colors) == len(set(colors))


def test_local_and_service_are_drawn_together(modeller):
    there = modeller.run_model("SSC", z=0.3, parameters=SET, where="service")
    here = modeller.run_model("SSC", z=0.3, parameters=SET)
    assert drawn(plotting.plot_spectrum([here, there])) == ["SSC (local)", "SSC (service)"]
    ax = plotting.plot_spectrum([here, there], labels=["a", "b"], x="eV", y="Jy")
    assert drawn(ax) == ["a", "b"]
    assert ax.get_xlabel() == "Energy [eV]"


def test_points_are_drawn_behind(mmdc):
    sed = mmdc.query_sed("Mrk 421")
    ax = SSC(z=0.03, **SET).spectrum().plot(sed=sed)
    assert {"SSC, all processes", "MAGIC"} <= set(drawn(ax))
    assert plotting.plot_sed(sed, models=[SSC(z=0.03, **SET).spectrum()]) is not None


def test_nothing_to_draw():
    with pytest.raises(InvalidRequestError, match="spectra: there is none to draw"):
        plotting.plot_spectrum([])
    dark = ModelSpectrum([1e10, 1e11] * u.Hz, [0.0, 0.0] * u.Unit("erg s-1 cm-2"))
    with pytest.raises(InvalidRequestError, match="labels: 2 labels for 1 spectra"):
        plotting.plot_spectrum(dark, labels=["a", "b"])
    assert plotting.plot_spectrum(dark).get_lines() is not None
