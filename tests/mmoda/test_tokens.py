from __future__ import annotations

import json
import logging
import os
import stat
from pathlib import Path

import pytest
from astroquery.exceptions import AuthenticationWarning
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.exceptions import AuthError, InvalidRequestError
from astroquery_mmdc.mmoda.tokens import (
    as_token,
    decode_token,
    discard_token,
    discover_token,
    write_token,
)
from astroquery_mmdc.net import Job

from .conftest import NO_EMAILS


def _store(place, text):
    if place == "environment":
        os.environ["ODA_TOKEN"] = text
    elif place == "context":
        Path(".oda_api_context").write_text(json.dumps({"token": text}))
    else:
        folder = Path.home() if place == "home" else Path()
        (folder / ".oda-token").write_text(text)


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("ODA_TOKEN", "")


def test_a09_the_order_of_places(sign):
    assert discover_token() is None
    for place in ("context", "home", "cwd", "environment"):
        _store(place, sign(name=place))
        found = discover_token()
        assert (found.place, found.payload["name"]) == (place, place)


@pytest.mark.parametrize("bad", ["", "garbage", "a.b.c", "a.!!!.c", "a..c"])
def test_a09_what_is_no_valid_token_is_skipped(sign, bad):
    _store("environment", bad)
    _store("cwd", sign(hours=-1))
    _store("home", sign(hours=None))
    _store("context", sign(name="last"))
    assert discover_token().place == "context"
    assert discover_token(allow_invalid=True).place == "cwd"
    assert discover_token(["environment", "cwd"]) is None
    assert discover_token("context").place == "context"


def test_a09_damaged_files_are_skipped(sign):
    Path(".oda-token").write_bytes(b"\xff\xfe\x00")
    Path(".oda_api_context").write_text("[1, 2")
    (Path.home() / ".oda-token").mkdir()
    assert discover_token() is None
    with pytest.raises(InvalidRequestError, match="places: 'nowhere' is none of environment"):
        discover_token("nowhere")


def test_a10_place_payload_and_hours_are_reported(sign, caplog):
    _store("home", sign(hours=48.1))
    caplog.set_level(logging.INFO, "astroquery_mmdc")
    found = discover_token()
    assert found.place == "home"
    assert found.payload["email"] == "tester@example.org"
    assert found.hours_left == pytest.approx(48.1, abs=0.01)
    assert found.roles == ("general", "refresh-tokens")
    assert "(home), expires in 48.1 h" in caplog.text
    assert found.text not in caplog.text + repr(found) + str(found)


def test_a11_a_token_is_decoded_without_its_secret(sign):
    payload = decode_token(sign(secret=b"unknown", roles=["a", "b"]))
    assert payload["sub"] == "tester@example.org"
    assert set(payload) >= {"sub", "email", "name", "roles", "exp"}
    assert as_token(sign(roles=["a", "b"])).roles == ("a", "b")


@given(st.text(max_size=100))
def test_a11_what_is_no_token_is_refused_without_showing_it(text):
    with pytest.raises(AuthError, match="copy it again, whole") as caught:
        decode_token(text)
    assert caught.value.__suppress_context__


def test_a12_an_expired_token_is_refused_before_it_is_sent(sign, scripted):
    mmoda = MMODAClass(scripted.url)
    with pytest.raises(AuthError, match=r"token: it expired 2\.0 h ago; tokens live 24 h"):
        mmoda.get_product(instrument="a", product="b", token=sign(hours=-2))
    with pytest.raises(AuthError, match="this is no token"):
        mmoda.get_product(instrument="a", product="b", token="not-a-jwt")
    with pytest.raises(AuthError, match="expired"):
        MMODAClass(scripted.url, token=sign(hours=-2))
    assert not scripted.asked


def test_a12_an_expired_stored_token_is_told(sign):
    _store("home", sign(hours=-3))
    job = Job()
    assert MMODAClass("https://example.org").find_token(None, job) is None
    with pytest.warns(AuthenticationWarning, match=r"only an expired token.*expired 3\.0 h ago"):
        job.emit_warnings()


def test_a08_the_token_of_the_object_or_a_stored_one_is_used(sign):
    mmoda = MMODAClass("https://example.org")
    assert mmoda.token is None
    _store("cwd", sign(name="stored"))
    assert mmoda.token.payload["name"] == "stored"
    assert mmoda.find_token(None, Job()).payload["name"] == "stored"
    assert mmoda.find_token("", Job()) is None
    mmoda.token = sign(name="own")
    assert mmoda.find_token(None, Job()).payload["name"] == "own"
    assert mmoda.find_token(sign(name="given"), Job()).payload["name"] == "given"


def test_no_token_crosses_the_network_in_the_clear(token):
    with pytest.raises(AuthError, match=r"http://example\.org is not encrypted"):
        MMODAClass("http://example.org", token=token).find_token(None, Job())
    assert MMODAClass("http://localhost:1", token=token).find_token(None, Job())


# ---------------------------------------------------------------- writing


