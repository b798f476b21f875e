"""Who one is to a survey: users and passwords, from where they are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import httpx

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import AuthError, InvalidRequestError, OfflineError
from astroquery_mmdc.net import portal
from astroquery_mmdc.net.errors import error_from_transport
from astroquery_mmdc.retriever import config
from astroquery_mmdc.retriever.secrets import Secrets

__all__ = ["find_credentials", "irsa_cookies"]

_FILE = "credentials.yaml"
_LOGIN = "/account/signon/login.do"
_SESSION_COOKIE = "JOSSO_SESSIONID"


def find_credentials(name: str, given: Mapping[str, Any]) -> Secrets:
    """Return user and password for an observatory; empty if there are none.

    Parameters
    ----------
    name : str
        Name of the observatory.
    given : mapping
        ``username`` and ``password``, or ``filename`` and ``key``: a YAML file, absolute or in
        the folder of configurations, that has them below the key. If it is empty,
        ``credentials.yaml`` is read, and after that the variables ``<NAME>_USERNAME`` and
        ``<NAME>_PASSWORD``.

    Raises
    ------
    FileNotFoundError
        The file that was given is not there.
    """
    if "filename" in given:
        content = config.read_config(config.find_config(given["filename"]))
        key = str(given.get("key", name))
        return Secrets(config.section(content, key, is_required=True))
    if given:
        return Secrets(given)
    try:
        content = config.read_config(config.find_config(_FILE))
    except FileNotFoundError:
        content = {}
    stored = config.section(content, name)
    if stored:
        return Secrets(stored)
    keys = ("username", "password")
    found = {key: os.environ.get(f"{name}_{key.upper()}") for key in keys}
    return Secrets(found if all(found.values()) else None)


def irsa_cookies(name: str, url: str, credentials: Mapping[str, Any]) -> str:
    """Return the cookies of a login at IRSA as a header; empty without credentials.

    Raises
    ------
    AuthError
        User or password are missing or not accepted.
    """
    if not credentials:
        return ""
    missing = [key for key in ("username", "password") if not credentials.get(key)]
    if missing:
        msg = f"credentials: {missing[0]} is missing for {name}; give username and password"
        raise InvalidRequestError(msg, parameter="credentials")
    if conf.offline:
        msg = f"{url} needs the network; set conf.offline to False to allow it"
        raise OfflineError(msg)
    return portal.start(_log_in(name, url.rstrip("/") + _LOGIN, credentials)).result()


async def _log_in(name: str, url: str, credentials: Mapping[str, Any]) -> str:
    # In the body, never in the address: addresses are written to logs.
    form = {
        "josso_cmd": "login",
        "josso_username": credentials["username"],
        "josso_password": credentials["password"],
    }
    try:
        async with httpx.AsyncClient(timeout=conf.timeout) as http:
            response = await http.post(url, data=form)
    except httpx.TransportError as err:
        raise error_from_transport(err, url=url) from err
    cookies = dict(response.cookies)
    if _SESSION_COOKIE not in cookies:
        msg = f"{url} does not accept these credentials for {name}; correct user and password"
        raise AuthError(msg)
    return "; ".join(f"{key}={value}" for key, value in cookies.items())
