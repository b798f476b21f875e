"""Which code, parameters and catalogue a result comes from, as one hash."""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from astroquery_mmdc.retriever.jsonable import dumps

__all__ = ["code_hash", "config_hash", "git_hash", "package_version"]

_PACKAGE = Path(__file__).parents[1]
_NOT_RESULTS = ("count_plots.py", "export.py", "plots.py", "progress.py")
"""Modules that no result depends on."""


def package_version() -> str:
    """Return the version of this package."""
    from astroquery_mmdc import __version__

    return str(__version__)


def git_hash() -> str:
    """Return the commit of the code: that of ``RETRIEVER_GIT_HASH``, or of its repository.

    The repository is the one that tracks this package, wherever the user's folder is; it is
    empty where there is none, as for an installed package.
    """
    return os.environ.get("RETRIEVER_GIT_HASH") or _commit_of_package()


@lru_cache(maxsize=1)
def _commit_of_package() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    base = [git, "-C", str(_PACKAGE)]
    questions = (["ls-files", "--error-unmatch", "__init__.py"], ["rev-parse", "HEAD"])
    answers = [
        subprocess.run([*base, *words], capture_output=True, text=True, check=False)
        for words in questions
    ]
    # An environment inside of the user's repository is not tracked by it.
    return "" if any(answer.returncode for answer in answers) else answers[1].stdout.strip()


def code_hash(classes: Iterable[type] = ()) -> str:
    """Return the SHA-256 of the source code that results depend on.

    Parameters
    ----------
    classes : iterable of type
        Classes that are used; the modules of those from outside of this package count, too.

    Notes
    -----
    The files themselves count and not only their commit, so that changes that were not
    committed are noticed.
    """
    digest = hashlib.sha256(_code_of_package().encode())
    for path in sorted(_foreign_files(classes)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _code_of_package() -> str:
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        if path.name not in _NOT_RESULTS:
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _foreign_files(classes: Iterable[type]) -> set[Path]:
    files: set[Path] = set()
    for kind in classes:
        for base in inspect.getmro(kind):
            if base.__module__.split(".")[0] in ("astroquery_mmdc", "builtins", "abc"):
                continue
            try:
                files.add(Path(inspect.getfile(base)))
            except (TypeError, OSError):
                continue  # written in a notebook: there is no file
    return files


def config_hash(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of values in their canonical form, in hex.

    Parameters
    ----------
    content : mapping
        What results depend on. The order of its keys does not matter.
    """
    return hashlib.sha256(dumps(content, canonical=True).encode()).hexdigest()
