"""What is said to a dispatcher and what its answers mean: plain functions, no input or output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from astroquery_mmdc.exceptions import JobFailedError, MMDCError, ParseError
from astroquery_mmdc.mmoda.errors import auth_error, cause, redact
from astroquery_mmdc.schema.dispatcher import QueryStatus

__all__ = [
    "Answer",
    "ProductRequest",
    "Report",
    "failure",
    "form",
    "next_status",
    "read_answer",
    "read_report",
]

# The release of the protocol that is spoken here; dispatchers compare it with their own.
_PROTOCOL_RELEASE = "1.3.5"
_RESTORED = "restored from cache"
_COMPUTED = "main done"

Wire = str | list[str]


@dataclass(frozen=True, slots=True)
class ProductRequest:
    """One product of one instrument, ready to be sent.

    Parameters
    ----------
    instrument, product : str
    query_type : str
        ``"Real"``, or ``"Dummy"`` for made-up data.
    parameters : mapping
        Further parameters as texts, without token.
    files : mapping
        Uploads: for each parameter a file name and its content.
    """

    instrument: str
    product: str
    query_type: str = "Real"
    parameters: Mapping[str, Wire] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict, repr=False)

    @property
    def payload(self) -> dict[str, Wire]:
        """Everything that decides which product it is."""
        return {
            **self.parameters,
            "instrument": self.instrument,
            "product_type": self.product,
            "query_type": self.query_type,
        }


def form(
    request: ProductRequest,
    *,
    session_id: str,
    status: str = QueryStatus.NEW,
    job_id: str | None = None,
    token: str | None = None,
) -> dict[str, Wire]:
    """Return the fields of a request.

    A question about a running job repeats every parameter: without them the dispatcher answers
    with the product of its defaults, under the id of the job.
    """
    fields: dict[str, Wire] = {
        **request.payload,
        "off_line": "False",
        "query_status": status,
        "session_id": session_id,
        "api": "True",
        "oda_api_version": _PROTOCOL_RELEASE,
    }
    # Only a new request finds its job by its parameters.
    if job_id and status != QueryStatus.NEW:
        fields["job_id"] = job_id
    if token:
        fields["token"] = token
    return fields


@dataclass(frozen=True, slots=True)
class Report:
    """What the backend told about its work.

    Parameters
    ----------
    messages : int
        How many messages came in.
    stage, substage, text : str
        As in the newest message.
    done, total : int
        Steps of the stage; ``total`` 0 means unknown.
    windows : int
        Science windows mentioned so far (INTEGRAL).
    nodes, computed, restored : int
        Nodes of the workflow, and how many of them were computed or taken from the cache.
    """

    messages: int = 0
    stage: str = ""
    substage: str = ""
    text: str = ""
    done: int = 0
    total: int = 0
    windows: int = 0
    nodes: int = 0
    computed: int = 0
    restored: int = 0

    def __str__(self) -> str:
        words = [f"in {self.messages} messages"]
        if self.stage:
            words.append(f"{self.stage} {self.substage}".strip())
        if self.total:
            words.append(f"{self.done}/{self.total}")
        if self.nodes:
            words.append(
                f"in {self.windows} SCW so far; nodes ({self.nodes}): "
                f"{self.computed} computed {self.restored} restored"
            )
        if self.text:
            words.append(self.text)
        return "; ".join(words)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer about a product.

    Parameters
    ----------
    status : str
        One of `~astroquery_mmdc.schema.dispatcher.QueryStatus`.
    job_id, session_id : str
        The session may be another one than was sent: the one that owns the job.
    products : mapping
        As they came, not decoded.
    message : str
        The reason of a failure, from wherever the dispatcher put it.
    comment, warning : str
        Further words of the dispatcher.
    report : Report
    is_refused : bool
        Whether a role or a token is missing.
    """

    status: str
    job_id: str
    session_id: str
    products: Mapping[str, Any] = field(default_factory=dict, repr=False)
    message: str = ""
    comment: str = ""
    warning: str = ""
    report: Report = field(default_factory=Report)
    is_refused: bool = False


