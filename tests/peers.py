"""Other programs, each in an environment of its own: their pins contradict each other and ours.

Tests and benchmarks that need one call `peer_python`. They are skipped unless the variable
``MMDC_PEERS`` names a folder: there, what is missing is installed, which takes minutes.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
import venv
from pathlib import Path

import pytest

__all__ = ["peer_python"]

ROOT = Path(__file__).parents[1]
_SECONDS = 900

# What our own models need where they run beside a peer.
_MODELS = ("astropy", "ebltable", "numba", "scipy")
_REQUIREMENTS = {
    "agnpy": ("agnpy==0.5.1",),
    "arviz0": ("arviz<1", "{own}"),
    "arviz1": ("arviz-base>=0.8", "{own}"),
    "dispatcher": ("cdci-data-analysis==1.3.3",),
    "gammapy": ("gammapy==2.1", *_MODELS),
    "jetset": ("jetset==1.3.0",),
    "naima": ("naima==0.10.4", *_MODELS),
    "oda": ("oda-api==1.3.5",),
}


def peer_python(name: str) -> str:
    """Return the interpreter of a peer's environment, or skip the test.

    Parameters
    ----------
    name : str
        Key of the environment, such as ``"agnpy"``.
    """
    base = os.environ.get("MMDC_PEERS")
    if not base:
        pytest.skip(f"MMDC_PEERS is not set; with a folder there, {name} is installed into it")
    folder = Path(base).expanduser() / name
    python = folder / "bin" / "python"
    if not python.exists() or _unfinished(folder).exists():
        _install(folder, python, name)
    return str(python)


def _unfinished(folder: Path) -> Path:
    """Return the file that is there while packages are being installed."""
    return folder / "unfinished"


def _install(folder: Path, python: Path, name: str) -> None:
    venv.create(folder, with_pip=True, clear=True)
    _unfinished(folder).touch()
    requirements = [each for one in _REQUIREMENTS[name] for each in _expanded(one)]
    command = [str(python), "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot install {name}: {done.stderr.strip()[-200:]}")
    _unfinished(folder).unlink()


def _expanded(requirement: str) -> list[str]:
    if requirement != "{own}":
        return [requirement]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["model"]]