def test_a15_a_written_token_is_for_its_owner_only(sign):
    token = sign()
    write_token(token)
    path = Path(".oda-token")
    assert path.read_text() == os.environ["ODA_TOKEN"] == token
    assert _mode(path) == 0o400
    write_token(sign(hours=48))
    old = list(Path().glob("old-oda-token_*"))
    assert [_mode(file) for file in [path, *old]] == [0o400, 0o400]
    assert old[0].read_text() == token
    assert discover_token().hours_left > 47
    assert not list(Path().glob(".oda-token-*"))


def test_a15_the_places_can_be_chosen(sign):
    write_token(sign(), "home")
    assert _mode(Path.home() / ".oda-token") == 0o400
    assert not Path(".oda-token").exists()
    assert not os.environ["ODA_TOKEN"]
    with pytest.raises(InvalidRequestError, match="'context' is none of environment, cwd, home"):
        write_token(sign(), "context")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hours": 12}, "it expires earlier"),
        ({"roles": "general"}, "it lacks the roles refresh-tokens"),
        ({"more": 1}, r"its fields differ \(more\)"),
        ({"mssub": True}, "its e-mail options differ"),
    ],
)
def test_a15_a_token_that_grants_less_is_not_written(sign, changes, reason):
    write_token(sign(hours=24), "cwd")
    lesser = sign(**{"hours": 30, **changes})
    with pytest.raises(InvalidRequestError, match=reason):
        write_token(lesser, "cwd")
    write_token(lesser, "cwd", discard=True)
    assert discover_token().text == lesser
    assert not list(Path().glob("old-oda-token_*"))


def test_a15_more_roles_are_written_and_told(sign, caplog):
    write_token(sign(), "cwd")
    write_token(sign(hours=30, roles="general, refresh-tokens, magic"), "cwd")
    assert "more roles than the old one: magic" in caplog.text


def test_a16_a_stored_token_is_discarded(sign):
    write_token(sign(), ["environment", "cwd", "home"])
    assert discard_token() == ["environment"]
    assert discard_token("home") == ["home"]
    assert discover_token().place == "cwd"
    assert discard_token(["environment", "cwd"]) == ["cwd"]
    assert discover_token() is None
    assert discard_token() == []


# ---------------------------------------------------------------- the service


def _token_service(sign, asked):
    old = decode_token(asked.query.get("token", ""))
    if asked.path.endswith("/refresh_token"):
        if "refresh-tokens" not in old["roles"]:
            said = (
                "Unfortunately, your privileges are not sufficient to refresh your token.\n"
                f"Your privilege roles include ['{old['roles']}'], but the following roles are "
                "missing: refresh-tokens."
            )
            return 403, "text/html", said.encode()
        return 200, "text/html", sign(**{**old, "exp": 0}, hours=24 + 168).encode()
    changed = {
        name: {"True": True, "False": False}.get(text, text)
        for name, text in asked.query.items()
        if name in old
    }
    kept = {name: value for name, value in old.items() if name != "exp"}
    return 200, "text/html", sign(**{**kept, **changed}).encode()


@pytest.fixture
def service(scripted, sign):
    scripted.answer = lambda asked: _token_service(sign, asked)
    return MMODAClass(scripted.url)


def test_a13_refresh_changes_the_expiry_only(service, sign, recorded):
    kept = recorded("16_refresh_token")["result"]
    if kept:
        assert {k for k in kept["old"] if kept["old"][k] != kept["new"][k]} == {"exp"}
    old = as_token(sign())
    new = service.refresh_token(old)
    assert {k for k in old.payload if old.payload[k] != new.payload[k]} == {"exp"}
    assert new.hours_left > old.hours_left + 167


def test_a14_refresh_needs_a_role(service, sign):
    with pytest.raises(AuthError, match="this needs the role refresh-tokens; your token has gener"):
        service.refresh_token(sign(roles="general"))


def test_a14_refresh_needs_a_token(service):
    with pytest.raises(AuthError, match="none was given and none is stored"):
        service.refresh_token()


def test_a15_refresh_and_write(service, sign):
    _store("home", sign())
    new = service.refresh_token(write=True)
    assert discover_token().text == new.text == os.environ["ODA_TOKEN"]
    assert _mode(Path(".oda-token")) == 0o400


def test_a16_refresh_discards_the_old_one(service, sign):
    write_token(sign(), "home")
    service.refresh_token(write=True, places="cwd", discard=True)
    assert not (Path.home() / ".oda-token").exists()
    assert discover_token().place == "cwd"


def test_a17_email_options_can_be_seen_and_changed(service, sign):
    old = as_token(sign())
    assert old.email_options == NO_EMAILS
    new = service.set_email_options(old, on_submission=True, on_completion=True)
    assert new.email_options["mssub"] is new.email_options["msdone"] is True
    assert new.email_options["msfail"] is False
    with pytest.raises(InvalidRequestError, match="options: 'on_holiday' is none of on_submission"):
        service.set_email_options(old, on_holiday=True)
    with pytest.raises(InvalidRequestError, match="give at least one of"):
        service.set_email_options(old)


def test_a_real_dispatcher_changes_email_options(mmoda, token):
    new = mmoda.set_email_options(token, on_submission=True)
    assert new.email_options["mssub"] is True


def test_an_old_dispatcher_cannot_refresh(mmoda, token):
    from astroquery_mmdc.exceptions import NotFoundError

    with pytest.raises(NotFoundError, match="may be too old for it"):
        mmoda.refresh_token(token)
