from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable
from astropy.time import Time
from astropy.timeseries import TimeSeries
from astropy.utils.masked import Masked

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.sed import to_timeseries

FLUX = u.Unit("erg s-1 cm-2")


@pytest.fixture
def curve() -> QTable:
    time = Time([58003.0, 58001.0, 58002.0, 58004.0], format="mjd", scale="tai")
    time[3] = np.ma.masked
    return QTable(
        {
            "time": time,
            "flux": Masked([3, 1, 2, 4] * FLUX, mask=[False, True, False, False]),
            "catalog": ["ZTF", "ZTF", "ASAS-SN", "ZTF"],
            "filter_band": MaskedColumn(["r", "g", "", "r"], mask=[False, False, True, False]),
        },
        meta={"mmdc": {"service": "x"}},
    )


def test_sorted_by_time_in_utc_without_missing_times(curve):
    series = to_timeseries(curve)
    assert type(series) is TimeSeries
    assert series.time.scale == "utc"
    assert np.allclose(series.time.mjd, np.array([58001, 58002, 58003]) - 37 / 86400)
    assert series["flux"].mask.tolist() == [True, False, False]
    assert series.meta["mmdc"] == {"service": "x"}


def test_one_catalogue_and_one_band(curve):
    assert len(to_timeseries(curve, catalog="ZTF")) == 2
    assert to_timeseries(curve, catalog="ZTF", band="g")["filter_band"].tolist() == ["g"]


def test_what_is_not_there_is_named(curve):
    with pytest.raises(InvalidRequestError, match=r"catalog: 'MAXI' .* \['ASAS-SN', 'ZTF'\]"):
        to_timeseries(curve, catalog="MAXI")
    with pytest.raises(InvalidRequestError, match=r"band: 'i' .* \['g', 'r'\]"):
        to_timeseries(curve, band="i")
    with pytest.raises(InvalidRequestError, match="no column time"):
        to_timeseries(curve["flux", "catalog"])


def test_empty(curve):
    assert len(to_timeseries(curve[:0], catalog="ZTF")) == 0
    assert len(to_timeseries(QTable({"time": Time([58000.0], format="mjd")}))) == 1
