from __future__ import annotations

import pytest

from astroquery_mmdc.modeling.fits.results.result import FitResult
from tests.modeling.made_fits import made_fit


@pytest.fixture(scope="module")
def result():
    return FitResult.from_fit(made_fit(n_samples=400))
