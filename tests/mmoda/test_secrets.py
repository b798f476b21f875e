"""A token is in the body of a request and nowhere else."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.exceptions import MMDCError
from tests.mmoda.test_faults import TEXT, Play, answer

LC = {"instrument": "localtest", "product": "localtest_lc"}


def _parts(token):
    """Return the token and those of its parts that nobody else has."""
    return [token, *token.split(".")[1:]]


def _files(folder):
    return b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())


def _raised(call):
    with pytest.raises(MMDCError) as caught:
        call()
    error = caught.value
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


def test_the_token_is_found_nowhere_else(mmoda, dispatcher, sign, fresh, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    token = sign()
    mmoda.token = token
    seen = [repr(mmoda), repr(mmoda.token), str(mmoda.token)]
    handle = mmoda.get_product_async(**LC, wait_s=0.5, src_name=fresh(), cache=True)
    collection = handle.get_data(30)
    seen += [repr(handle), handle.summary, repr(collection), repr(collection.origin)]
    seen += [collection.api_code(), str(mmoda.list_jobs())]
    for wrong in ({"fail": "process"}, {"max_pointings": 500}, {"n": "many"}):
        seen.append(_raised(lambda wrong=wrong: mmoda.get_product(**LC, **wrong)))
    seen.append(_raised(lambda: mmoda.get_product(**LC, token=sign(secret=b"x"))))
    seen.append(str(mmoda.get_product(**LC, get_query_payload=True)))
    seen += [caplog.text, *capfd.readouterr()]
    kept = _files(os.environ["MMDC_CACHE_DIR"])
    assert kept
    lines = [line for line in dispatcher.log().splitlines() if " HTTP/1." in line]
    # The dispatcher tells its own backends an address with the token in it.
    lines = [line for line in lines if "/call_back?" not in line]
    assert any("run_analysis" in line for line in lines)
    for part in _parts(token):
        assert part not in "\n".join(seen)
        assert part.encode() not in kept
        assert not any(part in line for line in lines)


def test_every_body_and_no_address_holds_it(scripted, token):
    scripted.answer = Play(answer("submitted"), answer("done", products=TEXT))
    mmoda = MMODAClass(scripted.url, token=token)
    mmoda.list_instruments_async().done()
    mmoda.get_product(instrument="isgri", product="isgri_lc")
    posts = [asked for asked in scripted.asked if asked.method == "POST"]
    assert [asked.form["token"] for asked in posts] == [token, token]
    assert not any("token" in asked.line for asked in scripted.asked)


def test_a_refreshed_token_leaves_no_trace_here(scripted, sign, caplog):
    caplog.set_level(logging.DEBUG)
    old, new = sign(), sign(hours=48)
    scripted.answer = lambda asked: (200, "text/html", new.encode())
    assert MMODAClass(scripted.url).refresh_token(old).text == new
    said = (403, "text/html", f"nothing for {old}".encode())
    scripted.answer = lambda asked: said
    text = _raised(lambda: MMODAClass(scripted.url).refresh_token(old)) + caplog.text
    assert "refresh_token" in text
    for part in [*_parts(old), *_parts(new)]:
        assert part not in text


def test_what_a_server_says_back_is_redacted(scripted, token):
    said = json.dumps({"error_message": f"wrong: {{'token': '{token}', 'n': 5}}"})
    for status in (400, 403, 404, 500, 502):
        scripted.answer = Play((status, "application/json", said.encode()))
        mmoda = MMODAClass(scripted.url, token=token)
        text = _raised(lambda mmoda=mmoda: mmoda.get_product(instrument="i", product="isgri_lc"))
        assert not any(part in text for part in _parts(token))
    scripted.answer = Play(answer("failed", message=f"job of {token} failed"))
    text = _raised(lambda: mmoda.get_product(instrument="i", product="isgri_lc"))
    assert not any(part in text for part in _parts(token))


def test_nothing_heavy_is_loaded(python_env):
    code = "import sys\nfrom astroquery_mmdc import MMODA\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_env, capture_output=True, text=True, check=True
    )
    heavy = {"matplotlib", "pandas", "starlette", "healpy", "pyarrow", "scipy", "oda_api"}
    heavy |= {"astroquery_mmdc.mmdc", "astroquery_mmdc.mmoda.decoding"}
    assert not heavy & set(done.stdout.split())


_CPU = """
import resource, sys
def cpu():
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime
import astroquery.query
begun = cpu()
from astroquery_mmdc import MMODA
print(cpu() - begun)
"""


def test_the_import_is_cheap(python_env):
    """What MMODA adds to astroquery's own base class."""
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", _CPU],
                env=python_env,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(3)
    ]
    assert min(times) <= 0.45
