"""Names to positions and, for events, to times: MMODA's own resolver first, then Sesame."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from astroquery_mmdc.exceptions import InvalidRequestError, MMDCError, OfflineError, ResolverError
from astroquery_mmdc.mmoda.errors import cause
from astroquery_mmdc.net import Job, ServiceClient
from astroquery_mmdc.net.sesame import find_position
from astroquery_mmdc.schema.coordinates import coordinate_from_string
from astroquery_mmdc.schema.dispatcher import DispatcherPath

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.core import MMODAClass

__all__ = ["ResolvedName", "find_name", "read_resolved", "resolve_name"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """What a name stands for.

    Parameters
    ----------
    name : str
    coordinates : `~astropy.coordinates.SkyCoord`
        ICRS.
    start, end : `~astropy.time.Time` or None
        Time window of an event: a gravitational wave, a neutrino alert, a burst.
    object_type : str
        Such as ``"SNR"`` or ``"GW"``; empty where unknown.
    aliases : tuple of str
        Other names.
    service : str
        Who knew it.
    """

    name: str
    coordinates: SkyCoord
    start: Time | None = None
    end: Time | None = None
    object_type: str = ""
    aliases: tuple[str, ...] = ()
    service: str = ""


def resolve_name(
    self: MMODAClass, job: Job, name: str
) -> ResolvedName | Coroutine[Any, Any, ResolvedName]:
    """Find the position of a source or event, and the times of an event.

    MMODA's resolver is asked first, because it knows gravitational-wave events with their times;
    then the dispatcher, then Sesame (CDS). No token is sent.

    Parameters
    ----------
    name : str
        Such as ``"Crab"`` or ``"GW170817"``.

    Returns
    -------
    `~astroquery_mmdc.mmoda.names.ResolvedName`

    Raises
    ------
    ResolverError
        None of the three knows the name; the message holds the words of each.

    Examples
    --------
    An event brings its time window along:

    >>> from astroquery_mmdc import MMODA
    >>> event = MMODA.resolve_name("GW170817")  # doctest: +REMOTE_DATA
    """
    if not isinstance(name, str) or not name.strip():
        msg = f"name: {name!r} is no name; give a text such as 'Crab'"
        raise InvalidRequestError(msg, parameter="name")
    name = name.strip()
    position = coordinate_from_string(name, parameter="name")
    if position is not None:
        return ResolvedName(name, position)
    return find_name(self, name)


async def find_name(self: MMODAClass, name: str) -> ResolvedName:
    """Ask one service after the other."""
    problems = []
    for service, ask in (("resolver", _resolver), ("dispatcher", _dispatcher)):
        try:
            answer = await ask(self, name)
            return read_resolved(name, answer, service=service)
        except (OfflineError, InvalidRequestError):
            raise
        except MMDCError as err:
            # The next one may know the name; if none does, these are the reasons to tell.
            _log.info("name %r: the %s does not help (%s)", name, service, err)
            problems.append(f"{service}: {err}")
    return ResolvedName(name, await find_position(name, problems=problems), service="sesame")


async def _resolver(self: MMODAClass, name: str) -> Mapping[str, Any]:
    before, _, after = self.resolver_url.partition("{}")
    client = ServiceClient(before, timeout=self.client.timeout, use_key=False)
    reply = await client.request("GET", f"/{quote(name, safe='')}{after}")
    return reply.json_object()


async def _dispatcher(self: MMODAClass, name: str) -> Mapping[str, Any]:
    reply = await self.client.request("GET", DispatcherPath.RESOLVE_NAME, params={"name": name})
    return reply.json_object()


def read_resolved(name: str, answer: Mapping[str, Any], *, service: str) -> ResolvedName:
    """Read the answer of a resolver.

    Raises
    ------
    ResolverError
        It holds no position.
    """
    ra = answer.get("ra", answer.get("RA"))
    dec = answer.get("dec", answer.get("DEC"))
    try:
        coordinates = SkyCoord(float(ra) * u.deg, float(dec) * u.deg)  # type: ignore[arg-type]
    except (TypeError, ValueError) as err:
        said = cause(str(answer.get("message") or "")) or "it knows no position"
        msg = f"name: {name!r} is unknown to the {service}: {said}"
        raise ResolverError(msg) from err
    start, end = _window(answer)
    return ResolvedName(
        name=str(answer.get("name") or name),
        coordinates=coordinates,
        start=start,
        end=end,
        object_type=str(answer.get("object_type") or ""),
        aliases=tuple(map(str, answer.get("object_ids") or ())),
        service=service,
    )


def _window(answer: Mapping[str, Any]) -> tuple[Time | None, Time | None]:
    """Return start and end of an event, from any of the forms in which they are told."""
    view = answer.get("view") or {}
    begins = (view.get("t1") or {}).get("utc") or answer.get("T1")
    ends = (view.get("t2") or {}).get("utc") or answer.get("T2")
    try:
        if begins and ends:
            return _time(begins), _time(ends)
        if not answer.get("utc"):
            return None, None
        moment = _time(answer["utc"])
        duration = float(answer.get("duration") or 0)
    except (TypeError, ValueError) as err:
        _log.warning("the times of an event cannot be read (%s)", err)
        return None, None
    # As wide as the service's own view of an event: the event, and as much on both sides.
    margin = max(duration, 1.0)
    return moment - margin * u.s, moment + (duration + margin) * u.s


def _time(text: Any) -> Time:
    return Time(str(text).replace(" ", "T"), format="isot", scale="utc")
