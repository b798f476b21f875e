"""The recorded scenarios of two generations of dispatchers, played to the client by a socket."""

from __future__ import annotations

import itertools
import json
import re
from email import message_from_string
from urllib.parse import parse_qsl, urlsplit

import pytest
from astropy.coordinates.name_resolve import NameResolveError

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    ResolverError,
    ServiceError,
)
from tests.conftest import SHARED
from tests.mmoda import recorded

FOLDER = SHARED / "data" / "mmoda"
NAMES = sorted({path.stem for path in FOLDER.glob("*/[0-9]*.json")})
# Asked by the official client alone, or by hand; there is no verb for them here. In the first one
# nothing is sent to the end.
NOT_ASKED = {
    "09_unknown_parameter_strict",
    "52_par_names",
    "53_meta_data_src",
    "54_no_instrument",
    "55_no_query_status",
    "56_get_revnum",
    "57_dry_run",
    "58_unknown_path",
}
PROTOCOL = {"api", "job_id", "oda_api_version", "off_line", "query_status", "session_id", "token"}
RUN = "/run_analysis"


def path_of(exchange):
    return urlsplit(exchange["request"]["url"]).path.partition("/dispatch-data")[2]


def fields_of(exchange):
    """Return the fields of a recorded request and its files."""
    request = exchange["request"]
    fields = dict(parse_qsl(urlsplit(request["url"]).query, keep_blank_values=True))
    kind, body = request["headers"].get("Content-Type", ""), request["body"]
    if kind.startswith("multipart"):
        parts = message_from_string(f"Content-Type: {kind}\r\n\r\n{body}").get_payload()
        return {
            part.get_param("name", header="Content-Disposition"): (
                part.get_payload().encode() if part.get_filename() else part.get_payload()
            )
            for part in parts
        }
    for name, value in parse_qsl(body or ""):
        fields[name] = [*fields.get(name, []), value] if name == "scw_list" else value
    return fields


class Replay:
    """Answers as it was recorded, each path in its order; the last answer is repeated."""

    def __init__(self, scenario, descriptions, token):
        self.token = token
        exchanges = scenario["exchanges"]
        paths = {path_of(exchange) for exchange in exchanges}
        self.descriptions = descriptions
        self.answers = {
            path: self._endless([e["response"] for e in exchanges if path_of(e) == path])
            for path in paths
        }

    @staticmethod
    def _endless(responses):
        return itertools.chain(responses, itertools.repeat(responses[-1]))

    def __call__(self, asked):
        path = asked.path.partition("/dispatch-data")[2]
        if path in self.answers:
            return self._written(next(self.answers[path]))
        known = self.descriptions.get(asked.query.get("instrument"))
        if path == "/api/meta-data" and known is not None:
            return self._written(known)
        return 404, "text/html", b"<h1>Not Found</h1>"

    def _written(self, response):
        if response["json"] is not None:
            return response["status"], "application/json", json.dumps(response["json"]).encode()
        return (
            response["status"],
            "text/html",
            (response["text"] or "").replace("TOKEN", self.token).encode(),
        )


def descriptions(read):
    """Return what the dispatcher of that generation tells about its instruments."""
    names = ("02_instrument_description_empty", "03b_product_description_localtest")
    found = {}
    for name in names:
        exchange = read(name)["exchanges"][0]
        found[fields_of(exchange)["instrument"]] = exchange["response"]
    # Not a whole description: it stands for one product.
    del found["localtest"]
    return found


def call(mmoda, exchange, token, seconds):
    """Ask with our client for what the exchange asked for."""
    path, fields = path_of(exchange), fields_of(exchange)
    sent = token if fields.get("token") else ""
    match path:
        case "/run_analysis":
            given = {key: value for key, value in fields.items() if key not in PROTOCOL}
            product = given.pop("product_type", None)
            kind = given.pop("query_type", "Real")
            return mmoda.get_product(
                product=product, product_type=kind, token=sent, timeout=seconds, **given
            )
        case "/api/instr-list" | "/instr-list":
            return mmoda.list_instruments()
        case "/api/meta-data":
            return mmoda.describe_instrument(fields["instrument"])
        case "/refresh_token":
            return mmoda.refresh_token(token)
        case "/update_token_email_options":
            return mmoda.set_email_options(token, on_failure=False)
        case "/inspect-state" | "/inspect-user-state":
            return mmoda.inspect_state(token=token, own=path.endswith("user-state"))
        case "/resolve_name":
            return mmoda.resolve_name(fields["name"])
    pytest.fail(f"nothing of ours asks for {path}")


def expected(name, exchanges):
    """Return the error that the last answer stands for; none if it is a good one."""
    if name == "15b_garbage_token":
        return AuthError
    if path_of(exchanges[-1]) == "/resolve_name":
        return None if "RA" in (exchanges[-1]["response"]["json"] or {}) else ResolverError
    response = exchanges[-1]["response"]
    status, body = response["status"], response["json"]
    if status == 200:
        state = body.get("query_status") if isinstance(body, dict) else None
        return {"failed": JobFailedError, "submitted": JobTimeoutError}.get(state)
    return {400: InvalidRequestError, 403: AuthError, 404: NotFoundError}.get(status, ServiceError)


def main_exchanges(scenario):
    """Return the exchanges of what the scenario is about: those of the last path asked for."""
    helpers = ("/api/par-names", "/call_back", "/download_file", "/download_products")
    exchanges = [e for e in scenario["exchanges"] if path_of(e) not in helpers]
    # The first request of this one is for the image that the catalogue is taken from.
    first = 1 if scenario["name"].startswith("34_") else 0
    return [e for e in exchanges if path_of(e) == path_of(exchanges[-1])][first:]


def _nobody(name):
    raise NameResolveError(name)


@pytest.fixture
def recorded_by(recorded):
    return recorded


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_ASKED])
@pytest.mark.filterwarnings("ignore")  # what the scenarios warn about is told by other tests
def test_a_recorded_scenario_is_read_as_it_was(recorded_by, name, scripted, sign, monkeypatch):
    monkeypatch.setattr("astroquery_mmdc.net.sesame._from_name", _nobody)
    token = sign()
    scenario = recorded_by(name)
    exchanges = main_exchanges(scenario)
    scripted.answer = Replay({"exchanges": exchanges}, descriptions(recorded_by), token)
    mmoda = MMODAClass(scripted.url)
    error = expected(name, exchanges)
    if error is not None:
        with pytest.raises(error):
            call(mmoda, exchanges[0], token, seconds=1)
        return
    found = call(mmoda, exchanges[0], token, seconds=20)
    if path_of(exchanges[0]) == RUN:
        check_products(recorded_by, name, found, exchanges[-1]["response"]["json"])


def check_products(read, name, found, answer):
    assert found.origin.job_id == answer["job_monitor"]["job_id"]
    said = read(name).get("result") or {}
    if said.get("as_list"):
        assert found.names == [entry["prod_name"] for entry in said["as_list"]]
    kept = FOLDER / read.generation / "ref" / f"{name}.npz"
    if not kept.exists():
        return
    recorded.check_arrays(found, recorded.reference(SHARED, read.generation, name))


def test_every_scenario_was_played(shared):
    """The list of what is left out holds nothing else."""
    numbers = {re.match(r"\d+", name)[0] for name in NOT_ASKED}
    assert numbers == {"09", *map(str, range(52, 59))}
    assert len(NAMES) == 60
