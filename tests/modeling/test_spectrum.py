"""`ModelSpectrum`: processes, particles, peaks, files, and the service's JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.modeling import SSC, ModelSpectrum
from astroquery_mmdc.schema.units import NUFNU
from tests.ssc_parameters import SSC as SET


@pytest.fixture(scope="module")
def model():
    return SSC(z=0.3, **SET)


@pytest.fixture(scope="module")
def spectrum(model):
    return model.spectrum()


def with_neutrinos():
    """A spectrum of every kind of content, without solving anything."""
    nu = np.geomspace(1e10, 1e27, 50) * u.Hz
    flux = np.geomspace(1, 2, 50) * 1e-12 * NUFNU
    particles = QTable({"gamma": [1.0, 10.0], "density": [3.0, 1.0] / u.cm**3})
    return ModelSpectrum(
        nu=nu,
        nuFnu=flux,
        neutrino_energy=[1e14, 1e15] * u.eV,
        neutrino_flux=[2e-13, 1e-13] * NUFNU,
        meta={"model_type": "HADRONIC", "parameters": {"log_B": 1.0}, "redshift": 0.3},
        components={"synchrotron": flux / 2, "pion_decay": flux / 2},
        intrinsic=flux * 2,
        flavours={"nu_e": [1e-13, 1e-13] * NUFNU, "nu_mu": [1e-13, 0] * NUFNU},
        electrons=particles,
        protons=particles,
        energy_densities={"U_B": 1 * u.erg / u.cm**3},
        powers={"injected": 1e44 * u.erg / u.s},
    )


# ---------------------------------------------------------------- what is in it


def test_the_processes_make_the_whole(model, spectrum):
    total = sum(spectrum.components.values())
    assert np.allclose(total, spectrum.nuFnu, rtol=1e-9)
    assert np.allclose(model(spectrum.nu), spectrum.nuFnu, rtol=1e-9)
    assert np.all(spectrum.nuFnu <= spectrum.intrinsic)
    assert np.all(np.diff(spectrum.nu.value) > 0)
    assert repr(spectrum).startswith("<ModelSpectrum of SSC: ")
    assert "components synchrotron, ssc" in repr(spectrum)


def test_between_nodes_the_processes_make_the_whole_too(model):
    nu = np.geomspace(1e9, 1e27, 333) * u.Hz
    spectrum = model.spectrum(nu[::-1])
    assert np.array_equal(spectrum.nu, nu)
    total = sum(spectrum.components.values())
    bright = spectrum.nuFnu > 1e-4 * spectrum.nuFnu.max()
    assert np.allclose(total[bright], spectrum.nuFnu[bright], rtol=2e-3)


def test_particles_and_energies(spectrum):
    assert spectrum.electrons.colnames == ["gamma", "density"]
    assert spectrum.electrons["density"].unit == u.cm**-3
    field = (10**-1.5) ** 2 / (8 * np.pi)
    assert spectrum.energy_densities["U_B"].value == pytest.approx(field)
    assert spectrum.energy_densities["U_e"] > spectrum.energy_densities["U_B"]
    carried = np.pi * 1e32 * 400 * 2.998e10 * field
    assert spectrum.powers["jet_B"].value == pytest.approx(carried, rel=2e-3)
    assert spectrum.powers["injected"].value == pytest.approx(1e44 / 400, rel=1e-2)
    assert spectrum.protons is None
    assert spectrum.neutrinos is None


def test_peaks_do_not_depend_on_the_ebl(model, spectrum):
    bare = model.replace(ebl=False).spectrum()
    for one, other in zip(spectrum.peaks, bare.peaks, strict=True):
        assert one["component"] == other["component"]
        assert one["nu"].value == pytest.approx(other["nu"].value, rel=1e-6)
    assert spectrum.compton_dominance == pytest.approx(bare.compton_dominance)
    assert 0.3 < spectrum.compton_dominance < 2


def test_a_peak_is_found_between_nodes():
    nu = np.geomspace(1e10, 1e20, 60)
    flux = 1e-11 * 10 ** (-((np.log10(nu) - 14.33) ** 2) / 8)
    peaks = ModelSpectrum(nu * u.Hz, flux * NUFNU).peaks
    assert peaks["component"].tolist() == ["low"]
    assert np.log10(peaks["nu"][0].value) == pytest.approx(14.33, abs=1e-3)
    assert peaks["nufnu"][0].value == pytest.approx(1e-11, rel=1e-4)
    assert np.isnan(ModelSpectrum(nu * u.Hz, flux * NUFNU).compton_dominance)


def test_two_humps_without_processes():
    """The service tells no processes: the humps are parted at the dip."""
    nu = np.geomspace(1e8, 1e28, 95)
    x = np.log10(nu)
    flux = 1e-11 * (10 ** -((x - 14) ** 2 / 4) + 0.2 * 10 ** -((x - 24) ** 2 / 4))
    spectrum = ModelSpectrum(nu * u.Hz, flux * NUFNU)
    assert spectrum.peaks["component"].tolist() == ["low", "high"]
    assert spectrum.compton_dominance == pytest.approx(0.2, rel=0.02)
    assert len(ModelSpectrum(nu * u.Hz, 0 * flux * NUFNU).peaks) == 0


def test_interpolation_makes_nothing_up(spectrum):
    first, last = spectrum.nu[0], spectrum.nu[-1]
    outside = u.Quantity([first / 2, last * 2])
    assert spectrum.interpolate(outside).value.tolist() == [0, 0]
    inside = np.sqrt(spectrum.nu[50] * spectrum.nu[51])
    assert spectrum.nuFnu[50:52].min() < spectrum.interpolate(inside) < spectrum.nuFnu[50:52].max()
    energy = (1 * u.keV).to(u.Hz, u.spectral())
    assert spectrum.interpolate(1 * u.keV) == spectrum.interpolate(energy)


def test_a_gap_of_the_service_stays_a_gap():
    nu = np.concatenate([np.geomspace(1e10, 1e20, 50), [1e26, 1.6e26, 2.6e26]])
    spectrum = ModelSpectrum(nu * u.Hz, np.full(53, 1e-12) * NUFNU)
    at = [1e15, 1e23, 2e26] * u.Hz
    assert spectrum.interpolate(at).value == pytest.approx([1e-12, 0, 1e-12])


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("ending", ["ecsv", "fits"])
@pytest.mark.parametrize("make", [with_neutrinos, lambda: SSC(z=0.3, **SET).spectrum()])
def test_files_hold_everything(tmp_path, ending, make):
    before = make()
    path = tmp_path / f"model.{ending}"
    before.write(path)
    after = ModelSpectrum.read(path)
    assert np.array_equal(after.nu, before.nu)
    assert np.array_equal(after.nuFnu, before.nuFnu)
    assert np.array_equal(after.intrinsic, before.intrinsic)
    assert after.meta == before.meta
    for name in ("components", "flavours", "energy_densities", "powers"):
        one, other = getattr(after, name), getattr(before, name)
        assert list(one) == list(other)
        assert all(np.all(one[key] == other[key]) for key in one)
        assert all(one[key].unit == other[key].unit for key in one)
    for name in ("electrons", "protons", "neutrinos"):
        one, other = getattr(after, name), getattr(before, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.colnames == other.colnames
            assert all(np.array_equal(one[key], other[key]) for key in one.colnames)
    assert after.table.colnames == before.table.colnames


def test_a_spectrum_of_the_service_as_a_file(tmp_path):
    curve = {"nu": [1e10, 1e15], "nuFnu": [1e-14, 1e-11], "neutrino_energy": [1.0, 2.0]}
    before = ModelSpectrum.from_json({**curve, "eFe_nu_tot": [1e-13, 1e-12]}, meta={"a": 1})
    for ending in ("ecsv", "fits", "json"):
        before.write(tmp_path / f"a.{ending}")
        after = ModelSpectrum.read(tmp_path / f"a.{ending}")
        assert after.to_json() == before.to_json()
        assert not isinstance(after.neutrino_energy, u.Quantity)
        assert after.meta == {"a": 1}


def test_files_that_are_none(tmp_path, spectrum):
    with pytest.raises(InvalidRequestError, match=r"path: 'a.txt' ends with none of .ecsv, .fits"):
        spectrum.write(tmp_path / "a.txt")
    spectrum.write(tmp_path / "a.ecsv")
    with pytest.raises(InvalidRequestError, match=r"a.ecsv exists; .* overwrite=True"):
        spectrum.write(tmp_path / "a.ecsv")
    spectrum.write(tmp_path / "a.ecsv", overwrite=True)
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(ParseError, match="holds no model spectrum"):
        ModelSpectrum.read(tmp_path / "b.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ecsv", "b.json"]


# ---------------------------------------------------------------- figures


def test_it_draws_itself(spectrum):
    ax = spectrum.plot(x="keV", title="mine")
    assert ax.get_title() == "mine"
    assert {"synchrotron", "self-Compton"} <= {line.get_label() for line in ax.get_lines()}
    back = ModelSpectrum.from_json(spectrum.to_json(), meta=spectrum.meta)
    both = spectrum.plot(ax=back.plot(legend=False), components=False)
    assert len(both.get_lines()) == 2


# ---------------------------------------------------------------- JSON and LaTeX


def test_json_goes_in_and_out(spectrum):
    curve = json.loads(json.dumps(spectrum.to_json()))
    back = ModelSpectrum.from_json(curve, meta=spectrum.meta)
    assert np.array_equal(back.nu, spectrum.nu)
    assert np.array_equal(back.nuFnu, spectrum.nuFnu)
    neutrinos = with_neutrinos()
    assert neutrinos.to_json()["neutrino_energy"][0] == pytest.approx(2.418e28, rel=1e-3)
    assert neutrinos.to_json(energy_unit="GeV")["neutrino_energy"] == pytest.approx([1e5, 1e6])
    assert neutrinos.to_json()["eFe_nu_tot"] == [2e-13, 1e-13]


def test_the_list_of_parameters_for_a_paper(model, spectrum):
    text = spectrum.to_latex()
    assert text == model.to_latex()
    for row in (
        r"$z$ & $0.3$ &  \\",
        r"$B$ & $0.0316$ & $\mathrm{G}$ \\",
        r"$L_\mathrm{e}$ & $10^{44}$ & $\mathrm{erg\,s^{-1}}$ \\",
        r"$\delta$ & $20$ &  \\",
    ):
        assert row in text
    with pytest.raises(InvalidRequestError, match="spectrum: it does not know its parameters"):
        ModelSpectrum([1e10] * u.Hz, [1.0] * NUFNU).to_latex()
