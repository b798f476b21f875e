from __future__ import annotations

import pytest
from astropy.time import Time

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.exceptions import InvalidRequestError, ResolverError
from astroquery_mmdc.mmoda.names import read_resolved
from tests.mmoda.conftest import as_json


def test_a41_an_event_with_its_times(mmoda):
    event = mmoda.resolve_name("GW170817")
    assert event.coordinates.ra.deg == pytest.approx(197.45035416666664)
    assert event.coordinates.dec.deg == pytest.approx(-23.381484166666667)
    assert event.start.isot == "2017-08-17T12:40:59.400"
    assert event.end.isot == "2017-08-17T12:41:14.400"
    assert (event.object_type, event.service) == ("GW", "resolver")


def test_a41_a_source_has_no_times(mmoda):
    crab = mmoda.resolve_name("Crab")
    assert crab.start is crab.end is None
    assert crab.aliases == ("M 1", "NGC 1952")


def test_a41_times_of_the_resolver_service():
    view = {
        "t1": {"mjd": 57982.5, "utc": "2017-08-17 12:40:59.4"},
        "t2": {"mjd": 57982.6, "utc": "2017-08-17 12:41:14.4"},
    }
    answer = {"success": True, "ra": 197.45, "dec": -23.38, "view": view}
    event = read_resolved("GW170817", answer, service="resolver")
    assert event.start == Time("2017-08-17T12:40:59.4", scale="utc")


def test_a41_an_alert_that_tells_time_and_duration():
    answer = {"ra": 77.4, "dec": 5.7, "utc": "2017-08-17 12:41:04.4", "duration": 5}
    event = read_resolved("GW170817", answer, service="resolver")
    assert event.start.isot == "2017-08-17T12:40:59.400"
    assert event.end.isot == "2017-08-17T12:41:14.400"
    alert = read_resolved("IC170922A", {**answer, "duration": None}, service="resolver")
    assert (alert.end - alert.start).sec == pytest.approx(2)
    odd = read_resolved("x", {**answer, "utc": "yesterday"}, service="resolver")
    assert odd.start is None


def test_a41_the_dispatcher_is_asked_next(scripted):
    known = {"name": "Crab", "RA": 83.6324, "DEC": 22.0174, "message": "Crab successfully resolved"}

    def serve(asked):
        if "resolver" in asked.path:
            return 404, "text/html", b"<html>"
        return as_json(known)

    scripted.answer = serve
    found = MMODAClass(scripted.url).resolve_name("Crab")
    assert found.service == "dispatcher"
    assert found.coordinates.ra.deg == pytest.approx(83.6324)
    paths = [asked.path for asked in scripted.asked]
    assert paths == ["/resolver/api/v1.1/byname/Crab", "/dispatch-data/resolve_name"]
    assert not any("token" in asked.line for asked in scripted.asked)


def test_a41_nobody_knows_the_name(scripted, monkeypatch):
    from astropy.coordinates.name_resolve import NameResolveError

    unknown = {"name": "x", "message": "x could not be resolved: *** Nothing found ***"}
    scripted.answer = lambda asked: as_json(unknown)

    def nobody(name):
        raise NameResolveError(name)

    monkeypatch.setattr("astroquery_mmdc.net.sesame._from_name", nobody)
    with pytest.raises(
        ResolverError, match=r"'x' is unknown to the service and to Sesame \(resolver: .*Noth"
    ):
        MMODAClass(scripted.url).resolve_name("x")


def test_a41_a_position_needs_no_service(scripted):
    found = MMODAClass(scripted.url).resolve_name("05h34m31.94s +22d00m52.2s")
    assert found.coordinates.ra.deg == pytest.approx(83.633, abs=1e-3)
    assert not scripted.asked
    for wrong in ("", "  ", 3):
        with pytest.raises(InvalidRequestError, match="is no name"):
            MMODAClass(scripted.url).resolve_name(wrong)


def test_a41_a_name_sets_position_and_times(mmoda):
    wanted = {"instrument": "localtest", "product": "localtest_gw", "get_query_payload": True}
    event = mmoda.get_product(**wanted, coordinates="GW170817")
    assert float(event["RA"]) == pytest.approx(197.45035416666664)
    assert event["T1"] == "2017-08-17T12:40:59.400"
    assert event["T2"] == "2017-08-17T12:41:14.400"
    assert (event["src_name"], event["T_format"]) == ("GW170817", "isot")
    own = mmoda.get_product(**wanted, coordinates="GW170817", T1="2017-08-17T00:00:00")
    assert own["T1"] == "2017-08-17T00:00:00"
    assert "T2" not in own


def test_positions_are_taken(mmoda):
    from astropy.coordinates import SkyCoord

    wanted = {"instrument": "localtest", "product": "localtest_lc", "get_query_payload": True}
    galactic = SkyCoord(0, 0, unit="deg", frame="galactic")
    sent = mmoda.get_product(**wanted, coordinates=galactic)
    assert float(sent["RA"]) == pytest.approx(266.405, abs=1e-3)
    with pytest.raises(InvalidRequestError, match="2 positions were given; use get_products"):
        mmoda.get_product(**wanted, coordinates=SkyCoord([1, 2], [3, 4], unit="deg"))
    with pytest.raises(InvalidRequestError, match="coordinates: 3 is neither"):
        mmoda.get_product(**wanted, coordinates=3)
