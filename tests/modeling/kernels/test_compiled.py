"""Machine code of the kernels comes back from disk without numba getting ready to compile."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from astroquery_mmdc.modeling.kernels._compiled import compiled, reordered
from astroquery_mmdc.modeling.kernels.compton import _index_sums

SPECTRUM = """
import sys
from astroquery_mmdc.modeling.kernels import ssc
from astroquery_mmdc.modeling.kernels.blob import Blob
from astroquery_mmdc.modeling.kernels.compton import _contract
total = ssc.solve(Blob(0.1, 1e16, 20.0, 1e44, 1e2, 1e5, 2.0)).total
print(float(total.max()), sum(_contract.stats.cache_hits.values()), "scipy.linalg" in sys.modules)
"""
AND_COMPILE = """
import numpy as np
from numba import njit
@njit
def product(a, b):
    return np.dot(a, b)[0, 0]
print(product(np.eye(2), np.eye(2)), "scipy.linalg" in sys.modules)
"""


def run(code: str, env: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_new_process_loads_and_can_compile_still(python_env: dict[str, str]) -> None:
    peak, hits, _ = run(SPECTRUM, python_env)  # compiles what is not there yet
    again = run(SPECTRUM + AND_COMPILE, python_env)
    if again[1] == "0":
        pytest.skip("numba finds no folder here to keep compiled code in")
    assert again == [peak, "1", "False", "1.0", "True"]
    assert hits in ("0", "1")


def test_without_a_compiler_it_is_python(python_env: dict[str, str]) -> None:
    code = (
        "from astroquery_mmdc.modeling.kernels.kinetic import _sweep; print(type(_sweep).__name__)"
    )
    assert run(code, python_env | {"NUMBA_DISABLE_JIT": "1"}) == ["function"]


def test_both_decorators_compile() -> None:
    def total(values):  # type: ignore[no-untyped-def]
        out = 0.0
        for value in values:
            out += value
        return out

    numbers = np.array([1.0, 2.0, 4.0])
    assert compiled(total)(numbers) == reordered(total)(numbers) == 7.0
    assert _index_sums(numbers, np.array([1.0, 0.0, 1.0, 0.0]), 2).tolist() == [5.0, 2.0]
