"""Fits, here or at the service, and its checks of CSV files."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import InvalidRequestError, JobFailedError, ParseError
from astroquery_mmdc.mmdc.csv_files import check_fit_csv, csv_content
from astroquery_mmdc.mmdc.local_fits import LocalSource, local_fit
from astroquery_mmdc.mmdc.models import check_extra, check_no_choices, check_place
from astroquery_mmdc.mmdc.progress import Progress, watcher
from astroquery_mmdc.modeling import check_fixed_parameters, check_model_type, check_redshift
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.jobs import poll
from astroquery_mmdc.net.journal import JournalEntry
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.wire import FitState, Header, Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["csv_to_json", "fit_model", "resume_fit", "validate_csv"]

_NEUTRINO_RANGES = {
    "n_icecube": (1, 100, "events"),
    "dt": (1, 120, "months"),
    "x1": (1, 1000, "TeV"),
    "x2": (100, 10000, "TeV"),
    "y": (-16, -9, "log10 of erg cm-2 s-1"),
}
_NEUTRINO_TERMS = {"poisson": ("n_icecube", "dt"), "chi2": ("x1", "x2", "y")}


def fit_model(
    self: MMDCClass,
    job: Job,
    sed_or_csv: Any,
    model_type: str,
    *,
    z: float,
    ebl: bool = True,
    fixed_parameters: Mapping[str, float] | None = None,
    likelihood_type: str | None = None,
    n_icecube: int | None = None,
    dt: float | None = None,
    x1: float | None = None,
    x2: float | None = None,
    y: float | None = None,
    email: str | None = None,
    where: str = "local",
    timeout: float | None = None,
    progress: Progress = None,
    get_query_payload: bool = False,
    **choices: Any,
) -> FitResult | Coroutine[Any, Any, FitResult]:
    r"""Fit a model to an SED.

    Parameters
    ----------
    sed_or_csv : SED, Table, path or file object
        A CSV needs ``frequency,flux,flux_err`` in Hz and erg s-1 cm-2; here, files of SEDs in all
        known formats can be fitted.
    model_type : str
        ``"SSC"``, ``"EIC"`` or ``"hadronic"``.
    z : float
        Redshift.
    ebl : bool, optional
        Whether the extragalactic background light absorbs gamma rays.
    fixed_parameters : mapping, optional
        Parameters to hold at a value.
    likelihood_type : str, optional
        Neutrino term of hadronic fits: ``"poisson"`` (with ``n_icecube``, ``dt``) or ``"chi2"``
        (with ``x1``, ``x2``, ``y``).
    n_icecube : int, optional
        Number of neutrino events, 1 to 100.
    dt : float, optional
        Time in months in which they came, 1 to 120.
    x1, x2 : float, optional
        Two neutrino energies in TeV.
    y : float, optional
        log10 of the neutrino flux in erg cm-2 s-1.
    email : str, optional
        Where the service writes to. Default ``conf.fit_email``.
    where : str, optional
        ``"local"`` fits on this machine, ``"service"`` at the service.
    timeout : float, optional
        Seconds to wait for the service. Default ``conf.job_timeout``.
    progress : bool or callable, optional
        As in `query_sed`.
    get_query_payload : bool, optional
        Return what would be sent to the service instead of fitting.
    **choices
        For a local fit only: what `astroquery_mmdc.modeling.fit` takes, such as ``method``,
        ``seed``, ``processes`` and ``checkpoint``, and what its models take, such as
        ``normalization="mmdc"``. By default there is a posterior, but of hadronic models, which
        take long, the optimum alone.

    Returns
    -------
    FitResult
        Best values, posterior and curves, from the service with the links to its files.

    Raises
    ------
    InvalidRequestError
        A parameter is wrong, or these points cannot be fitted.
    JobFailedError
        The fit failed at the service.

    Notes
    -----
    Ctrl-C ends a local fit early: what it has by then is returned, with an
    ``IncompleteResultWarning`` and ``is_complete`` False. A second one raises `KeyboardInterrupt`.

    Examples
    --------
    >>> import io
    >>> from astroquery_mmdc import MMDC
    >>> csv = io.StringIO("frequency,flux,flux_err\n1e14,1e-11,1e-12\n")
    >>> MMDC.fit_model(csv, "SSC", z=0.031, get_query_payload=True)["data"]["z"]
    '0.031'
    """
    check_place(where)
    name = check_model_type(model_type)
    neutrinos = {"n_icecube": n_icecube, "dt": dt, "x1": x1, "x2": x2, "y": y}
    fixed = check_fixed_parameters(name, fixed_parameters)
    form = {
        "z": str(check_redshift(z, ebl=ebl)),
        "ebl": "true" if ebl else "false",
        "model_type": name,
        "email": conf.fit_email if email is None else email,
        "fixed_parameters": json.dumps(fixed) if fixed else None,
        **_checked_neutrinos(name, likelihood_type, neutrinos),
    }
    watcher(progress, job)
    if where == "local" and not get_query_payload:
        check_extra()
        terms = {"likelihood_type": likelihood_type, **neutrinos}
        source = LocalSource(name, z=z, ebl=ebl, fixed=fixed, neutrinos=terms)
        return local_fit(job, sed_or_csv, source, progress, choices)
    check_no_choices(choices)
    data = {key: str(value) for key, value in form.items() if value}
    filename, content = csv_content(sed_or_csv, job, parameter="sed_or_csv")
    check_fit_csv(content, parameter="sed_or_csv")
    if get_query_payload:
        return {"data": data, "files": {"file": (filename, content)}}  # type: ignore[return-value]
    seconds = conf.job_timeout if timeout is None else float(timeout)
    return _fitted(self, job, data, (filename, content), seconds, progress)


def _checked_neutrinos(
    model_type: str, likelihood_type: str | None, values: Mapping[str, Any]
) -> dict[str, str]:
    given = {name: value for name, value in values.items() if value is not None}
    if likelihood_type is None and not given:
        return {}
    if model_type != "HADRONIC":
        first = "likelihood_type" if likelihood_type else next(iter(given))
        msg = f"{first}: neutrinos are for hadronic fits only, not for {model_type}; leave it out"
        raise InvalidRequestError(msg, parameter=first)
    if likelihood_type not in _NEUTRINO_TERMS:
        msg = f"likelihood_type: {likelihood_type!r} is unknown; use 'poisson' or 'chi2'"
        raise InvalidRequestError(msg, parameter="likelihood_type")
    wanted = _NEUTRINO_TERMS[likelihood_type]
    if set(given) != set(wanted):
        msg = f"likelihood_type: {likelihood_type!r} takes {', '.join(wanted)}, not {sorted(given)}"
        raise InvalidRequestError(msg, parameter="likelihood_type")
    for parameter, value in given.items():
        low, high, unit = _NEUTRINO_RANGES[parameter]
        if not low <= float(value) <= high:
            msg = f"{parameter}: {value} is outside {low} to {high} {unit}"
            raise InvalidRequestError(msg, parameter=parameter)
    return {"likelihood_type": likelihood_type, **{k: str(v) for k, v in given.items()}}


async def _fitted(
    self: MMDCClass,
    job: Job,
    data: dict[str, str],
    file: tuple[str, bytes],
    timeout: float,
    progress: Progress,
) -> FitResult:
    deadline = time.monotonic() + timeout
    async with self.client.limiter("jobs"):
        reply = await self.client.request(
            "POST",
            Path.FIT,
            data=data,
            files={"file": file},
            # The same key for every try: the service then starts one fit, not two.
            headers={Header.IDEMPOTENCY_KEY: uuid.uuid4().hex},
            deadline=deadline,
        )
        answer = reply.json_object()
        if not answer.get("batch_result_id"):
            msg = f"{reply.url}: the answer names no batch_result_id"
            raise ParseError(msg)
        job.job_id, job.status = str(answer["batch_result_id"]), "queued"
        query = {name: value for name, value in data.items() if name != "email"}
        entry = JournalEntry(job.job_id, "fit", self.client.server, job.status, query=query)
        self.journal.record(entry)
        return await _result(self, job, query, deadline, progress)


async def _result(
    self: MMDCClass, job: Job, query: Mapping[str, Any], deadline: float, progress: Progress
) -> FitResult:
    answer = await poll(
        self.client,
        Path.FIT_RESULT.format(id=job.job_id),
        job=job,
        is_ended=_is_ended,
        deadline=deadline,
        notify=watcher(progress, job),
    )
    status = answer.get("status")
    if status in FitState.FAILED:
        reason = str(answer.get("error") or answer.get("message") or "no reason given")
        msg = f"fit {job.job_id} ended as {status}: {reason}"
        code = str(answer.get("code") or status)
        raise JobFailedError(msg, job_id=job.job_id or "", code=code)
    facts = provenance(
        service=self.client.server, endpoint=Path.FIT, query=query, job_id=job.job_id
    )
    answer.setdefault("model_type", query.get("model_type", ""))
    return FitResult.from_json(answer, meta={"mmdc": facts})


def _is_ended(answer: Mapping[str, Any]) -> bool:
    status = answer.get("status")
    return status == FitState.DONE or status in FitState.FAILED or bool(answer.get("pdf_link"))


async def resume_fit(self: MMDCClass, job: Job, entry: JournalEntry, timeout: float) -> FitResult:
    """Take up a fit that was started before, here or in another process."""
    job.job_id = entry.job_id
    return await _result(self, job, dict(entry.query), time.monotonic() + timeout, None)


def validate_csv(
    self: MMDCClass, job: Job, file: Any, *, get_query_payload: bool = False
) -> dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]:
    r"""Check a CSV for a fit, here and at the service.

    Parameters
    ----------
    file : path, file object, SED or Table
        As for `fit_model`.
    get_query_payload : bool, optional
        Return what would be sent instead of sending it.

    Returns
    -------
    dict
        ``success``, ``message``, ``data_points``, ``columns``, ``frequency_range``,
        ``flux_range`` and ``preview``.

    Raises
    ------
    InvalidRequestError
        A column is missing, the file is empty, or something is not a number.

    Examples
    --------
    >>> import io
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.validate_csv(io.StringIO("frequency,flux\n1e14,1e-11\n"))
    Traceback (most recent call last):
    ...
    astroquery_mmdc.exceptions.InvalidRequestError: file: column flux_err is missing; ...
    """
    return _posted_file(self, job, file, Path.VALIDATE_CSV, get_query_payload)


def csv_to_json(
    self: MMDCClass, job: Job, file: Any, *, get_query_payload: bool = False
) -> dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]:
    r"""Let the service turn a CSV for a fit into JSON.

    Parameters
    ----------
    file : path, file object, SED or Table
        As for `fit_model`.
    get_query_payload : bool, optional
        Return what would be sent instead of sending it.

    Returns
    -------
    dict
        As the service sends it.

    Examples
    --------
    >>> import io
    >>> from astroquery_mmdc import MMDC
    >>> csv = io.StringIO("frequency,flux,flux_err\n1e14,1e-11,1e-12\n")
    >>> MMDC.csv_to_json(csv, get_query_payload=True)["files"]["file"][0]
    'data.csv'
    """
    return _posted_file(self, job, file, Path.CSV_TO_JSON, get_query_payload)


def _posted_file(self: MMDCClass, job: Job, file: Any, path: str, get_query_payload: bool) -> Any:
    filename, content = csv_content(file, job)
    check_fit_csv(content)
    files = {"file": (filename, content)}
    if get_query_payload:
        return {"files": files}
    return _posted(self, path, files)


async def _posted(self: MMDCClass, path: str, files: dict[str, Any]) -> dict[str, Any]:
    reply = await self.client.request("POST", path, files=files, idempotent=True)
    return reply.json_object()
