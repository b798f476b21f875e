"""The examples of the pages run on a local server, with data that show what is talked about."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def docs_server() -> Iterator[str]:
    from astroquery_mmdc.server import serving

    made_up = runpy.run_path(str(Path(__file__).parent / "notebooks" / "made_up.py"))
    with serving(made_up["store"]()) as url:
        yield url


@pytest.fixture(autouse=True)
def _docs_environment(docs_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MMDC_SERVER", docs_server)
    monkeypatch.setenv("RETRIEVER_DATA", str(tmp_path / "retriever"))
