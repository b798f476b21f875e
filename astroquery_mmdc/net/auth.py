"""Keys of the service, and who asks: headers that identify this client."""

from __future__ import annotations

import logging
import os
import re
from urllib.parse import urlsplit

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import Header

__all__ = ["find_api_key", "identity_headers"]

_log = logging.getLogger(__name__)
_END_USER = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def find_api_key(api_key: str | None, server: str) -> str | None:
    """Return the API key: the argument, ``MMDC_API_KEY``, or the keyring entry of the host.

    Parameters
    ----------
    api_key : str or None
        As given by the user; comes first.
    server : str
        Address of the service; its host is the keyring's service name, the user is ``api_key``.
    """
    if api_key:
        return api_key
    if os.environ.get("MMDC_API_KEY"):
        return os.environ["MMDC_API_KEY"]
    return _from_keyring(urlsplit(server).hostname or server)


def _from_keyring(host: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(host, "api_key")
    except (KeyringError, OSError, RuntimeError) as err:
        # A machine without a keyring is no reason to stop: most queries need no key.
        _log.debug("no key from the keyring: %s", type(err).__name__)
        return None


def identity_headers(*, app: str | None, end_user: str | None) -> dict[str, str]:
    """Return the headers that name this client, without the key.

    Raises
    ------
    InvalidRequestError
        ``end_user`` is not an opaque id of 1 to 64 characters.
    """
    from astroquery_mmdc._version import __version__

    headers = {
        "User-Agent": f"astroquery_mmdc/{__version__}",
        Header.CLIENT: app or conf.app_name,
    }
    if end_user is not None:
        if not _END_USER.fullmatch(end_user):
            msg = (
                f"end_user: {end_user!r} is no opaque id; use 1 to 64 letters, digits and . _ : - "
                "(no e-mail address)"
            )
            raise InvalidRequestError(msg, parameter="end_user")
        headers[Header.END_USER] = end_user
    return headers
