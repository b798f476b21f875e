from __future__ import annotations

import subprocess

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.collection import DataCollection
from astroquery_mmdc.mmoda.data_unit import DataUnit
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.mmoda.ogip import write_spectrum
from tests.peers import peer_python

from . import recorded


@pytest.fixture
def collection(shared):
    return decode_products(recorded.products(shared, recorded.SERVERS[0], "30_product_spectrum"))


def test_a39_spectrum_and_responses_name_each_other(collection, tmp_path):
    files = write_spectrum(
        collection, tmp_path / "x", source="Crab", name="Crab_2017", systematic=0.01, compress=True
    )
    assert files.spectrum.name == "Crab_2017_spectrum.fits"
    with fits.open(files.spectrum) as hdus:
        header, data = hdus["SPECTRUM"].header, hdus["SPECTRUM"].data
        assert header["RESPFILE"] == files.rmf.name == "Crab_2017_rmf.fits.gz"
        assert header["ANCRFILE"] == files.arf.name == "Crab_2017_arf.fits.gz"
        assert header["EXPOSURE"] == 1234.5
        assert (header["HDUCLASS"], header["HDUCLAS1"]) == ("OGIP", "SPECTRUM")
        assert (header["DETCHANS"], header["TLMIN1"], header["POISSERR"]) == (16, 0, False)
        assert header["TELESCOP"] == "LOCAL"
        assert np.all(data["SYS_ERR"] == np.float32(0.01))
        assert np.array_equal(data["RATE"], collection[0].data_unit[1].data["RATE"])
    with fits.open(files.rmf) as hdus:
        assert hdus["MATRIX"].header["HDUCLAS2"] == "RSP_MATRIX"
        assert hdus["MATRIX"].columns["ENERG_LO"].unit == "keV"
        assert hdus["MATRIX"].header["TLMIN4"] == 0
        assert np.array_equal(hdus["MATRIX"].data["MATRIX"], np.eye(16))
        assert hdus["EBOUNDS"].header["DETCHANS"] == 16
        # Lists of one channel: some readers take no number for a list.
        assert hdus["MATRIX"].columns["F_CHAN"].format.startswith("PJ")
        assert [row.tolist() for row in hdus["MATRIX"].data["F_CHAN"]] == [[0]] * 16
        assert [row.tolist() for row in hdus["MATRIX"].data["N_CHAN"]] == [[16]] * 16
        hdus.verify("exception")
    with fits.open(files.arf) as hdus:
        assert hdus["SPECRESP"].columns["SPECRESP"].unit == "cm**2"
        assert hdus["SPECRESP"].header["INSTRUME"] == "LOCALTEST"


READ = """
import sys
from gammapy.irf import EDispKernel
kernel = EDispKernel.read(sys.argv[1])
print(kernel.pdf_matrix.tolist(), kernel.axes["energy_true"].edges.unit)
"""


def test_a39_gammapy_reads_the_matrix(collection, tmp_path):
    files = write_spectrum(collection, tmp_path, source="Crab")
    done = subprocess.run(
        [peer_python("gammapy"), "-W", "ignore", "-c", READ, files.rmf],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == f"{np.eye(16).tolist()} keV"


def test_a39_exposure_can_be_given_and_errors_added(collection, tmp_path):
    old = collection[0].data_unit[1]
    names = [name for name in old.data.dtype.names if name != "SYS_ERR"]
    data = np.rec.fromarrays([old.data[name] for name in names], names=names)
    header = {key: value for key, value in old.header.items() if key != "EXPOSURE"}
    collection[0].data_unit[1] = DataUnit(data, name=old.name, header=header, hdu_type="bintable")
    with pytest.raises(InvalidRequestError, match="exposure"):
        write_spectrum(collection, tmp_path, source="Crab")
    assert not list(tmp_path.glob("*.fits"))
    files = write_spectrum(collection, tmp_path, source="Crab", exposure=1 * u.ks, systematic=0.02)
    assert files.arf.name == "Crab_arf.fits"
    with fits.open(files.spectrum) as hdus:
        assert hdus["SPECTRUM"].header["EXPOSURE"] == 1000.0
        assert np.all(hdus["SPECTRUM"].data["SYS_ERR"] == np.float32(0.02))


def test_sources_are_told_apart(collection, tmp_path):
    with pytest.raises(InvalidRequestError, match=r"\['Crab', '1A 0535\+262'\]"):
        write_spectrum(collection, tmp_path)
    crab = collection.new_from_metadata("src_name", "Crab")
    assert write_spectrum(crab, tmp_path).spectrum.exists()
    with pytest.raises(InvalidRequestError, match="without arf"):
        write_spectrum(DataCollection([crab[0], crab[2]]), tmp_path)
    crab[1].data_unit[1] = crab[0].data_unit[1]
    with pytest.raises(InvalidRequestError, match="no table with the columns SPECRESP"):
        write_spectrum(crab, tmp_path, overwrite=True)
    with pytest.raises(InvalidRequestError, match="name"):
        write_spectrum(collection, tmp_path, source="Crab", name="../")