def read_answer(body: Any, *, job_id: str | None = None) -> Answer:
    """Read the answer to a request for a product.

    Parameters
    ----------
    body : object
        The parsed JSON.
    job_id : str, optional
        The job that was asked for; an answer about another one is refused.

    Raises
    ------
    ParseError
        It is no such answer, or one about another job.
    """
    monitor, state = _part(body, "job_monitor"), _part(body, "exit_status")
    status = body.get("query_status") if isinstance(body, Mapping) else None
    # While it writes its notes about a job, a dispatcher cannot read the job's name there.
    found = str(monitor.get("job_id") or _part(body, "products").get("job_id") or job_id or "")
    if not isinstance(status, str) or not found:
        msg = "the dispatcher's answer tells neither state nor job; is the address right?"
        raise ParseError(msg, excerpt=cause(str(body)[:120]))
    if job_id and found != job_id:
        msg = f"the dispatcher answered about job {found}, not about {job_id}"
        raise ParseError(msg)
    report = read_report(monitor)
    return Answer(
        status=status,
        job_id=found,
        session_id=str(monitor.get("session_id") or body.get("session_id") or ""),
        products=_part(body, "products"),
        message=_reason(state, report),
        comment=_text(state.get("comment")),
        warning=_text(state.get("warning")),
        report=report,
        is_refused=body.get("status_code") in (401, 403),
    )


def _part(body: Any, name: str) -> Mapping[str, Any]:
    part = body.get(name) if isinstance(body, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _text(value: Any) -> str:
    # The dispatcher may say back what it was told.
    return redact(str(value).strip()) if value else ""


def _reason(state: Mapping[str, Any], report: Report) -> str:
    """Join what the dispatcher says; a failure by call-back stands only in the report."""
    said = [_text(state.get("message")), _text(state.get("error_message"))]
    said = [text for text in dict.fromkeys(said) if text]
    return "; ".join(said) or report.text


def read_report(monitor: Mapping[str, Any]) -> Report:
    """Read the progress, which comes as a list for some instruments and as one entry for others."""
    entries = monitor.get("full_report_dict_list") or [monitor.get("full_report_dict")]
    entries = [entry for entry in entries if isinstance(entry, Mapping)]
    if not entries:
        return Report()
    last = entries[-1]
    nodes = _nodes(entries)
    return Report(
        messages=len(entries),
        stage=_text(last.get("stage")),
        substage=_text(last.get("substage")),
        text=": ".join(word for word in (_node(last), _text(last.get("message"))) if word),
        done=_number(last.get("progress")),
        total=_number(last.get("progress_max") or (100 if last.get("progress") else 0)),
        windows=len({entry["scwid"] for entry in entries if _is_window(entry.get("scwid"))}),
        nodes=len(nodes),
        computed=len(_nodes(entries, _COMPUTED)),
        restored=len(_nodes(entries, _RESTORED)),
    )


def _node(entry: Mapping[str, Any]) -> str:
    return _text(entry.get("node") or entry.get("node_id"))


def _nodes(entries: Sequence[Mapping[str, Any]], message: str | None = None) -> set[str]:
    chosen = (entry for entry in entries if message in (None, entry.get("message")))
    # Other instruments name what ran by ``node_id``; those are no nodes of a workflow.
    return {str(entry["node"]) for entry in chosen if entry.get("node")}


def _is_window(value: Any) -> bool:
    number, _, version = str(value or "").partition(".")
    return len(number) == 12 and number.isdigit() and len(version) == 3 and version.isdigit()


def _number(value: Any) -> int:
    try:
        return int(float(value or 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def next_status(status: str) -> str | None:
    """Return the state to send with the next question; None when the job has ended.

    Examples
    --------
    >>> next_status("ready"), next_status("new"), next_status("done")
    ('ready', 'submitted', None)
    """
    if status in QueryStatus.ENDED:
        return None
    return status if status in QueryStatus.RUNNING else QueryStatus.SUBMITTED


def failure(answer: Answer) -> MMDCError:
    """Return the error of a job that ended without products."""
    if answer.is_refused:
        return auth_error(answer.message)
    reason = cause(answer.message) or "the dispatcher gives no reason"
    msg = f"job {answer.job_id} failed: {reason}"
    return JobFailedError(msg, job_id=answer.job_id, code="backend", logs=answer.message)
