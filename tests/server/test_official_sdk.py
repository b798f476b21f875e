from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from astroquery_mmdc.server import serving

from .conftest import FakeEngine

CALLS = Path(__file__).parent / "data" / "sdk_calls.py"


@pytest.mark.parametrize(
    ("fixture", "version", "options"),
    [
        # 0.2.1 does not say who it is: the service no longer lets it compute models.
        ("sdk_python", "0.2.1", {"identification": False}),
        ("newest_sdk_python", "0.2.13", {}),
        ("newest_sdk_python", "0.2.13", {"sed_seconds": 0.2, "swift_seconds": 0.1}),
    ],
)
def test_every_documented_method(
    request: pytest.FixtureRequest, fixture: str, version: str, options: dict[str, object]
) -> None:
    python = request.getfixturevalue(fixture)
    with serving(engine=FakeEngine(), **options) as url:
        command = [python, str(CALLS), url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"astro-mmdc {version}: every call answered\n"
