"""The process around one notebook: ``python -m astroquery_mmdc.notebooks.worker FOLDER``.

Papermill executes the notebook of the folder in a kernel, which is yet another process. What is to
be told goes to standard output, a JSON object in each line. It ends, and the kernel with it, when
its standard input is closed: whoever started it wants it no more, or is gone.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["NOTEBOOK", "PRODUCTS", "REQUEST", "WORK", "main"]

REQUEST, NOTEBOOK, PRODUCTS, WORK = "request.json", "notebook.ipynb", "products.json", "work"
_TRACEBACK = 8000
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_ENGINE = "mmdc"
_OPTIONS: dict[str, Any] = {
    "engine_name": _ENGINE,
    "kernel_name": "python3",
    "language": "python",
    "progress_bar": False,
    "start_timeout": 60,
}

Tell = Callable[[Mapping[str, Any]], None]


def main(folder: Path) -> int:
    """Execute the notebook of a folder; return the exit status."""
    tell = _teller()
    request = json.loads((folder / REQUEST).read_bytes())
    kernel: list[int] = []
    threading.Thread(target=_watch, args=(kernel,), daemon=True).start()
    _limit_files(int(request["file_bytes"]))
    try:
        import papermill
        from papermill.engines import papermill_engines
        from papermill.exceptions import PapermillExecutionError
    except ImportError as err:
        words = f"{err.name} is not installed; install 'astroquery_mmdc[notebooks]' there"
        tell({"error": words, "code": "not installed"})
        return 1
    papermill_engines.register(_ENGINE, _engine(tell, kernel, int(request["output_bytes"])))
    try:
        papermill.execute_notebook(
            str(folder / NOTEBOOK),
            None,
            parameters=request["parameters"],
            cwd=str(folder / WORK),
            **_OPTIONS,
        )
    except PapermillExecutionError as err:
        tell(_cell_error(err))
        return 1
    except Exception as err:
        # Whatever papermill or the kernel stumbles over is told, not only logged.
        tell({"error": f"{type(err).__name__}: {err}"[:_TRACEBACK], "code": "notebook"})
        return 1
    return 0


def _teller() -> Tell:
    """Return what writes a line to our standard output; anybody else's goes to the log."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")  # which no kernel inherits
    os.dup2(2, 1)

    def tell(words: Mapping[str, Any]) -> None:
        private.write(json.dumps(words) + "\n")
        private.flush()

    return tell


def _limit_files(size: int) -> None:
    """Limit every file that is written from here on, by the kernel as well."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _engine(tell: Tell, kernel: list[int], output_bytes: int) -> Any:
    """Return the engine that tells about cells and counts what they print."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine

    class Client(PapermillNotebookClient):  # type: ignore[misc]
        """Runs the cells."""

        left = output_bytes

        def papermill_execute_cells(self) -> None:
            """Run all cells, once it is told which process runs them."""
            kernel.append(self.km.provisioner.pid)
            tell({"kernel": kernel[0]})
            super().papermill_execute_cells()

        def process_message(self, msg: Any, *args: Any, **kwargs: Any) -> Any:
            """Take a message of the kernel, and end it when it printed too much."""
            self.left -= len(str(msg["content"]))
            if self.left < 0:
                # At once: a kernel that floods us hears no polite request to end.
                tell({"error": f"it printed more than {output_bytes} bytes", "code": "output"})
                _end(kernel)
            return super().process_message(msg, *args, **kwargs)

        def execute_cell(self, cell: Any, cell_index: int, **kwargs: Any) -> Any:
            """Run one cell."""
            number = cell.metadata.get("mmdc_cell", 0)
            tell({"cell": number, "done": cell_index, "total": len(self.nb.cells)})
            return super().execute_cell(cell, cell_index, **kwargs)

    class Engine(NBClientEngine):  # type: ignore[misc]
        """Papermill's own, with that client."""

        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, start_timeout: int = 60, **kwargs: Any
        ) -> Any:
            """Run a notebook."""
            client = Client(
                nb_man,
                kernel_name=kernel_name,
                startup_timeout=start_timeout,
                shutdown_kernel="immediate",
            )
            return client.execute()

    return Engine


def _cell_error(err: Any) -> dict[str, Any]:
    text = _COLORS.sub("", "\n".join(err.traceback or ()))
    words = f"{err.ename}: {err.evalue}"[:_TRACEBACK]
    return {"error": words, "code": "cell", "logs": text[-_TRACEBACK:]}


def _watch(kernel: list[int]) -> None:
    """End everything when standard input is closed."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    _end(kernel)


def _end(kernel: list[int]) -> NoReturn:
    """End the kernel, with all that it started, and this process."""
    for pid in kernel:
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(pid, signal.SIGKILL)  # it leads a session of its own
            else:
                os.kill(pid, signal.SIGTERM)
    os._exit(1)


if __name__ == "__main__":
    # Without the tidying up of the libraries, which may wait for a kernel that is gone.
    os._exit(main(Path(sys.argv[1])))
