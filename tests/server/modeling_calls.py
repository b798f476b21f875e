"""Requests to the routes of models and fits."""

from __future__ import annotations

from typing import Any

import httpx

from tests.ssc_parameters import SSC

BASE = "/api/modeling/"
CSV = b"frequency,flux,flux_err\n1e12,1e-11,1e-12\n1e15,2e-11,1e-12\n1e18,3e-12,0\n"
ME = {"X-MMDC-Client": "tests"}
RUN = {"z": 0.158, "ebl": True, "model_type": "SSC", "parameters": SSC}
FIT = {"z": "0.158", "ebl": "true", "model_type": "SSC", "email": "fit@mmdc.am"}


def upload(http: httpx.Client, path: str, content: bytes, **data: Any) -> httpx.Response:
    return http.post(BASE + path, files={"file": ("data.csv", content)}, data=data)


def fit(http: httpx.Client, *, headers: Any = None, **changes: Any) -> httpx.Response:
    data = {**FIT, **changes}
    files = {"file": ("data.csv", CSV)}
    return http.post(BASE + "batch_inference/", files=files, data=data, headers=headers)


def result(http: httpx.Client, job: str, **kwargs: Any) -> httpx.Response:
    return http.get(f"{BASE}batch_result/{job}/", **kwargs)
