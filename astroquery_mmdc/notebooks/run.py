"""Running a notebook in processes of its own: limited, watched, and gone afterwards."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final

from astroquery_mmdc._processes import kill_session, wait_for
from astroquery_mmdc.exceptions import JobFailedError
from astroquery_mmdc.notebooks.notebook import Notebook
from astroquery_mmdc.notebooks.worker import NOTEBOOK, PRODUCTS, REQUEST, WORK

__all__ = ["RunLimits", "run_notebook"]

_PACKAGE_ROOT: Final = str(Path(__file__).parents[2])
_GRACE_SECONDS = 5.0
_LINE = 100_000
_LOG_TAIL = 4000
_WORDS = 1000
_NEEDED = ("papermill", "ipykernel")
# Where the official client's ``ProgressReporter`` looks for whom to tell, and what it tells.
_CONTEXT, _PROGRESS = ".oda_api_context", "progress.json"
_STEPS = frozenset(
    {"stage", "progress", "progress_max", "substage", "subprogress", "subprogress_max", "message"}
)
# A notebook answers whoever asks: what it returns must not hold the secrets of this user.
_SECRETS = ("ODA_TOKEN", "MMDC_API_KEY")
_KINDS = frozenset(
    {"astropy_table_product_ascii_list", "binary_data_product_list", "binary_image_product_list"}
    | {"numpy_data_product_list", "text_product_list"}
)

Progress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a run may take.

    Parameters
    ----------
    seconds : float
        Time from start to end.
    output_bytes : int
        What the cells may print.
    product_bytes : int
        Size of all products together, encoded; no file that the notebook writes may be larger.
    """

    seconds: float = 600.0
    output_bytes: int = 10_000_000
    product_bytes: int = 500_000_000


@dataclass(slots=True)
class _Told:
    """What the worker has told so far."""

    kernel: int | None = None
    cell: int = 0
    error: dict[str, Any] | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)

    def take(self, words: Mapping[str, Any]) -> None:
        if isinstance(words.get("kernel"), int):
            self.kernel = int(words["kernel"])
        if "cell" in words:
            self.cell = int(words["cell"])
            self.progress = {
                "stage": f"cell {self.cell}" if self.cell else "results",
                "progress": int(words["done"]),
                "progress_max": int(words["total"]),
            }
        if "error" in words:
            self.error = dict(words)

    def look(self, path: Path) -> Mapping[str, Any]:
        """Return how far the run is: by the notebook's own words, else by its cells."""
        # None yet, just being written, or not to be read at all.
        wrong = (OSError, ValueError, RecursionError, OverflowError)
        with suppress(*wrong), path.open("rb") as file:
            words = json.loads(file.read(_LINE))
            self.own = _plain_steps(words) if isinstance(words, dict) else {}
        return self.own or self.progress


