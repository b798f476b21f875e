"""Cones, criteria, objects and light curves against a local server."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from astropy.time import Time

from astroquery_mmdc import MMDCClass, conf
from astroquery_mmdc.exceptions import (
    InputWarning,
    InvalidRequestError,
    MaxResultsWarning,
    NoResultsWarning,
    OfflineError,
    ResolverError,
    ServiceError,
)
from astroquery_mmdc.schema.columns import LIGHTCURVE, OBSERVATION, PHOTON_FLUX
from astroquery_mmdc.schema.coordinates import sky_identifier
from astroquery_mmdc.server import LocalServer

MRK421 = SkyCoord(166.113808, 38.208833, unit="deg")
MRK501 = SkyCoord(253.467569, 39.760169, unit="deg")


# ---------------------------------------------------------------- one position


def test_a_cone_has_units_descriptions_and_provenance(mmdc, server):
    table = mmdc.query_region(MRK421, 10 * u.arcsec)
    names = [c.name for c in OBSERVATION] + [c.name for c in PHOTON_FLUX] + ["separation"]
    assert table.colnames == names
    assert table["flux"].unit == u.erg / u.s / u.cm**2
    assert table["nu"].unit == u.Hz
    assert table["separation"].max() <= 10 * u.arcsec
    assert all(table[name].info.description for name in table.colnames)
    facts = table.meta["mmdc"]
    assert facts["service"] == server.url
    assert facts["query"]["radius_arcsec"] == 10.0
    assert facts["license"] == "CC BY 4.0"


def test_the_rows_are_where_the_index_says(mmdc):
    table = mmdc.query_region(MRK421)
    expected = sky_identifier(table["ra"].value, table["dec"].value)
    assert (table["sky_identifier"] == expected).all()


@pytest.mark.parametrize(
    "position",
    [
        "166.113808 +38.208833",
        "11:04:27.314 +38:12:31.80",
        MRK421.galactic,
        MRK421.fk5,
        Table({"ra": [166.113808], "dec": [38.208833]})[0],
        "Mrk 421",
        "mkn421",
    ],
)
def test_every_form_of_a_position(mmdc, position):
    assert len(mmdc.query_region(position, "1 arcsec")) == len(mmdc.query_region(MRK421))


def test_filters_and_ordering_are_the_services(mmdc, server):
    table = mmdc.query_region(
        MRK421, catalog="swift/xrt", is_lightcurve=False, is_upper_limit=False, ordering="-flux"
    )
    assert set(table["catalog"]) == {"Swift/XRT"}
    assert (np.diff(table["flux"].value) <= 0).all()
    query = server.requests[-1].query
    assert "is_lightcurve=false" in query
    assert "catalog=Swift%2FXRT" in query


def test_the_payload_is_exactly_what_is_sent(mmdc, server):
    options = {"catalog": "RATAN", "mjd_min": 54000, "mjd_max": Time("2012-01-01"), "row_limit": 3}
    payload = mmdc.query_region(MRK421, "5 arcsec", get_query_payload=True, **options)
    assert not server.requests
    with pytest.warns(MaxResultsWarning):
        mmdc.query_region(MRK421, "5 arcsec", **options)
    from urllib.parse import parse_qsl

    sent = dict(parse_qsl(server.requests[-1].query))
    assert sent == {name: str(value) for name, value in payload.items()}


def test_a_truncated_answer_is_said(mmdc):
    with pytest.warns(MaxResultsWarning, match="only the first 3 rows"):
        assert len(mmdc.query_region(MRK421, row_limit=3)) == 3


def test_an_answer_that_just_fits_is_no_truncation(mmdc):
    size = len(mmdc.query_region(MRK421))
    assert len(mmdc.query_region(MRK421, row_limit=size)) == size
    with conf.set_temp("row_limit", size):
        assert len(mmdc.query_region(MRK421)) == size


def test_nothing_found_is_an_empty_table_with_all_columns(mmdc):
    with pytest.warns(NoResultsWarning, match=r"within 5 arcsec of 10\.00000 \+10\.00000"):
        table = mmdc.query_region("10 10")
    assert len(table) == 0
    assert table["flux"].unit == u.erg / u.s / u.cm**2
    assert table["separation"].unit == u.arcsec


def test_criteria_without_a_position(mmdc):
    table = mmdc.query_criteria(catalog="MAGIC")
    assert set(table["catalog"]) == {"MAGIC"}
    assert "separation" not in table.colnames


# ---------------------------------------------------------------- wrong parameters


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 5}, "radius: 5 is not an angle; give a unit"),
        ({"radius": 5 * u.s}, "radius: .* is not an angle"),
        ({"radius": -1 * u.deg}, "radius: .*outside 0 to 180 deg"),
        ({"catalog": "NOPE"}, "catalog: 'NOPE' is no known catalogue"),
        ({"mjd_min": 60000, "mjd_max": 59000}, "mjd_min: 60000.0 is later than mjd_max 59000.0"),
        ({"mjd_min": "soon"}, "mjd_min: 'soon' is no date"),
        ({"ordering": "size"}, "ordering: 'size' is unknown; use mjd_mid"),
        ({"row_limit": 0}, "row_limit: 0 is not possible"),
        ({"row_limit": 2.5}, "row_limit: 2.5 is no whole number"),
        ({"is_lightcurve": "yes"}, "is_lightcurve: 'yes' is neither True nor False"),
        ({"coordinates": "10 +95"}, "coordinates: .*within -90 to 90 deg"),
        ({"coordinates": (10, 95)}, "coordinates: .*bare numbers have no unit"),
    ],
)
def test_a_wrong_parameter_is_said_before_anything_is_sent(mmdc, server, options, message):
    with pytest.raises(InvalidRequestError, match=message) as caught:
        mmdc.query_region(**{"coordinates": MRK421, **options})
    assert "\n" not in str(caught.value)
    assert caught.value.parameter in options
    assert not server.requests


def test_separation_needs_a_cone(mmdc):
    with pytest.raises(InvalidRequestError, match="ordering: sep_arcsec needs a position"):
        mmdc.query_criteria(ordering="sep_arcsec")


def test_an_unknown_parameter_is_not_swallowed(mmdc):
    with pytest.raises(TypeError, match="radus"):
        mmdc.query_region(MRK421, radus=5 * u.arcsec)


# ---------------------------------------------------------------- many positions


def test_many_positions_give_one_table(mmdc, server):
    both = SkyCoord([MRK421, SkyCoord(10, 10, unit="deg"), MRK501])
    table = mmdc.query_region(both, row_limit=-1)
    assert table.colnames[0] == "query_index"
    assert set(table["query_index"]) == {0, 2}
    for index, position in ((0, MRK421), (2, MRK501)):
        part = table[table["query_index"] == index]
        single = mmdc.query_region(position)
        assert (part["id"] == single["id"]).all()
        assert u.allclose(part["separation"], single["separation"])


def test_many_names_and_a_table(mmdc):
    by_name = mmdc.query_object(["Mrk 421", "Mrk 501"])
    by_table = mmdc.query_region(
        QTable({"ra": [166.113808, 253.467569] * u.deg, "dec": [38.208833, 39.760169] * u.deg})
    )
    assert (by_name["id"] == by_table["id"]).all()
    assert by_name.meta["mmdc"]["names"] == ["Mrk 421", "Mrk 501"]


def test_one_position_in_an_array_still_has_its_index(mmdc):
    assert "query_index" in mmdc.query_region(MRK421.reshape(1)).colnames


def test_payloads_of_many_positions(mmdc, server):
    payloads = mmdc.query_region(SkyCoord([MRK421, MRK501]), get_query_payload=True)
    assert [round(payload["ra"], 3) for payload in payloads] == [166.114, 253.468]
    assert not server.requests


def test_an_error_tells_which_position(mmdc, faults):
    faults.error(500, "/api/observations/", times=1)
    with pytest.raises(ServiceError) as caught:
        mmdc.query_region(SkyCoord([MRK421, MRK501]))
    assert caught.value.__notes__[0].startswith("in query_index ")


# ---------------------------------------------------------------- names


def test_an_unresolvable_name(mmdc):
    with pytest.raises(ResolverError, match="name: 'No such thing' is unknown to the service"):
        mmdc.query_object("No such thing")


def test_an_empty_name(mmdc, server):
    with pytest.raises(InvalidRequestError, match="is empty"):
        mmdc.query_object("  ")
    assert not server.requests


def test_offline_names_say_so(mmdc):
    with conf.set_temp("offline", True), pytest.raises(OfflineError):
        mmdc.resolve_name("Mrk 421")


def _hits(faults, *hits):
    import json

    results = [{"name": n, "ra": ra, "dec": dec, "refcatalog": "x"} for n, ra, dec in hits]
    faults.add(
        "/api/autocomplete/",
        status=200,
        body=json.dumps({"results": results}).encode(),
        headers={"content-type": "application/json"},
    )


def test_several_hits_of_one_source_are_one(mmdc, faults):
    _hits(faults, ("3C 273", 187.2779, 2.0524), ("3C 273", 187.2780, 2.0524))
    assert mmdc.resolve_name("3C 273").ra.deg == pytest.approx(187.2779)


def test_several_sources_are_told_apart_by_a_warning(mmdc, faults):
    _hits(faults, ("4C 01.01", 10.0, 1.0), ("4C 01.02", 20.0, 1.0))
    with pytest.warns(InputWarning, match=r"could also be 4C 01\.02; 4C 01\.01 is taken"):
        mmdc.resolve_name("4C 01")


def test_the_exact_name_wins(mmdc, faults):
    _hits(faults, ("PKS 1510-08", 10.0, 1.0), ("PKS 1510-089", 228.2, -9.1))
    assert mmdc.resolve_name("PKS 1510-089").ra.deg == pytest.approx(228.2)


def test_a_list_of_names_is_an_array(mmdc):
    positions = mmdc.resolve_name(["Mrk 421", "Mrk 501", "Mrk 421"])
    assert positions.shape == (3,)
    assert positions[0].separation(positions[2]) == 0 * u.deg


# ---------------------------------------------------------------- light curves


@pytest.fixture(scope="module")
def ztf(shared):
    with LocalServer(shared / "data" / "ztf") as running:
        yield MMDCClass(running.url)


def test_a_real_light_curve(ztf):
    position = SkyCoord(359.9996, 51.3937, unit="deg")
    table = ztf.query_lightcurve(position, 5 * u.arcsec, catalog="ZTF")
    assert table.colnames == [*LIGHTCURVE, "separation"]
    assert isinstance(table["time"], Time)
    assert table["time"].scale == "utc"
    assert (np.diff(table["time"].mjd) >= 0).all()
    assert len(table) > 100
    assert table["flux"].unit == u.erg / u.s / u.cm**2


def test_a_light_curve_becomes_a_time_series(ztf):
    from astroquery_mmdc.sed.lightcurve import to_timeseries

    table = ztf.query_lightcurve("359.9996 51.3937")
    series = to_timeseries(table)
    assert len(series) == len(table)


def test_no_light_curve_still_has_a_time_column(mmdc):
    with pytest.warns(NoResultsWarning):
        table = mmdc.query_lightcurve(MRK421)
    assert isinstance(table["time"], Time)
    assert len(table) == 0


def test_many_light_curves(ztf):
    positions = SkyCoord([359.9996, 10.0], [51.3937, 10.0], unit="deg")
    table = ztf.query_lightcurve(positions)
    assert table.colnames[:2] == ["query_index", "time"]
    assert set(table["query_index"]) == {0}


def test_the_payload_of_a_light_curve(mmdc, server):
    payload = mmdc.query_lightcurve(MRK421, get_query_payload=True)
    assert payload["is_lightcurve"] == "true"
    assert payload["ordering"] == "mjd_mid"
    assert not server.requests
