"""Requests to the routes of SEDs."""

from __future__ import annotations

from typing import Any

import httpx

from astroquery_mmdc.server import LocalServer

PATH = "/api/sed/"
MRK421 = {"ra": 166.113808, "dec": 38.208833}
MRK501 = {"ra": 253.467569, "dec": 39.760169}
NOWHERE = {"ra": 10.0, "dec": 10.0}


def post(server: LocalServer, body: dict[str, Any], **kwargs: Any) -> httpx.Response:
    return httpx.post(server.url + PATH, json=body, **kwargs)


def get(server: LocalServer, path: str, **kwargs: Any) -> httpx.Response:
    return httpx.get(server.url + PATH + path, **kwargs)
