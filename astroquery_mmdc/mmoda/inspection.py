"""Jobs as the dispatcher keeps them: one's own, and with a role those of everybody."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.accounts import quiet_log
from astroquery_mmdc.mmoda.tokens import Token
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.dispatcher import DispatcherPath

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.core import MMODAClass

__all__ = ["inspect_state"]

Records = list[dict[str, Any]]


def inspect_state(
    self: MMODAClass,
    job: Job,
    *,
    job_id: str | None = None,
    group_by_job: bool = False,
    own: bool = False,
    token: str | Token | None = None,
) -> Records | Coroutine[Any, Any, Records]:
    """Return what the dispatcher keeps about jobs.

    Parameters
    ----------
    job_id : str, optional
        Only this job.
    group_by_job : bool, optional
        One record for each job, with its sessions below.
    own : bool, optional
        Only one's own jobs, which needs no role; old dispatchers do not know this.
    token : str or Token, optional
        None uses the discovered one. Jobs of others need the role ``job manager``.

    Returns
    -------
    list of dict
        As the dispatcher writes them: ``job_id``, ``session_id``, ``request_completed``,
        ``mtime``, ``analysis_parameters`` and more; without tokens.
    """
    found = self.find_token(token, job)
    return _records(self, found, job_id, group_by_job=group_by_job, own=own)


async def _records(
    self: MMODAClass, token: Token | None, job_id: str | None, *, group_by_job: bool, own: bool
) -> Records:
    path = DispatcherPath.INSPECT_OWN if own else DispatcherPath.INSPECT
    params = {"group_by_job": str(group_by_job)}
    params |= {"job_id": job_id[:8]} if job_id else {}
    params |= {"token": token.text} if token else {}
    with quiet_log():
        reply = await self.client.request("GET", path, params=params)
    records = reply.json_object().get("records")
    if not isinstance(records, list):
        msg = f"{path}: expected a list of records; is this the address of a dispatcher?"
        raise ParseError(msg)
    return [_without_tokens(record) for record in records if isinstance(record, dict)]


def _without_tokens(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_tokens(one) for name, one in value.items() if name != "token"}
    return [_without_tokens(one) for one in value] if isinstance(value, list) else value
