"""A process that runs the examples of one page: `docs_worker.py PAGE online|offline`, JSON out.

The server of the documentation's examples stands for one that is elsewhere: its answers are kept.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import re
import sys
import traceback
import warnings
from pathlib import Path

_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TAGS = re.compile(r"\A(:tags:[^\n]*)\n+")
# What differs from run to run by nature: times, and addresses in memory.
_CHANGING = re.compile(r"(?m)^(CPU times|Wall time).*$|0x[0-9a-f]+")


def examples(page):
    """Return each example of a page, and whether it shows an error.

    The cells of a notebook that only set it up are left out: they start a server.
    """
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".rst":
        found = doctest.DocTestParser().get_examples(
            re.sub(r"\+(FLOAT|IGNORE|SHOW)_\w+", "+ELLIPSIS", text)
        )
        run = [each for each in found if not each.options.get(doctest.SKIP)]
        return [(each.source, each.exc_msg is not None) for each in run]
    cells = [(_TAGS.match(cell), _TAGS.sub("", cell)) for cell in _CELL.findall(text)]
    return [(source, False) for tags, source in cells if not (tags and "remove-cell" in tags[1])]


def run_doctest(source, names):
    """Run an example as doctest does it."""
    exec(compile(source, "<example>", "single"), names)  # noqa: S102 - the project's own pages


def cell_runner():
    """Return what runs a cell as a notebook does it."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()

    def run_cell(source, _):
        # Figures are drawn by MPLBACKEND: there is no page to put them on.
        outcome = shell.run_cell(re.sub(r"(?m)^%matplotlib.*$", "", source))
        outcome.raise_error()

    return run_cell


def record(run, source, names):
    """Run an example; return what it shows, its warnings, and its error."""
    shown = io.StringIO()
    error = where = None
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(shown):
        warnings.simplefilter("always")
        with contextlib.redirect_stderr(io.StringIO()):
            try:
                run(source, names)
            except Exception as err:
                error = [type(err).__name__, str(err)]
                where = traceback.format_exc()
    # A notebook's shell shows the error as well; here it is told once.
    output = "" if error else _CHANGING.sub("", shown.getvalue())
    told = [[each.category.__name__, str(each.message)] for each in caught]
    return {"source": source, "output": output, "warnings": told, "error": error, "where": where}


def main():
    """Run a page."""
    from astroquery_mmdc import conf
    from astroquery_mmdc.mmdc import core

    page, mode = Path(sys.argv[1]), sys.argv[2]
    core._is_loopback = lambda _: False
    conf.offline = mode == "offline"
    sys.path.insert(0, str(page.parent))
    run = run_doctest if page.suffix == ".rst" else cell_runner()
    names = {"__name__": "__main__"}
    records = [
        record(run, source, names) | {"is_error": is_error} for source, is_error in examples(page)
    ]
    Path(sys.argv[3]).write_text(json.dumps(records), encoding="utf-8")


if __name__ == "__main__":
    main()