def _plain_steps(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the notebook told, as far as it is of the known form."""
    plain: dict[str, Any] = {}
    for name in _STEPS & words.keys():
        value = words[name]
        if isinstance(value, str):
            plain[name] = value[:_WORDS]
        elif isinstance(value, int | float) and math.isfinite(value):
            plain[name] = value
    return plain


def run_notebook(
    notebook: Notebook,
    values: Mapping[str, Any],
    *,
    limits: RunLimits | None = None,
    stop: threading.Event | None = None,
    report: Progress = lambda progress: None,
) -> dict[str, Any]:
    """Execute a notebook in a process of its own and return its products.

    Parameters
    ----------
    notebook : Notebook
    values : mapping
        A checked value for each of its parameters.
    limits : RunLimits, optional
    stop : `threading.Event`, optional
        Ends the run when it is set.
    report : callable, optional
        Called as the run goes on with ``stage``, ``progress`` and ``progress_max``: those that
        the notebook tells with the ``ProgressReporter`` of ``oda_api``, or its cells.

    Returns
    -------
    dict
        Products as ``astroquery_mmdc.schema.products`` makes them.

    Raises
    ------
    JobFailedError
        A cell failed, the time was over, the process died, or it was stopped. ``code`` is
        ``"cell"``, ``"output"``, ``"timeout"``, ``"killed"``, ``"stopped"``, ``"products"``,
        ``"notebook"`` or ``"not installed"``; ``logs`` holds the traceback of a cell.
    """
    limits, stop = limits or RunLimits(), stop or threading.Event()
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        msg = f"{', '.join(missing)} is not installed; install 'astroquery_mmdc[notebooks]'"
        raise JobFailedError(msg, code="not installed")
    folder = Path(tempfile.mkdtemp(prefix="mmdc-notebook-"))
    try:
        _prepare(folder, notebook, values, limits)
        told = _Told()
        with _worker(folder, notebook.path.parent, told) as process:
            status = wait_for(
                process,
                what="the notebook",
                seconds=limits.seconds,
                stop=stop,
                tell=lambda: report(told.look(folder / _PROGRESS)),
                note=lambda: f" in cell {told.cell}" if told.cell else "",
            )
        if told.error or status:
            raise _failure(notebook, told, status, folder)
        return _products(notebook, folder / PRODUCTS, limits.product_bytes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(
    folder: Path, notebook: Notebook, values: Mapping[str, Any], limits: RunLimits
) -> None:
    (folder / WORK).mkdir()
    request = {
        "parameters": notebook.injected(values),
        "output_bytes": limits.output_bytes,
        "file_bytes": limits.product_bytes,
    }
    (folder / REQUEST).write_text(json.dumps(request), encoding="utf-8")
    context = {"callback": f"file://{folder / _PROGRESS}"}
    (folder / WORK / _CONTEXT).write_text(json.dumps(context), encoding="utf-8")
    document = _document(notebook, values, folder / PRODUCTS)
    (folder / NOTEBOOK).write_text(json.dumps(document), encoding="utf-8")


def _document(notebook: Notebook, values: Mapping[str, Any], target: Path) -> dict[str, Any]:
    """Return the notebook with one more cell, which writes the results."""
    outputs = [(one.name, one.expression, one.terms) for one in notebook.outputs]
    meta = {"src_name": values["src_name"]} if values.get("src_name") else {}
    source = (
        "from astroquery_mmdc.notebooks.collect import write_products as _mmdc_write_products\n"
        f"_mmdc_write_products({outputs!r}, globals(), {str(target)!r}, {meta!r})\n"
    )
    last: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
    }
    cells = [_numbered(cell, n) for n, cell in enumerate(notebook.document["cells"], start=1)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 4,  # cells need no ids
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "cells": [*cells, {**last, "source": source}],
    }


def _numbered(cell: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return a cell without its old results, with its number in the file."""
    metadata = {**(cell.get("metadata") or {}), "mmdc_cell": number}
    kept = {name: value for name, value in cell.items() if name in ("cell_type", "source")}
    if cell.get("cell_type") == "code":
        kept |= {"outputs": [], "execution_count": None}
    return {**kept, "metadata": metadata}


# ---------------------------------------------------------------- the process


@contextmanager
def _worker(folder: Path, beside: Path, told: _Told) -> Iterator[subprocess.Popen[bytes]]:
    """Start the worker; at the end it, its kernel, and all that they started are gone."""
    command = [sys.executable, "-P", "-m", "astroquery_mmdc.notebooks.worker", str(folder)]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closed, whatever happens to us: then the worker ends
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(folder, beside),
            cwd=folder,
            start_new_session=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    listener = threading.Thread(target=_listen, args=(process.stdout, told), daemon=True)
    listener.start()
    try:
        yield process
    finally:
        _end(process, told)
        listener.join(_GRACE_SECONDS)
        process.stdin.close()
        process.stdout.close()


def _environment(folder: Path, beside: Path) -> dict[str, str]:
    """Return the environment: this package, the modules beside the notebook, no secrets."""
    kept = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    path = (_PACKAGE_ROOT, str(beside), kept.get("PYTHONPATH", ""))
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "IPYTHONDIR": str(folder / "ipython"),  # no start-up files, no history
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "TMPDIR": str(folder / WORK),
    }


def _listen(stream: IO[bytes], told: _Told) -> None:
    """Take what the worker tells, line by line."""
    with suppress(OSError, ValueError):  # closed while we read
        while line := stream.readline(_LINE):
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                told.take(json.loads(line))


def _end(process: subprocess.Popen[bytes], told: _Told) -> None:
    # The kernel first: as long as its parent lives, its id is nobody else's.
    if process.poll() is None and told.kernel is not None:
        kill_session(told.kernel)
    elif process.returncode and told.kernel is not None:
        kill_session(told.kernel)  # the worker died: the kernel is alone
    kill_session(process.pid)
    process.wait()


# ---------------------------------------------------------------- the end


def _failure(notebook: Notebook, told: _Told, status: int, folder: Path) -> JobFailedError:
    name = notebook.path.name
    if told.error is not None:
        where = f"{name}, cell {told.cell}" if told.cell else f"{name}, results"
        code = str(told.error.get("code", "notebook"))
        logs = str(told.error.get("logs", ""))
        return JobFailedError(f"{where}: {told.error['error']}", code=code, logs=logs)
    log = (folder / "log.txt").read_bytes()[-_LOG_TAIL:].decode("utf-8", "replace")
    if status < 0:
        ended = signal.Signals(-status).name
        msg = f"{name}: the process that ran it was ended by {ended}; is the memory enough?"
        return JobFailedError(msg, code="killed", logs=log)
    return JobFailedError(f"{name}: it could not be run", code="notebook", logs=log)


def _products(notebook: Notebook, path: Path, largest: int) -> dict[str, Any]:
    """Read what the notebook wrote; it may have written anything."""
    name = notebook.path.name
    try:
        if path.stat().st_size > largest:
            msg = f"{name}: its products are larger than {largest} bytes"
            raise JobFailedError(msg, code="products")
        products = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as err:
        msg = f"{name}: it ended without readable products ({type(err).__name__})"
        raise JobFailedError(msg, code="products") from err
    if not _is_known(products):
        msg = f"{name}: its products are in no form that can be passed on"
        raise JobFailedError(msg, code="products")
    return dict(products)


def _is_known(products: Any) -> bool:
    """Whether these are lists of products of known kinds, and no pickle is among them."""
    if not isinstance(products, dict) or not products.keys() <= _KINDS:
        return False
    entries = [entry for some in products.values() if isinstance(some, list) for entry in some]
    units = [
        unit
        for entry in entries
        if isinstance(entry, dict)
        for unit in (entry, *(entry.get("data_unit_list") or ()))
    ]
    return all(isinstance(some, list) for some in products.values()) and all(
        isinstance(unit, dict) and not (unit.get("binarys") or unit.get("binary"))
        for unit in (*entries, *units)
    )
